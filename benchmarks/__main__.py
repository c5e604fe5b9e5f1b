"""Entry point of `python -m benchmarks`; exit code 1 with `--strict` and a missed budget, 2 for a wrong command line."""

import argparse
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import machine, page
from benchmarks.figures import Bench, Figure, Measured, Part, now
from benchmarks.parts import PARTS

HERE = Path(__file__).parent
SCRATCH = Path(".local/bench")


def main(arguments: list[str] | None = None) -> int:
    """Run the parts that the command line asks for, and write the page."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 160)
    scratch: Path = options.scratch
    measured = [_measure(part, scratch, console, quick=options.quick) for part in _chosen(options.only)]
    folder = options.folder or (scratch if options.quick else HERE)
    page.keep(folder, measured)
    figures = [figure for found in measured for figure in found.figures]
    missed = [figure for figure in figures if figure.missed]
    budgets = sum(figure.budget is not None for figure in figures)
    console.print(f"{budgets - len(missed)} of {budgets} budgets kept. Written to {folder / page.PAGE}.")
    return 1 if missed and options.strict else 0


def _measure(part: Part, scratch: Path, console: Console, *, quick: bool) -> Measured:
    folder = scratch / part.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began, at, load = time.monotonic(), now(), machine.load()
    with console.status(part.title) as status:
        figures = part.run(
            Bench(folder=folder, quick=quick, tell=lambda said: status.update(f"{part.title}: {said}"))
        )
    shutil.rmtree(folder)
    console.print(_table(part.title, figures))
    return Measured(
        part=part.name,
        title=part.title,
        method=part.method,
        at=at,
        machine=f"{machine.describe()}; load before: {load:.1f}",
        seconds=round(time.monotonic() - began, 1),
        figures=figures,
    )


def _table(title: str, figures: Iterable[Figure]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for _ in range(3):
        table.add_column()
    for figure in figures:
        value = "not measured" if figure.value is None else f"{page.shown(figure.value)} {figure.unit}"
        budget = f"{figure.budget.bound} {page.shown(figure.budget.limit)}" if figure.budget else ""
        verdict = ("[red]missed[/]" if figure.missed else "[green]kept[/]") if figure.budget else ""
        table.add_row(figure.name, value, budget, verdict, figure.note)
    return table


def _chosen(only: str | None) -> list[Part]:
    wanted = only.split(",") if only else [part.name for part in PARTS]
    return [part for part in PARTS if part.name in wanted]


def _part_names(text: str) -> str:
    known = [part.name for part in PARTS]
    unknown = sorted(set(text.split(",")) - set(known))
    if unknown:
        raise argparse.ArgumentTypeError(f"no part {', '.join(unknown)}; there are {', '.join(known)}")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure time, memory and calls against the budgets."
    )
    parser.add_argument(
        "--only",
        type=_part_names,
        help="some parts, by name, parted by commas; the others keep their results",
    )
    parser.add_argument(
        "--quick", action="store_true", help="everything small, a check of the measuring; nothing is kept"
    )
    parser.add_argument("--strict", action="store_true", help="exit code 1 when a budget is missed")
    parser.add_argument("--folder", type=Path, help="where page and results go (default: beside this module)")
    parser.add_argument("--scratch", type=Path, default=SCRATCH, help="emptied and used while measuring")
    return parser


if __name__ == "__main__":
    sys.exit(main())
