"""The app as a whole: files come in by the trigger, whatever becomes of its hosts, and each row is answered and paid once."""

import json
import re
import time

import pytest
from requests import ConnectionError  # noqa: A004 - what is raised when the host dies meanwhile

from benchmarks.chaos.containers import Version
from local.azurite.server import ACCOUNT_NAME
from local.genuine_engine import DURABLE
from tests.end_to_end.pipeline import APP, Pipeline, request, requests
from tests.genuine.conftest import MakeStage
from tests.genuine.hosts import Kind
from tests.genuine.stage import NEVER, Stage

# Time-outs of a minute are part of some stories, and a busy machine starts an engine in half of one.
pytestmark = [pytest.mark.timeout(600), pytest.mark.minutes]  # `make genuine` runs them

# What the engine logs at level Information of its own steps, and its advice where tracing is not set up.
NOISE = re.compile(
    r"info (DurableTask\.|Function\.(process_snapshot|run_files))|Distributed Tracing V2 is GA"
)
FILES = 6
MANY_FILES = 15  # of which those that come together share batches
ROWS = 3
VERSION = json.loads((APP / "host.json").read_text())["extensions"]["durableTask"]["defaultVersion"]
POISON = APP / "benchmarks" / "chaos" / "poison"
SPEC = b'deployment: gpt\nmessages: [{role: user, content: "Say {{ text }}"}]\n'
# Beyond what is too small to do harm.
LONG_TABLE = b"text\n" + b"".join(b"a text of row %d with some words in it\n" % row for row in range(500))
SLOW_PLAN = {"batches": [{"deployment": "slow", "duration_seconds": 5}]}


def drop_files(pipeline: Pipeline, name: str, *, model: str = "gpt", files: int = FILES) -> None:
    for number in range(files):
        pipeline.drop(f"{name}/{number}.jsonl", requests(f"{name}-{number}", ROWS, model=model))


def assert_each_row_came_once(pipeline: Pipeline, name: str, files: int = FILES) -> None:
    for number in range(files):
        delivery = pipeline.delivery(f"{name}/{number}.jsonl")
        assert delivery.answered == [f"{name}-{number}/{row}" for row in range(ROWS)]
        assert delivery.errors == []
    assert pipeline.wrongs() == {}


def test_files_in_the_data_account_come_by_container_scan(make_stage: MakeStage) -> None:
    pipeline = make_stage(sweep_schedule=NEVER)
    pipeline.drop("scanned/bad.jsonl", requests("bad", 2) + b"{no json\n" + request("bad/3"))
    pipeline.start()
    pipeline.wait_until_finished()
    # The sweep has run, at the start; what follows can come by the trigger alone.
    drop_files(pipeline, "scanned")
    pipeline.wait_until_finished()

    assert_each_row_came_once(pipeline, "scanned")
    bad = pipeline.delivery("scanned/bad.jsonl")
    assert bad.answered == ["bad/0", "bad/1", "bad/3"]
    assert [(record["line"], record["code"]) for record in bad.errors] == [(3, "invalid_json_line")]
    assert "Z started" in pipeline.host.log  # what the app says is there
    assert NOISE.findall(pipeline.host.log) == []


def test_files_in_the_data_account_come_by_event_grid(make_stage: MakeStage) -> None:
    pipeline = make_stage(sweep_schedule=NEVER, blob_trigger_source="EventGrid")
    first = pipeline.drop("first.jsonl", requests("first", ROWS))
    pipeline.start()
    pipeline.wait_until_finished()
    # The sweep has run, at the start; what follows can come by events alone.
    drop_files(pipeline, "told")
    versions = [version for version in pipeline.dropped if version != first]
    for version in (*versions, versions[0], first, Version("told/never-there.jsonl", "0x1")):
        post_event(pipeline, version)
    pipeline.wait_until_finished()

    assert_each_row_came_once(pipeline, "told")


def post_event(pipeline: Stage, version: Version) -> None:
    """Deliver an event as Event Grid does."""
    path, etag = version
    container = pipeline.containers.settings["INPUT_CONTAINER"]
    port = pipeline.azurite.blob_port
    data = {
        "api": "PutBlob",
        "url": f"http://127.0.0.1:{port}/{ACCOUNT_NAME}/{container}/{path}",
        "blobType": "BlockBlob",
        "contentLength": 100,
        "contentType": "application/octet-stream",
        "eTag": etag,
    }
    event = {
        "id": path,
        "topic": "/subscriptions/1/resourceGroups/1/providers/Microsoft.Storage/storageAccounts/1",
        "subject": f"/blobServices/default/containers/{container}/blobs/{path}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-01-01T00:00:00Z",
        "data": data,
        "dataVersion": "",
        "metadataVersion": "1",
    }
    answer = pipeline.host.post(
        "/runtime/webhooks/blobs?functionName=Host.Functions.blob_arrived",
        json=[event],
        headers={"aeg-event-type": "Notification"},
    )
    assert answer.status_code == 202, answer.text


@pytest.mark.minutes
def test_two_hosts_share_the_files(make_stage: MakeStage) -> None:
    pipeline = make_stage()
    # Embedded hosts cannot share a hub; those with hubs of their own think the other's snapshots dead.
    hub = pipeline.hub() if pipeline.kind is Kind.GENUINE else None
    pipeline.start(hub=hub)
    pipeline.start(hub=hub)
    drop_files(pipeline, "shared", files=MANY_FILES)
    pipeline.wait_until_finished()

    assert_each_row_came_once(pipeline, "shared", MANY_FILES)
    assert len(pipeline.service.batches()) < MANY_FILES


