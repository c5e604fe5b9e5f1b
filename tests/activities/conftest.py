"""One simulated service for all tests of the activities, and pipelines over fresh containers."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import TypeAlias

import pytest

from local.azure_openai import RunningService, running
from local.azurite import Azurite
from tests.activities.inline_pipeline import InlinePipeline, settings_for
from tests.conftest import Containers, new_containers

MakePipeline: TypeAlias = Callable[..., InlinePipeline]
NewWorld: TypeAlias = Callable[..., AbstractContextManager[InlinePipeline]]


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


@pytest.fixture
def new_world(azurite: Azurite, shared_service: RunningService) -> NewWorld:
    """A pipeline over containers of its own and a service that knows nothing, as often as a test likes."""

    @contextmanager
    def new(**settings: str) -> Iterator[InlinePipeline]:
        shared_service.reset()
        with (
            new_containers(azurite) as containers,
            closing(InlinePipeline(settings_for(containers, shared_service, **settings))) as pipeline,
        ):
            yield pipeline

    return new
