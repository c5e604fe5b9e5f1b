"""Show the progress of files: a live table in a terminal, a line per change elsewhere."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table

from local.demo.progress import FileProgress

STYLES = {"done": "green", "rejected": "red", "held": "red", "waiting": "dim"}


class ProgressView(Protocol):
    """Where progress is shown."""

    def show(self, files: Iterable[FileProgress]) -> None:
        """Show how far the files are now."""


@contextmanager
def progress_view(console: Console) -> Iterator[ProgressView]:
    """Open the view that suits the console."""
    if not console.is_terminal:
        yield LineView(console)
        return
    with Live(console=console, refresh_per_second=8) as live:
        yield TableView(live)


class TableView:
    """A table that is drawn anew in place."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, files: Iterable[FileProgress]) -> None:
        """Draw the table."""
        self._live.update(progress_table(files))


class LineView:
    """A line for each file whose state has changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, str] = {}

    def show(self, files: Iterable[FileProgress]) -> None:
        """Print what is new."""
        for file in files:
            if self._shown.get(file.path) != file.label:
                self._shown[file.path] = file.label
                line = f"{file.seconds:6.1f} s  {file.path}  {file.label}"
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def progress_table(files: Iterable[FileProgress]) -> Table:
    """Return the progress of the files as a table."""
    table = Table(box=None, padding=(0, 2), header_style="bold")
    table.add_column("File", no_wrap=True)
    table.add_column("State", min_width=20)
    table.add_column("Requests", justify="right")
    table.add_column("Time", justify="right", min_width=7)
    for file in files:
        style = STYLES.get(file.label)
        state = f"[{style}]{file.label}[/]" if style else file.label
        table.add_row(
            file.path, state, "" if file.requests is None else str(file.requests), f"{file.seconds:.1f} s"
        )
    return table
