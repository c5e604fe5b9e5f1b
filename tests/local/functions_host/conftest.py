"""Hosts to test with, and the real SDK's client talking to them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import azure.durable_functions as df
import pytest
import pytest_asyncio
from azure.durable_functions.models.utils import http_utils

from local.functions_host.client_binding import client_binding
from tests.local.functions_host.running_host import RunningHost

APPS = Path(__file__).parent / "apps"
MakeHost: TypeAlias = Callable[..., RunningHost]


@pytest.fixture(scope="module")
def make_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeHost]:
    """Build hosts for apps (names of folders in apps/, or paths); what runs at the end of the module is killed."""
    hosts: list[RunningHost] = []

    def make(app: str | Path, *arguments: str, **environment: str) -> RunningHost:
        hosts.append(RunningHost(APPS / app, tmp_path_factory.mktemp("host"), environment, arguments))
        return hosts[-1]

    yield make
    for host in hosts:
        if host.is_running:
            host.kill()


@pytest.fixture(scope="module")
def basic(make_host: MakeHost, tmp_path_factory: pytest.TempPathFactory) -> RunningHost:
    """A running host with the app apps/basic."""
    return make_host("basic", COUNTS=str(tmp_path_factory.mktemp("counts"))).start()


@pytest_asyncio.fixture
async def client_of() -> AsyncIterator[Callable[[RunningHost], df.DurableOrchestrationClient]]:
    """The SDK's durable client for a host."""
    yield lambda host: df.DurableOrchestrationClient(client_binding(host.origin, "TestHubName"))
    await http_utils._close_session()
    await asyncio.sleep(0)  # the session's connections close before the loop does
