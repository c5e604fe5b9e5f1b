"""The balance: every request that went in against what came back, what was served, and what is left. Pure.

It knows nothing of how the pipeline works, only what it promises: containers, metadata documents, the service's counts.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.chaos.containers import Version
from benchmarks.chaos.faults import WITHHELD_KINDS
from local.demo.accounting import requests_in

OUTCOMES = frozenset({"failed", "invalid", "expired", "cancelled", "missing"})  # those that errors may have
# What is told once for several files of a folder that were rejected for one reason.
NOTE_ON_FOLDER = re.compile(r"(.*/)?_rejected_[^/_]+_[a-z_]+\.json")

WRONGS = (
    "lost",
    "answered twice",
    "strange",
    "unknown outcomes",
    "out of order",
    "not archived as it was",
    "batches created twice for the same content",
    "served again though the first answer was delivered",
    "files left in the service",
    "files left in input/",
    "notes left in work/",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """Everything that is there when all is over. `batches` and `counters` as the simulator tells them."""

    dropped: Mapping[Version, bytes]
    processed: Mapping[str, bytes]
    errors: Mapping[str, bytes]
    left_in_input: Sequence[str]
    left_in_work: Sequence[str]
    batches: Sequence[Mapping[str, Any]]
    counters: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Balance:
    """The counts, and a sentence for each thing that is not as it must be, by the kind of wrong."""

    files: int = 0
    requests: int = 0
    results: int = 0
    errors: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in WRONGS})

    @property
    def is_even(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.wrong.values())


def balance(after: Aftermath) -> Balance:
    """Draw the balance."""
    sheet = Balance(files=len(after.dropped))
    returned, named = _returned(after, sheet)
    for version, content in after.dropped.items():
        _settle(version, content, returned.get(version, []), sheet)
    blobs = {("processed", name) for name in after.processed}
    blobs |= {("error", name) for name in after.errors if not NOTE_ON_FOLDER.fullmatch(name)}
    sheet.wrong["strange"] += [
        f"{container}/{name} belongs to no file" for container, name in sorted(blobs - named)
    ]
    sheet.wrong["batches created twice for the same content"] += _created_twice(after)
    sheet.wrong["served again though the first answer was delivered"] += _served_again(after.counters)
    sheet.wrong["files left in the service"] += [
        f"{purpose}: {name}" for purpose, names in after.counters.get("files", {}).items() for name in names
    ]
    sheet.wrong["files left in input/"] += after.left_in_input
    sheet.wrong["notes left in work/"] += after.left_in_work
    return sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class _Delivery:
    """What one metadata document says came out of a file."""

    snapshot: str
    is_refused: bool
    results: bytes
    errors: bytes
    archived: bytes | None


def _returned(
    after: Aftermath, sheet: Balance
) -> tuple[dict[Version, list[_Delivery]], set[tuple[str, str]]]:
    """Find each version's deliveries by the metadata documents; also the blobs that these account for."""
    deliveries: dict[Version, dict[str, _Delivery]] = defaultdict(dict)
    named: set[tuple[str, str]] = set()
    for container, blobs in (("processed", after.processed), ("error", after.errors)):
        for name, content in blobs.items():
            if not name.endswith("_metadata.json"):
                continue
            document = json.loads(content)
            named.add((container, name))
            named |= _named_by(document)
            version = Version(document["file"], document["etag"].strip('"'))
            if version not in after.dropped:
                sheet.wrong["strange"].append(f"{container}/{name} is about {version}, which nobody dropped")
            deliveries[version][document["snapshot"]] = _delivery(document, after)
    return {version: list(found.values()) for version, found in deliveries.items()}, named


def _named_by(document: Mapping[str, Any]) -> set[tuple[str, str]]:
    archive = "error" if document["status"] == "rejected" else "processed"
    places = {"results": "processed", "errors": "error", "retry": "error", "archived_input": archive}
    return {(container, document[name]) for name, container in places.items() if document.get(name)}


def _delivery(document: Mapping[str, Any], after: Aftermath) -> _Delivery:
    archive = after.errors if document["status"] == "rejected" else after.processed
    return _Delivery(
        snapshot=document["snapshot"],
        is_refused=document["status"] == "rejected",
        results=after.processed.get(document.get("results") or "", b""),
        errors=after.errors.get(document.get("errors") or "", b""),
        archived=archive.get(document.get("archived_input") or ""),
    )


