"""The HTTP API, as a program meets it: each answer is held to the OpenAPI document, and each route is called."""

import base64
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from openapi_spec_validator import validate

from tests.end_to_end.api_client import DOCUMENT, Api
from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import Pipeline, request
from tests.end_to_end.pipeline import requests as rows

HOSTILE = "<img src=x onerror=alert(1)>/\"';--%2e%2e.jsonl"
FAILING = "folder/failing é.jsonl"
PRICES = '{"gpt": {"input": 0.001, "output": 0.002}}'
BAD_SPEC = b"messages: <script>alert(1)</script>\nmodle: x\n"


@pytest.fixture(scope="module")
def pipeline(make_pipeline: MakePipeline) -> Pipeline:
    plan = {
        "rows": [
            {"custom_id": f"bad/{n}", "effect": "error", "status": 400, "code": "content_filter"}
            for n in range(3)
        ]
    }
    made = make_pipeline(plan=plan, max_attempts="1", prices=PRICES, max_tokens_per_file="3000")
    made.drop(FAILING, rows("good", 4) + rows("bad", 3) + b"nonsense <b>\n")
    made.drop(HOSTILE, rows("hostile", 2))
    made.drop("refused.xyz", b"?")
    made.drop("waits/_batch.yaml", BAD_SPEC)
    made.drop("waits/a.csv", b"text\nhello\n")
    made.drop(
        "costly.jsonl",
        request("costly", body={"model": "gpt", "messages": [{"role": "user", "content": "word " * 9000}]}),
    )
    made.wait_until(lambda: len(made.host.get("/api/files?state=done").json()["items"]) == 2)
    made.wait_until(lambda: all(s["report"] for s in made.snapshots()))
    made.wait_until(lambda: made.host.get("/api/files?state=held").json()["items"])
    return made


@pytest.fixture(scope="module")
def api(pipeline: Pipeline) -> Api:
    return Api(pipeline.host)


def file(api: Api, path: str) -> Any:
    """Give the entry of a file that has ended."""
    listed = [*api.json("/api/files?state=done")["items"], *api.json("/api/files?state=rejected")["items"]]
    return next(entry for entry in listed if entry["path"] == path)


def test_the_document_is_valid_and_is_the_one_that_the_app_serves(api: Api) -> None:
    validate(DOCUMENT)
    assert api.json("/api/openapi.json") == DOCUMENT


def test_every_row_of_every_file_is_accounted_for(api: Api) -> None:
    (snapshot_id,) = {entry["snapshot"] for entry in [file(api, FAILING)]}
    snapshot = api.json(f"/api/snapshots/{snapshot_id}")
    assert (snapshot["status"], snapshot["woken_by"] in ("event", "sweep")) == ("Completed", True)
    tally = snapshot["report"]["tally"]
    assert snapshot["outcomes"] == {name: tally[name] for name in ("ok", "failed", "invalid")}
    codes = {code["code"]: (code["rows"], code["files"]) for code in snapshot["digest"]}
    assert codes["content_filter"] == (3, 1)
    assert snapshot["cost"] > 0
    listed = api.json(f"/api/snapshots/{snapshot_id}/files")["items"]
    assert len(listed) == len({entry["key"] for entry in listed}) == snapshot["report"]["files"]


def test_a_file_is_found_among_all_by_its_path_and_its_code(api: Api) -> None:
    found = api.json(f"/api/files?state=done&path={quote('FAILING É')}")["items"]
    assert [entry["path"] for entry in found] == [FAILING]
    by_code = api.json("/api/files?state=done&error_code=content_filter")["items"]
    assert [entry["path"] for entry in by_code] == [FAILING]
    assert api.json("/api/files?state=done&error_code=none_such") == {"items": [], "next": None}
    assert [entry["path"] for entry in api.pages("/api/files?state=done&limit=1&error_code=*")] == [FAILING]


def test_a_file_shows_its_way_from_input_to_outputs(api: Api, pipeline: Pipeline) -> None:
    entry = file(api, FAILING)
    details = api.json(f"/api/files/{entry['key']}")
    metadata = pipeline.delivery(FAILING).metadata
    assert details["is_balanced"]
    assert (details["requests"], details["failed"]) == (8, 4)
    assert [batch["batch_id"] for shard in details["shards"] for batch in shard["batches"]] == [
        batch["batch_id"] for batch in metadata["batches"]
    ]
    assert {output["name"] for output in details["files"]} == {
        "results",
        "errors",
        "retry",
        "metadata",
        "input",
    }
    assert all(output["size_bytes"] for output in details["files"])


