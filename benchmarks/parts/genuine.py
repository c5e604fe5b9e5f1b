"""Many tiny files on the genuine Durable engine: what its queues and turns add to the longest batch."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.figures import Bench, Figure, Part, at_most
from benchmarks.genuine_host import QUEUE_SECONDS, genuine_host, missing
from benchmarks.parts.calls import EVENTS_PER_GENERATION, last_events
from benchmarks.parts.makespan import (
    MEDIAN_SECONDS,
    POLL_SECONDS,
    SIGMA,
    batches_of_any_length,
    settings_with,
)
from benchmarks.rig import Rig, running, wait_until
from benchmarks.workload import batch_file

FILES, QUICK_FILES = (200, 1_000), (5,)
POOLING, QUICK_POOLING = ("auto", "off"), ("auto",)
OVER_IDEAL = {200: 1.10, 1_000: 1.25}
DROPPED_AT_ONCE = 8
LIMIT_SECONDS = 1800.0


def run(bench: Bench) -> list[Figure]:
    """Drop tiny files at once, into shared batches and each for itself; say so where there is no engine."""
    if said := missing():
        return [Figure(name="tiny files on the genuine engine", unit="", value=None, note=said)]
    found = []
    for files in QUICK_FILES if bench.quick else FILES:
        for pooling in QUICK_POOLING if bench.quick else POOLING:
            found += _passing(files, pooling, bench)
    return found


def _passing(files: int, pooling: str, bench: Bench) -> list[Figure]:
    folder, service, settings = bench.folder / "genuine", batches_of_any_length(bench), settings_with(pooling)
    with running(folder, service=service, settings=settings, make_host=genuine_host()) as rig:
        idle = rig.host.cpu_seconds()
        bench.tell(f"dropping {files:,} files")
        with ThreadPoolExecutor(DROPPED_AT_ONCE) as pool:
            list(pool.map(lambda number: _drop(rig, number), range(files)))
        dropped_at = time.time()
        wait_until(lambda: _in_work(rig, bench) == 0, LIMIT_SECONDS, f"{files} files", every=2.0)
        makespan, cpu = rig.last_result_at() - dropped_at, rig.host.cpu_seconds() - idle
        name = f"{files:,} tiny files{'' if pooling == 'auto' else ', POOL=off'}"
        # Shared batches are few, and each may be short: then the seconds count, not how often the longest batch goes into them.
        limit = OVER_IDEAL.get(files) if pooling == "off" else None
        return [*_times(name, makespan, rig.service.batches(), limit), *_costs(name, files, cpu, rig)]


def _drop(rig: Rig, number: int) -> None:
    content = batch_file(f"file-{number}", requests=1 + number % 3, seed=number)
    rig.drop(f"{number % 10}/{number}.jsonl", content)


def _in_work(rig: Rig, bench: Bench) -> int:
    rig.host.check()
    found = rig.waiting()
    bench.tell(f"{found:,} files in the input container")
    return found


def _times(
    name: str, makespan: float, batches: list[dict[str, Any]], limit: float | None
) -> Iterable[Figure]:
    longest = max(batch["ended_at"] - batch["created_at"] for batch in batches)
    ideal = longest + POLL_SECONDS
    yield Figure(
        name=f"{name}: over the ideal",
        unit="times",
        value=makespan / ideal,
        budget=at_most(limit) if limit else None,
    )
    yield Figure(
        name=f"{name}: last drop to last result",
        unit="s",
        value=makespan,
        note=f"ideal {ideal:.1f} s, longest batch {longest:.1f} s, {len(batches)} batches",
    )
    yield Figure(name=f"{name}: most batches at once", unit="", value=most_at_once(batches))


def most_at_once(batches: Iterable[Mapping[str, Any]]) -> int:
    """Give how many batches were alive at the same time, at most."""
    ends = [(batch["ended_at"], -1) for batch in batches]
    now = most = 0
    for _at, change in sorted([*ends, *((batch["created_at"], 1) for batch in batches)]):
        now += change
        most = max(most, now)
    return most


def _costs(name: str, files: int, cpu: float, rig: Rig) -> Iterable[Figure]:
    turns = rig.host.turns()
    per_file = {
        "activities": sum(len(turn["activities"]) for turn in turns),
        "timers": sum(turn["timers"] for turn in turns),
        "turns": len(turns),
    }
    for what, count in per_file.items():
        yield Figure(name=f"{name}: {what} per file", unit="", value=count / files)
    yield Figure(
        name=f"{name}: longest history of a generation",
        unit="events",
        value=max(last_events(turns)),
        budget=at_most(EVENTS_PER_GENERATION),
    )
    yield Figure(
        name=f"{name}: processor time of engine and worker per file", unit="ms", value=1000 * cpu / files
    )


PART = Part(
    name="genuine",
    title="The genuine Durable engine",
    method=(
        "Files of one to three requests are dropped, eight at a time; the app runs on the genuine Durable and blob extensions "
        "and the genuine worker library, where they are found, in place of the embedded host, with its task hub in the emulator. "
        f"`maxQueuePollingInterval` is {QUEUE_SECONDS} s, all else is as deployed. Batches take lognormal times (median "
        f"{MEDIAN_SECONDS:g} s, sigma {SIGMA:g}, seeded); the ideal is the longest batch plus one longest poll interval ({POLL_SECONDS:g} s). "
        "Turns, activities and timers are counted in the extension's own events."
    ),
    run=run,
)
