"""The command line: `python -m local.demo [--keep]`, and `python -m local.demo drop FILE...` while one is kept."""

import argparse
import os
import signal
import sys
from pathlib import Path, PurePosixPath

from rich.console import Console

from local.azurite import AzuriteError
from local.demo.errors import DemoError
from local.demo.run import run
from local.demo.services import REPOSITORY, SERVICE_SPEED
from local.demo.session import FOLDER, running_connection_string
from local.demo.storage import open_account, specs_first

TIMEOUT_SECONDS = 300
PLAIN_WIDTH = 110  # characters of a line that goes to a file or a pipe
INTERRUPTED = 130  # what a shell reports after Ctrl-C


def main() -> int:
    """Do what the command line says and return the exit code."""
    options = parser().parse_args()
    end_like_ctrl_c()
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    try:
        if options.command == "drop":
            drop(console, options.folder, options.files, into=options.into)
            return 0
        os.chdir(REPOSITORY)
        passed = run(
            console,
            folder=options.folder,
            keep=options.keep,
            timeout_seconds=options.timeout,
            speed=options.speed,
        )
    except (DemoError, AzuriteError) as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0 if passed else 1


def end_like_ctrl_c() -> None:
    """Make every wish to end raise KeyboardInterrupt, so that the children are stopped on the way out."""
    # SIGINT too: a shell starts background jobs with it ignored.
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):
        signal.signal(number, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup wants it to stay ignored
        signal.signal(signal.SIGHUP, signal.default_int_handler)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(
        prog="python -m local.demo", description="Run the pipeline on this machine."
    )
    whole.add_argument(
        "--keep", action="store_true", help="leave everything running afterwards, until Ctrl-C"
    )
    whole.add_argument(
        "--timeout", type=float, default=TIMEOUT_SECONDS, help="seconds for the samples (%(default)s)"
    )
    whole.add_argument(
        "--speed",
        type=float,
        default=SERVICE_SPEED,
        help="how much faster than Azure the service is (%(default)s)",
    )
    whole.add_argument("--folder", type=Path, default=FOLDER, help="where data and logs go (%(default)s)")
    commands = whole.add_subparsers(dest="command")
    dropping = commands.add_parser("drop", help="drop files into the input container of the running demo")
    dropping.add_argument("--into", default="", metavar="FOLDER", help="folder in the input container")
    dropping.add_argument("files", nargs="+", type=Path, metavar="FILE")
    return whole


def drop(console: Console, folder: Path, files: list[Path], *, into: str = "") -> None:
    """Put files into the input container of the running demo; raises DemoError for one that is none."""
    if missing := [str(file) for file in files if not file.is_file()]:
        raise DemoError(f"No such file: {', '.join(missing)}")
    targets = {(PurePosixPath(into.strip("/")) / file.name).as_posix(): file for file in files}
    with open_account(running_connection_string(REPOSITORY / folder)) as account:
        for path in specs_first(targets):
            account.drop(path, targets[path].read_bytes())
            console.print(f"Dropped {path}", markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
