"""Running the service on 127.0.0.1 until it is told to stop."""

from __future__ import annotations

import contextlib
import signal
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvicorn

from local.azure_openai import app
from local.azure_openai.connections import Connections
from local.azure_openai.plan import Plan
from local.azure_openai.service import Service

if TYPE_CHECKING:
    from types import FrameType

    from local.azure_openai.settings import Settings

_GRACE_SECONDS = 1


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; prints the URL when connections are taken.

    Raises msgspec.ValidationError for a plan that cannot be read, OSError for a port that is taken.
    """
    plan = msgspec.json.decode(Path(settings.plan).read_bytes(), type=Plan) if settings.plan else Plan()
    with contextlib.ExitStack() as stack:
        state = settings.state or stack.enter_context(tempfile.TemporaryDirectory(prefix="azure-openai-"))
        directory = Path(state)
        directory.mkdir(parents=True, exist_ok=True)
        listener = socket.create_server(("127.0.0.1", settings.port))
        # asyncio leaves Nagle's algorithm on for sockets made like this; every answer would wait for a delayed ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _run(Service(settings, directory, plan), listener)


def _run(service: Service, listener: socket.socket) -> None:
    config = uvicorn.Config(
        "", log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=_GRACE_SECONDS
    )
    server = uvicorn.Server(config)
    config.app = app.build(service, Connections(server.server_state))
    # The server raises the signal that stopped it once more; by then it has done its work.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    server.run(sockets=[listener])


def _ignore(_: int, __: FrameType | None) -> None:
    """Take the repeated signal."""
