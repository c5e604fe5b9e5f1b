"""What a small file costs in calls, activities, history and time, from ten files to ten thousand: in shared batches, and alone."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.figures import Bench, Figure, Part, at_most
from benchmarks.rig import Rig, running
from benchmarks.workload import batch_file

FILES, QUICK_FILES = (10, 100, 1_000, 10_000), (12,)
FILES_ALONE, QUICK_FILES_ALONE = (10, 100, 1_000), (4,)
MANY = 1_000  # from so many files on the budgets per file hold
REQUESTS = 3
EVENTS_PER_GENERATION = 1_000
FLAT = 1.25  # times what a file costs among a hundred
SHARED_STORAGE, ALONE_STORAGE, CPU_MS, TEN_THOUSAND_SECONDS = 8.0, 14.0, 40.0, 360.0
LIMIT_SECONDS = 7_200.0
OURS = ("input", "processed", "error", "work")


def run(bench: Bench) -> list[Figure]:
    """Send ever more tiny files through, each number through a rig of its own."""
    found: list[Figure] = []
    numbers = {
        "auto": QUICK_FILES if bench.quick else FILES,
        "off": QUICK_FILES_ALONE if bench.quick else FILES_ALONE,
    }
    for pooling, sizes in numbers.items():
        costs: dict[int, Mapping[str, float]] = {}
        for files in sizes:
            costs[files] = _costs(files, pooling, bench)
            found += _figures(files, pooling, costs)
    return found


def _costs(files: int, pooling: str, bench: Bench) -> Mapping[str, float]:
    """Give what one of so many files costs; all of them are there before the host looks."""
    settings = {"CONTINUOUS_MODE": "false", "POOL": pooling}
    with running(bench.folder / "calls", settings=settings, count_storage=True) as rig:
        for number in range(files):
            bench.tell(f"{files:,} files: {number:,} dropped")
            rig.drop(
                f"{number % 100}/{number}.jsonl", batch_file(f"file-{number}", requests=REQUESTS, seed=number)
            )
        before = rig.storage_calls()
        begun = time.monotonic()
        rig.host.post("/api/snapshots")
        rig.wait_until_reported(files, LIMIT_SECONDS, bench.tell)
        took = time.monotonic() - begun
        return {**_per_file(files, rig, ours(rig.storage_calls()) - ours(before)), "seconds": took}


def ours(calls: Mapping[str, int]) -> int:
    """Count the calls to the app's containers; the bench's own look at snapshots is among them, a few a second."""
    return sum(count for name, count in calls.items() if name.partition(" ")[2] in OURS)


def _per_file(files: int, rig: Rig, storage_calls: int) -> Mapping[str, float]:
    service = {name: by["total"] for name, by in rig.service.counters()["calls"].items()}
    polls = service.pop("list_batches", 0) + service.pop("get_batch", 0)
    turns = rig.host.turns()
    return {
        "storage": storage_calls / files,
        "service": sum(service.values()) / files,
        "polls": float(polls),
        "activities": sum(len(turn["activities"]) for turn in turns) / files,
        "events": sum(last_events(turns)) / files,
        "replays": len(turns) / files,
        "longest": float(max(last_events(turns))),
        "input": max(turn["input_bytes"] for turn in turns) / 1000,
        "cpu": 1000 * rig.host.use.cpu_seconds() / files,
    }


def last_events(turns: Iterable[Mapping[str, Any]]) -> list[int]:
    """Give the length of every history there was, one for each execution."""
    longest: dict[str, int] = defaultdict(int)
    for turn in turns:
        longest[turn["execution"]] = max(longest[turn["execution"]], turn["events"])
    return list(longest.values())


def _figures(files: int, pooling: str, costs: Mapping[int, Mapping[str, float]]) -> list[Figure]:
    cost, name = costs[files], f"{files:,} files{'' if pooling == 'auto' else ', POOL=off'}"
    base = list(costs.values())[min(1, len(costs) - 1)]
    storage = at_most(FLAT * base["storage"]) if len(costs) > 1 else None
    if files >= MANY:
        storage = at_most(SHARED_STORAGE if pooling == "auto" else ALONE_STORAGE)
    return [
        Figure(
            name=f"{name}: from the request for a snapshot to its report",
            unit="s",
            value=cost["seconds"],
            budget=at_most(TEN_THOUSAND_SECONDS) if files >= 10 * MANY else None,
        ),
        Figure(name=f"{name}: calls to storage per file", unit="", value=cost["storage"], budget=storage),
        Figure(name=f"{name}: calls to the service per file, polls left out", unit="", value=cost["service"]),
        Figure(name=f"{name}: polls in all", unit="", value=cost["polls"]),
        Figure(name=f"{name}: activities per file", unit="", value=cost["activities"]),
        Figure(name=f"{name}: history events per file", unit="", value=cost["events"]),
        Figure(name=f"{name}: replays per file", unit="", value=cost["replays"]),
        Figure(
            name=f"{name}: longest history of a generation",
            unit="events",
            value=cost["longest"],
            budget=at_most(EVENTS_PER_GENERATION),
        ),
        Figure(name=f"{name}: largest input of a generation", unit="kB", value=cost["input"]),
        Figure(
            name=f"{name}: processor time of the host per file",
            unit="ms",
            value=cost["cpu"],
            budget=at_most(CPU_MS) if files >= MANY else None,
        ),
    ]


PART = Part(
    name="calls",
    title="Calls and history per file",
    method=(
        f"Files of {REQUESTS} requests lie in the input container when one snapshot is asked for; they share batches, or with POOL=off "
        "each has its own. Calls to storage are counted in "
        "the emulator's access log, calls to the service by the simulated service, activities, events and replays in the "
        f"host's trace. *Flat* is at most {FLAT:g} times what a file costs among a hundred."
    ),
    run=run,
)
