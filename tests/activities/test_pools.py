"""Small files share batches; each has its own results, errors, metadata and end, as if it had been sent alone."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from adapters.storage.blobs import Container
from adapters.work.claims import Claims
from domain import names
from domain.contracts import ListedFile, WrittenOutputs
from domain.errors import BlockedError, ConflictError, PassingError, PipelineError
from domain.flow.heeding import heed
from domain.flow.progress import progress
from domain.pooling import LEAST_FILES
from domain.records import Claim, InputFile
from local.azure_openai import RunningService
from steps.deliver import outputs as outputs_module
from steps.intake.at_rest import files_at_rest
from steps.wishes import asking
from steps.wishes.seen import newly_asked
from tests.activities.conftest import MakePipeline, NewWorld
from tests.activities.crash_points import die_twice, every_fourth, walk
from tests.activities.inline_pipeline import Blown, Fuse, InlinePipeline, Weather
from tests.activities.mixed_file import request
from tests.activities.test_mended_specs import NOT_FOUND
from tests.activities.test_wishes import key_of

FILES = LEAST_FILES + 2


def path_of(number: int) -> str:
    return f"letters/{number:02d}.jsonl"


def content_of(number: int) -> bytes:
    """The same ids in each file; some files have a bad line, or a request that fails, or one that is throttled once."""
    lines = request("one") + request("two")
    if number == 3:
        lines += b"nonsense\n"
    if number == 4:
        lines += request("bad")
    if number == 5:
        lines += request("slow")
    return lines.replace(b"parcel", b"parcel %d" % number)


def drop_files(pipeline: InlinePipeline, files: int = FILES, *, first: int = 0) -> None:
    for number in range(first, files):
        pipeline.drop(path_of(number), content_of(number))


PLAN = [
    {"custom_id": "*bad", "effect": "error", "status": 400},
    {"custom_id": "*slow", "first": 1, "effect": "error", "status": 429},
]


def outputs(pipeline: InlinePipeline, suffix: str) -> dict[str, list[Any]]:
    """JSON lines of the outputs that end so, by the stem of their input file."""
    found = {}
    for container in (pipeline.storage.processed, pipeline.storage.error):
        for name in pipeline.names(container):
            if name.endswith(suffix):
                stem = name.rpartition("/")[2].removesuffix(suffix)
                found[stem] = [json.loads(line) for line in container.read(name)[0].splitlines() if line]
    return found


def documents(pipeline: InlinePipeline) -> dict[str, Any]:
    storage = pipeline.storage
    found = [
        json.loads(container.read(name)[0])
        for container in (storage.error, storage.processed)
        for name in pipeline.names(container)
        if name.endswith("_metadata.json")
    ]
    return {document["file"]: document for document in found}


def check(pipeline: InlinePipeline, service: RunningService, files: int = FILES, *, first: int = 0) -> None:
    results, errors, told = (
        outputs(pipeline, "_output.jsonl"),
        outputs(pipeline, "_error.jsonl"),
        documents(pipeline),
    )
    assert sorted(told) == [path_of(number) for number in range(first, files)]
    for number in range(first, files):
        stem = f"{number:02d}"
        expected = ["one", "two", *(["slow"] if number == 5 else [])]
        assert [line["custom_id"] for line in results[stem]] == expected
        assert told[path_of(number)]["status"] == (
            "completed_with_errors" if number in (3, 4) else "completed"
        )
    assert {
        stem: [(line["line"], line["custom_id"], line["outcome"]) for line in lines]
        for stem, lines in errors.items()
    } == {
        "03": [(3, None, "invalid")],
        "04": [(3, "bad", "failed")],
    }
    assert pipeline.names(pipeline.storage.input) == []
    left = pipeline.names(pipeline.storage.work)
    assert [name for name in left if not name.startswith(("snapshots/", "shares/"))] == []
    assert list(pipeline.api.files_named(pipeline.services.file_prefix)) == []
    counted = service.counters()
    assert all(len(batches) == 1 for batches in counted["batches_by_content"].values())


@pytest.fixture
def pipeline(make_pipeline: MakePipeline, service: RunningService) -> InlinePipeline:
    service.plan(rows=PLAN)
    made = make_pipeline(POOL="auto")
    drop_files(made)
    return made


def test_files_share_a_batch_and_each_has_its_own_outputs(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    report = pipeline.run()
    assert (report.files, report.done, report.tally.total, report.tally.failed) == (
        FILES,
        FILES,
        2 * FILES + 3,
        1,
    )
    check(pipeline, service)
    assert service.counters()["batches_created"] == 2, (
        "one for all files, one for the request that was throttled"
    )
    told = documents(pipeline)
    ids = {path: [batch["batch_id"] for batch in document["batches"]] for path, document in told.items()}
    (shared,) = {batches[0] for batches in ids.values()}
    assert {path: len(batches) for path, batches in ids.items() if len(batches) != 1} == {path_of(5): 2}
    assert shared


def test_the_tokens_of_the_files_are_those_of_the_batches(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    report = pipeline.run()
    told = documents(pipeline).values()
    assert report.tally.input_tokens == sum(document["input_tokens"] for document in told) > 0
    assert report.tally.output_tokens == sum(document["output_tokens"] for document in told) > 0


@pytest.fixture
def one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Effects come in the same order each time, and the first one after a death is the last."""
    for module in (
        "steps.setting_free",
        "steps.pool.members",
        "steps.pool.plan",
        "steps.pool.delivery",
        "steps.pool.ending",
        "steps.pool.holding",
    ):
        monkeypatch.setattr(f"{module}.CALLS_AT_ONCE", 1)
    monkeypatch.setattr("steps.intake.take.CLAIMS_AT_ONCE", 1)
    for module in ("steps.pool.plan", "steps.pool.delivery"):
        monkeypatch.setattr(f"{module}.AHEAD", 0)
    monkeypatch.setattr("domain.pooling.LEAST_FILES", 3)