def test_a_host_that_is_killed_and_finds_its_account_empty_pays_nothing_twice(make_stage: MakeStage) -> None:
    pipeline = make_stage(plan=SLOW_PLAN)
    first = pipeline.start()
    drop_files(pipeline, "emptied", model="slow", files=MANY_FILES)
    pipeline.wait_until(lambda: len(pipeline.service.batches()) > 0)
    first.kill()
    # Another hub: task hub, receipts and locks are gone.
    pipeline.start()
    pipeline.wait_until_finished()

    assert_each_row_came_once(pipeline, "emptied", MANY_FILES)
    assert len(pipeline.service.batches()) < MANY_FILES


def test_what_is_asked_for_is_reported_and_forgotten_in_the_end(make_stage: MakeStage) -> None:
    pipeline = make_stage(continuous_mode="false", retention_days="0.000024")
    host = pipeline.start()
    drop_files(pipeline, "asked")
    asked = host.post("/api/snapshots")
    assert asked.status_code == 202
    path = f"/api/snapshots/{asked.json()['id']}"
    pipeline.wait_until(lambda: host.get(path).json()["report"])

    assert host.get(path).json()["report"]["files"] == FILES
    assert_each_row_came_once(pipeline, "asked")

    def is_forgotten() -> bool:
        assert host.post("/admin/functions/purge").status_code == 202
        return host.get(path).status_code == 404

    pipeline.wait_until(is_forgotten)


@pytest.mark.minutes
def test_a_host_that_is_killed_goes_on_as_the_next_version(make_stage: MakeStage) -> None:
    pipeline = make_stage(plan=SLOW_PLAN)
    hub = pipeline.hub()
    first = pipeline.start(hub=hub)
    drop_files(pipeline, "killed", model="slow")
    pipeline.wait_until(lambda: len(pipeline.service.batches()) >= FILES // 2)
    first.kill()
    second = pipeline.start(hub=hub, **{f"{DURABLE}defaultVersion": f"{VERSION}.1"})
    pipeline.wait_until_finished()

    assert_each_row_came_once(pipeline, "killed")
    assert len(pipeline.service.batches()) == FILES
    listed = second.get("/runtime/webhooks/durabletask/instances/?top=1000").json()
    assert {found["runtimeStatus"] for found in listed} <= {"Completed", "Running", "Pending"}


def test_a_file_that_kills_its_worker_is_set_aside_and_the_others_are_done(
    make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(POISON))
    pipeline = make_stage()
    # The genuine host starts its worker anew; the embedded one is its own worker.
    host = pipeline.start("--restart-worker")
    drop_files(pipeline, "good")
    pipeline.containers.drop("bad/_batch.yaml", SPEC)
    pipeline.containers.drop("bad/poison-prepare.csv", LONG_TABLE)

    def held() -> list[dict[str, str]]:
        if not host.is_running:
            host.start()
        try:
            answer = host.get("/api/files")
        except ConnectionError:
            return []
        return list(answer.json()["held"]) if answer.ok else []

    pipeline.wait_until(held)
    [set_aside] = held()
    assert set_aside["file"] == "bad/poison-prepare.csv"
    assert "It stopped its worker again and again while it was prepared." in set_aside["reason"]
    pipeline.wait_until(lambda: not any("good" in path for path in pipeline.containers.waiting()))
    for number in range(FILES):
        answered = pipeline.delivery(f"good/{number}.jsonl").answered
        assert answered == [f"good-{number}/{row}" for row in range(ROWS)]
    assert len(pipeline.service.batches()) == FILES


@pytest.mark.minutes
def test_a_snapshot_whose_messages_are_lost_is_given_up_and_its_batches_are_collected(
    make_stage: MakeStage,
) -> None:
    plan = {"batches": [{"deployment": "slow", "duration_seconds": 60}]}
    pipeline = make_stage(
        plan=plan, poll_min_seconds="10", poll_max_seconds="10", snapshot_window_seconds="5"
    )
    hub = pipeline.hub()
    first = pipeline.start(hub=hub)
    drop_files(pipeline, "lost", model="slow")
    pipeline.wait_until(lambda: len(pipeline.service.batches()) == FILES)
    # A moment at which a timer is all it waits for: a lost call is given fifty minutes.
    pipeline.wait_until(lambda: waits_for_timers_alone(pipeline))
    first.kill()
    hub.lose_messages()
    pipeline.start(hub=hub)
    pipeline.wait_until_finished()

    assert_each_row_came_once(pipeline, "lost")
    assert len(pipeline.service.batches()) == FILES


def waits_for_timers_alone(pipeline: Stage) -> bool:
    """Tell whether each orchestration that works on files waits for a look that is seconds away."""
    listed = pipeline.host.get("/runtime/webhooks/durabletask/instances/?runtimeStatus=Running").json()
    left = [
        ((found["customStatus"] or {}).get("stirs_by") or 0) - time.time()
        for found in listed
        if found["name"] == "run_files"
    ]
    return bool(left) and all(4 < seconds < 10 for seconds in left)
