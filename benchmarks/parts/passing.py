"""What one large file takes from its drop to its archived copy, beside the floor: copying the same bytes there and back."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from adapters.services import Services, services_of
from adapters.storage.stream import BlobStream
from benchmarks.figures import Bench, Figure, Part, at_most
from benchmarks.rig import Rig, running
from benchmarks.workload import batch_file, pieces
from domain.settings import Settings

MB = 1_000_000
SIZE, QUICK_SIZE = 180 * MB, 5 * MB
SERVICE = {"upload_limit_bytes": 200 * MB, "duration_seconds": 1.0}
LIMIT_SECONDS = 600.0
POLL_SECONDS = 2.0  # between looks: the rig's app is told 1 s, and its timers fire at whole seconds
CPU_SECONDS, OVER_FLOOR = at_most(9.0), at_most(1.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """Seconds on the clock, and of the processor."""

    wall: float
    cpu: float


def run(bench: Bench) -> list[Figure]:
    """Send a small file, so that everything is imported, then the large one, and copy its bytes after that."""
    size = QUICK_SIZE if bench.quick else SIZE
    with running(bench.folder / "passing", service=SERVICE, on_disk=True) as rig:
        bench.tell("warming up")
        rig.drop("small.jsonl", batch_file("small", requests=10, seed=1))
        rig.wait_until_reported(1, 120, bench.tell)
        bench.tell("dropping")
        rig.drop("large.jsonl", pieces("large", size=size, seed=size))
        wall, cpu = time.perf_counter(), rig.host.use.cpu_seconds()
        rig.wait_until_reported(2, LIMIT_SECONDS, bench.tell)
        took = Took(wall=time.perf_counter() - wall, cpu=rig.host.use.cpu_seconds() - cpu)
        batches = rig.service.batches()[1:]
        waited = max(batch["ended_at"] for batch in batches) - min(batch["created_at"] for batch in batches)
        bench.tell("copying")
        copied = _copy(rig)
    return list(_figures(size, took, copied, waited + POLL_SECONDS))


def _figures(size: int, took: Took, copied: Took, waited: float) -> Iterable[Figure]:
    name = f"ready-made jsonl, {size // MB:,} MB"
    yield Figure(name=f"{name}: processor time of the host", unit="s", value=took.cpu, budget=CPU_SECONDS)
    yield Figure(name=f"{name}: processor time of copying alone", unit="s", value=copied.cpu)
    yield Figure(
        name=f"{name}: from drop to report, over waiting and copying",
        unit="times",
        value=took.wall / (waited + copied.wall),
        budget=OVER_FLOOR,
        note=f"{took.wall:.1f} s; {waited:.1f} s of waiting, {copied.wall:.1f} s of copying",
    )


def _copy(rig: Rig) -> Took:
    """Bring the archived bytes to the service and back into storage, with the app's own clients, and look at none."""
    services = services_of(Settings.from_env(rig.settings))
    begun = Took(wall=time.perf_counter(), cpu=time.process_time())
    try:
        _copy_with(services)
    finally:
        services.batch_api.close()
        services.storage.close()
    return Took(wall=time.perf_counter() - begun.wall, cpu=time.process_time() - begun.cpu)


def _copy_with(services: Services) -> None:
    storage, api = services.storage, services.batch_api
    archived = next(entry for entry in storage.processed.list() if entry.name.endswith("/large.jsonl"))
    file_id, _ = api.upload("copy.jsonl", BlobStream(storage.processed, archived.name, archived.size))
    with storage.work.writer("copy") as blob:
        for piece in api.content(file_id):
            blob.write(piece)


PART = Part(
    name="passing",
    title="One large file",
    method=(
        f"A ready-made file of {SIZE // MB} MB, of requests of about 1.2 kB, from its drop to the report that it is done; the whole app "
        "in the embedded host, storage and service in processes of their own, a small file before it. The floor brings the archived bytes "
        "to the service and back into storage, with the same clients and in this process. *Waiting*: from the creation of the first "
        f"batch to the end of the last one, and {POLL_SECONDS:.0f} s between looks."
    ),
    run=run,
)
