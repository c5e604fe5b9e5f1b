"""The real activities against real storage and a simulated service, called by the real flow, in one thread of the test.

A `Fuse` can blow after the nth effect on the outside world: everything that had been done by then stays done, and the
life of that run is over, as when a process is killed. Between two effects nothing outside changes, so after one is
before the next.
"""

import asyncio
import importlib
import inspect
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import msgspec

from adapters.openai.batch_api import BatchApi
from adapters.openai.live_api import LiveAnswer, LiveApi
from adapters.own_process import OwnProcess
from adapters.services import Services, services_of
from adapters.storage.append_blob import AppendBlob
from adapters.storage.blobs import BlobEntry, Container
from adapters.work.finished import FinishedFiles
from adapters.work.send_log import SendLog, SendLogs
from adapters.work.store import WorkStore
from domain.contracts import (
    Answer,
    SliceWork,
    SnapshotReport,
    SnapshotRequest,
    TakenFiles,
    from_wire,
    to_wire,
)
from domain.direct.sending import SendRecord
from domain.errors import PassingError, PipelineError
from domain.flow.flow import Flow
from domain.flow.machine import answers_of, asked_of, begin_calls, end_group
from domain.flow.state import Call
from domain.settings import Settings
from local.azure_openai import RunningService
from local.functions_host.client_binding import client_binding
from steps.answering import answer_of
from steps.by_name import STEPS
from steps.direct.slices import Slice
from steps.intake import take
from tests.conftest import Containers

LOOK_SECONDS = 0.02  # between looks at a batch that is being worked on; the flow's own clock is set forward
MOST_ROUNDS = 2000
MOST_CALLS = 1000  # at once
NO_TASK_HUB = client_binding("http://127.0.0.1:9", "Hub")  # nothing listens there
STORAGE_EFFECTS = frozenset({"write", "copy", "set_metadata", "delete", "delete_all", "delete_folder"})


class Blown(BaseException):
    """The process is gone. No `except Exception` may keep it alive."""


class Fuse:
    """Counts effects, and does something right after the nth one, from 1: the process dies, or what `then` says."""

    def __init__(self, blows_after: int | None = None, then: Callable[[], object] | None = None) -> None:
        self.blows_after, self.then = blows_after, then
        self.order: list[str] = []

    @property
    def effects(self) -> Counter[str]:
        return Counter(self.order)

    def ahead(self, call: str) -> None:
        """Nothing happens before a call; see `Weather`."""

    def passed(self, effect: str) -> None:
        self.order.append(effect)
        if len(self.order) != self.blows_after:
            return
        if self.then is None:
            raise Blown(effect)
        self.then()


