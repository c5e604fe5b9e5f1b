"""Many small files beside one whose preparing takes minutes, and beside one whose preparing dies: the others must not wait."""

import time
from functools import partial

from benchmarks.figures import Bench, Figure, Part, at_most
from benchmarks.rig import HostProcess, Rig, running, wait_until
from benchmarks.stumbling_host import SLOW_SECONDS
from benchmarks.workload import batch_file

FILES, QUICK_FILES = 300, 6
REQUESTS = 3
BUDGET = 1.3
LIMIT_SECONDS = 1200.0
WAYS = {"slow": f"one is prepared for {SLOW_SECONDS:g} s", "fails": "one fails below its activity, each time"}


def run(bench: Bench) -> list[Figure]:
    """Measure the last small result without, and with each of the ways to stumble."""
    files = QUICK_FILES if bench.quick else FILES
    alone = _last_result(files, files, "", bench)
    found = [Figure(name=f"{files} small files: first to last result", unit="s", value=alone)]
    for way, said in WAYS.items():
        beside = _last_result(files + 1, files, way, bench)
        found += [
            Figure(name=f"the same, where {said}", unit="s", value=beside),
            Figure(
                name=f"the same, where {said}: by the run without",
                unit="times",
                value=beside / alone,
                budget=None if bench.quick else at_most(BUDGET),
            ),
        ]
    return found


def _last_result(files: int, small: int, way: str, bench: Bench) -> float:
    """Give the seconds from the request for a snapshot until so many files have their metadata."""
    settings = {"POOL": "off", "CONTINUOUS_MODE": "false", **({"STUMBLE": way} if way else {})}
    host = partial(HostProcess, module="benchmarks.stumbling_host") if way else HostProcess
    with running(bench.folder / "stumbling", settings=settings, make_host=host) as rig:
        for number in range(files):
            rig.drop(f"{number}.jsonl", batch_file(f"file-{number}", requests=REQUESTS, seed=number))
        began = time.monotonic()
        rig.host.post("/api/snapshots")
        wait_until(lambda: _told(rig, small, bench) >= small, LIMIT_SECONDS, f"{small} results", every=0.5)
        return time.monotonic() - began


def _told(rig: Rig, small: int, bench: Bench) -> int:
    rig.host.check()
    done = rig.results()
    bench.tell(f"{done} of {small} results")
    return done


PART = Part(
    name="stumbling",
    title="One file that stumbles",
    method=(
        f"{FILES} files of {REQUESTS} requests, and one more whose preparing is made to take {SLOW_SECONDS:g} s, or to die each time, by a host "
        "that is otherwise the embedded one. The clock runs from the request for the snapshot to the last small result."
    ),
    run=run,
)
