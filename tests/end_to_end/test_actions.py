"""What people do while files are worked on: one story for each action, on a real host, over HTTP."""

from collections import Counter
from typing import Any

import pytest

from benchmarks.chaos.containers import Version
from domain import names
from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import Pipeline, requests

ROWS = 3
ENDLESS = {"duration_seconds": 3600}
BIG = 200  # rows, more than the budget of a file


@pytest.fixture(scope="module")
def pipeline(make_pipeline: MakePipeline) -> Pipeline:
    plan = {
        "batches": [{"deployment": "endless", **ENDLESS}],
        "rows": [
            {"custom_id": "failing/0", "first": 1, "effect": "error", "status": 400},
            {"custom_id": "failing/1", "first": 1, "effect": "error", "status": 403},
        ],
    }
    return make_pipeline(plan=plan, max_tokens_per_file="300")


def key_of(version: Version) -> str:
    return names.file_key(version.path, version.etag)


def act(pipeline: Pipeline, path: str, **body: Any) -> dict[str, Any]:
    answer = pipeline.host.post(f"/api/{path}", **({"json": body} if body else {}))
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def at_rest(pipeline: Pipeline) -> dict[str, Any]:
    return dict(pipeline.host.get("/api/files").json())


def is_delivered(pipeline: Pipeline, path: str) -> bool:
    return bool(pipeline.deliveries(path)) and path not in pipeline.containers.waiting()


def test_a_file_is_cancelled_and_says_so(pipeline: Pipeline) -> None:
    version = pipeline.drop("slow.jsonl", requests("slow", ROWS, model="endless"))
    pipeline.wait_until(lambda: any(batch["status"] == "in_progress" for batch in pipeline.service.batches()))
    for _ in range(2):
        assert act(pipeline, f"files/{key_of(version)}/cancel")["file"] == "slow.jsonl"
    pipeline.wait_until(lambda: is_delivered(pipeline, "slow.jsonl"))
    delivery = pipeline.delivery("slow.jsonl")
    assert Counter(delivery.failed.values()) == {("cancelled", "batch_cancelled"): ROWS}
    assert delivery.metadata["retry"].endswith("slow_retry.jsonl")
    assert pipeline.host.post(f"/api/files/{key_of(version)}/cancel").status_code == 404


def test_a_snapshot_is_cancelled_with_all_its_files(pipeline: Pipeline) -> None:
    paths = [f"many/{number}.jsonl" for number in range(3)]
    for path in paths:
        pipeline.drop(path, requests(path, ROWS, model="endless"))

    def running() -> list[str]:
        told = [one for one in pipeline.snapshots() if one["status"] == "Running" and one["progress"]]
        return [one["id"] for one in told if one["progress"].get("active_batches")]

    def are_delivered_once_cancelled() -> bool:
        """The files may have come into two windows."""
        for snapshot in running():
            act(pipeline, f"snapshots/{snapshot}/cancel")
        return all(is_delivered(pipeline, path) for path in paths)

    pipeline.wait_until(are_delivered_once_cancelled)
    outcomes = Counter(outcome for path in paths for outcome in pipeline.delivery(path).failed.values())
    assert sum(outcomes.values()) == 3 * ROWS
    assert {outcome for outcome, _ in outcomes} == {"cancelled"}
    (ended, *_) = (one["id"] for one in pipeline.snapshots() if one["report"])
    assert pipeline.host.post(f"/api/snapshots/{ended}/cancel").status_code == 409


def test_the_intake_waits_a_file_is_held_and_both_go_on_when_people_say_so(pipeline: Pipeline) -> None:
    assert act(pipeline, "intake/pause")["intake"] == "paused"
    held, other = (pipeline.drop(f"{name}.jsonl", requests(name, ROWS)) for name in ("held", "other"))
    assert act(pipeline, f"files/{key_of(held)}/hold")["asked"] == "hold"
    told = at_rest(pipeline)
    assert (told["intake"], [file["key"] for file in told["held"]]) == ("paused", [key_of(held)])
    assert pipeline.containers.worked_on() == set()
    act(pipeline, "intake/resume")
    pipeline.wait_until(lambda: is_delivered(pipeline, other.path))
    assert held not in pipeline.containers.worked_on()
    act(pipeline, f"files/{key_of(held)}/release")
    pipeline.wait_until(lambda: is_delivered(pipeline, held.path))
    assert len(pipeline.delivery(held.path).answered) == ROWS


def test_a_file_beyond_its_budget_is_approved(pipeline: Pipeline) -> None:
    version = pipeline.drop("big.jsonl", requests("big", BIG))
    # The list of files at rest is half a minute old, where nobody has acted.
    pipeline.wait_until(lambda: "big.jsonl is set aside" in pipeline.host.log)
    act(pipeline, f"files/{key_of(version)}/approve")
    pipeline.wait_until(lambda: is_delivered(pipeline, version.path))
    assert len(pipeline.delivery(version.path).answered) == BIG


def test_a_folder_is_put_first_and_says_so(pipeline: Pipeline) -> None:
    act(pipeline, "folders/priority", folder="urgent", priority=5)
    asked = [
        (one.get("folder"), one.get("priority")) for one in at_rest(pipeline)["asked"] if "folder" in one
    ]
    assert asked == [("urgent/", 5)]
    pipeline.drop("urgent/now.jsonl", requests("now", ROWS))
    pipeline.wait_until(lambda: is_delivered(pipeline, "urgent/now.jsonl"))


def test_failed_rows_are_retried_by_their_code_and_the_others_after_them(pipeline: Pipeline) -> None:
    version = pipeline.drop("failing.jsonl", requests("failing", ROWS))
    pipeline.wait_until(lambda: is_delivered(pipeline, "failing.jsonl"))
    codes = list(pipeline.delivery("failing.jsonl").metadata["error_codes"])
    path = f"files/{key_of(version)}/retry"
    pipeline.wait_until(
        lambda: pipeline.host.post(f"/api/{path}", json={"codes": codes[:1]}).status_code == 202
    )
    (some,) = act(pipeline, path, codes=codes[:1])["files"]
    pipeline.wait_until(lambda: is_delivered(pipeline, some))
    told = act(pipeline, path, codes=[])
    (rest,) = set(told["files"]) - {some}
    assert (told["is_new"], act(pipeline, path, codes=[])["is_new"]) == (True, False)
    pipeline.wait_until(lambda: is_delivered(pipeline, rest))
    assert [len(pipeline.delivery(name).answered) for name in (some, rest)] == [1, 1]
    (snapshot,) = {f"snapshot-{pipeline.delivery('failing.jsonl').metadata['snapshot'].split('-')[-1]}"}
    told = act(pipeline, f"snapshots/{snapshot}/retry", codes=[])
    assert [(one["key"], one["is_new"]) for one in told["files"]] == [(key_of(version), False)]
    assert told["next"] is None


def test_nothing_was_paid_twice_and_nothing_is_left(pipeline: Pipeline) -> None:
    pipeline.wait_until_finished()
    wishes = pipeline.containers.read("work", prefix=names.WISHES)
    pipeline.wait_until(lambda: len(pipeline.containers.read("work", prefix=names.WISHES)) == 1)
    assert wishes
    # A retry is a file of the app's own, which no test has dropped.
    assert {name: found for name, found in pipeline.wrongs().items() if "retry" not in str(found)} == {}