class Calls(Fuse):
    """Counts the calls to storage by their kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.made: Counter[str] = Counter()

    def ahead(self, call: str) -> None:
        self.made[call] += 1


class Weather(Fuse):
    """Storage that fails: before a call does anything, or after it has done it, each with a chance of `chance`."""

    def __init__(self, seed: int, chance: float, error: type[PipelineError] = PassingError) -> None:
        super().__init__()
        self._luck, self._chance, self._error = random.Random(seed), chance, error

    def ahead(self, call: str) -> None:
        self._strike(f"{call}: the server is busy")

    def passed(self, effect: str) -> None:
        super().passed(effect)
        if effect in STORAGE_EFFECTS:
            self._strike(f"{effect}: the answer got lost")

    def _strike(self, message: str) -> None:
        if self._luck.random() < self._chance:
            raise self._error(message, code="ServerBusy")


class FusedContainer(Container):
    """Streams write through it as well: what a writer opened by it commits is an effect."""

    def __init__(self, container: Container, fuse: Fuse) -> None:
        super().__init__(container._client, container._directories, of_outputs=container.of_outputs)
        self._fuse = fuse

    def read(self, name: str) -> tuple[bytes, str]:
        self._fuse.ahead("read")
        return super().read(name)

    def open(self, name: str) -> tuple[BlobEntry, Iterator[bytes]]:
        self._fuse.ahead("open")
        return super().open(name)

    def entry(self, name: str) -> BlobEntry:
        self._fuse.ahead("entry")
        return super().entry(name)

    def list(self, prefix: str = "", *, metadata: bool = False) -> Iterator[BlobEntry]:
        self._fuse.ahead("list")
        return super().list(prefix, metadata=metadata)

    def write(self, *arguments: Any, **options: Any) -> str:
        self._fuse.ahead("write")
        etag = super().write(*arguments, **options)
        self._fuse.passed("write")
        return etag

    def copy_from(self, *arguments: Any, **options: Any) -> str:
        self._fuse.ahead("copy")
        status = super().copy_from(*arguments, **options)
        self._fuse.passed("copy")
        return status

    def set_metadata(self, *arguments: Any, **options: Any) -> None:
        self._fuse.ahead("set_metadata")
        super().set_metadata(*arguments, **options)
        self._fuse.passed("set_metadata")

    def delete(self, *arguments: Any, **options: Any) -> None:
        self._fuse.ahead("delete")
        super().delete(*arguments, **options)
        self._fuse.passed("delete")

    def delete_folder(self, *arguments: Any, **options: Any) -> None:
        self._fuse.ahead("delete_folder")
        super().delete_folder(*arguments, **options)
        self._fuse.passed("delete_folder")

    def delete_all(self, blobs: Iterable[str]) -> None:
        """A call may break off in the middle, and keeps to no order."""
        wanted = sorted(blobs, reverse=True)
        for part in (wanted[::2], wanted[1::2]):
            self._fuse.ahead("delete_all")
            super().delete_all(part)
            self._fuse.passed("delete_all")


class FusedAppendBlob(AppendBlob):
    def __init__(self, blob: AppendBlob, fuse: Fuse) -> None:
        self.__dict__.update(blob.__dict__)
        self._fuse = fuse

    def append(self, content: bytes, *, position: int | None) -> None:
        super().append(content, position=position)
        self._fuse.passed("append")


class FusedSendLogs(SendLogs):
    def __init__(self, work: Container, fuse: Fuse) -> None:
        super().__init__(work)
        self._fuse = fuse

    def of(self, name: str, position: int, note: Callable[[SendRecord], None]) -> SendLog:
        return SendLog(FusedAppendBlob(AppendBlob(self._work, name), self._fuse), position, note)


class FusedFinishedFiles(FinishedFiles):
    def __init__(self, work: Container, fuse: Fuse) -> None:
        super().__init__(work)
        self._fuse = fuse

    def _blob(self, name: str) -> AppendBlob:
        return FusedAppendBlob(super()._blob(name), self._fuse)


class FusedStore(WorkStore):
    def __init__(self, work: Container, fuse: Fuse) -> None:
        super().__init__(work)
        self.finished = FusedFinishedFiles(work, fuse)
        self.send_logs = FusedSendLogs(work, fuse)


class FusedLive(LiveApi):
    def __init__(self, api: LiveApi, fuse: Fuse) -> None:
        self.__dict__.update(api.__dict__)
        self._fuse = fuse

    async def send(self, path: str, body: dict[str, Any], *, about: str) -> LiveAnswer:
        answer = await super().send(path, body, about=about)
        self._fuse.passed("live")
        return answer


class FusedApi(BatchApi):
    """Uploads, creations, cancellations and deletions are effects."""

    def __init__(self, api: BatchApi, fuse: Fuse) -> None:
        self.__dict__.update(api.__dict__)
        self._fuse = fuse

    def upload(self, *arguments: Any) -> Any:
        uploaded = super().upload(*arguments)
        self._fuse.passed("upload")
        return uploaded

    def import_from(self, *arguments: Any) -> Any:
        imported = super().import_from(*arguments)
        self._fuse.passed("import")
        return imported

    def create(self, *arguments: Any) -> Any:
        created = super().create(*arguments)
        self._fuse.passed("create")
        return created

    def cancel(self, *arguments: Any) -> None:
        super().cancel(*arguments)
        self._fuse.passed("cancel")

    def create_from_blob(self, *arguments: Any) -> Any:
        created = super().create_from_blob(*arguments)
        self._fuse.passed("create")
        return created

    def delete_file(self, *arguments: Any) -> None:
        super().delete_file(*arguments)
        self._fuse.passed("delete_file")


def settings_for(containers: Containers, service: RunningService, **changes: str) -> Settings:
    return Settings.from_env(
        {
            "DATA": containers.connection_string,
            "INPUT_CONTAINER": containers.input,
            "PROCESSED_CONTAINER": containers.processed,
            "ERROR_CONTAINER": containers.error,
            "WORK_CONTAINER": containers.work,
            "AZURE_OPENAI_ENDPOINT": service.url,
            "AZURE_OPENAI_API_KEY": service.key,
            "POLL_MIN_SECONDS": "0.05",
            "POLL_MAX_SECONDS": "0.05",
            **changes,
        }
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class FusedServices(Services):
    """Services of which every effect goes through a fuse."""

    fuse: Fuse

    @cached_property
    def work(self) -> WorkStore:
        return FusedStore(self.storage.work, self.fuse)


def fused(bare: Services, fuse: Fuse) -> FusedServices:
    """Give what one life of the process has: the same account and service, and nothing in memory."""
    storage = bare.storage

    @asynccontextmanager
    async def open_live() -> AsyncIterator[LiveApi]:
        async with bare.open_live() as api:
            yield FusedLive(api, fuse)

    services = FusedServices(
        settings=bare.settings,
        open_storage=lambda: replace(
            storage,
            input=FusedContainer(storage.input, fuse),
            processed=FusedContainer(storage.processed, fuse),
            error=FusedContainer(storage.error, fuse),
            work=FusedContainer(storage.work, fuse),
        ),
        open_batch_api=lambda: FusedApi(bare.batch_api, fuse),
        open_live=open_live,
        clock=bare.clock,
        own_process=lambda: SameProcess(services),
        fuse=fuse,
    )
    return services


class SameProcess(OwnProcess):
    """In place of a process of its own: the same steps and effects, with everything over the wire, and as mortal."""

    def __init__(self, services: Services) -> None:
        self._services = replace(services, own_process=None)

    def run(self, activity: str, work: object, limit_seconds: float = 0.0) -> Any:
        del limit_seconds
        kind, step = STEPS[activity]
        wire = json.loads(json.dumps(work))
        return json.loads(json.dumps(answer_of(lambda: step(from_wire(wire, kind), self._services))))


class InlinePipeline:
    """One app. `storage` and `api` are the bare ones, for the test to look at."""

    def __init__(self, settings: Settings) -> None:
        wired = services_of(settings)
        self.storage, self.api = wired.storage, wired.batch_api
        self.services = replace(
            wired, open_storage=lambda: self.storage, open_batch_api=lambda: self.api, clock=self.now
        )
        self._forward = 0.0  # seconds that the flow's clock is ahead of ours
        self._snapshots = itertools.count()

    def close(self) -> None:
        self.api.close()
        self.storage.close()

    def change(self, **settings: Any) -> None:
        """Go on under other settings, as after a deployment."""
        changed = msgspec.structs.replace(self.services.settings, **settings)
        self.services = replace(self.services, settings=changed)

    def now(self) -> float:
        return time.time() + self._forward

    def wait(self, seconds: float) -> None:
        """Set the flow's clock forward."""
        self._forward += seconds

    # --- one life ----------------------------------------------------------------------------------------------------

    def begin(self, fuse: Fuse | None = None, *, snapshot_id: str = "") -> Flow:
        """Take a snapshot of what waits; the snapshots before it are dead."""
        snapshot_id = snapshot_id or f"snapshot-{next(self._snapshots):04d}"
        told = Steps(self, fuse or Fuse()).answer(
            Call("take_snapshot", to_wire(SnapshotRequest(snapshot_id=snapshot_id)))
        )
        taken = from_wire(_ok(told), TakenFiles)
        return Flow.of(snapshot_id, taken)

    def live(
        self,
        flow: Flow,
        fuse: Fuse | None = None,
        *,
        look: Callable[[], None] = lambda: None,
        until: Callable[[], bool] = lambda: False,
    ) -> SnapshotReport:
        """Run rounds until all files are finished. A round that is cut off by the fuse leaves `flow` as it was.

        `look` is called before each round; `until` ends before the end.
        """
        steps = Steps(self, fuse or Fuse())
        for _ in range(MOST_ROUNDS):
            look()
            if flow.finished or until():
                return flow.report()
            self.round(flow, steps)
        raise AssertionError(f"not finished after {MOST_ROUNDS} rounds: {to_wire(flow)}")

    def round(self, flow: Flow, steps: "Steps") -> None:
        """Begin what may begin, and carry it out."""
        groups, wake_at = begin_calls(flow, self.now(), most=MOST_CALLS)
        calls = [Call(*asked_of(flow, group)) for group in groups]
        try:
            answers = [steps.answer(call) for call in calls]
        except BaseException:  # died: the next life begins these calls again
            flow.in_flight.clear()
            raise
        for group, answer in zip(groups, answers, strict=True):
            end_group(flow, group, answers_of(group, answer), self.now())
        if not calls and wake_at is not None:
            time.sleep(LOOK_SECONDS)  # real time for the service; the flow need not wait itself
            self._forward += max(0.0, wake_at - self.now())

    def live_until(self, flow: Flow, activity: str, *, path: str = "") -> Call:
        """Run rounds until an activity is due, for the file of that path if one is named; gives that call.

        From here on each call has an activity of its own.
        """
        flow.settings = msgspec.structs.replace(flow.settings, files_per_call=1)
        steps = Steps(self, Fuse())
        while True:
            begun = begin_calls(flow, self.now(), most=MOST_CALLS).begun
            flow.in_flight.clear()  # to look only
            paths = {file.key: file.path for file in flow.files}
            for call in begun:
                if call.activity == activity and path in ("", paths.get(call.key)):
                    return call
            self.round(flow, steps)

    def run(self, fuse: Fuse | None = None) -> SnapshotReport:
        """Take and finish everything that waits, and tidy up, as `process_snapshot` does."""
        return self.reported(self.live(self.begin(fuse), fuse), Steps(self, fuse or Fuse()))

    def reported(self, report: SnapshotReport, steps: "Steps") -> SnapshotReport:
        """Tidy up and report; gives the report as it was written."""
        _ok(steps.answer(Call("remove_orphans", to_wire(SnapshotRequest(snapshot_id=report.snapshot_id)))))
        return from_wire(_ok(steps.answer(Call("write_snapshot_report", to_wire(report)))), SnapshotReport)

    # --- what there is -----------------------------------------------------------------------------------------------

    def drop(self, path: str, content: bytes) -> None:
        self.storage.input.write(path, content)

    def names(self, container: Container) -> list[str]:
        return [entry.name for entry in container.list()]

    def lines(self, container: Container, suffix: str) -> list[Any]:
        """The JSON lines of the one blob whose name ends so."""
        (name,) = (name for name in self.names(container) if name.endswith(suffix))
        return [json.loads(line) for line in container.read(name)[0].split(b"\n") if line]

    def document(self, container: Container, suffix: str) -> Any:
        (name,) = (name for name in self.names(container) if name.endswith(suffix))
        return json.loads(container.read(name)[0])


