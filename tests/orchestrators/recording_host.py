"""The embedded host, writing down what each orchestration is asked and what it answers: `RECORDINGS` names the folder.

An execution's last turn holds its whole history, so each turn overwrites the one before it. The first time that a
file is prepared, the activity dies of a surprise: that way through `run_files` is to be in the recordings as well.
"""

import itertools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from activities import prepare_file
from local.functions_host import turn
from local.functions_host.cli import main
from local.functions_host.sdk_call import Answer, call_orchestrator
from steps.answering import answering

_numbers = itertools.count()
_files: dict[str, Path] = {}


def record(handle: Callable[[str], str], **asked: Any) -> Answer:
    """Call an orchestrator as the host would, and keep request and answer."""

    def keep(body: str) -> str:
        answer = handle(body)
        request, told = json.loads(body), json.loads(answer)
        started = next(event for event in request["history"] if event["EventType"] == 0)
        execution = started["OrchestrationInstance"]["ExecutionId"]
        if execution not in _files:
            name = f"{next(_numbers):02d}-{started['Name']}.json"
            _files[execution] = Path(os.environ["RECORDINGS"], name)
        whole = _files[execution].with_suffix(".new")
        whole.write_text(json.dumps({"request": request, "answer": told}))
        whole.replace(_files[execution])
        return answer

    return call_orchestrator(keep, **asked)


class FirstCallFails:
    """Stands in front of a function and fails once."""

    def __init__(self, real: Callable[..., Any]) -> None:
        self._real, self._has_failed = real, False

    def __call__(self, *arguments: Any) -> Any:
        if not self._has_failed:
            self._has_failed = True
            raise RuntimeError("a surprise from below the activities")
        return self._real(*arguments)


if __name__ == "__main__":
    setattr(turn, "call_orchestrator", record)  # noqa: B010 - typed as the function it replaces
    setattr(prepare_file, "answering", FirstCallFails(answering))  # noqa: B010
    code = main()
    sys.stdout.flush()
    os._exit(code)