@pytest.mark.parametrize("first", [1, 3])  # every second effect
@pytest.mark.usefixtures("one_after_the_other")
def test_a_process_may_die_after_any_effect_about_a_pool(
    new_world: NewWorld, service: RunningService, first: int
) -> None:
    def life(fuse: Fuse) -> None:
        with new_world(POOL="auto") as pipeline:
            service.plan(rows=PLAN)
            drop_files(pipeline, 6, first=3)
            die_twice(pipeline, fuse)
            pipeline.run()
            check(pipeline, service, 6, first=3)

    walk("pool", life, every_fourth(first))


# --- what leaves the pool, and what does not -------------------------------------------------------------------------


def shared_batches(pipeline: InlinePipeline, files: int = LEAST_FILES) -> set[str]:
    told = documents(pipeline)
    return {batch["batch_id"] for number in range(files) for batch in told[path_of(number)]["batches"]}


def nothing_is_left(pipeline: InlinePipeline) -> None:
    left = [*pipeline.names(pipeline.storage.input), *pipeline.names(pipeline.storage.work)]
    kept = ("snapshots/", "shares/", "rates/", "costs/")
    assert [name for name in left if not name.startswith(kept) and "_batch." not in name] == []
    assert list(pipeline.api.files_named(pipeline.services.file_prefix)) == []


def outcomes_of(pipeline: InlinePipeline, path: str) -> dict[str, int]:
    counts = documents(pipeline)[path]["outcomes"]
    return {outcome: count for outcome, count in counts.items() if count}


