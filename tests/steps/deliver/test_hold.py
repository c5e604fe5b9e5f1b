"""Files that are set aside: for how long, and what sets them free."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from adapters.work import attempts
from domain.contracts import FileWork
from steps.deliver import hold as holding
from steps.deliver.hold import HOLD_SECONDS, hold, release
from steps.intake import survey as surveying
from steps.intake.survey import Survey, survey
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline

PATH = "a.jsonl"


async def is_alive(_snapshot_id: str) -> bool:
    return True


def surveyed(pipeline: InlinePipeline) -> Survey:
    """Look as another snapshot does, while the one that has set the file aside is alive."""
    return asyncio.run(survey(pipeline.services, is_alive, snapshot_id="another"))


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt", MAX_TOKENS_PER_FILE="10")


def held(pipeline: InlinePipeline, **why: bool) -> str:
    """Have a file claimed and set aside; gives its key."""
    pipeline.drop(PATH, b"x")
    flow = pipeline.begin()
    pipeline.live_until(flow, "prepare_file")
    (file,) = flow.files
    work = FileWork(snapshot_id=flow.snapshot_id, key=file.key, reason="It is so.")
    hold(msgspec.structs.replace(work, **why), pipeline.services)
    assert surveyed(pipeline).orphaned == []
    return file.key


def time_passes(pipeline: InlinePipeline, _: pytest.MonkeyPatch, _key: str) -> None:
    pipeline._forward += HOLD_SECONDS + 1


def settings_change(pipeline: InlinePipeline, _: pytest.MonkeyPatch, _key: str) -> None:
    pipeline.change(max_tokens_per_file=1000)


def the_app_changes(_: InlinePipeline, monkeypatch: pytest.MonkeyPatch, _key: str) -> None:
    for module in (attempts, holding, surveying):
        monkeypatch.setattr(module, "app_version", lambda: "another")


def a_person_says_so(pipeline: InlinePipeline, _: pytest.MonkeyPatch, key: str) -> None:
    assert release(key, pipeline.services)


@pytest.mark.parametrize(
    ("why", "event"),
    [
        ({}, time_passes),
        ({"needs_settings": True}, time_passes),
        ({"needs_settings": True}, settings_change),
        ({"needs_version": True}, the_app_changes),
        ({}, a_person_says_so),
        ({"needs_version": True}, a_person_says_so),
    ],
)
def test_a_file_that_is_free_again_is_taken_also_while_its_old_snapshot_is_alive(
    pipeline: InlinePipeline,
    monkeypatch: pytest.MonkeyPatch,
    why: dict[str, bool],
    event: Callable[[InlinePipeline, pytest.MonkeyPatch, str], None],
) -> None:
    key = held(pipeline, **why)
    event(pipeline, monkeypatch, key)
    assert [found.key for found in surveyed(pipeline).orphaned] == [key]


def test_a_file_that_is_worked_on_is_not_taken_from_a_snapshot_that_is_alive(
    pipeline: InlinePipeline,
) -> None:
    pipeline.drop(PATH, b"x")
    flow = pipeline.begin()
    pipeline.live_until(flow, "prepare_file")
    assert surveyed(pipeline).orphaned == []
    assert not release(flow.files[0].key, pipeline.services)


def test_what_is_released_has_its_tries_anew(pipeline: InlinePipeline) -> None:
    key = held(pipeline)
    noted = pipeline.services.work.attempts
    for step in ("prepare_file", "collect_batch-0000"):
        assert noted.begin(key, step) == 1
        noted.note(key, step, 6)
    assert release(key, pipeline.services)
    for step in ("prepare_file", "collect_batch-0000"):
        assert noted.begin(key, step) == 1


def test_only_what_is_there_can_be_released(pipeline: InlinePipeline) -> None:
    assert not release("0" * 20, pipeline.services)
