"""What people ask for about files: by the app's routes, or where the app is not to be reached, by the records in storage."""

import getpass
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from cli.app_api import AppApi, SilentAppError
from cli.faults import CommandError, Ending
from cli.following import in_input
from cli.options import account_known, output_option, place_options
from cli.output import Column, Output, note, plural
from cli.places import Place
from cli.reach import services_of_place
from cli.statuses import FileStatus
from cli.watching import rows
from domain import names
from domain.errors import ConfigurationError, ConflictError, NotFoundError

if TYPE_CHECKING:
    from adapters.services import Services

COLUMNS = (
    Column("subject", "File"),
    Column("asked", "Asked for"),
    Column("rows", "Rows", is_number=True),
    Column("message", ""),
)


class Action(NamedTuple):
    """Something to be asked for about files.

    verb      what it is called, also by the routes
    question  asked before, with the number of files and rows in it; None: it costs nothing, and nothing is lost
    of_files  which files below a folder are meant
    takes_snapshots  whether it can be asked about a whole snapshot
    """

    verb: str
    question: str | None = None
    of_files: Callable[[FileStatus], bool] = lambda file: file.key is not None
    takes_snapshots: bool = False


class Asked(NamedTuple):
    """What came of it for one file or snapshot; `refused`: why it makes no sense."""

    subject: str
    file: FileStatus | None
    message: str = ""
    refused: str | None = None


def action_command(action: Action, *, help: str, epilog: str) -> click.Command:  # noqa: A002 - as click calls it
    """Make the verb of an action."""

    @click.command(help=help, epilog=epilog)
    @click.argument(
        "paths",
        nargs=-1,
        required=True,
        metavar="PATH..." if not action.takes_snapshots else "[PATH|SNAPSHOT]...",
    )
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @output_option
    @place_options
    def command(*, place: Place, paths: tuple[str, ...], yes: bool, as_json: bool | None) -> int:
        services, api, out = services_of_place(account_known(place)), AppApi(place), Output(as_json)
        snapshots = [path for path in paths if action.takes_snapshots and names.is_snapshot_id(path)]
        files = [
            file
            for path in paths
            if path not in snapshots
            for file in meant(path, services, api, of_files=action.of_files, verb=action.verb)
        ]
        if action.question and not yes:
            _confirm(action.question, files, snapshots)
        asker = Asker(action.verb, services, api)
        asked = [asker.ask_snapshot(snapshot) for snapshot in snapshots] + [asker.ask(file) for file in files]
        return tell(out, action.verb, asked)

    return command


def meant(
    path: str, services: "Services", api: AppApi, *, of_files: Callable[[FileStatus], bool], verb: str
) -> list[FileStatus]:
    """Find the files that a path means, which have not ended. Raises CommandError where there is none."""
    found = [file for file in in_input(path, services, api) if file.state not in ("done", "rejected")]
    if not found:
        raise CommandError(
            f"No file {path} waits or is worked on.", "`aoai-batch status` lists them.", ending=Ending.REFUSED
        )
    chosen = [file for file in found if of_files(file)]
    if not chosen:
        raise CommandError(f"{path}: there is nothing to {verb}.", ending=Ending.REFUSED)
    return chosen


def _confirm(question: str, files: Sequence[FileStatus], snapshots: Sequence[str]) -> None:
    done, requests = sum(file.done or 0 for file in files), sum(file.requests or 0 for file in files)
    what = [plural(len(files), "file")] if files else []
    what += [plural(len(snapshots), "snapshot")] if snapshots else []
    told = f" ({done:,} of {requests:,} rows are answered)" if requests else ""
    asked = question.format(what=" and ".join(what), rows=told)
    if not sys.stdin.isatty():
        raise CommandError(f"{asked} Nobody is there to say yes.", "--yes says it.", ending=Ending.REFUSED)
    if not click.confirm(asked, err=True):
        raise CommandError("Nothing was asked for.", ending=Ending.REFUSED)


