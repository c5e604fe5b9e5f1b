"""The command as its users call it: in this process where that is all the same, else in one of its own."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from cli import main

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = REPOSITORY / "samples"


class Ran(NamedTuple):
    """How a call ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The JSON lines of its answer."""
        return [json.loads(line) for line in self.out.splitlines()]


def aoai(*arguments: object) -> Ran:
    """Call the command in this process; neither stream is a terminal."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Ran(code, _written(out), _written(err))


def aoai_process(*arguments: object, cwd: Path, env: Mapping[str, str] | None = None) -> Ran:
    """Call the command in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def _written(stream: io.TextIOWrapper) -> str:
    buffer = stream.detach()
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
