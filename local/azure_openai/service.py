"""The whole service, put together: what it knows, what it does, and what it keeps from one start to the next."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

import msgspec

from local.azure_openai.batches import BatchStore
from local.azure_openai.batches_api import BatchesApi
from local.azure_openai.counters import Counters
from local.azure_openai.faults import Faults
from local.azure_openai.files import FileStore
from local.azure_openai.files_api import FilesApi
from local.azure_openai.lifecycle import Lifecycle
from local.azure_openai.live_api import LiveApi
from local.azure_openai.plan import Plan
from local.azure_openai.processing import Processor
from local.azure_openai.records import BatchRecord, FileRecord
from local.azure_openai.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from local.azure_openai.blob_storage import BlobStorage
    from local.azure_openai.operations import Operation
    from local.azure_openai.settings import Settings


class Memory(msgspec.Struct):
    """What survives a restart, beside the contents of files; written on a clean stop."""

    files: list[FileRecord]
    batches: list[BatchRecord]
    counters: Counters
    plan: Plan


class Service:
    """A local Azure OpenAI resource that lives in a directory."""

    def __init__(self, settings: Settings, directory: Path, plan: Plan) -> None:
        self._memory_path = directory / "state.json"
        self._workspaces = directory / "batches"
        self.settings = settings
        self.counters = Counters()
        self.faults = Faults(plan, seed=settings.seed)
        self.files = FileStore(directory / "files", settings)
        self.batches = BatchStore(settings)
        blobs = _blob_storage(settings.storage_connection)
        workspace = Workspace(self._workspaces, self.files, blobs, settings)
        processor = Processor(self.faults, self.counters, now=time.time)
        self.lifecycle = Lifecycle(settings, self.batches, workspace, processor, self.counters)
        self._files_api = FilesApi(self.files, settings, blobs)
        self._batches_api = BatchesApi(
            settings=settings,
            batches=self.batches,
            files=self.files,
            workspace=workspace,
            blobs=blobs,
            lifecycle=self.lifecycle,
            faults=self.faults,
            counters=self.counters,
        )
        self._live_api = LiveApi(settings, self.counters, self.faults)

    def operations(self) -> list[Operation]:
        """Every operation of the API, in the order in which paths are matched."""
        return [*self._files_api.operations(), *self._batches_api.operations(), *self._live_api.operations()]

    def start(self) -> None:
        """Take up what an earlier start left. To be called in the event loop."""
        if not self._memory_path.exists():
            return
        memory = msgspec.json.decode(self._memory_path.read_bytes(), type=Memory)
        for file in memory.files:
            self.files.add(file)
        for name in Counters.__struct_fields__:
            setattr(self.counters, name, getattr(memory.counters, name))
        if self.faults.plan == Plan():  # a plan given for this start comes first
            self.faults.replace(memory.plan)
        for batch in memory.batches:
            self.batches.add(batch)
            if not batch.is_over:
                self.lifecycle.start(batch)

    async def stop(self) -> None:
        """Halt everything and remember it."""
        await self._files_api.stop()
        await self.lifecycle.stop()
        memory = Memory(
            files=[file for file in self.files.records.values() if file.status not in ("pending", "running")],
            batches=list(self.batches.records.values()),
            counters=self.counters,
            plan=self.faults.plan,
        )
        whole = self._memory_path.with_suffix(".new")
        whole.write_bytes(msgspec.json.encode(memory))
        whole.replace(self._memory_path)

    def reset(self) -> None:
        """Forget files, batches, counts and plan."""
        self.lifecycle.halt_all()
        self.batches.clear()
        self.files.clear()
        shutil.rmtree(self._workspaces, ignore_errors=True)
        for name, empty in msgspec.structs.asdict(Counters()).items():
            setattr(self.counters, name, empty)
        self.faults.replace(Plan())

    def summary(self) -> dict[str, Any]:
        """What GET /admin/counters tells."""
        enqueued = {batch.deployment: 0 for batch in self.batches.active.values()}
        return self.counters.summary() | {
            "active_batches": len(self.batches.active),
            "enqueued_tokens": {name: self.batches.enqueued_tokens(name) for name in enqueued},
            "files": self.files.names_by_purpose(),
        }


def _blob_storage(connection: str) -> BlobStorage | None:
    if not connection:
        return None
    # Half of all start-up time is the storage SDK, which only blob mode needs.
    from local.azure_openai.blob_storage import BlobStorage  # noqa: PLC0415

    return BlobStorage(connection)
