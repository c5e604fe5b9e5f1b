"""What two days of waiting cost: looks at the batches, calls, and how large history and state become meanwhile."""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgspec

from benchmarks.figures import Bench, Figure, Part, at_most
from benchmarks.parts.calls import EVENTS_PER_GENERATION, last_events, ours
from benchmarks.rig import Rig, running, wait_until
from benchmarks.workload import batch_file
from domain.settings import Settings

BATCHES, QUICK_BATCHES = 250, 5
HOURS, QUICK_HOURS = 48.0, 4.0
COMPRESSED = (
    450  # times faster than life: the longest poll interval becomes two seconds, the shortest wait there is
)
PAGE = 100  # batches in a page of the service's listing
LIMIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What had been counted at a moment."""

    storage: int
    service: Counter[str]
    turns: list[dict[str, Any]]


def run(bench: Bench) -> list[Figure]:
    """Let many batches be in progress for two days, hundreds of times faster than life."""
    batches, hours = (QUICK_BATCHES, QUICK_HOURS) if bench.quick else (BATCHES, HOURS)
    defaults = {field.name: field.default for field in msgspec.structs.fields(Settings)}
    shortest, longest = defaults["poll_min_seconds"], defaults["poll_max_seconds"]
    waiting = hours * 3600 / COMPRESSED
    service = {"plan": {"batches": [{"stuck_in": "in_progress"}]}}
    settings = {
        "CONTINUOUS_MODE": "false",
        "POOL": "off",
        "POLL_MIN_SECONDS": f"{shortest / COMPRESSED:g}",
        "POLL_MAX_SECONDS": f"{longest / COMPRESSED:g}",
    }
    with running(bench.folder / "waiting", service=service, settings=settings, count_storage=True) as rig:
        for number in range(batches):
            rig.drop(f"{number}.jsonl", batch_file(f"file-{number}", requests=3, seed=number))
        rig.host.post("/api/snapshots")
        wait_until(lambda: _active(rig) == batches, LIMIT_SECONDS, "all batches to be in progress")
        before = _moment(rig)
        bench.tell(f"{batches} batches are in progress; watching for {waiting:.0f} s")
        time.sleep(waiting)
        after = _moment(rig)
    return _figures(batches, hours, longest, before, after)


def _active(rig: Rig) -> int:
    return sum((told["progress"] or {}).get("active_batches", 0) for told in rig.snapshots())


def _moment(rig: Rig) -> Moment:
    service = {name: by["total"] for name, by in rig.service.counters()["calls"].items()}
    return Moment(
        storage=ours(rig.storage_calls()),
        service=Counter(service),
        turns=rig.host.turns(),
    )


def _figures(batches: int, hours: float, longest: float, before: Moment, after: Moment) -> list[Figure]:
    turns = after.turns[len(before.turns) :]
    polls = sum(turn["activities"].count("poll_batches") for turn in turns)
    calls = sum((after.service - before.service).values())
    per_hour = 3600 / longest
    name = f"{batches} batches for {hours:g} hours"
    return [
        Figure(name=f"{name}: looks at them", unit="", value=polls),
        Figure(
            name=f"{name}: calls to the service per look, for a hundred batches",
            unit="",
            value=calls / polls / -(-batches // PAGE),
            budget=at_most(1),
        ),
        Figure(
            name=f"{name}: turns of the orchestrator per look",
            unit="",
            value=sum(turn["function"] == "run_files" for turn in turns) / polls,
            budget=at_most(2.1),
            note="one for the timer, one for the answer; and one now and then for a new generation",
        ),
        Figure(
            name=f"{name}: calls to the service per waiting hour",
            unit="",
            value=calls / polls * per_hour,
            note=f"a look every {longest / 60:g} minutes, the default of POLL_MAX_SECONDS",
        ),
        Figure(
            name=f"{name}: calls to storage per waiting hour",
            unit="",
            value=(after.storage - before.storage) / polls * per_hour,
            budget=at_most(1.05 * per_hour),
            note="one list a look, of what people have asked for",
        ),
        Figure(
            name=f"{name}: longest history of a generation",
            unit="events",
            value=max(last_events(turns)),
            budget=at_most(EVENTS_PER_GENERATION),
        ),
        Figure(name=f"{name}: generations", unit="", value=sum(turn["continued"] for turn in turns)),
        Figure(
            name=f"{name}: largest input of a generation",
            unit="kB",
            value=max(turn["input_bytes"] for turn in turns) / 1000,
        ),
    ]


PART = Part(
    name="waiting",
    title="Waiting",
    method=(
        f"{BATCHES} batches that do not end are watched for {HOURS:g} hours, {COMPRESSED} times faster than life: the shortest and the "
        "longest poll interval are divided by that. What a look costs is counted at the simulated service and in the "
        "emulator's access log, and told per hour of the default interval. The sweep is off; on, it lists the containers once "
        "a minute, whether or not anything waits."
    ),
    run=run,
)
