"""How fast an input file is read, checked and made into shards, beside the floor: reading and parsing it with the same libraries."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import msgspec

from activities.prepare_file import prepare
from activities.survey import Survey, list_inputs
from activities.take_snapshot import take
from adapters.storage import Storage, open_storage
from adapters.work_room import WorkRoom
from benchmarks.figures import Bench, Budget, Figure, Part, at_least
from benchmarks.workload import MODEL, csv_pieces, parquet_pieces, pieces
from domain import names
from domain.contracts import FileWork, ListedFile, PreparedFile
from domain.request_lines import split_lines
from domain.settings import Settings
from local.azurite import running as running_azurite

SNAPSHOT = "snapshot-20260101T000000.000Z"
SIZE, QUICK_SIZE = 100_000_000, 5_000_000
REPEATS, QUICK_REPEATS = 3, 1
"""Best of so many: what else the machine does only ever makes it slower."""
ROWS, QUICK_ROWS = 1_000_000, 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """One pass."""

    wall: float  # seconds
    cpu: float  # seconds of this process, all threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A data account and the settings under which files are prepared in this process."""

    storage: Storage
    room: WorkRoom
    settings: Settings

    def drop(self, path: str, content: Iterable[bytes]) -> ListedFile:
        """Put a file into the input container and claim it."""
        with self.storage.input.writer(path) as blob:
            for piece in content:
                blob.write(piece)
        inputs, specs = list_inputs(self.storage, self.settings)
        wanted = [file for file in inputs if file.path == path]
        found = Survey(unclaimed=wanted, orphaned=[], mine=[], waiting=[], specs=specs)
        take(found, SNAPSHOT, storage=self.storage, room=self.room, settings=self.settings)
        (listed,) = [f for f in self.room.read_page(SNAPSHOT, 0) if f.path == path]
        return listed

    def prepare(self, listed: ListedFile) -> PreparedFile:
        """Prepare it as the activity does, from the beginning."""
        work = FileWork(snapshot_id=SNAPSHOT, key=listed.key, fresh=True)
        return prepare(work, storage=self.storage, room=self.room, settings=self.settings, now=time.time())

    def floor(self, listed: ListedFile) -> None:
        """Read the same bytes from storage and parse each line, and do nothing with them."""
        decode = msgspec.json.Decoder().decode
        for line in split_lines(self.storage.work.chunks(names.frozen_input(listed.key))):
            decode(line)


@contextmanager
def desk() -> Iterator[Desk]:
    """Open storage in an emulator of its own."""
    with running_azurite() as azurite:
        settings = Settings.from_env(
            {
                "STORAGE": azurite.connection_string,
                "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:9",
                "AZURE_OPENAI_DEPLOYMENT": MODEL,
            }
        )
        storage = open_storage(settings).ready()
        try:
            yield Desk(storage=storage, room=WorkRoom(storage.work), settings=settings)
        finally:
            storage.close()


def run(bench: Bench) -> list[Figure]:
    """Prepare one file of each kind."""
    with desk() as at:
        return [*_ready_made(at, bench), *_many_shards(at, bench), *_tables(at, bench)]


def _ready_made(at: Desk, bench: Bench) -> list[Figure]:
    size = QUICK_SIZE if bench.quick else SIZE
    bench.tell("a ready-made file that is its own shard")
    listed = at.drop("ready.jsonl", pieces("ready", size=size, seed=1))
    return _figures("ready-made jsonl, its own shard", at, listed, bench, at_least(100))


def _many_shards(at: Desk, bench: Bench) -> list[Figure]:
    size = QUICK_SIZE if bench.quick else SIZE
    bench.tell("a ready-made file that has to be cut")
    smaller = msgspec.structs.replace(at.settings, max_bytes_per_shard=size // 4)
    cutting = Desk(storage=at.storage, room=at.room, settings=smaller)
    listed = cutting.drop("cut.jsonl", pieces("cut", size=size, seed=2))
    return _figures("ready-made jsonl, written into five shards", cutting, listed, bench, at_least(100))


def _figures(name: str, at: Desk, listed: ListedFile, bench: Bench, budget: Budget) -> list[Figure]:
    repeats = QUICK_REPEATS if bench.quick else REPEATS
    floor = _best(lambda: at.floor(listed), repeats)
    took = _best(lambda: at.prepare(listed), repeats)
    megabytes = listed.size / 1e6
    return [
        Figure(name=f"{name}: per core", unit="MB/s", value=megabytes / took.cpu, budget=budget),
        Figure(name=f"{name}: on the clock", unit="MB/s", value=megabytes / took.wall),
        Figure(name=f"{name}: reading and parsing alone", unit="MB/s per core", value=megabytes / floor.cpu),
        Figure(name=f"{name}: cost over that floor", unit="times", value=took.cpu / floor.cpu),
    ]


def _tables(at: Desk, bench: Bench) -> list[Figure]:
    rows = QUICK_ROWS if bench.quick else ROWS
    found = []
    for kind, content in (
        ("csv", csv_pieces(rows=rows, seed=3)),
        ("parquet", parquet_pieces(rows=rows, seed=3)),
    ):
        bench.tell(f"a {kind}")
        listed = at.drop(f"table.{kind}", content)
        took = _best(partial(at.prepare, listed), 1)
        found.append(
            Figure(
                name=f"{kind}, templated",
                unit="rows/s per core",
                value=rows / took.cpu,
                budget=at_least(100_000),
            )
        )
    return found


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
