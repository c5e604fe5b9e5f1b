"""A wrong deployment in a job spec: its files are set aside, nothing was sent, and what is mended makes a new plan."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

import pytest

from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline, NewWorld
from tests.activities.crash_points import walk
from tests.activities.inline_pipeline import Blown, Fuse, InlinePipeline
from tests.activities.request_files import request

PATH = "team/a.csv"
TABLE = b"text\none\ntwo\n"
CHAT = 'messages: [{role: user, content: "Sum up: {{ text }}"}]\n'
EMBED = 'endpoint: /v1/embeddings\ninput: "{{ text }}"\n'
NOT_FOUND = {"status": 404, "code": "DeploymentNotFound", "message": "No such deployment."}
MISSING = {"code": "model_not_found", "message": "No such model."}
# Where it turns out that there is no deployment `wrong`: before there is a batch, when it is validated, at a live call.
FOUND_OUT: dict[str, tuple[str, dict[str, Any]]] = {
    "creation": (CHAT, {"calls": [{"operation": "create_batch", "deployment": "wrong", **NOT_FOUND}]}),
    "validation": (CHAT, {"batches": [{"deployment": "wrong", "invalid": [MISSING]}]}),
    "live": (EMBED, {"calls": [{"operation": "live", "deployment": "wrong", **NOT_FOUND}]}),
}
# Before them the claim is taken over, behind them the new plan is followed.
EFFECTS = range(3, 13, 3)
Mend: TypeAlias = Callable[[InlinePipeline, str], None]


def mended_in_place(pipeline: InlinePipeline, spec: str) -> None:
    pipeline.drop("_batch.yaml", f"deployment: right\n{spec}".encode())


def a_nearer_one(pipeline: InlinePipeline, spec: str) -> None:
    pipeline.drop("team/_batch.yaml", f"deployment: right\n{spec}".encode())


def another_template(pipeline: InlinePipeline, spec: str) -> None:
    """Fewer rows become requests, and there are more shards."""
    pipeline.drop("_batch.yaml", f"deployment: right\n{spec.replace('text }}', 'text | upper }}')}".encode())
    pipeline.change(max_requests_per_shard=1)


def removed(pipeline: InlinePipeline, _: str) -> None:
    pipeline.storage.input.delete("_batch.yaml")


def settings_changed(pipeline: InlinePipeline, _: str) -> None:
    """The job spec that names none goes by them."""
    pipeline.change(azure_openai_deployment="right")


def begun(pipeline: InlinePipeline, spec: str, *, names_it: bool = True) -> None:
    """Have the file set aside by its own snapshot, for its deployment."""
    pipeline.drop("_batch.yaml", f"{'deployment: wrong' if names_it else ''}\n{spec}".encode())
    pipeline.drop(PATH, TABLE)
    assert pipeline.run().held == 1
    assert pipeline.run().files == 0, "nothing has changed"
    ((_, claim, *_),) = pipeline.services.work.claims.all()
    assert "No such" in claim.held_for


def served(service: RunningService) -> int:
    """Rows that were answered, and paid, in batches or live."""
    told = service.counters()
    return sum(int(told[how]["requests_served"]) for how in ("answers", "live_answers"))


def check_delivered(pipeline: InlinePipeline, service: RunningService) -> None:
    records = pipeline.lines(pipeline.storage.processed, "_output.jsonl")
    assert [record["row"] for record in records] == [0, 1]
    metadata = pipeline.document(pipeline.storage.processed, "_metadata.json")
    assert metadata["deployment"] == "right"
    assert served(service) == 2
    assert not any(service.counters()["files"].values())
    assert [name for name in pipeline.names(pipeline.storage.work) if name.startswith("files/")] == []


@pytest.mark.parametrize(
    ("found_out", "mend"),
    [
        ("creation", mended_in_place),
        ("validation", mended_in_place),
        ("live", mended_in_place),
        ("creation", a_nearer_one),
        ("creation", another_template),
        ("live", another_template),
        ("creation", removed),
        ("live", settings_changed),
    ],
)
def test_a_mended_job_spec_makes_a_new_plan_as_long_as_nothing_was_sent(
    make_pipeline: MakePipeline, service: RunningService, found_out: str, mend: Mend
) -> None:
    spec, plan = FOUND_OUT[found_out]
    service.plan(**plan)
    by_settings = mend is settings_changed
    pipeline = make_pipeline(
        AZURE_OPENAI_DEPLOYMENT="wrong" if by_settings else "right",
        BATCH_ENDPOINT="/v1/embeddings" if by_settings else "",
    )
    begun(pipeline, spec, names_it=not by_settings)
    mend(pipeline, spec)
    assert pipeline.run().done == 1
    check_delivered(pipeline, service)


@pytest.mark.parametrize("found_out", ["creation", "live"])
def test_the_deployment_may_appear_instead(
    make_pipeline: MakePipeline, service: RunningService, found_out: str
) -> None:
    spec, plan = FOUND_OUT[found_out]
    service.plan(**plan)
    pipeline = make_pipeline()
    begun(pipeline, spec)
    service.plan()
    pipeline.wait(61)
    assert pipeline.run().done == 1
    assert served(service) == 2


def test_what_waits_for_its_deployment_is_tried_ever_more_rarely(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    spec, plan = FOUND_OUT["creation"]
    service.plan(**plan)
    pipeline = make_pipeline()
    begun(pipeline, spec)
    for minutes in (1, 2, 4):
        pipeline.wait(60 * minutes - 40)
        assert pipeline.run().files == 0
        pipeline.wait(41)
        assert pipeline.run().held == 1


@pytest.mark.parametrize("other", [b"", request("again")], ids=["deleted", "replaced"])
def test_a_file_that_is_withdrawn_while_it_waits_leaves(
    make_pipeline: MakePipeline, service: RunningService, other: bytes
) -> None:
    """A ready-made file names its deployment itself: dropping it again is the cure."""
    service.plan(**FOUND_OUT["creation"][1])
    pipeline = make_pipeline()
    body = {"model": "wrong", "messages": [{"role": "user", "content": "one"}]}
    pipeline.drop("a.jsonl", request("row", body=body))
    assert pipeline.run().held == 1
    if other:
        pipeline.drop("a.jsonl", other)
    else:
        pipeline.storage.input.delete("a.jsonl")
    report = pipeline.run()
    assert (report.gone, report.done) == (1, 1 if other else 0)
    assert served(service) == report.done
    assert [name for name in pipeline.names(pipeline.storage.work) if name.startswith("files/")] == []
    assert not any(service.counters()["files"].values())


def test_what_was_sent_keeps_its_plan(make_pipeline: MakePipeline, service: RunningService) -> None:
    """One shard of two has its batch when the deployment goes."""
    service.plan(calls=[{"operation": "create_batch", "nth": 1, **NOT_FOUND}])
    pipeline = make_pipeline(MAX_REQUESTS_PER_SHARD="1", MICRO_BATCH_SIZE="1")
    pipeline.drop("_batch.yaml", f"deployment: gpt\n{CHAT}".encode())
    pipeline.drop(PATH, TABLE)
    flow = pipeline.begin()
    pipeline.live(flow, until=lambda: any(s.batch_id for s in flow.shards))
    pipeline.drop("_batch.yaml", f"deployment: other\n{CHAT}".encode())
    assert pipeline.run().done == 1
    metadata = pipeline.document(pipeline.storage.processed, "_metadata.json")
    assert metadata["deployment"] == "gpt"
    assert served(service) == 2


@pytest.mark.parametrize("found_out", ["creation", "live"])
def test_a_process_may_die_after_any_effect_of_taking_a_plan_back(
    new_world: NewWorld, shared_service: RunningService, found_out: str
) -> None:
    spec, plan = FOUND_OUT[found_out]

    def life(fuse: Fuse) -> None:
        with new_world() as pipeline:
            shared_service.plan(**plan)
            begun(pipeline, spec)
            mended_in_place(pipeline, spec)
            with suppress(Blown):
                pipeline.run(fuse)
            if fuse.blows_after:
                pipeline.run()
            check_delivered(pipeline, shared_service)

    walk(f"taken back, {found_out}", life, lambda _: EFFECTS)