def _settle(version: Version, content: bytes, deliveries: Sequence[_Delivery], sheet: Balance) -> None:
    """Hold what came back for one version against what was dropped."""
    expected = requests_in(content.decode("utf-8-sig", errors="replace"))
    sheet.requests += len(expected)
    if not deliveries:
        sheet.wrong["lost"] += [f"{version.path} ({version.etag}): no results, no errors, no metadata"]
        return
    open_lines = dict(expected)
    for delivery in deliveries:
        if delivery.archived != content:
            sheet.wrong["not archived as it was"].append(f"{version.path} by {delivery.snapshot}")
        _settle_errors(version.path, delivery, expected, open_lines, sheet)
        _settle_results(version.path, delivery, expected, open_lines, sheet)
    sheet.wrong["lost"] += [
        f"{version.path}: line {line} ({custom_id})" for line, custom_id in open_lines.items()
    ]


def _settle_errors(
    path: str,
    delivery: _Delivery,
    expected: Mapping[int, str | None],
    open_lines: dict[int, str | None],
    sheet: Balance,
) -> None:
    for record in _records(delivery.errors):
        line = record["line"]
        if line is None and delivery.is_refused:  # unread, for what it is: one record stands for all of it
            open_lines.clear()
        sheet.errors += 1
        sheet.outcomes[record["outcome"]] += 1
        if record["outcome"] not in OUTCOMES or record["code"] in ("unknown", ""):
            sheet.wrong["unknown outcomes"].append(
                f"{path}: line {line}: {record['outcome']}, {record['code']}"
            )
        if line in open_lines:
            del open_lines[line]
        elif line in expected:
            sheet.wrong["answered twice"].append(f"{path}: line {line}")
        elif line is not None or not delivery.is_refused:
            sheet.wrong["strange"].append(f"{path}: an error names line {line}, which the file does not have")


def _settle_results(
    path: str,
    delivery: _Delivery,
    expected: Mapping[int, str | None],
    open_lines: dict[int, str | None],
    sheet: Balance,
) -> None:
    last = 0
    for record in _records(delivery.results):
        custom_id = record["custom_id"]
        line = next((number for number, other in open_lines.items() if other == custom_id), None)
        sheet.results += 1
        sheet.outcomes["ok"] += 1
        if line is None:
            known = custom_id in expected.values()
            sheet.wrong["answered twice" if known else "strange"].append(f"{path}: {custom_id}")
            continue
        del open_lines[line]
        if line < last:
            sheet.wrong["out of order"].append(f"{path}: {custom_id} stands behind line {last}")
        last = line


def _records(content: bytes) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in content.split(b"\n") if line)


def _created_twice(after: Aftermath) -> list[str]:
    """Name contents that had more batches than shards.

    Left out: batches that failed as a whole, which did nothing and cost nothing. A shard whose requests all failed for a
    passing reason has a child of the same content; each of the two may have its batch.
    """
    by_id = {batch["id"]: batch for batch in after.batches}
    wrong = []
    for content, ids in after.counters["batches_by_content"].items():
        worked = [by_id[batch_id] for batch_id in ids if by_id[batch_id]["status"] != "failed"]
        shards = Counter(_shard_of(batch["filename"]) for batch in worked)
        keys = {shard.rsplit("-", 1)[0] for shard in shards}
        wrong += [
            f"{shard} ({content[:12]}): {times} batches" for shard, times in shards.items() if times > 1
        ]
        wrong += [f"{content[:12]}: batches for {sorted(keys)}"] if len(keys) > 1 else []
    return wrong


def _shard_of(filename: str) -> str:
    """Give `<prefix>-<file key>-<shard>` of `<prefix>-<file key>-<shard>-<submission>.jsonl`."""
    return filename.rsplit("-", 1)[0]


def _served_again(counters: Mapping[str, Any]) -> list[str]:
    """Name requests with more than one answer of status 200, except where the first was withheld on purpose."""
    answers = counters["answers"]
    again: Mapping[str, int] = answers["served_more_than_once"]
    surplus = answers["requests_served"] - answers["distinct_requests"]
    unnamed = surplus - sum(times - 1 for times in again.values())
    wrong = [f"{name}: {times} times" for name, times in again.items() if not name.startswith(WITHHELD_KINDS)]
    return wrong + ([f"and {unnamed} answers more"] if unnamed else [])
