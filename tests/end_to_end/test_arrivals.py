"""Files that change while they are worked on, and events that come late, twice or for nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.azurite import Azurite
from local.azurite.server import ACCOUNT_NAME
from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import Pipeline, requests

PostEvent = Callable[[str], None]

ROWS = 3
EVENTS = 8


@pytest.fixture(scope="module")
def pipeline(make_pipeline: MakePipeline) -> Pipeline:
    """A pipeline that hears of files by events that the tests post; its sweep runs once, at the start."""
    return make_pipeline(blob_trigger_source="EventGrid", sweep_schedule="0 0 0 1 1 *")


@pytest.fixture
def post_event(pipeline: Pipeline, azurite: Azurite) -> PostEvent:
    def post(path: str) -> None:
        container = pipeline.containers.settings["INPUT_CONTAINER"]
        url = f"http://127.0.0.1:{azurite.blob_port}/{ACCOUNT_NAME}/{container}/{path}"
        etags = (version.etag for version in reversed(pipeline.dropped) if version.path == path)
        data = {"url": url, "blobType": "BlockBlob", "eTag": next(etags, "0x1")}
        response = pipeline.host.post(
            "/runtime/webhooks/blobs?functionName=Host.Functions.blob_arrived",
            json=[{"eventType": "Microsoft.Storage.BlobCreated", "data": data}],
            headers={"aeg-event-type": "Notification"},
        )
        assert response.status_code == 202, response.text

    return post


def test_an_event_that_comes_many_times_pays_once(pipeline: Pipeline, post_event: PostEvent) -> None:
    pipeline.drop("repeated.jsonl", requests("repeated", ROWS))
    with ThreadPoolExecutor(EVENTS) as pool:
        list(pool.map(post_event, ["repeated.jsonl"] * EVENTS))
    pipeline.wait_until_finished()

    assert pipeline.delivery("repeated.jsonl").answered == [f"repeated/{row}" for row in range(ROWS)]
    assert pipeline.wrongs() == {}


def test_an_event_for_a_file_that_is_gone_does_nothing(pipeline: Pipeline, post_event: PostEvent) -> None:
    post_event("repeated.jsonl")  # finished by the test before, or never there
    pipeline.drop("after.jsonl", requests("after", ROWS))
    post_event("after.jsonl")
    pipeline.wait_until_finished()

    assert pipeline.delivery("after.jsonl").answered == [f"after/{row}" for row in range(ROWS)]
    assert pipeline.wrongs() == {}


def test_the_same_name_dropped_again_is_another_file(pipeline: Pipeline, post_event: PostEvent) -> None:
    first = pipeline.drop("again.jsonl", requests("again-1st", ROWS))
    post_event("again.jsonl")
    pipeline.wait_until_taken(first)
    pipeline.drop("again.jsonl", requests("again-2nd", ROWS))
    post_event("again.jsonl")
    pipeline.wait_until_finished()

    answered = {tuple(delivery.answered) for delivery in pipeline.deliveries("again.jsonl")}
    assert answered == {tuple(f"again-{which}/{row}" for row in range(ROWS)) for which in ("1st", "2nd")}
    assert pipeline.wrongs() == {}


def test_a_file_that_is_deleted_meanwhile_is_answered_all_the_same(
    pipeline: Pipeline, post_event: PostEvent
) -> None:
    version = pipeline.drop("deleted.jsonl", requests("deleted", ROWS))
    post_event("deleted.jsonl")
    pipeline.wait_until_taken(version)
    pipeline.containers.delete_input("deleted.jsonl")
    pipeline.wait_until_finished()

    delivery = pipeline.delivery("deleted.jsonl")
    assert delivery.answered == [f"deleted/{row}" for row in range(ROWS)]
    assert delivery.metadata["input_state"] == "deleted"
    assert pipeline.wrongs() == {}
