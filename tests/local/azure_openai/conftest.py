"""One service for all tests that are content with the settings, empty for each of them."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from local.azure_openai import RunningService, running
from tests.local.azure_openai.batch_work import v1_client

FAST = 4000.0  # a batch's three phases take 6 minutes of the service's time, 90 ms of ours


@pytest.fixture(scope="session")
def shared_service() -> Iterator[RunningService]:
    with running(speed=FAST) as service:
        yield service


@pytest.fixture
def service(shared_service: RunningService) -> RunningService:
    shared_service.reset()
    return shared_service


@pytest.fixture
def client(service: RunningService) -> Iterator[OpenAI]:
    with v1_client(service) as client:
        yield client
