"""Every story here runs on the embedded host and on the genuine engine, and has to end the same."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

from benchmarks.chaos.containers import Containers
from local.azure_openai import running as running_simulator
from local.azurite import Azurite
from tests.end_to_end.pipeline import SIMULATOR_SETTINGS, app_settings
from tests.genuine.hosts import Hosts, Kind, skip_without_engine
from tests.genuine.stage import Stage


class MakeStage(Protocol):
    def __call__(self, *, plan: dict[str, Any] | None = None, **settings: str) -> Stage: ...


@pytest.fixture(scope="module", params=list(Kind))
def kind(request: pytest.FixtureRequest) -> Kind:
    found = Kind(request.param)
    skip_without_engine(found)
    return found


@pytest.fixture
def hosts(kind: Kind, azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Hosts of one test."""
    with Hosts(kind=kind, azurite=azurite, folders=tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="module")
def shared_hosts(kind: Kind, azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Hosts of a whole module."""
    with Hosts(kind=kind, azurite=azurite, folders=tmp_path_factory) as made:
        yield made


@pytest.fixture
def make_stage(hosts: Hosts) -> Iterator[MakeStage]:
    """Give storage and service that no other test knows, for hosts to work on; `settings` are app settings in lower case."""
    azurite = hosts.azurite
    with ExitStack() as stack:

        def make(*, plan: dict[str, Any] | None = None, **settings: str) -> Stage:
            simulator = running_simulator(
                plan=plan, storage_connection=azurite.connection_string, **SIMULATOR_SETTINGS
            )
            service = stack.enter_context(simulator)
            prefix = f"{uuid.uuid4().hex[:12]}-"
            containers = stack.enter_context(Containers(azurite.connection_string, prefix=prefix))
            containers.create()
            stack.callback(containers.delete)
            stack.callback(hosts.close)
            environment = app_settings(azurite, service, containers, settings)
            return Stage(containers, service, hosts, environment)

        yield make
