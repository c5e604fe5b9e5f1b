"""The other side of `adapters.own_process`: carry out one step, print its answer, end.

python -m steps.own_process ACTIVITY        the activity's input as a line of JSON on standard input
"""

import json
import logging
import os
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

if sys.platform != "win32":
    import resource

from adapters.services import services
from domain.contracts import from_wire
from steps.answering import answer_of
from steps.by_name import STEPS

POLITE = 10  # of 19


def main() -> None:
    """Answer on the standard output, which nothing else may write to."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    _go_first_when_memory_runs_out()
    kind, step = STEPS[sys.argv[1]]
    given = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, args=(sys.stdin.fileno(),), daemon=True).start()
    ours = replace(services(), own_process=None)
    leave_room(ours.settings.bounds.memory_bytes)
    with answers:
        answers.write(msgspec.json.encode(answer_of(lambda: step(from_wire(given, kind), ours))))


def _go_first_when_memory_runs_out() -> None:
    """Have the kernel choose this process, not the worker (Linux, `oom_score_adj`)."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def leave_room(memory_bytes: int) -> None:
    """Let the worker go first, and have what takes too much memory fail here, with an error that says so."""
    if sys.platform == "win32":
        return
    os.nice(POLITE)
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most == resource.RLIM_INFINITY or memory_bytes < most:
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, most))


def _end_with_parent(stdin: int) -> None:
    # Not by the stream: its lock would be held when this process ends in its own time.
    while os.read(stdin, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
