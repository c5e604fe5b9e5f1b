"""The whole pipeline, on a real host, for as long as the tests of one module need it."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from benchmarks.chaos.containers import Containers
from local.azure_openai import running as running_simulator
from local.azurite import Azurite
from tests.end_to_end.pipeline import APP, SIMULATOR_SETTINGS, Pipeline, app_settings
from tests.local.functions_host.running_host import RunningHost

HOST = "local.functions_host"


class MakePipeline(Protocol):
    def __call__(
        self, *, plan: dict[str, Any] | None = None, hosts: int = 1, module: str = HOST, **settings: str
    ) -> Pipeline: ...


@pytest.fixture(scope="module")
def make_pipeline(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakePipeline]:
    """Start storage, service and hosts that nobody else knows; `settings` are app settings in lower case."""
    with ExitStack() as stack:

        def make(
            *, plan: dict[str, Any] | None = None, hosts: int = 1, module: str = HOST, **settings: str
        ) -> Pipeline:
            service = stack.enter_context(
                running_simulator(
                    plan=plan, storage_connection=azurite.connection_string, **SIMULATOR_SETTINGS
                )
            )
            prefix = f"{uuid.uuid4().hex[:12]}-"
            containers = stack.enter_context(Containers(azurite.connection_string, prefix=prefix))
            containers.create()
            stack.callback(containers.delete)
            environment = app_settings(azurite, service, containers, settings)
            folders = [tmp_path_factory.mktemp("host") for _ in range(hosts)]
            started = [start_host(stack, folder, environment, module) for folder in folders]
            return Pipeline(containers, service, started)

        yield make


def start_host(
    stack: ExitStack, folder: Path, environment: dict[str, str], module: str = HOST
) -> RunningHost:
    arguments = ("--blob-poll-seconds", "0.2")
    host = RunningHost(
        app=APP, state=folder, environment=environment, arguments=arguments, module=module
    ).start()
    stack.callback(host.stop)
    return host
