"""A file a minute, each a snapshot of its own for as long as its batch runs: what a hundred that are alive cost together."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from benchmarks.figures import Bench, Figure, Part, at_most
from benchmarks.genuine_host import genuine_host, missing
from benchmarks.parts.calls import ours
from benchmarks.parts.genuine import most_at_once
from benchmarks.rig import HostProcess, MakeHost, Rig, running, wait_until
from benchmarks.workload import batch_file
from domain.settings import Settings

FILES, QUICK_FILES = 120, 3
# As in life.
EVERY_SECONDS, SWEEP_SECONDS = 60.0, 60.0
BATCH_SECONDS, QUICK_BATCH_SECONDS = 6000.0, 300.0
# Times faster than life. The shortest poll interval becomes two seconds, the shortest wait there is; so nothing is rounded up.
COMPRESSED, QUICK_COMPRESSED = 30, 300
IDLE_SECONDS, QUICK_IDLE_SECONDS = 20.0, 0.3
LOOKS, CPU_SECONDS = 150, 20.0
LIMIT_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast life goes here; times of a pace are seconds of ours."""

    files: int
    compressed: float
    batch_seconds: float
    idle_seconds: float

    @property
    def every_seconds(self) -> float:
        """From one file to the next."""
        return EVERY_SECONDS / self.compressed

    @property
    def settings(self) -> dict[str, str]:
        """The app's defaults, as much faster."""
        defaults = {field.name: field.default for field in msgspec.structs.fields(Settings)}
        shorter = {
            name.upper(): f"{defaults[name] / self.compressed:g}"
            for name in ("poll_min_seconds", "poll_max_seconds", "snapshot_window_seconds")
        }
        return {**shorter, "SWEEP_SCHEDULE": f"*/{max(1, round(SWEEP_SECONDS / self.compressed))} * * * * *"}


LIFE = Pace(
    files=FILES,
    compressed=COMPRESSED,
    batch_seconds=BATCH_SECONDS / COMPRESSED,
    idle_seconds=IDLE_SECONDS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a trickle came to; all but the last two from its first file to its last result."""

    service: Mapping[str, int]
    storage: int
    claims_refused: int
    cpu: float
    turns: list[dict[str, Any]]
    batches: list[dict[str, Any]]
    late: float  # from the end of the last batch to its results, seconds
    idle: float  # processor time of the host in as long a time without files


def run(bench: Bench) -> list[Figure]:
    """Let files come one by one, on the embedded host and on the genuine engine."""
    if bench.quick:
        batch_seconds = QUICK_BATCH_SECONDS / QUICK_COMPRESSED
        pace = Pace(
            files=QUICK_FILES,
            compressed=QUICK_COMPRESSED,
            batch_seconds=batch_seconds,
            idle_seconds=QUICK_IDLE_SECONDS,
        )
        return list(_figures("embedded host", pace, trickle(HostProcess, pace, bench)))
    found = [*_figures("embedded host", LIFE, trickle(HostProcess, LIFE, bench))]
    if said := missing():
        return [*found, Figure(name="a trickle on the genuine engine", unit="", value=None, note=said)]
    return [*found, *_figures("genuine engine", LIFE, trickle(genuine_host(), LIFE, bench))]


def trickle(host: MakeHost, pace: Pace, bench: Bench) -> Counted:
    """Let the files of a pace come on one host."""
    folder, service = bench.folder / "trickle", {"duration_seconds": pace.batch_seconds}
    with running(folder, service=service, settings=pace.settings, make_host=host, count_storage=True) as rig:
        idle = _idle_share(rig, pace, bench)
        before, cpu, began = ours(rig.storage_calls()), rig.host.cpu_seconds(), time.time()
        for number in range(pace.files):
            bench.tell(f"{number} files dropped")
            rig.drop(f"{number}.jsonl", batch_file(f"file-{number}", requests=3, seed=number))
            _sleep_until(began + (number + 1) * pace.every_seconds)
        bench.tell("waiting for the last results")
        _sleep_until(began + pace.files * pace.every_seconds + pace.batch_seconds)
        wait_until(lambda: _is_over(rig), LIMIT_SECONDS, "the last results", every=1.0)
        batches = rig.service.batches()
        return Counted(
            service={name: by["total"] for name, by in rig.service.counters()["calls"].items()},
            storage=ours(rig.storage_calls()) - before,
            claims_refused=rig.refusals("/work/files/"),
            cpu=rig.host.cpu_seconds() - cpu,
            turns=rig.host.turns(),
            batches=batches,
            late=rig.last_result_at() - max(batch["ended_at"] for batch in batches),
            idle=idle * (time.time() - began),
        )


def _idle_share(rig: Rig, pace: Pace, bench: Bench) -> float:
    """Give how much of a processor the host takes for nothing."""
    bench.tell("measuring the host at rest")
    time.sleep(pace.idle_seconds)
    before = rig.host.cpu_seconds()
    time.sleep(pace.idle_seconds)
    return (rig.host.cpu_seconds() - before) / pace.idle_seconds


def _is_over(rig: Rig) -> bool:
    rig.host.check()
    return rig.waiting() == 0


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.time()))


def _figures(where: str, pace: Pace, counted: Counted) -> Iterable[Figure]:
    name = f"{pace.files} files, one a minute, {where}"
    looks = sum(counted.service.get(call, 0) for call in ("list_batches", "get_batch"))
    taking = [turn for turn in counted.turns if turn["function"] == "process_snapshot"]
    snapshots = {turn["instance"] for turn in taking}
    working = {turn["instance"] for turn in counted.turns if turn["function"] == "run_files"}
    polls = sum(turn["activities"].count("poll_batches") for turn in counted.turns)
    full = pace.files == FILES
    yield Figure(
        name=f"{name}: looks at the service",
        unit="",
        value=looks,
        budget=at_most(LOOKS) if full else None,
        note=f"{len(working)} of them before a batch is made, and for {polls} polls; {sum(counted.service.values()) - looks} other calls",
    )
    yield Figure(
        name=f"{name}: processor time of the host",
        unit="s",
        value=counted.cpu,
        budget=at_most(CPU_SECONDS) if full else None,
        note=f"{counted.idle:.1f} s of it would have gone without a file",
    )
    yield Figure(name=f"{name}: batches alive at once", unit="", value=most_at_once(counted.batches))
    yield Figure(
        name=f"{name}: snapshots",
        unit="",
        value=len(snapshots),
        note=f"{len(snapshots) - len(working)} found nothing to take",
    )
    yield Figure(name=f"{name}: claims refused", unit="", value=counted.claims_refused)
    yield Figure(name=f"{name}: calls to storage per file", unit="", value=counted.storage / pace.files)
    yield Figure(name=f"{name}: turns per file", unit="", value=len(counted.turns) / pace.files)
    yield Figure(
        name=f"{name}: from the end of the last batch to its results",
        unit="s",
        value=counted.late,
        note=f"{counted.late * pace.compressed / 60:.0f} minutes of life",
    )


PART = Part(
    name="trickle",
    title="A file a minute",
    method=(
        f"{FILES} files come one a minute, and each batch takes {BATCH_SECONDS / 60:g} minutes: so that a hundred snapshots of one file are alive at "
        f"once. All of it is {COMPRESSED} times faster than life: files, batches, poll intervals, windows, and the sweep. What is faster than life as well, "
        "for the host: what it does for nothing each second, which is told beside. A *look* is a call to the service that asks for batches."
    ),
    run=run,
)