class Asker:
    """Asks the app; from the first time that it does not answer, the records. `priority`: of that verb."""

    def __init__(self, verb: str, services: "Services", api: AppApi, *, priority: int | None = None) -> None:
        self._verb, self._services, self._priority = verb, services, priority
        self._api: AppApi | None = api if api.is_known else None

    def ask(self, file: FileStatus) -> Asked:
        """Ask about a file."""
        return self._ask(
            file.file, file, f"files/{file.key}/{self._verb}", lambda: self._in_records(str(file.key))
        )

    def ask_folder(self, folder: str) -> Asked:
        """Ask about all files below a folder, now and later."""
        return self._ask(
            folder, None, f"folders/{self._verb}", lambda: self._of_folder(folder), {"folder": folder}
        )

    def ask_snapshot(self, snapshot_id: str) -> Asked:
        """Ask about a snapshot."""
        route = f"snapshots/{snapshot_id}/{self._verb}"
        return self._ask(snapshot_id, None, route, lambda: self._of_snapshot(snapshot_id))

    def _ask(
        self,
        subject: str,
        file: FileStatus | None,
        route: str,
        in_records: Callable[[], Any],
        about: dict[str, Any] | None = None,
    ) -> Asked:
        body = {**(about or {}), **({} if self._priority is None else {"priority": self._priority})}
        try:
            message = self._by_route(route, body or None)
            if message is None:
                message = self._by_records(in_records)
        except (ConflictError, NotFoundError) as error:
            return Asked(subject, file, refused=str(error))
        except CommandError as error:
            if error.ending is not Ending.REFUSED:
                raise
            return Asked(subject, file, refused=str(error))
        return Asked(subject, file, message)

    def _by_route(self, route: str, body: Any) -> str | None:
        """Ask the app; None where it does not answer."""
        if self._api is None:
            return None
        try:
            told = self._api.act(route, body)
        except SilentAppError as error:
            note(f"{error} It is asked for in the records instead.")
            self._api = None
            return None
        return str(told.get("message") or "")

    def _by_records(self, in_records: Callable[[], Any]) -> str:
        try:
            in_records()
        except ConfigurationError as error:
            raise CommandError(
                f"The records may not be written ({error})",
                "Name the app (--app): it asks for no rights on the records.",
            ) from error
        return "Seen at the next look."

    def _in_records(self, key: str) -> None:
        from steps.wishes import asking  # noqa: PLC0415 - slow to import

        if self._verb == "release":
            if not asking.release(key, self._services):
                raise NotFoundError("It is not set aside.")
            return
        if self._priority is not None:
            asking.prioritise(key, self._priority, who(), self._services)
            return
        getattr(asking, self._verb)(key, who(), self._services)

    def _of_folder(self, folder: str) -> None:
        from steps.wishes import asking  # noqa: PLC0415 - slow to import

        asking.prioritise_folder(folder, self._priority or 0, who(), self._services)

    def _of_snapshot(self, snapshot_id: str) -> None:
        from steps.wishes import asking  # noqa: PLC0415 - slow to import

        asking.cancel_snapshot(snapshot_id, who(), self._services)


def who() -> str:
    """Give who asks, as this machine calls them; a label only."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def tell(out: Output, verb: str, asked: Sequence[Asked]) -> int:
    """Tell what came of it; gives the exit code."""
    ending = Ending.REFUSED if all(each.refused for each in asked) else Ending.WELL
    if out.is_json:
        for each in asked:
            out.record(
                {
                    "subject": each.subject,
                    "asked": verb,
                    "refused": each.refused,
                    "message": each.message or None,
                }
            )
        return ending
    out.table(
        COLUMNS,
        (
            {
                "subject": each.subject,
                "asked": "" if each.refused else verb,
                "rows": rows(each.file.done, each.file.requests, each.file.failed) if each.file else "",
                "message": each.refused or each.message,
            }
            for each in asked
        ),
    )
    return ending
