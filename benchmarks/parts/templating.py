"""How fast rows of every format become requests, and how much memory that takes."""

import os
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from adapters.malloc import use_few_pages
from benchmarks.desk import desk
from benchmarks.figures import Bench, Figure, Part, at_least, at_most
from benchmarks.process_use import ProcessUse
from benchmarks.tables import KINDS, table_pieces
from domain.contracts import ListedFile
from local.azurite import running as running_azurite

ROWS, QUICK_ROWS = 1_000_000, 2_000
FEW_ROWS = 1_000
# Whose speed has a budget, in rows per second.
AIMED_AT = {"csv": at_least(200_000), "parquet": at_least(300_000)}
GROWTH_MB = at_most(150)


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """One pass over one file: seconds, and MB over what the process held before."""

    wall: float
    cpu: float
    growth: float
    requests: int


def run(bench: Bench) -> list[Figure]:
    """Turn the same rows into requests from every format, each in a process of its own."""
    rows = QUICK_ROWS if bench.quick else ROWS
    found: list[Figure] = []
    for kind in sorted(AIMED_AT) if bench.quick else KINDS:
        with running_azurite(bench.folder / "azurite") as azurite:
            bench.tell(f"{kind}: writing {rows:,} rows")
            with desk(azurite.connection_string) as at:
                few, many = (
                    at.drop(f"{n}.{kind}", table_pieces(kind, bench.folder, rows=n, seed=3))
                    for n in (FEW_ROWS, rows)
                )
            bench.tell(f"{kind}: making {rows:,} requests")
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                took = pool.submit(_prepare, azurite.connection_string, few, many).result()
        if took.requests != rows:
            raise RuntimeError(f"{kind}: {took.requests:,} requests of {rows:,} rows")
        found += _figures(kind, rows, many.size, took)
    return found


def _prepare(connection_string: str, few: ListedFile, many: ListedFile) -> Took:
    """Prepare a small file, so that everything is imported, and then the large one. Runs in a process of its own."""
    use_few_pages()  # as the app does when it is loaded
    use = ProcessUse(os.getpid())
    with desk(connection_string) as at:
        at.prepare(few)
        idle, wall, cpu = use.resident_mb(), time.perf_counter(), time.process_time()
        use.forget_peak()
        prepared = at.prepare(many)
        return Took(
            wall=time.perf_counter() - wall,
            cpu=time.process_time() - cpu,
            growth=use.peak_mb() - idle,
            requests=prepared.requests,
        )


def _figures(kind: str, rows: int, size: int, took: Took) -> Iterable[Figure]:
    yield Figure(
        name=f"{kind}: per core",
        unit="rows/s",
        value=rows / took.cpu,
        budget=AIMED_AT.get(kind),
        note=f"{rows:,} rows, {size / 1e6:,.0f} MB; {rows / took.wall:,.0f} rows/s on the clock",
    )
    yield Figure(name=f"{kind}: growth of memory", unit="MB", value=took.growth, budget=GROWTH_MB)


PART = Part(
    name="templating",
    title="Tables into requests",
    method=(
        f"`prepare_file`'s own code turns {ROWS:,} rows of `id`, `title` and `text` (some 230 bytes, with quotes, commas and line "
        "ends) into one chat request each, without a job spec; the same rows in every format, each in a fresh process that "
        "has prepared a small file first. Storage is the emulator on disk. *Per core* is by processor time, all threads; "
        "memory is the process's peak (`VmHWM`) over what it held before."
    ),
    run=run,
)
