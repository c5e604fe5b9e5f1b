"""What people see: a line while it runs, a table at the end."""

import sys
import time

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.chaos.course import Progress
from benchmarks.chaos.misery import MOST_TIMES, Misery
from benchmarks.chaos.run import Verdict

SHOWN_WRONGS = 10
SHOWN_REASON = 160  # characters
LINE_EVERY_SECONDS = 15.0  # where the line cannot be overwritten


class ProgressLine:
    """One line that keeps changing on a terminal; elsewhere a new one now and then."""

    def __init__(self) -> None:
        self._next_at = 0.0
        self._live = sys.stdout.isatty()

    def tell(self, seen: Progress) -> None:
        """Show where the run stands."""
        self.say(
            f"{seen.seconds:5.0f} s  {seen.dropped} dropped, {seen.to_drop} to come, {seen.waiting} in input/, "
            f"{seen.notes} notes in work/, {seen.service_files} files in the service, "
            f"{seen.kills} kills, {seen.wipes} wipes"
        )

    def say(self, line: str) -> None:
        """Show a line in place of the last one, or now and then."""
        if not self._live and time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + LINE_EVERY_SECONDS
        print(f"\r{line:<140}" if self._live else line, end="" if self._live else "\n", flush=True)

    def end(self) -> None:
        """Leave the line."""
        if self._live:
            print()


def show(console: Console, verdict: Verdict) -> None:
    """Print the balance, and what is wrong."""
    sheet = verdict.balance
    table = Table(title="Balance", title_justify="left", show_header=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    rows = {
        "files in": sheet.files,
        "requests in": sheet.requests,
        "results": sheet.results,
        "errors": sheet.errors,
    }
    rows |= {f"  {outcome}": count for outcome, count in sorted(sheet.outcomes.items()) if outcome != "ok"}
    for name, count in rows.items():
        table.add_row(name, str(count))
    table.add_section()
    for name, found in sheet.wrong.items():
        table.add_row(name, f"[{'red' if found else 'green'}]{len(found)}[/]")
    failed = len(verdict.failed_orchestrations)
    table.add_row("orchestrations failed", f"[{'red' if failed else 'green'}]{failed}[/]")
    table.add_section()
    for name, count in {
        **{f"calls spoilt on their way {name}": count for name, count in verdict.struck.items()},
        "kills": verdict.kills,
        "wipes": verdict.wipes,
        "seconds": round(verdict.seconds),
    }.items():
        table.add_row(name, str(count))
    console.print(table)
    for sentence in _complaints(verdict):
        console.print(sentence, markup=False, soft_wrap=True, style="red")


def show_misery(console: Console, told: Misery) -> None:
    """Print what became of each bad file, and by how much the good ones were held up."""
    table = Table(title=f"Bad files among {told.good} good ones", title_justify="left")
    for name in ("what is bad about it", "its end", "after", "why"):
        table.add_column(name, justify="right" if name == "after" else "left")
    for fate in told.fates:
        end = fate.end or "[red]none[/]"
        table.add_row(fate.file.name, end, f"{fate.seconds:.0f} s", escape(fate.reason[:SHOWN_REASON]))
    console.print(table)
    colour = "green" if told.times <= MOST_TIMES else "red"
    console.print(
        f"The good ones: {told.alone:.0f} s alone, {told.beside:.0f} s beside the bad ones, "
        f"[{colour}]{told.times:.2f} times[/] (at most {MOST_TIMES}). The host died {told.deaths} times; "
        f"{told.killed_for_memory} processes were killed for memory, peak {told.peak_mb:,.0f} MB.",
        soft_wrap=True,
        highlight=False,
    )


def _complaints(verdict: Verdict) -> list[str]:
    sentences = [verdict.broken_off] if verdict.broken_off else []
    wrong = {**verdict.balance.wrong, "orchestrations failed": verdict.failed_orchestrations}
    for name, found in wrong.items():
        sentences += [f"{name}: {what}" for what in found[:SHOWN_WRONGS]]
        sentences += [f"{name}: and {len(found) - SHOWN_WRONGS} more"] if len(found) > SHOWN_WRONGS else []
    return sentences
