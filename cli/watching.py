"""Follow files to their end: bars on a terminal, lines elsewhere, both on the error output; then how each ended."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.faults import CommandError, Ending
from cli.following import Follower
from cli.output import Column, Output, console_of, count, money, note, visible
from cli.statuses import ENDED, RESTING, FileStatus

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

MOST_BARS = 12
Show = Callable[[Iterable[FileStatus]], None]

COLUMNS = (
    Column("file", "File"),
    Column("state", "State"),
    Column("rows", "Rows", is_number=True),
    Column("cost", "Cost", is_number=True),
    Column("reason", "Why"),
)


def watch(follower: Follower, *, every: float, timeout: float | None = None) -> list[FileStatus]:
    """Look again and again until all files have ended, or wait for somebody. Raises CommandError when the time is over."""
    started = time.monotonic()
    files: Mapping[str, FileStatus] = {}
    try:
        with _view() as show:
            while True:
                files = follower.look(files)
                show(files.values())
                if all(file.has_ended for file in files.values()):
                    return list(files.values())
                if timeout is not None and time.monotonic() - started > timeout:
                    left = sum(not file.has_ended for file in files.values())
                    raise CommandError(f"{left} of {len(files)} files have not ended after {timeout:g} s.")
                time.sleep(every)
    except KeyboardInterrupt:
        note("Not followed any more; the app goes on with the files. `aoai-batch watch` follows them again.")
        raise


def ending_of(files: Iterable[FileStatus]) -> Ending:
    """Give the exit code: something waits for a person, something failed, or all is well."""
    told = list(files)
    if any(file.state in RESTING for file in told):
        return Ending.HELD
    if any(file.failed or file.state in ("rejected", "gone") for file in told):
        return Ending.SOME_FAILED
    return Ending.WELL


def show_files(out: Output, files: Iterable[FileStatus]) -> None:
    """Show where files stand."""
    if out.is_json:
        for file in files:
            out.record(file)
        return
    out.table(COLUMNS, map(_row, files))


def _row(file: FileStatus) -> dict[str, str]:
    return {
        "file": file.file,
        "state": told_state(file),
        "rows": rows(file.done, file.requests, file.failed),
        "cost": money(file.cost),
        "reason": " ".join((file.reason or "").split()),
    }


def told_state(file: FileStatus) -> str:
    """Give a state in words for people."""
    return file.state.replace("_", " ")


def rows(done: int | None, requests: int | None, failed: int | None) -> str:
    """Write how many of how many requests are done, and in brackets how many of these failed: `45/2,087(3)`."""
    if requests is None:
        return ""
    told = f"{count(done or 0)}/{count(requests)}"
    return f"{told}({count(failed)})" if failed else told


@contextmanager
def _view() -> Iterator[Show]:
    if not sys.stderr.isatty():
        yield _Lines().show
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - for terminals

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[told]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console_of(sys.stderr), transient=True) as progress:
        yield _Bars(progress).show


class _Lines:
    """A line for each file whose state has changed."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}

    def show(self, files: Iterable[FileStatus]) -> None:
        for file in files:
            told = f"{file.file}  {told_state(file)} {rows(file.done, file.requests, file.failed)}".rstrip()
            if self._shown.get(file.file) != told:
                self._shown[file.file] = told
                note(told)


class _Bars:
    """A bar for each file that has not ended, a dozen at most, and one for all."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._all: TaskID = progress.add_task("all files", total=None, told="")
        self._tasks: dict[str, TaskID] = {}

    def show(self, files: Iterable[FileStatus]) -> None:
        told = list(files)
        ended = sum(file.has_ended for file in told)
        self._progress.update(self._all, total=len(told), completed=ended, told=f"{ended}/{len(told)} files")
        for file in told:
            if file.has_ended:
                self._remove(file.file)
        for file in [file for file in told if not file.has_ended][:MOST_BARS]:
            self._show(file)

    def _show(self, file: FileStatus) -> None:
        task = self._tasks.get(file.file)
        if task is None:
            if len(self._tasks) >= MOST_BARS:
                return
            task = self._tasks[file.file] = self._progress.add_task(visible(file.file), total=None, told="")
        told = f"{told_state(file)} {rows(file.done, file.requests, file.failed)}"
        self._progress.update(task, total=file.requests, completed=file.done or 0, told=told)

    def _remove(self, path: str) -> None:
        if (task := self._tasks.pop(path, None)) is not None:
            self._progress.remove_task(task)


def tell_ends(files: Iterable[FileStatus]) -> None:
    """Tell people what to do next about what did not end well."""
    for file in files:
        if file.state in ENDED and file.failed:
            note(f"aoai-batch errors {file.file}    says what failed, and why")
