"""Entry point of `python -m benchmarks.chaos`; exit code 1 when a promise was broken, 2 for a wrong command line."""

import argparse
import shutil
import sys
from pathlib import Path

from rich.console import Console

from benchmarks.chaos import misery
from benchmarks.chaos.report import ProgressLine, show, show_misery
from benchmarks.chaos.run import Trial, run
from benchmarks.chaos.workload import plan_files

FOLDER = Path(".local/chaos")


def main(arguments: list[str] | None = None) -> int:
    """Run the trial that the command line asks for."""
    options = _parser().parse_args(arguments)
    # Kills would hide what the bad files do to the good ones.
    return _misery(options) if options.misery else _kills(options)


def _misery(options: argparse.Namespace) -> int:
    """Put bad files among good ones."""
    console, line = Console(), ProgressLine()
    shutil.rmtree(options.folder, ignore_errors=True)
    told = misery.run(options.files, options.seed, options.folder, line.say)
    line.end()
    show_misery(console, told)
    return 0 if told.is_good else 1


def _kills(options: argparse.Namespace) -> int:
    """Kill hosts, spoil calls, and count."""
    trial = Trial(
        files=plan_files(options.files, rows=options.rows, seed=options.seed),
        seed=options.seed,
        rows=options.rows,
        kills=options.kills,
        wipes=options.wipes,
        hosts=options.hosts,
        weather=options.weather / 1000,
    )
    console, line = Console(), ProgressLine()
    asked = " ".join(
        f"--{name} {value}" for name, value in vars(options).items() if name not in ("folder", "misery")
    )
    console.print(
        f"python -m benchmarks.chaos {asked}   (logs in {options.folder})", soft_wrap=True, highlight=False
    )
    verdict = run(trial, options.folder, line.tell)
    line.end()
    show(console, verdict)
    if verdict.is_good:
        console.print(
            "[green]Every request came back exactly once, none was paid twice, nothing is left behind.[/]"
        )
        return 0
    console.print(
        f"[red]Not even.[/] Seed {options.seed}; logs, states and containers are kept in {options.folder}."
    )
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos",
        description="Kill the host again and again while the service misbehaves; then count every request.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for name, default, meaning in (
        ("files", 200, "input files; every second one is odd in some way, or meets a fault"),
        ("kills", 100, "times a host is killed"),
        ("wipes", 2, "of these, times its task hub is wiped as well"),
        ("seed", 7, "decides files, faults and moments"),
        ("rows", 20, "requests per file"),
        ("hosts", 1, "hosts with a task hub each, all on the same containers"),
        (
            "weather",
            15,
            "of a thousand calls to the service, and of three thousand to storage, those that are spoilt on their way",
        ),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=meaning)
    parser.add_argument(
        "--misery",
        action="store_true",
        help="instead: bad files of every kind among good ones, and by how much those are held up",
    )
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="emptied first; logs and evidence go there"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
