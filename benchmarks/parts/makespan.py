"""From the last drop to the last result, against what no pipeline could beat: the longest batch and one look at it."""

import time
from typing import Any

from benchmarks.figures import Bench, Figure, Part, at_most
from benchmarks.rig import Rig, running
from benchmarks.workload import batch_file

REQUESTS = 100
POLL_SECONDS = 2.0
MEDIAN_SECONDS, QUICK_MEDIAN_SECONDS = 10.0, 0.5
SIGMA = 1.0
SEED = 5
BUDGETS, QUICK_BUDGETS = {40: 1.10, 500: 1.25}, {4: 10.0}
WAVE = 10  # batches that the accelerator starts together, and all of which it waits for
LIMIT_SECONDS = 1200.0


def run(bench: Bench) -> list[Figure]:
    """Let files pass whose batches take very different times."""
    found = []
    for files, budget in (QUICK_BUDGETS if bench.quick else BUDGETS).items():
        found += _passing(files, budget, bench)
    return found


def _passing(files: int, budget: float, bench: Bench) -> list[Figure]:
    folder, service, settings = bench.folder / "makespan", batches_of_any_length(bench), settings_with("off")
    with running(folder, service=service, settings=settings) as rig:
        dropped_at = _drop(rig, files, bench)
        rig.wait_until_reported(files, LIMIT_SECONDS, bench.tell)
        makespan = time.time() - dropped_at
        batches = rig.service.batches()
        cpu = rig.host.use.cpu_seconds()
    times = [_seconds(batch) for batch in batches]
    ideal = max(times) + POLL_SECONDS
    name = f"{files} files of {REQUESTS} requests"
    return [
        Figure(name=f"{name}: over the ideal", unit="times", value=makespan / ideal, budget=at_most(budget)),
        Figure(
            name=f"{name}: last drop to last result",
            unit="s",
            value=makespan,
            note=f"ideal {ideal:.1f} s, longest batch {max(times):.1f} s, median {sorted(times)[files // 2]:.1f} s",
        ),
        Figure(
            name=f"{name}: in waves of {WAVE}, each as long as its longest",
            unit="s",
            value=sum(max(times[start : start + WAVE]) for start in range(0, files, WAVE)),
            note="computed from the same batches, without any overhead: how the accelerator works",
        ),
        Figure(name=f"{name}: processor time of the host per file", unit="s", value=cpu / files),
    ]


def batches_of_any_length(bench: Bench) -> dict[str, Any]:
    """Tell the simulated service to take very different times."""
    return {
        "duration": "lognormal",
        "duration_seconds": QUICK_MEDIAN_SECONDS if bench.quick else MEDIAN_SECONDS,
        "duration_sigma": SIGMA,
        "seed": SEED,
    }


def settings_with(pooling: str) -> dict[str, str]:
    """Have the app look often, and small files share batches or not."""
    return {"POOL": pooling, "POLL_MIN_SECONDS": "1", "POLL_MAX_SECONDS": f"{POLL_SECONDS:g}"}


def _drop(rig: Rig, files: int, bench: Bench) -> float:
    """Drop all files, as fast as it goes; gives when the last one was there."""
    bench.tell(f"dropping {files} files")
    for number in range(files):
        content = batch_file(f"file-{number}", requests=REQUESTS, seed=number, text_bytes=300)
        rig.drop(f"{number % 10}/file-{number}.jsonl", content)
    return time.time()


def _seconds(batch: dict[str, Any]) -> float:
    return float(batch["ended_at"] - batch["created_at"])


PART = Part(
    name="makespan",
    title="Makespan",
    method=(
        f"Files of {REQUESTS} requests are dropped one after the other. The simulated service takes lognormal times for their "
        f"batches (median {MEDIAN_SECONDS:g} s, sigma {SIGMA:g}, seeded). The ideal is the longest batch plus one longest poll "
        f"interval ({POLL_SECONDS:g} s); the clock stops when the snapshots' reports say that all is delivered. Real batches take "
        "minutes to a day: against them everything the pipeline adds here is smaller."
    ),
    run=run,
)
