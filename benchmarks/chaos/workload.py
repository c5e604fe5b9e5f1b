"""What is dropped: many files, most of them good, some odd in every way that is known. The same for the same seed.

A file's model names its kind, `chaos-<kind>`, so that `faults` can aim at a kind; each custom_id begins with it.
"""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Literal, get_args

from benchmarks.chaos.faults import FAULTY_KINDS, WITHHELD_KINDS, deployment_of

Change = Literal["overwritten", "deleted", "dropped-again"]
CHANGES: tuple[Change, ...] = get_args(Change)

_UNREADABLE = {  # whole files without a request
    "empty": b"",
    "blank": b"\n\r\n\n",
    "binary": bytes(range(14, 256)) * 40,
    "no-table": b"title,text\na,b\n",  # dropped as .parquet
}
ODD_CONTENTS = ("bad-lines", "crlf", "bom", "no-model", "three-shards", *_UNREADABLE)
KINDS: tuple[str, ...] = (*FAULTY_KINDS, *ODD_CONTENTS, *CHANGES)
ODD_NAMES = (
    "deep/er/than/most/a b.jsonl",
    "Übung/日本語.jsonl",
    "100%/50%25.jsonl",
    "ha#sh+plus;semi=eq&amp.jsonl",
    "no suffix",
    "dots.in.the.name.JSONL",
    "'quoted'.jsonl",
    "~tilde",
    "same",
    "same.jsonl",
    "l" * 200 + ".jsonl",
)
MOST_WITHHELD_ROWS = 10  # the service names at most a hundred requests that it answered twice
# Files of one kind that are dropped one after another: small ones share batches, and then a fault hits all of them.
IN_A_ROW = 3
FILES_PER_SHARD = 2.5  # so that a batch ends within a file


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedFile:
    """A path and the contents that are dropped there, one after the other.

    `change` says what happens to it: overwritten or deleted as soon as the first content is being worked on, or
    dropped again, with other content, when that is finished.
    """

    path: str
    kind: str
    contents: tuple[bytes, ...]
    change: Change | None = None


def plan_files(count: int, *, rows: int, seed: int, kinds: Sequence[str] = KINDS) -> list[DroppedFile]:
    """Make `count` files: every second one good, the others of each kind in turn, few of a kind in a row, in random order."""
    dice = random.Random(seed)  # noqa: S311 - an order, not a secret
    special = islice(cycle(dice.sample(kinds, len(kinds))), -(-count // (2 * IN_A_ROW)))
    rows_of_kinds = [[kind] * IN_A_ROW for kind in special] + [["plain"]] * (count - count // 2)
    dice.shuffle(rows_of_kinds)
    drawn = [kind for kinds in rows_of_kinds for kind in kinds][:count]
    odd_names = iter(ODD_NAMES)
    files = []
    for number, kind in enumerate(drawn):
        usual = f"folder-{number % 7}/{kind}-{number:04d}{'.parquet' if kind == 'no-table' else '.jsonl'}"
        path = next(odd_names, usual) if kind == "plain" else usual
        files.append(_file(path, kind, number, rows))
    return files


def last_file(rows: int) -> DroppedFile:
    """Make one good file more."""
    return _file("last.jsonl", "plain", 9999, rows)


def _file(path: str, kind: str, number: int, rows: int) -> DroppedFile:
    change = next((change for change in CHANGES if change == kind), None)
    names = [f"{number:04d}"] if change in (None, "deleted") else [f"{number:04d}-1st", f"{number:04d}-2nd"]
    contents = tuple(_content(kind, name, rows) for name in names)
    return DroppedFile(path=path, kind=kind, contents=contents, change=change)


def _content(kind: str, name: str, rows: int) -> bytes:
    if kind in _UNREADABLE:
        return _UNREADABLE[kind]
    if kind == "bad-lines":
        return _with_bad_lines(kind, name, rows)
    good = _good(kind, name, _rows(kind, rows))
    return {
        "crlf": good.replace(b"\n", b"\r\n"),
        "bom": b"\xef\xbb\xbf" + good,
        "no-model": good.rstrip(b"\n"),
    }.get(kind, good)


def rows_per_shard(rows: int) -> int:
    """Give the most requests that a shard may hold, by those of a file."""
    return int(rows * FILES_PER_SHARD)


def _rows(kind: str, rows: int) -> int:
    """Give the rows of a file."""
    if kind == "three-shards":
        return 2 * rows_per_shard(rows) + 1
    return min(rows, MOST_WITHHELD_ROWS) if kind in WITHHELD_KINDS else rows


def _good(kind: str, name: str, rows: int) -> bytes:
    model = None if kind == "no-model" else deployment_of(kind)
    return _lines(_request(kind, name, row, model=model) for row in range(rows))


def _with_bad_lines(kind: str, name: str, rows: int) -> bytes:
    model = deployment_of(kind)
    good = [_request(kind, name, row, model=model) for row in range(rows)]
    other_model = _request(kind, name, rows, model="chaos-other")
    other_url = {**_request(kind, name, rows + 1, model=model), "url": "/v1/responses"}
    text = _lines([*good[1:], good[-1], other_model, other_url, {"method": "POST"}, [1, 2], None])
    return b"{no json\n\n  \n" + text + _lines(good[:1])


def _request(kind: str, name: str, row: int, *, model: str | None) -> dict[str, object]:
    body: dict[str, object] = {"messages": [{"role": "user", "content": f"Say {kind} {name} {row}."}]}
    if model:
        body["model"] = model
    return {
        "custom_id": f"{kind}/{name}/{row}",
        "method": "POST",
        "url": "/chat/completions",
        "body": body,
    }


def _lines(requests: Iterable[object]) -> bytes:
    return b"".join(json.dumps(request).encode() + b"\n" for request in requests)
