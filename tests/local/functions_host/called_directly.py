"""An orchestrator called without a worker in between: what the SDK made of it, as the host's turns want it."""

import traceback
from collections.abc import Callable

from azure.functions import OrchestrationContext

from local.functions_host.errors import WorkerError


def called_directly(handle: Callable[[OrchestrationContext], str]) -> Callable[[str], str]:
    """Give a handle from request to answer; it fails as the worker says that it failed."""

    def call(body: str) -> str:
        try:
            return handle(OrchestrationContext(body))
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            raise WorkerError(f"{type(error).__name__}: {error}", trace) from error

    return call
