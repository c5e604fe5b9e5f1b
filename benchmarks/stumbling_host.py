"""The embedded host, in which preparing goes wrong below the activity: `STUMBLE` says how, for the first file prepared.

`slow`: it takes minutes. `fails`: the activity ends with an exception, each time. Everything else is the app as it is.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from activities import prepare_file
from adapters.services import Services
from adapters.threads import Invocation
from domain.contracts import FileWork
from local.functions_host.cli import main
from steps.answering import answering
from steps.prepare.preparation import prepare

SLOW_SECONDS = 150.0

_chosen: list[str] = []


class WorkerDiedError(Exception):
    """What the activity ends with, in place of an answer."""


def stumble(work: FileWork, services: Services) -> object:
    """Prepare a file; the first one stumbles."""
    if not _chosen:
        _chosen.append(work.key)
    if work.key == _chosen[0]:
        if os.environ["STUMBLE"] == "fails":
            raise WorkerDiedError
        time.sleep(SLOW_SECONDS)
    return prepare(work, services)


def answering_unless_dead(step: Callable[[], object], invocation: Invocation) -> dict[str, Any]:
    """Answer as activities do. Raises WorkerDiedError for the file whose worker dies."""
    died: list[WorkerDiedError] = []

    def noting_death() -> object:
        try:
            return step()
        except WorkerDiedError as error:
            died.append(error)
            raise

    answer = answering(noting_death, invocation)
    if died:
        raise died[0]
    return answer


if __name__ == "__main__":
    setattr(prepare_file, "prepare", stumble)  # noqa: B010 - typed as the function it replaces
    setattr(prepare_file, "answering", answering_unless_dead)  # noqa: B010
    sys.exit(main())
