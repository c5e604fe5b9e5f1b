"""How much the host grows while a large file passes from the input container to its results."""

from collections.abc import Iterable

from benchmarks.figures import Bench, Figure, Part, at_most
from benchmarks.rig import Rig, running
from benchmarks.tables import table_pieces
from benchmarks.workload import batch_file, pieces

MB = 1_000_000
SIZES, QUICK_SIZES = (200 * MB, 1000 * MB), (5 * MB,)
ROWS, QUICK_ROWS = 1_000_000, 2_000
BUDGET_MB = 150.0
LIMIT_SECONDS = 1200.0
SERVICE = {"upload_limit_bytes": 200 * MB, "duration_seconds": 1.0}


def run(bench: Bench) -> list[Figure]:
    """Send one large file after the other, each through a host of its own."""
    found = []
    for size in QUICK_SIZES if bench.quick else SIZES:
        name = f"ready-made jsonl, {size // MB:,} MB"
        found += _passing(name, pieces("large", size=size, seed=size), "large.jsonl", bench)
    size = QUICK_SIZES[-1] if bench.quick else SIZES[-1]
    name = f"ready-made jsonl, {size // MB:,} MB, TRANSPORT=blob"
    content = pieces("large", size=size, seed=size)
    found += _passing(name, content, "large.jsonl", bench, TRANSPORT="blob")
    rows = QUICK_ROWS if bench.quick else ROWS
    for kind in ("csv", "parquet"):
        content = table_pieces(kind, bench.folder, rows=rows, seed=4)
        found += _passing(f"{kind}, {rows:,} rows", content, f"table.{kind}", bench)
    return found


def _passing(name: str, content: Iterable[bytes], path: str, bench: Bench, **settings: str) -> list[Figure]:
    with running(bench.folder / "memory", service=SERVICE, settings=settings, on_disk=True) as rig:
        idle = _idle_mb(rig, bench)
        bench.tell(f"{name}: dropping")
        rig.drop(path, content)
        cpu = rig.host.use.cpu_seconds()
        rig.host.use.forget_peak()
        rig.wait_until_reported(2, LIMIT_SECONDS, lambda said: bench.tell(f"{name}: {said}"))
        peak = rig.host.use.peak_mb()
        cpu = rig.host.use.cpu_seconds() - cpu
    return [
        Figure(name=f"{name}: growth over idle", unit="MB", value=peak - idle, budget=at_most(BUDGET_MB)),
        Figure(name=f"{name}: peak", unit="MB", value=peak, note=f"idle {idle:.0f} MB"),
        Figure(name=f"{name}: processor time of the host", unit="s", value=cpu),
    ]


def _idle_mb(rig: Rig, bench: Bench) -> float:
    """Send a small file through first, so that everything is imported, and look then."""
    bench.tell("warming up")
    rig.drop("small.jsonl", batch_file("small", requests=10, seed=1))
    rig.wait_until_reported(1, 120, bench.tell)
    return rig.host.use.resident_mb()


PART = Part(
    name="memory",
    title="Memory",
    method=(
        "Resident memory of the host process, app included, as the kernel keeps its peak (`VmHWM`), while one file goes from "
        "the input container to its archived copy; *idle* is after a first small file. The file is made while it is "
        "uploaded. Storage is the emulator on disk."
    ),
    run=run,
)
