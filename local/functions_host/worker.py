"""Microsoft's worker library for Python, which indexes the app and calls its functions; it runs in Azure from Python 3.13 on.

This is the host's side of it: what in Azure comes over gRPC comes by call here. On Python 3.11 and 3.12, where Azure runs
the older worker, it has the same rules for apps but for log lines, see `worker_log`.
"""

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as library

from local.functions_host import worker_log, worker_messages
from local.functions_host.errors import AppLoadError, WorkerError
from local.functions_host.worker_messages import (
    InvocationRequest,
    InvocationResponse,
    ParameterBinding,
    RpcFunctionMetadata,
    StatusResult,
    TypedData,
    WorkerInitRequest,
)

_STREAMING = "HttpUri"  # the capability of a worker that wants HTTP requests past the host


async def index(folder: Path) -> Sequence[RpcFunctionMetadata]:
    """Have the app in `folder` imported and checked; give its functions. For the event loop that calls them afterwards.

    Raises AppLoadError, caused by a WorkerError, for what the worker refuses. One app for each process: the library
    keeps it in variables of its modules.
    """
    worker_log.make_tasks(asyncio.get_running_loop())
    library.start_threadpool_executor()
    loaded = await library.worker_init_request(
        _request(worker_init_request=WorkerInitRequest(function_app_directory=str(folder)))
    )
    if loaded.result.status != StatusResult.Success:
        error = _error(loaded.result)
        raise AppLoadError(f"the app cannot be loaded: {error}") from error
    if _STREAMING in loaded.capabilities:
        raise AppLoadError("HTTP streaming is not supported by this host")
    listed = await library.functions_metadata_request(_request())
    return listed.function_metadata_results or ()


async def call(function: RpcFunctionMetadata, inputs: Iterable[tuple[str, TypedData]]) -> TypedData | None:
    """Call a function with the values of its bindings, by name; give what it returns.

    Raises WorkerError for whatever the function raises, and for values that its bindings cannot carry.
    """
    request = InvocationRequest(
        invocation_id=str(uuid.uuid4()),
        function_id=function.function_id,
        input_data=[ParameterBinding(name=name, data=value) for name, value in inputs],
    )
    # A task of its own, as in Azure: it is by tasks that log lines find their invocation.
    answer = await asyncio.create_task(_invoke(request, function.name))
    if answer.result.status != StatusResult.Success:
        raise _error(answer.result)
    return answer.return_value


async def _invoke(request: InvocationRequest, function: str) -> InvocationResponse:
    worker_log.begin(request.invocation_id, function)
    answer: InvocationResponse = await library.invocation_request(_request(invocation_request=request))
    return answer


def _request(**content: Any) -> Any:
    return SimpleNamespace(
        request=SimpleNamespace(**content), properties={"host": "127.0.0.1", "protos": worker_messages}
    )


def _error(result: StatusResult) -> WorkerError:
    told = result.exception
    assert told is not None  # the library tells why, whenever something fails
    return WorkerError(told.message, told.stack_trace)
