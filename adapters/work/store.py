"""The pipeline's own records in the work container, a part for each kind."""

from collections.abc import Iterable, Sequence

from adapters.storage.blobs import Container
from adapters.work.attempts import Attempts
from adapters.work.blobs import WorkBlobs
from adapters.work.claims import Claims
from adapters.work.day_costs import DayCosts
from adapters.work.finished import FinishedFiles
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
        self._work = work
        self.claims = Claims(work)
        self.attempts = Attempts(work)
        self.plans = Plans(work)
        self.ledgers = Ledgers(work, self.claims)
        self.blobs = WorkBlobs(work)
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
        self._work.delete_folder(names.file_folder(key), first=names.frozen_input(key))

    def drop_files(self, keys: Sequence[str], *, besides: Iterable[str] | None = None) -> None:
        """Do the same for several files, with few calls for all of them: no other record of any goes before all the claims.

        `besides`: the names of all their other records, where these are known; else they are listed.
        """
        if self._work.is_hierarchical:
            for key in keys:
                self.drop_file(key)
            return
        self._work.delete_all(map(names.frozen_input, keys))
        if besides is None:
            folders = (self._work.list(names.file_folder(key), metadata=True) for key in keys)
            besides = (entry.name for folder in folders for entry in folder)
        self._work.delete_all(besides)

    def drop_all_but_claim(self, key: str) -> None:
        """Remove the records about a file that is done, but for the claim on it, the plan last: it tells that this is left."""
        self.drop_all_but_plan(key)
        self.blobs.purge(names.plan(key))

    def drop_all_but_plan(self, key: str) -> None:
        """Remove the records about a file, but for the claim on it and its plan."""
        kept = (names.frozen_input(key), names.plan(key))
        for entry in list(self._work.list(names.file_folder(key))):
            if entry.name not in kept:
                self.blobs.purge(entry.name)