@pytest.mark.parametrize("name", ["results", "errors", "retry", "metadata", "input"])
def test_an_output_is_read_by_a_link_that_needs_nothing_else(api: Api, name: str) -> None:
    entry = file(api, FAILING)
    answer = api.get(f"/api/files/{entry['key']}/outputs/{name}")
    assert answer.status_code == 302
    assert answer.headers["Cache-Control"] == "no-store"
    link = answer.headers["Location"]
    read = requests.get(link, timeout=30)
    size = {o["name"]: o["size_bytes"] for o in api.json(f"/api/files/{entry['key']}")["files"]}[name]
    assert len(read.content) == size
    assert read.headers["Content-Disposition"].startswith("attachment")
    told = api.get(f"/api/files/{entry['key']}/links/{name}")
    assert told.headers["Cache-Control"] == "no-store"
    assert requests.get(told.json()["href"], timeout=30).content == read.content
    assert (
        requests.put(link, data=b"", headers={"x-ms-blob-type": "BlockBlob"}, timeout=30).status_code == 403
    )


def test_the_failed_rows_are_read_page_by_page_and_by_code(api: Api) -> None:
    key = file(api, FAILING)["key"]
    errors = api.json(f"/api/files/{key}/errors")
    assert {row["custom_id"] for row in errors["items"]} == {"bad/0", "bad/1", "bad/2", None}
    assert errors["digest"][0]["code"] == "content_filter"
    assert api.pages(f"/api/files/{key}/errors?limit=1") == errors["items"]
    filtered = api.pages(f"/api/files/{key}/errors?limit=2&error_code=content_filter")
    assert [row["custom_id"] for row in filtered] == ["bad/0", "bad/1", "bad/2"]
    assert filtered[0]["request"]["custom_id"] == "bad/0"


def test_each_batch_is_known_once_and_one_that_is_not_ours_is_a_stray(api: Api, pipeline: Pipeline) -> None:
    listed = api.json("/api/batches")
    assert (listed["stray"], listed["active"]) == (0, 0)
    ours = {entry["batch_id"] for entry in listed["items"]}
    assert ours == {batch["id"] for batch in pipeline.service.batches()}
    assert all(entry["path"] for entry in listed["items"])
    assert api.json("/api/batches?state=stray")["items"] == []
    assert len(api.pages("/api/batches?state=ended&limit=1")) == len(ours)


def test_why_files_wait_and_are_held_is_told_in_both_forms(api: Api) -> None:
    both = api.json("/api/files")
    (waiting,) = api.json("/api/files?state=waiting")["items"]
    assert (waiting["path"], waiting["job_spec"]) == ("waits/a.csv", "waits/_batch.yaml")
    assert both["waiting"][0]["reason"] == waiting["reason"]
    (held,) = api.json("/api/files?state=held")["items"]
    assert "MAX_TOKENS_PER_FILE" in held["reason"]
    assert both["held"][0]["key"] == held["key"]
    details = api.json(f"/api/files/{held['key']}")
    assert (details["state"], details["reason"]) == ("held", held["reason"])


def test_the_overview_has_it_all_on_one_screen(api: Api) -> None:
    overview = api.json("/api/overview")
    assert (overview["files_waiting"], overview["files_held"], overview["snapshots_running"]) == (1, 1, 0)
    assert overview["requests_done"] == overview["requests_total"]
    assert overview["digest"][0]["code"] == "content_filter"
    assert overview["cost"] > 0
    assert overview["actions"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/overview",
        "/api/snapshots",
        "/api/files?state=done",
        "/api/files",
        "/api/batches",
        "/api/openapi.json",
    ],
)
def test_what_has_not_changed_is_not_sent_again(api: Api, path: str) -> None:
    first = api.get(path)
    again = api.get(path, headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])


