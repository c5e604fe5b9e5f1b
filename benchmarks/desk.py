"""A place to prepare files in this process, with the activities' own code."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from adapters.services import Services, services_of
from benchmarks.workload import MODEL
from domain.contracts import FileWork, ListedFile, PreparedFile
from domain.settings import Settings
from steps.intake.survey import Survey, look
from steps.intake.take import take
from steps.prepare.preparation import prepare

SNAPSHOT = "snapshot-20260101T000000.000Z"


@dataclass(frozen=True, slots=True)
class Desk:
    """A data account and the settings under which files are prepared in this process."""

    services: Services

    def drop(self, path: str, content: Iterable[bytes]) -> ListedFile:
        """Put a file into the input container and claim it."""
        with self.services.storage.input.writer(path) as blob:
            for piece in content:
                blob.write(piece)
        seen = look(self.services)
        wanted = [file for file in seen.inputs if file.path == path]
        found = Survey(unclaimed=wanted, orphaned=[], mine=[], waiting=[], standing=[], look=seen)
        take(found, SNAPSHOT, self.services)
        (listed,) = [f for f in self.services.work.snapshots.read_page(SNAPSHOT, 0) if f.path == path]
        return listed

    def prepare(self, listed: ListedFile) -> PreparedFile:
        """Prepare it as the activity does, from the beginning."""
        work = FileWork(snapshot_id=SNAPSHOT, key=listed.key, fresh=True)
        prepared = prepare(work, self.services)
        # The next time is the first one again, and no third try of a file that takes its worker down.
        self.services.work.attempts.forget(listed.key)
        return prepared


@contextmanager
def desk(connection_string: str) -> Iterator[Desk]:
    """Open storage."""
    settings = Settings.from_env(
        {
            "DATA": connection_string,
            "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:9",
            "AZURE_OPENAI_DEPLOYMENT": MODEL,
        }
    )
    services = services_of(settings)
    try:
        yield Desk(services)
    finally:
        services.storage.close()
