"""The host as a whole: every part made, connected, started and stopped in one place."""

import asyncio
import socket
import time
from pathlib import Path

from aiohttp import web

from local.functions_host.admin_api import AdminApi
from local.functions_host.client_binding import client_binding
from local.functions_host.config import HostConfig
from local.functions_host.engine import Engine
from local.functions_host.functions import App, TriggerKind
from local.functions_host.instance_commands import InstanceCommands
from local.functions_host.invoke import Invoker
from local.functions_host.management_api import ManagementApi, error_responses
from local.functions_host.storage.database import Database
from local.functions_host.storage.orchestrations import OrchestrationStore
from local.functions_host.triggers.http import add_http_routes

_NO_BODY_LIMIT = 0
_SHUTDOWN_SECONDS = 0.5


class Host:
    """Runs one app until it is stopped."""

    def __init__(
        self, *, app: App, app_folder: Path, config: HostConfig, database: Database, listener: socket.socket
    ) -> None:
        """`listener` is bound and says on which port clients find the host; both it and `database` get closed."""
        self.origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._listener = listener
        self._database = database
        store = OrchestrationStore(database)
        self._invoker = Invoker(
            client_binding=client_binding(self.origin, config.task_hub),
            app_folder=str(app_folder),
            timeout_seconds=config.function_timeout_seconds,
            threads=config.max_concurrent_activities,
        )
        self._engine = Engine(app=app, database=database, store=store, invoker=self._invoker, config=config)
        commands = InstanceCommands(
            app=app,
            database=database,
            store=store,
            commit=self._engine.commit,
            default_version=config.default_version,
            wake=self._engine.wake,
        )
        server = web.Application(middlewares=[error_responses], client_max_size=_NO_BODY_LIMIT)
        AdminApi(app, route_prefix=config.route_prefix, started_at=time.monotonic()).add_routes(server.router)
        ManagementApi(commands=commands, database=database, store=store, task_hub=config.task_hub).add_routes(
            server.router
        )
        add_http_routes(
            server.router, app.of_kind(TriggerKind.HTTP), prefix=config.route_prefix, invoker=self._invoker
        )
        self._runner = web.AppRunner(
            server, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS
        )

    async def start(self) -> None:
        """Take requests and go on with unfinished work."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener).start()
        self._engine.start()

    async def stop(self) -> None:
        """End within about two seconds; unfinished work is in the store."""
        await asyncio.gather(self._engine.stop(), self._runner.cleanup())
        self._invoker.close()
        self._database.close()