def test_hostile_names_and_texts_come_back_as_they_are_in_json_alone(api: Api, pipeline: Pipeline) -> None:
    entry = file(api, HOSTILE)
    assert entry["path"] == HOSTILE
    answer = api.get(f"/api/files/{entry['key']}")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert (
        requests.get(
            api.get(f"/api/files/{entry['key']}/outputs/results").headers["Location"], timeout=30
        ).content.count(b"\n")
        == 2
    )
    for asked in ("<script>", "..%2f..%2fetc", "%00", "a" * 3000):
        refused = api.get(f"/api/files/{asked}")
        assert refused.status_code == 404
        assert refused.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/snapshots/nothing", 404, "no_snapshot"),
        ("/api/snapshots/snapshot-20200101T000000.000Z", 404, "no_snapshot"),
        ("/api/snapshots/snapshot-20200101T000000.000Z/files", 404, "no_snapshot"),
        ("/api/snapshots?limit=0", 400, "bad_parameter"),
        ("/api/snapshots?limit=201", 400, "bad_parameter"),
        ("/api/snapshots?limit=-1", 400, "bad_parameter"),
        ("/api/snapshots?limit=1e2", 400, "bad_parameter"),
        ("/api/snapshots?after=x", 400, "bad_parameter"),
        ("/api/snapshots?stat=running", 400, "bad_parameter"),
        ("/api/files?state=lost", 400, "bad_parameter"),
        ("/api/files?path=x", 400, "bad_parameter"),
        ("/api/files?state=done&after=x", 400, "bad_parameter"),
        ("/api/files?state=held&after=d1", 400, "bad_parameter"),
        ("/api/files/" + "0" * 20, 404, "no_file"),
        ("/api/files/" + "0" * 20 + "/errors", 404, "no_file"),
        ("/api/files/" + "0" * 20 + "/outputs/results", 404, "no_file"),
        ("/api/batches?after=none", 400, "bad_parameter"),
    ],
)
def test_what_cannot_be_answered_is_a_problem(api: Api, path: str, status: int, code: str) -> None:
    answer = api.get(path)
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["error"] == problem["detail"]


def test_a_function_key_in_the_address_is_no_parameter_of_ours(api: Api) -> None:
    assert api.json("/api/files?state=done&code=key-of-the-function") == api.json("/api/files?state=done")


def test_what_a_form_of_another_site_can_send_changes_nothing(api: Api, pipeline: Pipeline) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    origin = pipeline.host.origin  # the embedded host itself refuses every other one
    refused = api.post("/api/snapshots", headers=form | {"Origin": origin})
    assert (refused.status_code, refused.json()["code"]) == (403, "requested_with")
    for known in (
        {"X-Requested-With": "aoai-batch", "Origin": origin},
        {"x-functions-key": "k", "Origin": origin},
        {},
    ):
        assert api.post("/api/snapshots", headers=known).status_code == 202


def test_what_a_file_would_take_is_told_before_anything_is_sent(api: Api, pipeline: Pipeline) -> None:
    before = pipeline.service.counters()["calls"]["create_batch"]["total"]
    quote = api.post("/api/quote", json={"path": "costly.jsonl"}).json()
    assert (quote["verdict"], quote["requests"], len(quote["prompts"])) == ("held", 1, 1)
    assert quote["cost"] > 0
    assert quote["prompts"][0]["custom_id"] == "costly"
    waits = api.post("/api/quote", json={"path": "waits/a.csv"}).json()
    assert (waits["verdict"], waits["job_spec"]) == ("waits", "waits/_batch.yaml")
    for path in ("nothing", "", "../nothing", "a/./b", "/", "x" * 3000, "<b>%00\x00"):
        assert api.post("/api/quote", json={"path": path}).status_code == 404, path
    assert api.post("/api/quote", json={"paths": "x"}).status_code == 400
    assert pipeline.service.counters()["calls"]["create_batch"]["total"] == before


def test_a_file_is_looked_at_and_brought_by_a_link(api: Api, pipeline: Pipeline) -> None:
    content = rows("brought", 2)
    told = {"path": "brought.jsonl", "size": len(content)}
    before = api.post("/api/quote", json={**told, "content": base64.b64encode(content).decode()}).json()
    assert (before["verdict"], before["requests"]) == ("ready", 2)
    checked = api.post("/api/job-specs", json={"path": "_batch.yaml", "content": BAD_SPEC.decode()}).json()
    assert any("modle" in mistake["where"] for mistake in checked["mistakes"])
    link = api.post("/api/uploads", json=told).json()
    assert requests.put(link["href"], data=content, headers=link["headers"], timeout=30).status_code == 201
    pipeline.wait_until(lambda: api.json("/api/files?state=done&path=brought")["items"])


def test_what_is_asked_for_is_told_and_what_makes_no_sense_refused(api: Api) -> None:
    (held,) = api.json("/api/files?state=held")["items"]
    asked = api.post(f"/api/files/{held['key']}/priority", json={"priority": 5}).json()
    assert (asked["file"], asked["asked"], asked["priority"]) == ("costly.jsonl", "priority", 5)
    assert [wish["asked"] for wish in api.json("/api/files")["asked"]] == ["priority"]
    for body in (b"", b"{", b'{"priority": "high"}', b'{"priority": 1, "more": 1}', b"[" * 100_000, b"\xff"):
        assert api.post(f"/api/files/{held['key']}/priority", data=body).status_code == 400
    (waiting,) = api.json("/api/files?state=waiting")["items"]
    assert api.json(f"/api/files/{waiting['key']}")["reason"] == waiting["reason"]
    assert api.post(f"/api/files/{waiting['key']}/cancel").status_code == 409


