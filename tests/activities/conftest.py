"""One simulated service for all tests of the activities, and pipelines over fresh containers."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from local.azure_openai import RunningService, running
from local.azurite import Azurite
from tests.activities.inline_pipeline import InlinePipeline, settings_for
from tests.conftest import Containers

MakePipeline: TypeAlias = Callable[..., InlinePipeline]


@pytest.fixture(scope="session")
def shared_service(azurite: Azurite) -> Iterator[RunningService]:
    # The life of a batch takes 20 ms.
    with running(speed=20_000, storage_connection=azurite.connection_string) as service:
        yield service


@pytest.fixture
def service(shared_service: RunningService) -> RunningService:
    shared_service.reset()
    return shared_service


@pytest.fixture(autouse=True)
def short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice takes real time as well as the flow's."""
    monkeypatch.setattr("steps.direct.slices.SLICE_SECONDS", 5.0)


@pytest.fixture
def make_pipeline(containers: Containers, service: RunningService) -> Iterator[MakePipeline]:
    made: list[InlinePipeline] = []

    def make(**settings: str) -> InlinePipeline:
        made.append(InlinePipeline(settings_for(containers, service, **settings)))
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.close()
