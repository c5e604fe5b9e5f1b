"""The same crash points where the service fetches shards, or reads and writes our storage itself."""

import pytest

from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline, NewWorld
from tests.activities.crash_points import STEP, die_twice, of_its_own, walk
from tests.activities.inline_pipeline import Fuse, InlinePipeline
from tests.activities.mixed_file import CONTENT, PATH, PLAN, check

DATED = {"AZURE_OPENAI_API_VERSION": "2025-04-01-preview"}


@pytest.fixture(params=["import", "blob"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pipeline(make_pipeline: MakePipeline, service: RunningService, transport: str) -> InlinePipeline:
    service.plan(rows=PLAN)
    made = make_pipeline(TRANSPORT=transport, **DATED)
    made.drop(PATH, CONTENT)
    return made


def check_transport(pipeline: InlinePipeline, service: RunningService, transport: str) -> None:
    check(pipeline, service)
    told = pipeline.document(pipeline.storage.processed, "_metadata.json")
    assert {batch["transport"] for batch in told["batches"]} == {transport}


def test_without_a_crash_every_effect_happens_once(
    pipeline: InlinePipeline, service: RunningService, transport: str
) -> None:
    fuse = Fuse()
    pipeline.run(fuse)
    check_transport(pipeline, service, transport)
    assert fuse.effects["upload"] == 0
    assert fuse.effects["import"] == (2 if transport == "import" else 0)
    assert fuse.effects["create"] == 2


@pytest.mark.parametrize("first", range(1, STEP + 1))
def test_a_process_may_die_after_any_effect_and_the_next_one_after_any_other(
    new_world: NewWorld, service: RunningService, transport: str, first: int
) -> None:
    def life(fuse: Fuse) -> None:
        with new_world(TRANSPORT=transport, **DATED) as pipeline:
            service.plan(rows=PLAN)
            pipeline.drop(PATH, CONTENT)
            die_twice(pipeline, fuse)
            pipeline.run()
            check_transport(pipeline, service, transport)

    walk(transport, life, of_its_own(first, "import" if transport == "import" else "create"))


def test_an_answer_that_is_lost_on_its_way_costs_nothing(
    pipeline: InlinePipeline, service: RunningService, transport: str
) -> None:
    lost = [
        {"operation": operation, "nth": 1, "connection": "lost"} for operation in ("import", "create_batch")
    ]
    service.plan(rows=PLAN, calls=lost)
    pipeline.run()
    check_transport(pipeline, service, transport)
