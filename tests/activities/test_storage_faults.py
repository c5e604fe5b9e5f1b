"""Storage that is busy, or whose answers get lost, at any of its calls: it costs time, nothing is done twice."""

from contextlib import suppress

import pytest

from domain.errors import PassingError
from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import Weather
from tests.activities.mixed_file import CONTENT, PATH, PLAN, check

CHANCE = 0.15  # per call, before it and after it


@pytest.mark.parametrize("seed", range(8))
def test_storage_that_fails_at_any_call_costs_time_alone(
    make_pipeline: MakePipeline, service: RunningService, seed: int
) -> None:
    pipeline, weather = make_pipeline(), Weather(seed, CHANCE)
    service.plan(rows=PLAN)
    pipeline.drop(PATH, CONTENT)
    for _ in range(20):  # a snapshot that cannot be taken is taken again by the next sweep
        with suppress(PassingError):
            pipeline.live(pipeline.begin(weather), weather)
            break
    pipeline.run()
    check(pipeline, service)
    assert weather.effects.total() > 0