def _ok(told: dict[str, Any]) -> Any:
    """Give what an activity has answered. Raises PassingError for a fault."""
    answer = from_wire(told, Answer)
    if answer.fault:
        raise PassingError(answer.fault.message, code=answer.fault.code)
    return answer.ok


async def _nobody_is_alive(_snapshot_id: str) -> bool:
    return False


class Steps:
    """The activities as they are deployed, in one life of the process: everything they do goes through one fuse."""

    def __init__(self, pipeline: InlinePipeline, fuse: Fuse) -> None:
        self.services = fused(pipeline.services, fuse)

    def answer(self, call: Call) -> dict[str, Any]:
        """Call an activity as the host does, with the services of this life in place of the app's."""
        module = importlib.import_module(f"activities.{call.activity}")
        activity = getattr(module, call.activity)._function.get_user_function()
        wire = json.loads(json.dumps(call.input))
        with patch.object(module, "services", lambda: self.services):
            context = SimpleNamespace(invocation_id="", thread_local_storage=threading.local())
            if not inspect.iscoroutinefunction(activity):
                return dict(activity(wire, context=context))
            with patch.object(take, "alive_in", lambda *_: _nobody_is_alive):
                return dict(asyncio.run(activity(wire, client=NO_TASK_HUB, context=context)))

    def slice(self, work: SliceWork) -> Slice:
        return Slice(work, self.services)
