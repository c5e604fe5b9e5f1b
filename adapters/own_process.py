"""A step in a process of its own: when it takes that down, the app goes on."""

import logging
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO, Any, Self

import msgspec

from adapters.threads import pool
from domain.errors import NeedsOwnProcessError, PassingError, PipelineError

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "steps.own_process")

# Well before `functionTimeout` of host.json, half an hour, at which the host ends the worker with all that runs in it.
LONGEST_SECONDS = 1500.0
# Until another step's process has ended; that takes as long as it takes.
BUSY_WAIT_SECONDS = 5.0

log = logging.getLogger(__name__)
# One at a time: each has the memory of a whole worker.
_running = Lock()


class OwnProcessError(PipelineError):
    """The process ended without an answer: it was killed, it crashed, or it took too long. The message says which."""

    code = "process_died"


class OwnProcess:
    """The one process beside this worker; taken by `with`.

    Raises PassingError when another step has it.
    """

    def __enter__(self) -> Self:
        if not _running.acquire(blocking=False):
            raise PassingError(
                "It has to run alone, and another file does so now.",
                code=NeedsOwnProcessError.code,
                retry_after=BUSY_WAIT_SECONDS,
            )
        return self

    def __exit__(self, *_: object) -> None:
        _running.release()

    def run(self, activity: str, work: object, limit_seconds: float = LONGEST_SECONDS) -> Any:
        """Carry out an activity's step; gives its answer from the wire. Raises OwnProcessError."""
        process = subprocess.Popen(  # noqa: S603 - our own module, and the name of an activity
            [*COMMAND, activity],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with process:
            answer = _talk(process, msgspec.json.encode(work), limit_seconds)
        if process.returncode != 0:
            raise OwnProcessError(_how_it_ended(process.returncode))
        return msgspec.json.decode(answer)


def _talk(process: subprocess.Popen[bytes], given: bytes, limit_seconds: float) -> bytes:
    assert process.stdin
    assert process.stdout
    assert process.stderr
    with pool(2) as readers:
        said = readers.submit(_pass_on, process.stderr)
        answer = readers.submit(process.stdout.read)
        try:
            # A line, and no end: when this process dies, the pipe ends, and the other one as well.
            process.stdin.write(given + b"\n")
            process.stdin.flush()
            process.wait(limit_seconds)
        except BrokenPipeError:
            # To close it tries to write what is left once more.
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise OwnProcessError(f"It took longer than {limit_seconds / 60:g} minutes.") from error
    said.result()
    return answer.result()


def _pass_on(stream: IO[bytes]) -> None:
    """Log what the other process says."""
    for line in stream:
        log.warning("in a process of its own: %s", line.decode("utf-8", "replace").rstrip())


def _how_it_ended(code: int) -> str:
    return f"It was ended by signal {-code}." if code < 0 else f"It ended with exit code {code}."
