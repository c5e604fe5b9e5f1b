"""The end of a pool: each of its files is archived and removed as any other, with few calls for all of them together."""

from typing import TYPE_CHECKING

from adapters.services import Services
from adapters.threads import pool
from domain.contracts import FileWork
from domain.errors import NotFoundError
from domain.results.output_paths import output_paths
from steps.deliver.archive import copy, copy_pending, finish
from steps.deliver.listing import add_to_list, summary
from steps.deliver.removal import Kept, remove_input
from steps.pool.members import CALLS_AT_ONCE, Member, read_members

if TYPE_CHECKING:
    from domain.results.finished import FinishedFile


def archive_pool(work: FileWork, services: Services) -> None:
    """Archive the files, list them, drop their records, in this order: whatever breaks off in between can be done again.

    What stands against one file holds up no other; the pool itself goes when nothing is left of any. Raises that in the end.
    """
    store = services.work
    plan = store.plans.read(work.key)
    if plan is None:
        return  # an earlier try came to the end
    members = list(read_members(work.key, plan, store))
    ends = [_End(member, services) for member in members]
    with pool(CALLS_AT_ONCE) as working:
        list(working.map(_End.archive, ends))
        ended = [end for end in ends if end.line is not None]
        add_to_list(work, (end.line for end in ended if end.line is not None), services)
    _drop(ended, services)
    if error := next((end.error for end in ends if end.error is not None), None):
        raise error
    store.drop_file(work.key)


def _drop(ended: list["_End"], services: Services) -> None:
    """Drop the records of files; a claim stays for as long as its file does."""
    for end in ended:
        if end.kept is not None:
            finish(end.member.key, end.member.plan, end.kept, services)
    gone = [end.member for end in ended if end.kept is None]
    services.work.drop_members({member.key: member.plan.invalid > 0 for member in gone})


class _End:
    """The end of one file. `line`: what is told of it, once it is archived; None as well where an earlier try ended it."""

    def __init__(self, member: Member, services: Services) -> None:
        self.member, self._services = member, services
        self.kept: Kept | None = None
        self.line: FinishedFile | None = None
        self.error: Exception | None = None

    def archive(self) -> None:
        """Copy the input to its last place and remove it."""
        try:
            self._archive()
        except Exception as error:  # noqa: BLE001 - told when all others are done
            self.error = error

    def _archive(self) -> None:
        key, plan, services = self.member.key, self.member.plan, self._services
        paths = output_paths(services.settings, key, plan)
        try:
            status = copy(key, plan, paths, services)
        except NotFoundError:
            return  # an earlier try came to its end
        if status != "success":
            raise copy_pending(plan)
        self.kept = remove_input(key, plan.path, plan.etag, plan.size, services)
        self.line = summary(key, plan, paths, services)