def test_a_held_file_is_released(api: Api) -> None:
    (held,) = api.json("/api/files?state=held")["items"]
    assert api.post(f"/api/files/{held['key']}/release").status_code == 202
    assert api.post(f"/api/files/{'0' * 20}/release").status_code == 404


def test_the_doctor_looks_once_a_minute_and_its_word_stands_in_the_overview(
    api: Api, pipeline: Pipeline
) -> None:
    before = pipeline.service.counters()
    first = api.json("/api/doctor")
    found = {finding["check"]: finding["verdict"] for finding in first["findings"]}
    # A file waits for its job spec.
    assert (first["verdict"], found["files"], found["task_hub"]) == ("warn", "warn", "ok")
    bad = {check for check, verdict in found.items() if verdict in ("warn", "fail")}
    # Of hosts that other tests have run on this emulator their locks and lost events are left.
    assert bad <= {"files", "events", "hub_owner", "lost_events"}
    assert len(found) == len(first["findings"])
    page = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [check for check in found if f"`{check}`" not in page] == []
    looked = pipeline.service.counters()
    assert {name: looked[name] for name in ("files", "batches") if name in looked} == {
        name: before[name] for name in ("files", "batches") if name in before
    }
    assert api.json("/api/doctor") == first
    assert pipeline.service.counters()["calls"] == looked["calls"]
    word = api.json("/api/overview")["doctor"]
    assert word["looked_at"] == first["looked_at"]
    assert (word["verdict"], word["failures"], word["warnings"]) == ("warn", 0, len(bad))


def test_a_look_at_the_health_of_the_app_needs_nothing(api: Api) -> None:
    assert api.json("/api/health") == {"status": "ok"}


def test_the_calls_of_the_documentation_work(api: Api, pipeline: Pipeline) -> None:
    """Each `curl` line of docs/api.md is run, with the app's own address, keys and ids in place of those that are shown."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("curl ")]
    entry = file(api, FAILING)
    (held,) = api.json("/api/files?state=held")["items"] or [entry]
    shown = {
        "$APP": pipeline.host.origin,
        "$SNAPSHOT": entry["snapshot"],
        "$FILE": entry["key"],
        "$HELD": held["key"],
    }
    operations = set()
    for line in lines:
        command = line
        for name, value in shown.items():
            command = command.replace(name, value)
        ran = subprocess.run(
            [*shlex.split(command.partition(" | ")[0]), "-s", "-S", "-w", "\n%{http_code}"],
            capture_output=True,
            text=True,
            check=True,
        )
        body, _, status = ran.stdout.rpartition("\n")
        # What has ended cannot be acted on.
        expected = ("200", "202", "404", "409") if "-X POST" in line else ("200", "302")
        assert status in expected, f"{line}: {status} {body}"
        if body and not line.startswith("curl -L"):
            json.loads(body)
        method = "post" if "-X POST" in line else "get"
        path = re.search(r"\$APP(/[^\s'\"?]*)", line)
        assert path
        operations.add((method, re.sub(r"\$\w+", "{}", path[1])))
    documented = {
        (method, re.sub(r"\{\w+\}", "{}", path.replace("{name}", "results")))
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    assert operations == documented


def test_a_file_and_what_its_failed_rows_were_tried_again_as_name_each_other(
    api: Api, pipeline: Pipeline
) -> None:
    """They were by a call of the documentation."""
    key = file(api, FAILING)["key"]
    pipeline.wait_until(lambda: api.json(f"/api/files/{key}")["retried_as"])
    retry = api.json(f"/api/files/{api.json(f'/api/files/{key}')['retried_as'][0]}")
    assert retry["retry_of"] == key
    assert "joined_results" in {output["name"] for output in retry["files"]}
    link = api.get(f"/api/files/{retry['key']}/outputs/joined_results").headers["Location"]
    assert requests.get(link, timeout=30).content.count(b"\n") == 4


def test_every_route_was_called(api: Api) -> None:
    api.post("/api/folders/priority", json={"folder": "urgent", "priority": 1})
    for action in ("pause", "resume"):
        assert (
            api.post(f"/api/intake/{action}").json()["intake"] == {"pause": "paused", "resume": "on"}[action]
        )
    for action in ("cancel", "hold", "approve", "retry", "give-up"):
        assert api.post(f"/api/files/{'0' * 20}/{action}").status_code == 404
    assert api.post(f"/api/files/{'0' * 20}/priority", json={"priority": 1}).status_code == 404
    for action in ("cancel", "retry"):
        assert api.post(f"/api/snapshots/nothing/{action}").status_code == 404
    every = {
        operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()
    }
    assert every - set(api.called) == set()
