"""The host as a whole: every part made, connected, started and stopped in one place."""

import asyncio
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from local.functions_host.admin_api import AdminApi
from local.functions_host.client_binding import client_binding
from local.functions_host.config import HostConfig
from local.functions_host.engine import Engine
from local.functions_host.functions import App, TriggerKind
from local.functions_host.instance_commands import InstanceCommands
from local.functions_host.invoke import Invoker
from local.functions_host.management_api import ManagementApi, error_responses, this_machine_alone
from local.functions_host.storage.blobs import BlobStore
from local.functions_host.storage.database import Database
from local.functions_host.storage.orchestrations import OrchestrationStore
from local.functions_host.storage.timers import TimerStore
from local.functions_host.trace import TurnTrace
from local.functions_host.triggers.blob import BlobFunctions
from local.functions_host.triggers.http import add_http_routes
from local.functions_host.triggers.timer import TimerFunctions

_NO_BODY_LIMIT = 0
_SHUTDOWN_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """What a host is made of."""

    app: App
    config: HostConfig
    state_file: Path
    blob_poll_seconds: float
    """Rest between two listings of a watched container."""
    trace_file: Path | None = None
    """Where every turn is written down; see `trace`."""


class Host:
    """Runs one app until it is stopped."""

    def __init__(self, options: HostOptions, listener: socket.socket) -> None:
        """`listener` is bound and says on which port clients find the host.

        Raises AppLoadError for triggers that cannot work, and StateError.
        """
        self.origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._listener = listener
        self._options = options
        app, config = options.app, options.config
        self._database = Database(options.state_file)
        self._invoker = Invoker(
            client_binding=client_binding(self.origin, config.task_hub),
            timeout_seconds=config.function_timeout_seconds,
        )
        self._store = OrchestrationStore(self._database)
        self._trace = TurnTrace(options.trace_file) if options.trace_file else None
        self._engine = Engine(
            app=app,
            database=self._database,
            store=self._store,
            invoker=self._invoker,
            config=config,
            trace=self._trace,
        )
        self._timers = TimerFunctions(
            app.of_kind(TriggerKind.TIMER), invoker=self._invoker, store=TimerStore(self._database)
        )
        self._blobs = BlobFunctions(
            app.of_kind(TriggerKind.BLOB),
            invoker=self._invoker,
            store=BlobStore(self._database),
            config=config,
            environment=os.environ,
            poll_seconds=options.blob_poll_seconds,
        )
        self._runner = web.AppRunner(
            self._server(), access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS
        )

    async def start(self) -> None:
        """Take requests and go on with unfinished work."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener).start()
        self._engine.start()
        self._timers.start()
        self._blobs.start()

    async def stop(self) -> None:
        """End within about two seconds; unfinished work is in the store."""
        await asyncio.gather(
            self._timers.stop(), self._blobs.stop(), self._engine.stop(), self._runner.cleanup()
        )
        self._invoker.close()
        self._database.close()
        if self._trace:
            self._trace.close()

    def _server(self) -> web.Application:
        app, config = self._options.app, self._options.config
        server = web.Application(
            middlewares=[this_machine_alone, error_responses], client_max_size=_NO_BODY_LIMIT
        )
        commands = InstanceCommands(
            app=app,
            database=self._database,
            store=self._store,
            commit=self._engine.commit,
            default_version=config.default_version,
            wake=self._engine.wake,
        )
        management = ManagementApi(
            commands=commands, database=self._database, store=self._store, task_hub=config.task_hub
        )
        management.add_routes(server.router)
        AdminApi(app, timers=self._timers, route_prefix=config.route_prefix).add_routes(server.router)
        self._blobs.add_routes(server.router)
        functions = app.of_kind(TriggerKind.HTTP)
        add_http_routes(server.router, functions, prefix=config.route_prefix, invoker=self._invoker)
        return server
