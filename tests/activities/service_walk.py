"""Every call of a job, spoilt in every way, and the balance at its end: `make answers`.

A proxy between the app and the simulated service answers in the service's place: before the call's effect, which then never
happens, or after it. Each cell of the walk is a job of its own, over containers and a service that know nothing.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from local.azure_openai import RunningService
from local.azure_openai import running as running_service
from local.azurite import Azurite
from local.azurite import running as running_azurite
from local.fault_proxies import service as fault_proxy
from local.fault_proxies.service import CUT, FAULTS, FaultProxy
from tests.activities.inline_pipeline import InlinePipeline, settings_for
from tests.activities.request_files import request
from tests.conftest import new_containers

ROWS = 4
TIMES = 4  # that a look is spoilt in a row: more than the three tries that were enough once
TIMES_OF_EFFECTS = 2
TIMEOUT_SECONDS = 2.0  # of a call to the service
EVERY_CALL = "every call"

EFFECTS = frozenset({"upload", "import", "create_batch", "cancel_batch", "delete_file", "live"})
# Of a live call these are odd answers, which are kept as they came.
ODD_ANSWERS = frozenset({"200 other"})
# Calls whose answers are cut as well; half of an effect's answer is a body like others that say nothing.
CUTS_OF = frozenset({"content", "get_batch", "list_batches", "list_files", "get_file"})


class Job(NamedTuple):
    """A job in which a call is made: settings, the service's plan, the file."""

    settings: dict[str, str]
    plan: dict[str, Any]
    content: bytes


_CONTENT = b"".join(request(f"row-{number}", f"text {number}") for number in range(ROWS))
_BATCHES = Job({"MAX_REQUESTS_PER_SHARD": "2"}, {}, _CONTENT)
_IMPORTS = _BATCHES._replace(
    settings={"TRANSPORT": "import", "AZURE_OPENAI_API_VERSION": "2025-04-01-preview"}
)
_ENDLESS = {"batches": [{"duration_seconds": 1e8}]}
_LOST_UPLOAD = {"calls": [{"operation": "upload", "nth": 1, "connection": "lost"}]}

JOBS: dict[str, Job] = {
    "upload": _BATCHES,
    "import": _IMPORTS,
    "list_files": _BATCHES._replace(plan=_LOST_UPLOAD),
    "get_file": _IMPORTS,
    "create_batch": _BATCHES,
    "list_batches": _BATCHES,
    "get_batch": _BATCHES._replace(settings={}),
    "content": _BATCHES,
    "delete_file": _BATCHES,
    "cancel_batch": _BATCHES._replace(
        settings={"DEADLINE_HOURS": "0.01", "POLL_MIN_SECONDS": "1", "POLL_MAX_SECONDS": "1"}, plan=_ENDLESS
    ),
    "live": _BATCHES._replace(settings={"ENGINE": "direct"}),
}


OF_BATCHES = [name for name in JOBS if name not in ("import", "cancel_batch", "live")]
JOBS_OF_CELLS = {**JOBS, EVERY_CALL: _BATCHES}


class Cell(NamedTuple):
    """One way in which one kind of call is spoilt; EVERY_CALL: all kinds of calls of a job with batches, in one job."""

    operation: str
    fault: str
    after: bool


class Balance(NamedTuple):
    """What a job came to. `lost`: rows without an outcome, or with one that nothing in the service explains."""

    struck: int
    lost: int
    paid_twice: int
    doubtful: int  # rows of live calls, reported as ones that may have been billed
    told: str

    @property
    def even(self) -> bool:
        return self.lost == 0 and self.paid_twice == 0


def cells(operations: Iterable[str] = JOBS) -> Iterator[Cell]:
    """Every call with every fault that can happen to it, before its effect and after it."""
    for operation in operations:
        for fault in FAULTS:
            if fault in CUT and operation not in CUTS_OF:
                continue
            if operation == "live" and fault in ODD_ANSWERS:
                continue
            if fault not in CUT and not _is_refusal(operation, fault):
                yield Cell(operation, fault, after=False)
            if (operation in EFFECTS or fault in CUT) and not _is_unknowable(operation, fault):
                yield Cell(operation, fault, after=True)


def _spoilt(cell: Cell) -> list[str]:
    if cell.operation != EVERY_CALL:
        return [cell.operation]
    spoilt = [name for name in OF_BATCHES if cell.fault not in CUT or name in CUTS_OF]
    return [name for name in spoilt if cell.after or not _is_refusal(name, cell.fault)]


def _is_refusal(operation: str, fault: str) -> bool:
    """Tell the service's own refusal, before any effect: its rows fail, as they have to."""
    return fault == "400 own" and operation in EFFECTS


