"""How fast an input file is read, checked and made into shards, beside the floor: reading and parsing it with the same libraries."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from adapters.malloc import use_few_pages
from benchmarks.desk import Desk, desk
from benchmarks.figures import Bench, Budget, Figure, Part, at_least, at_most
from benchmarks.workload import pieces
from domain import names
from domain.contracts import ListedFile
from domain.service.request_lines import split_lines
from local.azurite import running as running_azurite

SIZE, QUICK_SIZE = 100_000_000, 5_000_000
PER_CORE = at_least(100)  # MB/s
OVER_FLOOR = at_most(1.25)  # where nothing is written: 80 % of its speed
REPEATS, QUICK_REPEATS = 3, 1
"""Best of so many: what else the machine does only ever makes it slower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """One pass."""

    wall: float  # seconds
    cpu: float  # seconds of this process, all threads


def run(bench: Bench) -> list[Figure]:
    """Prepare one file of each kind."""
    use_few_pages()  # as the app does when it is loaded
    with running_azurite() as azurite, desk(azurite.connection_string) as at:
        return [*_ready_made(at, bench), *_many_shards(at, bench)]


def _ready_made(at: Desk, bench: Bench) -> list[Figure]:
    size = QUICK_SIZE if bench.quick else SIZE
    bench.tell("a ready-made file that is its own shard")
    listed = at.drop("ready.jsonl", pieces("ready", size=size, seed=1))
    return _figures("ready-made jsonl, its own shard", at, listed, bench, over_floor=OVER_FLOOR)


def _many_shards(at: Desk, bench: Bench) -> list[Figure]:
    size = QUICK_SIZE if bench.quick else SIZE
    bench.tell("a ready-made file that has to be cut")
    smaller = msgspec.structs.replace(at.services.settings, max_bytes_per_shard=size // 4)
    cutting = Desk(replace(at.services, settings=smaller))
    listed = cutting.drop("cut.jsonl", pieces("cut", size=size, seed=2))
    return _figures("ready-made jsonl, cut into five shards", cutting, listed, bench)


def _figures(
    name: str, at: Desk, listed: ListedFile, bench: Bench, *, over_floor: Budget | None = None
) -> list[Figure]:
    repeats = QUICK_REPEATS if bench.quick else REPEATS
    floor = _best(lambda: _read_and_parse(at, listed), repeats)
    took = _best(lambda: at.prepare(listed), repeats)
    megabytes = listed.size / 1e6
    return [
        Figure(name=f"{name}: per core", unit="MB/s", value=megabytes / took.cpu, budget=PER_CORE),
        Figure(name=f"{name}: on the clock", unit="MB/s", value=megabytes / took.wall),
        Figure(name=f"{name}: reading and parsing alone", unit="MB/s per core", value=megabytes / floor.cpu),
        Figure(
            name=f"{name}: cost over that floor", unit="times", value=took.cpu / floor.cpu, budget=over_floor
        ),
    ]


def _read_and_parse(at: Desk, listed: ListedFile) -> None:
    """Read the same bytes from storage and parse each line, and do nothing with them."""
    decode = msgspec.json.Decoder().decode
    for line in split_lines(at.services.storage.work.chunks(names.frozen_input(listed.key))):
        decode(line)


def _best(work: Callable[[], object], repeats: int) -> Took:
    found = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        found.append(Took(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu))
    return min(found, key=lambda took: took.cpu)


PART = Part(
    name="preparing",
    title="Preparing",
    method=(
        "`prepare_file`'s own code in this process, storage in an emulator process: 100 MB of requests of about 1.2 kB. "
        "The floor streams the same blob through the same storage client and parses each line with the same JSON library. "
        f"Best of {REPEATS}; *per core* is by processor time, all threads."
    ),
    run=run,
)
