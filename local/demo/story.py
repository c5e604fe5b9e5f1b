"""Tell the course of the demo with the command `aoai-batch`: each call as people would make it, and what it answers."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from local.demo.services import REPOSITORY
from local.demo.session import address_of

MOST_SECONDS = 60


def tell(console: Console, folder: Path, call: str) -> None:
    """Show a call of the command, about the demo below `folder`, and its answer."""
    console.print(f"$ aoai-batch {call}", style="bold", markup=False, highlight=False)
    console.print(answer(folder, call, width=console.width), markup=False, highlight=False, soft_wrap=True)


def answer(folder: Path, call: str, *, width: int) -> str:
    """Give what a call answers; of one that goes wrong, why."""
    named = {"AOAI_BATCH_ENV": "demo", "AOAI_BATCH_DEMO": str(address_of(folder).resolve())}
    others = {name: value for name, value in os.environ.items() if not name.startswith("AOAI_BATCH_")}
    ran = subprocess.run(
        [sys.executable, "-m", "cli", *shlex.split(call), "--table"],
        cwd=REPOSITORY,
        env={**others, **named, "COLUMNS": str(width)},
        capture_output=True,
        text=True,
        check=False,
        timeout=MOST_SECONDS,
    )
    told = ran.stdout or ran.stderr
    return "\n".join(line.rstrip() for line in told.strip().splitlines()) + "\n"
