"""The real activities against real storage and a simulated service, called by the real flow, in one thread of the test.

A `Fuse` can blow after the nth effect on the outside world: everything that had been done by then stays done, and the
life of that run is over, as when a process is killed. Between two effects nothing outside changes, so after one is
before the next.
"""

import asyncio
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from activities.archive_input import archive
from activities.cancel_batch import cancel
from activities.collect_batch import Collection
from activities.hold_file import hold
from activities.poll_batches import poll
from activities.prepare_file import prepare
from activities.remove_orphans import remove
from activities.send_slice import Slice, Standings
from activities.share_limit import share
from activities.submit_batch import Submission
from activities.take_snapshot import take
from activities.write_outputs import write
from adapters.openai.batch_api import BatchApi, open_batch_api
from adapters.openai.live_api import LiveAnswer, LiveApi, open_live_api
from adapters.storage.append_blob import AppendBlob
from adapters.storage.blobs import BlobEntry, Container, Storage, open_storage
from adapters.work.send_log import SendLog
from adapters.work.shares import ShareNotes
from adapters.work.store import WorkRoom
from domain.contracts import (
    CancelRequest,
    EndedBatch,
    FileWork,
    PageOfFiles,
    PageRequest,
    PollRequest,
    ShardWork,
    SliceWork,
    SnapshotReport,
    from_wire,
    to_wire,
)
from domain.direct.sending import SendRecord
from domain.direct.throttle import WIDEST
from domain.errors import PassingError
from domain.flow.machine import Flow
from domain.flow.sharing import ShareRequest
from domain.flow.state import Call
from domain.settings import Settings
from local.azure_openai import RunningService
from steps.answering import answering
from steps.intake.survey import survey
from steps.intake.waiting_note import tell_waiting
from steps.service_files import delete_leftovers
from tests.conftest import Containers

PREFIX = "batch-pipeline-test-"
SLICE_SECONDS = 5.0  # of real time and of the flow's
LOOK_SECONDS = 0.02  # between looks at a batch that is being worked on; the flow's own clock is set forward
MOST_ROUNDS = 2000
STORAGE_EFFECTS = frozenset({"write", "copy", "set_metadata", "delete", "delete_folder"})


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


class Weather(Fuse):
    """Storage that fails: before a call does anything, or after it has done it, each with a chance of `chance`."""

    def __init__(self, seed: int, chance: float) -> None:
        super().__init__()
        self._luck, self._chance = random.Random(seed), chance

    def ahead(self, call: str) -> None:
        self._strike(f"{call}: the server is busy")

    def passed(self, effect: str) -> None:
        super().passed(effect)
        if effect in STORAGE_EFFECTS:
            self._strike(f"{effect}: the answer got lost")

    def _strike(self, message: str) -> None:
        if self._luck.random() < self._chance:
            raise PassingError(message, code="ServerBusy")


class FusedContainer(Container):
    """Streams write through it as well: what a writer opened by it commits is an effect."""

    def __init__(self, container: Container, fuse: Fuse) -> None:
        super().__init__(container._client, container._directories)
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


class FusedAppendBlob(AppendBlob):
    def __init__(self, blob: AppendBlob, fuse: Fuse) -> None:
        self.__dict__.update(blob.__dict__)
        self._fuse = fuse

    def append(self, content: bytes, *, position: int | None) -> None:
        super().append(content, position=position)
        self._fuse.passed("append")


class FusedRoom(WorkRoom):
    def __init__(self, work: Container, fuse: Fuse) -> None:
        super().__init__(work)
        self._fuse = fuse

    def send_log(self, name: str, position: int, note: Callable[[SendRecord], None]) -> SendLog:
        return SendLog(FusedAppendBlob(AppendBlob(self._work, name), self._fuse), position, note)


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
            "STORAGE": containers.connection_string,
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


def batch_api_for(settings: Settings) -> BatchApi:
    return open_batch_api(
        endpoint=settings.azure_openai_endpoint,
        api_version=settings.azure_openai_api_version,
        api_key=settings.azure_openai_api_key,
        scope=settings.azure_openai_scope,
        completion_window=settings.completion_window,
        expiry_days=settings.file_expiry_days,
    )


def live_api_for(settings: Settings) -> AbstractAsyncContextManager[LiveApi]:
    return open_live_api(
        endpoint=settings.azure_openai_endpoint,
        api_version=settings.azure_openai_api_version,
        api_key=settings.azure_openai_api_key,
        scope=settings.azure_openai_scope,
        connections=int(WIDEST),
    )


