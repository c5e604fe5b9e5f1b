"""The command line: `python -m local.demo [--keep]`."""

import argparse
import os
import signal
import sys
from pathlib import Path

from rich.console import Console

from local.azurite import AzuriteError
from local.demo.errors import DemoError
from local.demo.run import run
from local.demo.services import REPOSITORY, SERVICE_SPEED
from local.demo.session import FOLDER

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
    return whole


if __name__ == "__main__":
    sys.exit(main())