def _is_unknowable(operation: str, fault: str) -> bool:
    """Tell what cannot be seen of a live call: that it was paid before the service's own words refused it."""
    own = fault.endswith("own") or fault[:3] in ("401", "403", "404")
    return operation == "live" and own


class World:
    """The storage and the service that all cells share, one after the other."""

    def __init__(self, azurite: Azurite, service: RunningService) -> None:
        self._azurite, self._service = azurite, service

    def walk(self, cell: Cell) -> Balance:
        """Run the job of a cell to its end."""
        job = JOBS_OF_CELLS[cell.operation]
        self._service.reset()
        self._service.plan(**job.plan)
        with (
            new_containers(self._azurite) as containers,
            fault_proxy.running(self._service.url) as proxy,
            short_timeouts(),
        ):
            for operation in _spoilt(cell):
                times = TIMES_OF_EFFECTS if operation in EFFECTS else TIMES
                proxy.strike(operation, FAULTS[cell.fault], after=cell.after, times=times)
            settings = settings_for(
                containers, self._service, **{"AZURE_OPENAI_ENDPOINT": proxy.url, **job.settings}
            )
            with closing(InlinePipeline(settings)) as pipeline:
                pipeline.api._client.max_retries = 0  # the SDK's own tries would only take time
                pipeline.drop("a.jsonl", job.content)
                report = pipeline.live(pipeline.begin())
                return self._balance(pipeline, proxy, cell, report.held)

    def _balance(self, pipeline: InlinePipeline, proxy: FaultProxy, cell: Cell, held: int) -> Balance:
        storage, counted = pipeline.storage, self._service.counters()
        outputs, errors = (
            [name for name in pipeline.names(container) if name.endswith(suffix)]
            for container, suffix in ((storage.processed, "_output.jsonl"), (storage.error, "_error.jsonl"))
        )
        answered = pipeline.lines(storage.processed, "_output.jsonl") if outputs else []
        failed = pipeline.lines(storage.error, "_error.jsonl") if errors else []
        ends = Counter(line["code"] for line in failed)
        expected = {"batch_cancelled"} if cell.operation == "cancel_batch" else set()
        doubtful = ends["lost_answer"] if cell.operation == "live" else 0
        explained = sum(count for code, count in ends.items() if code in expected)
        lost = ROWS - len({line["custom_id"] for line in answered}) - explained - doubtful
        batches = counted["batches_by_content"].values()
        twice = sum(len(ids) - 1 for ids in batches) + len(counted["answers"]["served_more_than_once"])
        twice += len(counted["live_answers"]["served_more_than_once"])
        told = "held" if held else ", ".join(f"{count} {code}" for code, count in ends.items())
        return Balance(sum(proxy.struck.values()), lost, twice, doubtful, told)


@contextmanager
def short_timeouts() -> Iterator[None]:
    """A service that hangs is not waited for."""
    with (
        patch("adapters.openai.live_api.CALL_TIMEOUT_SECONDS", TIMEOUT_SECONDS),
        patch("adapters.openai.batch_api.CALL_TIMEOUT_SECONDS", TIMEOUT_SECONDS),
        patch("adapters.openai.batch_api.CREATE_TIMEOUT_SECONDS", TIMEOUT_SECONDS),
        patch("adapters.openai.batch_api.TRANSFER_TIMEOUT_SECONDS", TIMEOUT_SECONDS),
    ):
        yield


def table(balances: dict[Cell, Balance]) -> str:
    """The balance for each kind of call, as Markdown."""
    lines = [
        "| call | faults before the effect | after it | calls spoilt | rows lost | paid twice |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for operation in JOBS_OF_CELLS:
        own = {cell: balance for cell, balance in balances.items() if cell.operation == operation}
        if own:
            before = sum(not cell.after for cell in own)
            sums = [sum(getattr(b, name) for b in own.values()) for name in ("struck", "lost", "paid_twice")]
            lines.append(
                f"| `{operation}` | {before} | {len(own) - before} | " + " | ".join(map(str, sums)) + " |"
            )
    return "\n".join(lines)


def main(operations: list[str], say: Callable[[str], object] = print) -> int:
    """Walk all cells, or those of the operations that are named; 1 where the balance is not even."""
    balances: dict[Cell, Balance] = {}
    with (
        running_azurite() as azurite,
        running_service(speed=20_000, storage_connection=azurite.connection_string) as service,
    ):
        world = World(azurite, service)
        for cell in cells(operations or JOBS):
            balances[cell] = balance = world.walk(cell)
            if not balance.even or not balance.struck:
                say(f"{cell}: {balance}")
    say(table(balances))
    return 0 if all(balance.even for balance in balances.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
