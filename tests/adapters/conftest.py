"""Storage over fresh containers, and one simulated service for all tests of the adapters."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TypeAlias

import pytest

from adapters.openai.batch_api import BatchApi, open_batch_api
from adapters.storage.account import Storage, open_storage
from adapters.storage.blobs import Container
from adapters.work.store import WorkStore
from domain.settings import Settings
from local.azure_openai import RunningService, running
from tests.conftest import Containers

MakeApi: TypeAlias = Callable[..., BatchApi]


@pytest.fixture
def settings(containers: Containers) -> Settings:
    return Settings(
        azure_openai_endpoint="https://example.openai.azure.com",
        data=containers.connection_string,
        input_container=containers.input,
        processed_container=containers.processed,
        error_container=containers.error,
        work_container=containers.work,
    )


@pytest.fixture
def storage(settings: Settings) -> Iterator[Storage]:
    with closing(open_storage(settings)) as storage:
        yield storage


@pytest.fixture
def container(storage: Storage) -> Container:
    return storage.work


@pytest.fixture
def store(storage: Storage) -> WorkStore:
    return WorkStore(storage.work)


@pytest.fixture(scope="session")
def shared_service() -> Iterator[RunningService]:
    with running(speed=20_000) as service:
        yield service


@pytest.fixture
def service(shared_service: RunningService) -> RunningService:
    shared_service.reset()
    return shared_service


@pytest.fixture
def open_api(service: RunningService) -> Iterator[MakeApi]:
    """Open the Batch API of the simulated service, or of another endpoint."""
    opened: list[BatchApi] = []

    def make(
        *, api_version: str = "v1", endpoint: str | None = None, key: str | None = None, expiry_days: int = 14
    ) -> BatchApi:
        opened.append(
            open_batch_api(
                endpoint=endpoint or service.url,
                api_version=api_version,
                api_key=key or service.key,
                scope="",
                completion_window="24h",
                expiry_days=expiry_days,
            )
        )
        return opened[-1]

    yield make
    for api in opened:
        api.close()


@pytest.fixture
def api(open_api: MakeApi) -> BatchApi:
    return open_api()