ODD: dict[str, tuple[bytes, dict[str, int]]] = {
    "no-request": (b"nonsense\nnonsense\n", {"invalid": 2}),
    "not-text": (b"\x00\x01\x02", {"invalid": 1}),
    "a-long-id": (request("x" * 64), {"ok": 1}),
    "many-requests": (b"".join(request(str(number)) for number in range(12)), {"ok": 12}),
    "large": (request("one") * 1 + b" " * 1_000_000, {"ok": 1}),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_file_that_is_not_plain_goes_alone_and_the_others_together(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    monkeypatch.setattr("steps.pool.plan.MOST_REQUESTS_OF_FILE", 11)
    pipeline, (content, counts) = make_pipeline(POOL="auto"), ODD[odd]
    drop_files(pipeline, LEAST_FILES)
    pipeline.drop("letters/odd.jsonl", content)
    report = pipeline.run()
    assert (report.files, report.done + report.rejected, report.gone) == (LEAST_FILES + 1, LEAST_FILES + 1, 0)
    assert outcomes_of(pipeline, "letters/odd.jsonl") == counts
    (shared,) = shared_batches(pipeline)
    assert shared not in {batch["batch_id"] for batch in documents(pipeline)["letters/odd.jsonl"]["batches"]}
    nothing_is_left(pipeline)


def test_files_of_other_deployments_have_batches_of_their_own_in_the_same_pool(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline(POOL="auto")
    for number in range(FILES):
        other = b"gpt" if number % 3 else b"gpt-other"
        pipeline.drop(path_of(number), content_of(0).replace(b"gpt", other))
    assert pipeline.run().done == FILES
    assert service.counters()["batches_created"] == 2
    told = documents(pipeline)
    assert [told[path_of(number)]["deployment"] for number in range(3)] == ["gpt-other", "gpt", "gpt"]
    nothing_is_left(pipeline)


SPEC = b"""
deployment: gpt
messages: [{role: user, content: "{{ text }}"}]
output: {columns: "*", format: %b}
"""


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "csv"])
def test_tables_of_one_job_spec_share_a_batch_across_folders(
    make_pipeline: MakePipeline, service: RunningService, kind: str
) -> None:
    pipeline = make_pipeline(POOL="auto")
    pipeline.drop("tables/_batch.yaml", SPEC % kind.encode())
    for number in range(FILES):
        pipeline.drop(f"tables/day={number}/part.csv", b"id,text\n%d,one\n%d,two\n" % (number, number))
    assert pipeline.run().tally.ok == 2 * FILES
    assert service.counters()["batches_created"] == 1
    for number in range(FILES):
        document = documents(pipeline)[f"tables/day={number}/part.csv"]
        content = pipeline.storage.processed.read(document["results"])[0]
        if kind == "jsonl":
            rows = [json.loads(line) for line in content.splitlines()]
            assert [(row["row"], row["custom_id"], row["id"]) for row in rows] == [
                (0, "row-0", str(number)),
                (1, "row-1", str(number)),
            ]
        assert document["requests"] == 2
    nothing_is_left(pipeline)


def test_one_line_that_validation_refuses_costs_that_line(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(batches=[{"first": 1, "invalid": [{"code": "bad_line", "message": "Planned.", "line": 3}]}])
    pipeline = make_pipeline(POOL="auto")
    for number in range(FILES):
        pipeline.drop(path_of(number), content_of(0).replace(b"parcel", b"letter %d" % number))
    report = pipeline.run()
    assert (report.done, report.tally.ok, report.tally.failed) == (FILES, 2 * FILES - 1, 1)
    assert {path for path in documents(pipeline) if outcomes_of(pipeline, path) != {"ok": 2}} == {path_of(1)}
    nothing_is_left(pipeline)


@pytest.mark.parametrize(
    ("setting", "key", "is_pooled"), [("auto", "off", False), ("off", "auto", True), ("off", None, False)]
)
def test_a_job_spec_is_nearer_to_its_files_than_the_setting(
    make_pipeline: MakePipeline, service: RunningService, setting: str, key: str | None, is_pooled: bool
) -> None:
    pipeline = make_pipeline(POOL=setting)
    pipeline.drop("t/_batch.yaml", SPEC % b"jsonl" + (f"pool: {key}\n".encode() if key else b""))
    for number in range(FILES):
        pipeline.drop(f"t/{number}.csv", b"text\n%d\n" % number)
    assert pipeline.run().done == FILES
    assert service.counters()["batches_created"] == (1 if is_pooled else FILES)


# --- what people ask for, and what there is to spend ------------------------------------------------------------------


@pytest.mark.parametrize("ask", ["hold", "cancel"])
def test_what_people_ask_about_one_file_before_it_is_sent_concerns_that_one(
    make_pipeline: MakePipeline, service: RunningService, ask: str
) -> None:
    pipeline = make_pipeline(POOL="auto")
    drop_files(pipeline, LEAST_FILES + 1)
    flow, key = pipeline.begin(), key_of(pipeline, path_of(0))
    {"hold": asking.hold, "cancel": asking.cancel}[ask](key, "anna", pipeline.services)
    report = pipeline.live(flow)
    assert (report.done, report.held) == ((LEAST_FILES + 1, 0) if ask == "cancel" else (LEAST_FILES, 1))
    assert all(outcomes_of(pipeline, path_of(number)).get("ok") for number in range(1, LEAST_FILES + 1))
    if ask == "cancel":
        assert outcomes_of(pipeline, path_of(0)) == {"cancelled": 2}
        return
    assert [held["file"] for held in files_at_rest(pipeline.services)["held"]] == [path_of(0)]
    asking.release(key, pipeline.services)
    pipeline.run()
    assert outcomes_of(pipeline, path_of(0)) == {"ok": 2}
    nothing_is_left(pipeline)


def test_of_a_cancelled_file_nothing_is_asked_again_and_what_was_paid_is_kept(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(rows=[{"custom_id": f"{number}-two", "effect": "error", "status": 429} for number in (1, 2)])
    pipeline = make_pipeline(POOL="auto")
    drop_files(pipeline, LEAST_FILES)
    flow = pipeline.begin()
    pipeline.live_until(flow, "collect_batch")
    asking.cancel(key_of(pipeline, path_of(1)), "anna", pipeline.services)
    with pytest.raises(ConflictError, match="on their way"):
        asking.hold(key_of(pipeline, path_of(3)), "anna", pipeline.services)
    pipeline.live(flow)
    errors = outputs(pipeline, "_error.jsonl")
    assert [(line["custom_id"], line["attempts"]) for line in errors["01"]] == [("two", 1)]
    assert [(line["custom_id"], line["attempts"]) for line in errors["02"]] == [("two", 3)]
    assert outcomes_of(pipeline, path_of(1)) == {"ok": 1, "failed": 1}


def test_a_cancelled_snapshot_ends_all_files_of_its_pools(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline(POOL="auto")
    drop_files(pipeline)
    flow = pipeline.begin()
    pipeline.live_until(flow, "submit_batch")
    asking.cancel_snapshot(flow.snapshot_id, "anna", pipeline.services)
    heed(flow, newly_asked(0.0, pipeline.services))
    report = pipeline.live(flow)
    assert (report.done, report.tally.cancelled, report.tally.ok) == (FILES, 2 * FILES + 2, 0)
    assert service.counters()["batches_created"] == 0


@pytest.mark.parametrize("budget", ["MAX_COST_PER_DAY", "MAX_COST_PER_SNAPSHOT", "MAX_TOKENS_PER_FILE"])
def test_budgets_hold_files_and_not_pools(
    make_pipeline: MakePipeline, service: RunningService, budget: str
) -> None:
    """A pool beyond a budget comes apart, so that what is left of it lets single files through, or holds each."""
    limit = {"MAX_TOKENS_PER_FILE": "30"}.get(budget, "0.00001")
    pipeline = make_pipeline(
        POOL="auto", PRICES='{"gpt": {"input": 0.01, "output": 0.01}}', **{budget: limit}
    )
    drop_files(pipeline, LEAST_FILES)
    pipeline.drop("letters/wordy.jsonl", request("wordy").replace(b"parcel", b"parcel " * 200))
    report = pipeline.run()
    assert report.done + report.held == report.files == LEAST_FILES + 1
    held = {told["file"]: told["reason"] for told in files_at_rest(pipeline.services)["held"]}
    assert held
    assert all(budget in reason for reason in held.values())
    if budget == "MAX_TOKENS_PER_FILE":
        assert set(held) == {"letters/wordy.jsonl"}
    if budget == "MAX_COST_PER_DAY":
        assert report.done


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [PassingError, BlockedError])
@pytest.mark.parametrize("seed", [4, 10])
def test_storage_that_fails_at_any_call_costs_a_pool_time_alone(
    make_pipeline: MakePipeline, service: RunningService, seed: int, error: type[PipelineError]
) -> None:
    """Shards are cut within files, so that one of them may be written when the next one cannot be begun."""
    pipeline, weather = make_pipeline(POOL="auto", MAX_REQUESTS_PER_SHARD="3"), Weather(seed, 0.05, error)
    service.plan(rows=PLAN)
    drop_files(pipeline)
    for _ in range(20):
        with suppress(PassingError):
            pipeline.live(pipeline.begin(weather), weather)
            break
    while pipeline.names(pipeline.storage.input):
        pipeline.wait(3600.0)  # what storage did not let us take is left alone for a while
        pipeline.run()
    pipeline.run()
    check(pipeline, service)


def test_a_file_whose_outputs_cannot_be_written_leaves_with_all_that_was_collected(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = outputs_module.Delivery.processed
    broken = True

    def processed(delivery: outputs_module.Delivery) -> WrittenOutputs:
        if broken and delivery._plan.path == path_of(5):
            raise PipelineError("Planned.", code="planned")
        return written(delivery)

    monkeypatch.setattr(outputs_module.Delivery, "processed", processed)
    service.plan(rows=PLAN)
    pipeline = make_pipeline(POOL="auto")
    drop_files(pipeline)
    report = pipeline.run()
    assert (report.done, report.held) == (FILES - 1, 1)
    assert [told["file"] for told in files_at_rest(pipeline.services)["held"]] == [path_of(5)]
    broken = False
    pipeline.services = replace(pipeline.services)
    asking.release(key_of(pipeline, path_of(5)), pipeline.services)
    pipeline.run()
    check(pipeline, service)


def test_a_pool_that_is_set_aside_is_held_as_its_files_and_released_by_any_of_them(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    """What was sent is one thing; each file tells why it waits."""
    service.plan(calls=[{"operation": "content", "status": 404}])
    pipeline = make_pipeline(POOL="auto")
    drop_files(pipeline, LEAST_FILES)
    report = pipeline.run()
    assert (report.done, report.held) == (0, LEAST_FILES)
    held = files_at_rest(pipeline.services)["held"]
    assert sorted(told["file"] for told in held) == [path_of(number) for number in range(LEAST_FILES)]
    assert pipeline.run().files == 0
    service.plan()
    assert asking.release(key_of(pipeline, path_of(2)), pipeline.services)
    report = pipeline.run()
    assert (report.files, report.done) == (LEAST_FILES, LEAST_FILES)
    assert service.counters()["batches_created"] == 1
    nothing_is_left(pipeline)


def test_a_mended_job_spec_makes_a_new_plan_of_the_pool_and_a_nearer_one_concerns_its_own_files(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(calls=[{"operation": "create_batch", "deployment": "wrong", **NOT_FOUND}])
    pipeline = make_pipeline(POOL="auto")
    wrong, right = (
        SPEC.replace(b"deployment: gpt", b"deployment: " + name) % b"jsonl" for name in (b"wrong", b"right")
    )
    pipeline.drop("t/_batch.yaml", wrong)
    for number in range(LEAST_FILES + 2):
        pipeline.drop(f"t/{'ab'[number > 1]}/{number:02d}.csv", b"text\n%d\n" % number)
    report = pipeline.run()
    assert (report.done, report.held) == (0, LEAST_FILES + 2)
    assert pipeline.run().files == 0, "nothing has changed"
    pipeline.drop("t/_batch.yaml", right)
    pipeline.drop("t/a/_batch.yaml", right.replace(b"right", b"nearer"))
    report = pipeline.run()
    assert (report.files, report.done, report.tally.ok) == (LEAST_FILES + 2,) * 3
    told = documents(pipeline)
    assert [told[f"t/a/0{number}.csv"]["deployment"] for number in range(2)] == ["nearer"] * 2
    assert {document["deployment"] for path, document in told.items() if "/b/" in path} == {"right"}
    assert (
        len(
            {
                batch["batch_id"]
                for path, document in told.items()
                if "/b/" in path
                for batch in document["batches"]
            }
        )
        == 1
    )
    nothing_is_left(pipeline)


@pytest.mark.usefixtures("one_after_the_other")
def test_a_process_may_die_while_a_pool_gets_a_new_plan(new_world: NewWorld, service: RunningService) -> None:
    def life(fuse: Fuse) -> None:
        with new_world(POOL="auto") as pipeline:
            service.plan(calls=[{"operation": "create_batch", "deployment": "wrong", **NOT_FOUND}])
            for number in range(3):
                pipeline.drop(
                    path_of(number),
                    content_of(0).replace(b"parcel", b"letter %d" % number).replace(b'"model": "gpt", ', b""),
                )
            pipeline.change(azure_openai_deployment="wrong")
            assert pipeline.run().held == 3
            pipeline.change(azure_openai_deployment="right")
            with suppress(Blown):
                pipeline.live(pipeline.begin(fuse), fuse)
            pipeline.run()
            assert all(outcomes_of(pipeline, path_of(number)) == {"ok": 2} for number in range(3))
            nothing_is_left(pipeline)
            assert all(len(batches) == 1 for batches in service.counters()["batches_by_content"].values())

    walk("new plan", life, lambda order: range(1, min(len(order), 16), 4))


def test_what_a_shared_batch_has_not_answered_by_the_deadline_is_sent_live(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(batches=[{"fraction": 0.5, "ends_as": "cancelled", "duration_seconds": 1e8}])
    pipeline = make_pipeline(
        POOL="auto",
        ON_DEADLINE="direct",
        DIRECT_DEPLOYMENT="live",
        DEADLINE_HOURS="0.01",
        POLL_MIN_SECONDS="1",
        POLL_MAX_SECONDS="1",
    )
    for number in range(FILES):
        pipeline.drop(path_of(number), content_of(0).replace(b"parcel", b"letter %d" % number))
    report = pipeline.run()
    assert (report.done, report.tally.ok) == (FILES, 2 * FILES)
    told = documents(pipeline).values()
    assert "batch+direct" in {document["engine"] for document in told}
    assert sum(document["input_tokens"] for document in told) == report.tally.input_tokens
    nothing_is_left(pipeline)


def test_the_one_result_of_a_folder_has_the_files_of_its_pool(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline(POOL="auto")
    pipeline.drop("t/_batch.yaml", (SPEC % b"jsonl").replace(b"output: {", b"output: {per: folder, "))
    for number in range(FILES):
        pipeline.drop(f"t/{number:02d}.csv", b"text\n%d\n" % number)
    pipeline.run()
    assert service.counters()["batches_created"] == 1
    rows = pipeline.lines(pipeline.storage.processed, "/t_output.jsonl")
    assert [row["file"] for row in rows] == [f"t/{number:02d}.csv" for number in range(FILES)]


def test_the_retries_of_many_files_share_a_batch_again_and_are_joined_each_with_its_own(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(rows=[{"custom_id": "*two", "first": 1, "effect": "error", "status": 400}])
    pipeline = make_pipeline(POOL="auto")
    for number in range(FILES):
        pipeline.drop(path_of(number), content_of(0).replace(b"parcel", b"letter %d" % number))
    assert pipeline.run().tally.failed == FILES
    for entry in list(pipeline.storage.error.list(metadata=True)):
        if entry.name.endswith("_retry.jsonl"):
            content, name = pipeline.storage.error.read(entry.name)[0], entry.name.rpartition("/")[2]
            pipeline.storage.input.write(f"letters/{name}", content, metadata=entry.metadata)
    assert pipeline.run().tally.ok == FILES
    assert service.counters()["batches_created"] == 2
    joined = outputs(pipeline, "_joined.jsonl")
    assert sorted(joined) == [f"{number:02d}" for number in range(FILES)]
    assert all([line["custom_id"] for line in lines] == ["one", "two"] for lines in joined.values())


# --- two that take at the same time ----------------------------------------------------------------------------------


def claimed_by_another_run(
    pipeline: InlinePipeline, monkeypatch: pytest.MonkeyPatch, files: range, pool: str, snapshot_id: str
) -> None:
    """Another run of taking has claimed these files, just before this one does; its pool is not there yet."""
    whole = Claims.take

    def take(self: Claims, source: Container, file: InputFile, key: str, claim: Claim) -> Claim | None:
        if file.path in {path_of(number) for number in files}:
            earlier = msgspec.structs.replace(claim, pool=pool, snapshot_id=snapshot_id or claim.snapshot_id)
            whole(self, source, file, key, earlier)
        return whole(self, source, file, key, claim)

    monkeypatch.setattr(Claims, "take", take)


@pytest.mark.parametrize("files", [range(1), range(5), range(FILES)])
def test_two_runs_of_one_taking_put_each_file_into_one_pool(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch, files: range
) -> None:
    other = "0" * names.KEY_CHARS
    claimed_by_another_run(make_pipeline(), monkeypatch, files, other, "")
    service.plan(rows=PLAN)
    one, two = make_pipeline(POOL="auto"), make_pipeline(POOL="auto")
    drop_files(one)
    flow = one.begin(snapshot_id="snapshot-0001")
    again = two.begin(snapshot_id="snapshot-0001")
    assert flow.files_total == again.files_total == FILES
    one.live(flow)
    two.live(again)
    one.run()
    check(one, service)


def test_a_run_that_makes_its_pool_late_finds_it_made_and_lets_the_others_go(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had claimed more for the pool than the other one could see."""
    service.plan(rows=PLAN)
    pipeline = make_pipeline(POOL="auto")
    drop_files(pipeline)
    whole = Claims.pool
    made: list[str] = []

    def pool(self: Claims, key: str, claim: Claim, files: Sequence[ListedFile]) -> bool:
        if not made:
            made.append(key)
            some = msgspec.structs.replace(claim, members=4)
            assert whole(self, key, some, files[:4])
        return whole(self, key, claim, files)

    monkeypatch.setattr(Claims, "pool", pool)
    report = pipeline.run()
    assert (report.files, report.done) == (FILES, FILES)
    check(pipeline, service)


def test_a_snapshot_that_was_thought_dead_makes_no_pool_of_what_was_taken_from_it(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its claims are taken over one by one while it is about to make the pool."""
    service.plan(rows=PLAN)
    slow, quick = make_pipeline(POOL="auto"), make_pipeline(POOL="auto")
    drop_files(slow)
    whole = Claims.pool
    flows: list[Any] = []

    def pool(self: Claims, key: str, claim: Claim, files: Sequence[ListedFile]) -> bool:
        if claim.snapshot_id == "snapshot-0001" and not flows:
            flows.append(None)
            flows.append(quick.begin(snapshot_id="snapshot-0002"))
        return whole(self, key, claim, files)

    monkeypatch.setattr(Claims, "pool", pool)
    flow = slow.begin(snapshot_id="snapshot-0001")
    slow.live(flow)
    quick.live(flows[1])
    quick.run()
    check(quick, service)


def test_an_empty_pool_that_a_run_has_left_is_dropped(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(POOL="auto")
    claim = Claim(snapshot_id="snapshot-0009", timestamp="0009", path="(0 files)", etag="", members=1)
    assert pipeline.services.work.claims.pool("0" * names.KEY_CHARS, claim, [])
    assert pipeline.run().files == 0
    nothing_is_left(pipeline)


# --- what takes the worker down --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_planned", [False, True])
def test_a_pool_that_stops_its_worker_while_it_is_prepared_comes_apart_unless_it_has_a_plan(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch, *, is_planned: bool
) -> None:
    """To follow a plan can do no harm, however often a worker is stopped meanwhile by others."""
    pipeline = make_pipeline(POOL="auto")
    drop_files(pipeline, LEAST_FILES)
    flow = pipeline.begin()
    if is_planned:
        pipeline.live_until(flow, "poll_batches")
        flow = pipeline.begin()
    monkeypatch.setattr("steps.containment.MOST_TRIES", 0)
    report = pipeline.live(flow)
    assert service.counters()["batches_created"] == (1 if is_planned else LEAST_FILES)
    assert (report.done, report.held) == (LEAST_FILES, 0)


def test_a_pool_comes_apart_and_its_coming_apart_may_be_stopped_as_well(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make_pipeline(POOL="auto")
    drop_files(pipeline, LEAST_FILES)
    monkeypatch.setattr("steps.containment.MOST_TRIES", 0)
    with suppress(Blown):
        pipeline.begin(fuse := Fuse(1 + 2 * LEAST_FILES + 3))
        pipeline.live(pipeline.begin(fuse), fuse)
    assert pipeline.run().held == 0
    assert pipeline.names(pipeline.storage.input) == []
    assert service.counters()["batches_created"] == LEAST_FILES


def test_where_writing_the_outputs_of_a_pool_stops_the_worker_each_file_has_tries_of_its_own(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make_pipeline(POOL="auto")
    pipeline.drop("t/_batch.yaml", SPEC % b"jsonl")
    for number in range(LEAST_FILES):
        pipeline.drop(f"t/{number:02d}.csv", b"text\n%d\n" % number)
    flow = pipeline.begin()
    write = pipeline.live_until(flow, "write_outputs")
    for _ in range(7):
        pipeline.services.work.attempts.begin(write.key, "write_outputs")
    pipeline.services.work.attempts.note(write.key, "write_outputs", 6)
    report = pipeline.live(flow)
    assert (report.done, report.held, report.tally.ok) == (LEAST_FILES, 0, LEAST_FILES)
    assert service.counters()["batches_created"] == 1
    nothing_is_left(pipeline)


# --- what is through does not wait for the rest ----------------------------------------------------------------------


def finished_lines(pipeline: InlinePipeline) -> list[str]:
    lists = [name for name in pipeline.names(pipeline.storage.work) if name.endswith("done.jsonl")]
    lines = [line for name in lists for line in pipeline.storage.work.read(name)[0].splitlines() if line]
    return sorted(json.loads(line)["path"] for line in lines)


def test_files_that_are_through_do_not_wait_for_what_is_asked_for_again(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    flow = pipeline.begin()
    pipeline.live_until(flow, "deliver_settled")
    early = pipeline.live_until(flow, "poll_batches")
    assert early.activity == "poll_batches"
    others = [path_of(number) for number in range(FILES) if number != 5]
    assert sorted(documents(pipeline)) == finished_lines(pipeline) == others
    assert pipeline.names(pipeline.storage.input) == [path_of(5)]
    shown = progress(flow)
    assert (shown["files_done"], shown["files_working"]) == (FILES - 1, 1)
    report = pipeline.live(flow)
    assert (report.files, report.done, report.gone, report.tally.total) == (FILES, FILES, 0, 2 * FILES + 3)
    assert finished_lines(pipeline) == [path_of(number) for number in range(FILES)]
    check(pipeline, service)


def test_files_that_were_through_are_not_delivered_again_by_a_snapshot_that_takes_over(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    flow = pipeline.begin()
    pipeline.live_until(flow, "deliver_settled")
    pipeline.live_until(flow, "poll_batches")
    before = {
        name: pipeline.storage.processed.entry(name).etag
        for name in pipeline.names(pipeline.storage.processed)
    }
    report = pipeline.run()
    assert (report.done, report.gone, report.tally.total) == (1, FILES - 1, 3)
    assert (
        before.items()
        <= {
            name: pipeline.storage.processed.entry(name).etag
            for name in pipeline.names(pipeline.storage.processed)
        }.items()
    )
    check(pipeline, service)


def test_a_deployment_that_is_missing_holds_up_the_files_that_ask_for_it_and_no_others(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(calls=[{"operation": "create_batch", "deployment": "wrong", **NOT_FOUND}])
    pipeline = make_pipeline(POOL="auto")
    for number in range(FILES):
        wrong = content_of(0).replace(b'"gpt"', b'"wrong"')
        assert wrong != content_of(0)
        pipeline.drop(path_of(number), wrong if number < 2 else content_of(number))
    service.plan(calls=[{"operation": "create_batch", "deployment": "wrong", **NOT_FOUND}], rows=PLAN)
    report = pipeline.run()
    assert (report.done, report.held) == (FILES - 2, 2)
    assert report.tally.total == 2 * (FILES - 2) + 3
    held = files_at_rest(pipeline.services)["held"]
    assert sorted(told["file"] for told in held) == [path_of(0), path_of(1)]
    assert pipeline.names(pipeline.storage.input) == [path_of(0), path_of(1)]
    service.plan()
    assert asking.release(key_of(pipeline, path_of(1)), pipeline.services)
    report = pipeline.run()
    assert (report.done, report.held, report.gone) == (2, 0, FILES - 2)
    nothing_is_left(pipeline)


def test_what_storage_refuses_of_a_file_that_is_through_is_told_at_the_end_of_the_pool(
    pipeline: InlinePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = outputs_module.Delivery.processed
    tries = []

    def processed(delivery: outputs_module.Delivery) -> WrittenOutputs:
        if delivery._plan.path == path_of(1):
            tries.append(1)
            if len(tries) == 1:
                raise PipelineError("Planned.", code="planned")
        return written(delivery)

    monkeypatch.setattr(outputs_module.Delivery, "processed", processed)
    flow = pipeline.begin()
    pipeline.live_until(flow, "deliver_settled")
    pipeline.live_until(flow, "poll_batches")
    assert sorted({path_of(1), path_of(5)} | set(documents(pipeline))) == [path_of(n) for n in range(FILES)]
    assert pipeline.live(flow).done == FILES
    assert len(tries) == 2
    check(pipeline, service)
