"""A place to prepare files in this process, with the activities' own code."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from activities.prepare_file import prepare
from activities.take_snapshot import take
from adapters.storage.blobs import Storage, open_storage
from adapters.work.store import WorkStore
from benchmarks.workload import MODEL
from domain.contracts import FileWork, ListedFile, PreparedFile
from domain.settings import Settings
from steps.intake.survey import Survey, list_inputs

SNAPSHOT = "snapshot-20260101T000000.000Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A data account and the settings under which files are prepared in this process."""

    storage: Storage
    store: WorkStore
    settings: Settings

    def drop(self, path: str, content: Iterable[bytes]) -> ListedFile:
        """Put a file into the input container and claim it."""
        with self.storage.input.writer(path) as blob:
            for piece in content:
                blob.write(piece)
        inputs, specs = list_inputs(self.storage, self.settings)
        wanted = [file for file in inputs if file.path == path]
        found = Survey(unclaimed=wanted, orphaned=[], mine=[], waiting=[], specs=specs)
        take(found, SNAPSHOT, storage=self.storage, store=self.store, settings=self.settings)
        (listed,) = [f for f in self.store.snapshots.read_page(SNAPSHOT, 0) if f.path == path]
        return listed

    def prepare(self, listed: ListedFile) -> PreparedFile:
        """Prepare it as the activity does, from the beginning."""
        work = FileWork(snapshot_id=SNAPSHOT, key=listed.key, fresh=True)
        return prepare(work, storage=self.storage, store=self.store, settings=self.settings, now=time.time())


@contextmanager
def desk(connection_string: str) -> Iterator[Desk]:
    """Open storage."""
    settings = Settings.from_env(
        {
            "STORAGE": connection_string,
            "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:9",
            "AZURE_OPENAI_DEPLOYMENT": MODEL,
        }
    )
    storage = open_storage(settings).ready()
    try:
        yield Desk(storage=storage, store=WorkStore(storage.work), settings=settings)
    finally:
        storage.close()
