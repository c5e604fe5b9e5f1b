"""The pipeline's own records in the work container, a part for each kind."""

from collections.abc import Iterable, Iterator, Mapping

from adapters.storage.blobs import Container
from adapters.work.attempts import Attempts
from adapters.work.blobs import WorkBlobs
from adapters.work.claims import Claims
from adapters.work.day_costs import DayCosts
from adapters.work.finished import FinishedFiles
from adapters.work.kept import KeptBlobs
from adapters.work.ledgers import Ledgers, Plans
from adapters.work.rates import Rates
from adapters.work.retries import Retries
from adapters.work.send_log import SendLogs
from adapters.work.shares import Shares
from adapters.work.snapshots import Snapshots
from adapters.work.wishes import Wishes
from domain import names


class WorkStore:
    """Typed access to the work container."""

    def __init__(self, work: Container) -> None:
        self._work, self._kept = work, KeptBlobs()
        self.claims = Claims(work)
        self.attempts = Attempts(work)
        self.plans = Plans(work, self._kept)
        self.ledgers = Ledgers(work, self.claims, self._kept)
        self.blobs = WorkBlobs(work, self._kept)
        self.send_logs = SendLogs(work)
        self.snapshots = Snapshots(work)
        self.finished = FinishedFiles(work)
        self.day_costs = DayCosts(work)
        self.shares = Shares(work)
        self.rates = Rates(work)
        self.wishes = Wishes(work)
        self.retries = Retries(work)

    def drop_file(self, key: str) -> None:
        """Remove all records about a file, the claim first: without it nothing can be mistaken for unfinished work."""
        with self.claims.dropping([key]):
            self._work.delete_folder(names.file_folder(key), first=names.frozen_input(key))

    def drop_files(self, besides: Mapping[str, Iterable[str] | None]) -> None:
        """Do the same for several files, with few calls for all of them: no other record of any goes before all the claims.

        `besides`, by file key: the names of all its other records, where these are known; None: they are listed.
        """
        if self._work.is_hierarchical:
            for key in besides:
                self.drop_file(key)
            return
        records = (self._records(key) if known is None else known for key, known in besides.items())
        with self.claims.dropping(besides.keys()):
            self._work.delete_all(map(names.frozen_input, besides))
            self._work.delete_all(name for folder in records for name in folder)

    def _records(self, key: str) -> Iterator[str]:
        return (entry.name for entry in self._work.list(names.file_folder(key), metadata=True))

    def drop_all_but_claim(self, key: str) -> None:
        """Remove the records about a file that is done, but for the claim on it, the plan last: it tells that this is left."""
        self.drop_all_but_plan(key)
        self.blobs.purge(names.plan(key))

    def drop_all_but_plan(self, key: str) -> None:
        """Remove the records about a file, but for the claim on it and its plan."""
        kept = (names.frozen_input(key), names.plan(key))
        with self.claims.changing():
            for entry in list(self._work.list(names.file_folder(key))):
                if entry.name not in kept:
                    self.blobs.purge(entry.name)
