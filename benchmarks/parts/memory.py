"""How much the host grows while a large file passes from the input container to its results."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from benchmarks.figures import Bench, Figure, Part, at_most
from benchmarks.rig import running
from benchmarks.tables import table_pieces
from benchmarks.workload import batch_file, pieces

MB = 1_000_000
SIZES, QUICK_SIZES = (200 * MB, 1000 * MB), (5 * MB,)
ROWS, QUICK_ROWS = 1_000_000, 2_000
FEW_ROWS = 100
WITH_ALL_COLUMNS = 'output: {format: parquet, columns: "*"}'
BUDGET_MB = 150.0
LIMIT_SECONDS = 1200.0
SERVICE = {"upload_limit_bytes": 200 * MB, "duration_seconds": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A large file on its way through, and a small one of its kind that goes before it."""

    name: str
    suffix: str
    small: bytes | Iterable[bytes]
    large: Iterable[bytes]
    spec: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def run(bench: Bench) -> list[Figure]:
    """Send one large file after the other, each through a host of its own."""
    return [figure for passage in _passages(bench) for figure in _measured(passage, bench)]


def _passages(bench: Bench) -> Iterator[Passage]:
    sizes = QUICK_SIZES if bench.quick else SIZES
    ways: list[dict[str, str]] = [{} for _ in sizes] + [{"TRANSPORT": "blob"}]
    for size, settings in zip([*sizes, sizes[-1]], ways, strict=True):
        yield Passage(
            name=", ".join([f"ready-made jsonl, {size // MB:,} MB", *map("=".join, settings.items())]),
            suffix="jsonl",
            small=batch_file("small", requests=10, seed=1),
            large=pieces("large", size=size, seed=size),
            settings=settings,
        )
    rows = QUICK_ROWS if bench.quick else ROWS
    for kind, into, spec in (
        ("csv", "", ""),
        ("parquet", "", ""),
        ("parquet", " into parquet", WITH_ALL_COLUMNS),
    ):
        yield Passage(
            name=f"{kind}{into}, {rows:,} rows",
            suffix=kind,
            small=table_pieces(kind, bench.folder, rows=FEW_ROWS, seed=1),
            large=table_pieces(kind, bench.folder, rows=rows, seed=4),
            spec=spec,
        )


def _measured(passage: Passage, bench: Bench) -> Iterator[Figure]:
    name = passage.name
    with running(bench.folder / "memory", service=SERVICE, settings=passage.settings, on_disk=True) as rig:
        if passage.spec:
            rig.drop("_batch.yaml", passage.spec.encode())
        bench.tell(f"{name}: warming up")
        rig.drop(f"small.{passage.suffix}", passage.small)
        rig.wait_until_reported(1, 120, bench.tell)
        idle, cpu = rig.host.use.resident_mb(), rig.host.use.cpu_seconds()
        bench.tell(f"{name}: dropping")
        rig.host.use.forget_peak()
        rig.drop(f"large.{passage.suffix}", passage.large)
        rig.wait_until_reported(2, LIMIT_SECONDS, lambda said: bench.tell(f"{name}: {said}"))
        peak, cpu = rig.host.use.peak_mb(), rig.host.use.cpu_seconds() - cpu
    yield Figure(name=f"{name}: growth over idle", unit="MB", value=peak - idle, budget=at_most(BUDGET_MB))
    yield Figure(name=f"{name}: peak", unit="MB", value=peak, note=f"idle {idle:.0f} MB")
    yield Figure(name=f"{name}: processor time of the host", unit="s", value=cpu)


PART = Part(
    name="memory",
    title="Memory",
    method=(
        "Resident memory of the host process, app included, as the kernel keeps its peak (`VmHWM`), while one file goes from "
        "the input container to its archived copy; *idle* is after a first small file of the same kind, with all "
        "that it imports. The file is made while it is uploaded. Storage is the emulator on disk. *Into parquet*: with the job "
        'spec\'s `output: {format: parquet, columns: "*"}`.'
    ),
    run=run,
)