class InlinePipeline:
    """One app. `storage` and `api` are the bare ones, for the test to look at."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.storage = open_storage(settings)
        self.api = batch_api_for(settings)
        self._forward = 0.0  # seconds that the flow's clock is ahead of ours
        self._snapshots = itertools.count()

    def close(self) -> None:
        self.api.close()
        self.storage.close()

    def now(self) -> float:
        return time.time() + self._forward

    # --- one life ----------------------------------------------------------------------------------------------------

    def begin(self, fuse: Fuse | None = None, *, snapshot_id: str = "") -> Flow:
        """Take a snapshot of what waits; the snapshots before it are dead."""
        steps = Steps(self, fuse or Fuse())
        snapshot_id = snapshot_id or f"snapshot-{next(self._snapshots):04d}"
        found = asyncio.run(
            survey(
                steps.storage,
                steps.room,
                _nobody_is_alive,
                snapshot_id=snapshot_id,
                settings=self.settings,
                now=self.now(),
            )
        )
        tell_waiting(found, steps.storage, self.settings)
        taken = take(found, snapshot_id, storage=steps.storage, room=steps.room, settings=self.settings)
        return Flow(snapshot_id=snapshot_id, pace=taken.pace, files_total=taken.files, pages=taken.pages)

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
            now = self.now()
            self._round(flow, flow.next_calls(now), steps, now)
        raise AssertionError(f"not finished after {MOST_ROUNDS} rounds: {to_wire(flow)}")

    def _round(self, flow: Flow, calls: list[Call], steps: "Steps", now: float) -> None:
        if calls:
            answers = [steps.answer(call) for call in calls]
            flow.absorb(calls, answers, self.now())
        else:
            time.sleep(LOOK_SECONDS)  # real time for the service; the flow need not wait itself
            self._forward += max(0.0, flow.wake_at(now) - self.now())

    def live_until(self, flow: Flow, activity: str, *, path: str = "") -> Call:
        """Run rounds until an activity is due, for the file of that path if one is named; gives that call."""
        steps = Steps(self, Fuse())
        while True:
            now = self.now()
            calls = flow.next_calls(now)
            paths = {file.key: file.path for file in flow.files}
            for call in calls:
                if call.activity == activity and path in ("", paths[call.key]):
                    return call
            self._round(flow, calls, steps, now)

    def run(self, fuse: Fuse | None = None) -> SnapshotReport:
        """Take and finish everything that waits, and tidy up, as `process_snapshot` does."""
        report = self.live(self.begin(fuse), fuse)
        steps = Steps(self, fuse or Fuse())
        remove(room=steps.room, api=steps.api, file_prefix=PREFIX)
        ShareNotes(steps.storage.work).drop([report.snapshot_id])
        return report

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


async def _nobody_is_alive(_snapshot_id: str) -> bool:
    return False


class Steps:
    """The activities by name, with everything they do going through one fuse."""

    def __init__(self, pipeline: InlinePipeline, fuse: Fuse) -> None:
        bare = pipeline.storage
        self.storage = Storage(
            account_url=bare.account_url,
            input=FusedContainer(bare.input, fuse),
            processed=FusedContainer(bare.processed, fuse),
            error=FusedContainer(bare.error, fuse),
            work=FusedContainer(bare.work, fuse),
            work_urls=bare.work_urls,
        )
        self.room = FusedRoom(self.storage.work, fuse)
        self._fuse, self._standings = fuse, Standings()
        self.api = FusedApi(pipeline.api, fuse)
        self._settings, self._now = pipeline.settings, pipeline.now

    def answer(self, call: Call) -> dict[str, Any]:
        step = getattr(self, call.activity)
        return answering(lambda: step(json.loads(json.dumps(call.input))))

    def list_files(self, wire: Any) -> PageOfFiles:
        request = from_wire(wire, PageRequest)
        return PageOfFiles(files=self.room.read_page(request.snapshot_id, request.page))

    def share_limit(self, wire: Any) -> object:
        return share(from_wire(wire, ShareRequest), notes=ShareNotes(self.storage.work), now=self._now())

    def prepare_file(self, wire: Any) -> object:
        work = from_wire(wire, FileWork)
        prepared = prepare(
            work, storage=self.storage, room=self.room, settings=self._settings, now=self._now()
        )
        if not work.fresh and not prepared.gone:
            delete_leftovers(work.key, room=self.room, api=self.api)
        return prepared

    def submit_batch(self, wire: Any) -> object:
        work = from_wire(wire, ShardWork)
        submission = Submission(
            work,
            room=self.room,
            urls=self.storage.work_urls,
            api=self.api,
            settings=self._settings,
            file_prefix=PREFIX,
            clock=self._now,
        )
        return submission.run()

    def send_slice(self, wire: Any) -> object:
        work = from_wire(wire, SliceWork)
        return self.slice(work).run()

    def slice(self, work: SliceWork) -> Slice:
        return Slice(
            work,
            room=self.room,
            open_live=self._open_live,
            settings=self._settings,
            standings=self._standings,
            clock=self._now,
            seconds=SLICE_SECONDS,
        )

    @asynccontextmanager
    async def _open_live(self) -> AsyncIterator[LiveApi]:
        async with live_api_for(self._settings) as api:
            yield FusedLive(api, self._fuse)

    def poll_batches(self, wire: Any) -> object:
        return poll(from_wire(wire, PollRequest), api=self.api)

    def cancel_batch(self, wire: Any) -> object:
        return cancel(from_wire(wire, CancelRequest), api=self.api)

    def collect_batch(self, wire: Any) -> object:
        ended = from_wire(wire, EndedBatch)
        collection = Collection(
            ended,
            room=self.room,
            urls=self.storage.work_urls,
            api=self.api,
            settings=self._settings,
            clock=self._now,
        )
        return collection.run()

    def write_outputs(self, wire: Any) -> object:
        work = from_wire(wire, FileWork)
        return write(work, storage=self.storage, room=self.room, settings=self._settings)

    def archive_input(self, wire: Any) -> object:
        archive(from_wire(wire, FileWork), storage=self.storage, room=self.room, settings=self._settings)
        return None

    def hold_file(self, wire: Any) -> object:
        hold(from_wire(wire, FileWork), room=self.room, settings=self._settings, now=self._now())
        return None
