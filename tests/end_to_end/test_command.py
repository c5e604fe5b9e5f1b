"""A day with the command `aoai-batch`, while the app runs."""

import json
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cli import deliveries, ended, following
from tests.cli.command import SAMPLES, Ran, aoai, aoai_process
from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import Pipeline, requests

PRICES = '{"gpt": {"input": 2, "output": 8}, "gpt-4o-mini-batch": {"input": 1, "output": 4}}'


class Desk:
    """A folder with the app's `local.settings.json`, in which commands are called."""

    def __init__(self, folder: Path, pipeline: Pipeline) -> None:
        self.folder, self.pipeline = folder, pipeline
        port = urlsplit(pipeline.host.origin).port
        values = {**pipeline.host.environment, "PRICES": PRICES}
        (folder / "local.settings.json").write_text(
            json.dumps({"Values": values, "Host": {"LocalHttpPort": port}})
        )

    def file(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return name

    def write(self, container: str, name: str, content: bytes) -> None:
        self.pipeline.containers.write(container, name, content)

    def aoai(self, *arguments: object) -> Ran:
        with chdir(self.folder):
            return aoai(*arguments)


@pytest.fixture(scope="module")
def desk(make_pipeline: MakePipeline, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    refused: list[dict[str, Any]] = [
        {"custom_id": f"b/{row}", "first": 1, "effect": "error", "status": 400, "code": "content_filter"}
        for row in (1, 3)
    ]
    pipeline = make_pipeline(plan={"rows": refused}, prices=PRICES)
    return Desk(tmp_path_factory.mktemp("desk"), pipeline)


@pytest.fixture(scope="module")
def box(desk: Desk) -> tuple[dict[str, Any], Ran]:
    """A folder whose files all end well: the quote of one, and how they were dropped."""
    quoted = desk.aoai("quote", desk.file("a.jsonl", requests("a", 5))).records[0]
    arguments = ("drop", "a.jsonl", SAMPLES / "reviews", "--to", "box", "--watch")
    return quoted, aoai_process(*arguments, cwd=desk.folder)


@pytest.fixture(scope="module")
def b(desk: Desk) -> Ran:
    """A file of which two rows fail: how it was dropped."""
    return desk.aoai("drop", desk.file("b.jsonl", requests("b", 5)), "--watch", "--table")


def test_files_are_dropped_and_followed_to_their_end(desk: Desk, box: tuple[dict[str, Any], Ran]) -> None:
    quoted, ran = box
    assert ran.code == 0, ran.err
    ended = {record["file"]: record for record in ran.records}
    assert list(ended) == ["box/a.jsonl", "box/reviews/reviews.parquet"]
    assert [(end["state"], end["requests"], end["failed"]) for end in ended.values()] == [
        ("done", 5, 0),
        ("done", 30, 0),
    ]
    assert "box/a.jsonl  done 5/5" in ran.err
    metadata = desk.pipeline.delivery("box/a.jsonl").metadata
    assert (quoted["requests"], quoted["input_tokens"]) == (5, metadata["estimated_input_tokens"])
    assert quoted["cost"] == pytest.approx(metadata["estimated_cost"])


def test_what_failed_shows_in_exit_code_status_and_words(desk: Desk, b: Ran) -> None:
    assert b.code == 3, b.err
    assert b.out.splitlines()[1].split()[:3] == ["b.jsonl", "done", "5/5(2)"]
    status = desk.aoai("status", "b.jsonl")
    assert [(told["state"], told["failed"]) for told in status.records] == [("done", 2)]
    assert status.records[0]["cost"] > 0
    watched = desk.aoai("watch", status.records[0]["snapshot"])
    assert (watched.code, watched.records[0]["file"]) == (3, "b.jsonl")


@pytest.mark.usefixtures("box", "b")
def test_what_the_app_lists_is_what_storage_says(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many files the app's pages are read, of few the metadata; nobody can tell by the answer."""
    snapshot = desk.aoai("status", "b.jsonl").records[0]["snapshot"]
    calls = (("status", "box/"), ("status", "b.jsonl"), ("watch", "box/", "b.jsonl"), ("watch", snapshot))
    by_storage = [desk.aoai(*call) for call in calls]
    monkeypatch.setattr(following, "FEW_FILES", 0)
    monkeypatch.setattr(ended, "FEW", 0)
    monkeypatch.setattr(ended, "FILES_PER_PAGE", 1)
    for name in ("_read", "deliveries_of"):
        monkeypatch.setattr(deliveries, name, None)
    by_pages = [desk.aoai(*call) for call in calls]
    assert [(ran.code, ran.records) for ran in by_pages] == [(ran.code, ran.records) for ran in by_storage]


def test_what_quote_refuses_is_not_dropped(desk: Desk) -> None:
    good, bad = desk.file("good.jsonl", requests("good", 1)), desk.file("bad.docx", b"x")
    ran = desk.aoai("drop", good, bad)
    assert (ran.code, [quote["verdict"] for quote in ran.records]) == (2, ["rejected", "ready"])
    assert "Nothing was dropped" in ran.err
    nothing = desk.aoai("watch")
    assert (nothing.code, nothing.out) == (0, "")
    assert "No file is in the input container." in nothing.err
    for verb in ("watch", "status"):
        missing = desk.aoai(verb, "good.jsonl")
        assert (missing.code, missing.out) == (2, "")
        assert "There is no file good.jsonl" in missing.err


def test_a_file_that_waits_for_its_job_spec_is_told_and_not_replaced_unasked(desk: Desk) -> None:
    desk.pipeline.containers.drop("waits/_batch.yaml", b"modle: gpt")
    desk.pipeline.containers.drop("waits/rows.txt", b"one\ntwo\n")
    ran = desk.aoai("watch", "waits/", "--table")
    assert ran.code == 4
    assert "modle" in ran.out
    rows = desk.file("rows.txt", b"other\n")
    # The job spec that is there counts for what comes.
    refused = desk.aoai("drop", rows, "--to", "waits")
    assert (refused.code, refused.records[0]["verdict"]) == (2, "waits")
    (desk.folder / "_batch.yaml").write_text("deployment: gpt")
    assert "In the input container already: waits/_batch.yaml" in desk.aoai("drop", rows, "--to", "waits").err
    ran = desk.aoai("drop", rows, "--to", "waits", "--replace", "--watch")
    (desk.folder / "_batch.yaml").unlink()
    assert (ran.code, [told["requests"] for told in ran.records]) == (0, [1])


@pytest.mark.usefixtures("box")
def test_the_app_is_asked_to_take_what_is_there_now(desk: Desk) -> None:
    ran = desk.aoai("run", "--json")
    assert ran.code == 0
    snapshot = ran.records[0]["snapshot"]
    desk.pipeline.wait_until(
        lambda: desk.pipeline.host.get(f"/api/snapshots/{snapshot}").json()["status"] == "Completed"
    )
    told = desk.aoai("status")
    assert any(record["report"] for record in told.records if "snapshot" in record)
    table = desk.aoai("status", "--table").out
    assert "Snapshot" in table
    assert "completed" in table


def test_an_app_that_does_not_answer_costs_what_only_it_can_tell(desk: Desk, tmp_path: Path) -> None:
    settings = json.loads((desk.folder / "local.settings.json").read_text())
    (tmp_path / "local.settings.json").write_text(json.dumps(settings | {"Host": {"LocalHttpPort": 9}}))
    with chdir(tmp_path):
        status = aoai("status", "--table")
        ran = aoai("run")
    assert status.code == 0
    assert "The app does not answer at http://127.0.0.1:9" in status.err
    assert ran.code == 1
    assert ran.err.count("\n") == 1


@pytest.mark.usefixtures("b")
def test_what_failed_is_told_sent_again_and_brought_home_with_the_rest(desk: Desk) -> None:
    told = desk.aoai("errors", "b.jsonl")
    assert (told.code, [(record["line"], record["code"]) for record in told.records]) == (
        3,
        [(2, "content_filter"), (4, "content_filter")],
    )
    (digest,) = desk.aoai("errors", "b.jsonl", "--digest", "--json").records
    assert (digest["code"], digest["rows"], digest["files"]) == ("content_filter", 2, 1)
    table = desk.aoai("errors", "b.jsonl", "--table")
    assert "b.jsonl:2" in table.out
    assert "Send again what failed: aoai-batch retry b.jsonl" in table.err
    assert desk.aoai("errors", "b.jsonl", "--code", "other").out == ""

    refused = desk.aoai("retry", "b.jsonl")
    assert refused.code == 2
    assert "Send again up to 2 failed rows of 1 file, about $" in refused.err
    retried = desk.aoai("retry", "b.jsonl", "--yes", "--watch")
    assert (retried.code, [(end["file"], end["requests"]) for end in retried.records]) == (
        0,
        [("b_retry.jsonl", 2)],
    )
    assert "Nothing is left to be retried" in desk.aoai("retry", "b.jsonl", "--yes").err

    joined = desk.aoai("results", "b.jsonl", "--join", "-o", "-")
    assert (joined.code, [record["custom_id"] for record in joined.records]) == (
        0,
        [f"b/{row}" for row in range(5)],
    )
    own = desk.aoai("results", "b.jsonl", "-o", "-")
    assert (own.code, len(own.records)) == (3, 3)


@pytest.mark.usefixtures("box", "b")
def test_results_come_home_whole_and_replace_nothing_unasked(desk: Desk) -> None:
    ran = desk.aoai("results", "box/", "-o", "home")
    assert (ran.code, len(ran.records)) == (0, 2)
    for record in ran.records:
        assert (desk.folder / record["written"]).stat().st_size > 0
        assert Path(record["written"]).parent.parent.name in ("box", "reviews")
    assert "is there already" in desk.aoai("results", "box/", "-o", "home").err
    assert desk.aoai("results", "box/", "-o", "home", "--replace").code == 0
    names = {
        Path(told["written"]).name for told in desk.aoai("results", "b.jsonl", "--all", "-o", "b").records
    }
    assert names == {"b_output.jsonl", "b_error.jsonl", "b_retry.jsonl", "b_metadata.json"}
    assert not list((desk.folder / "home").rglob("*.part"))
    several = desk.aoai("results", "box/", "-o", "-")
    assert (several.code, several.out) == (2, "")


@pytest.mark.parametrize("verb", ["results", "errors", "retry"])
def test_what_has_not_come_out_is_told(desk: Desk, verb: str) -> None:
    ran = desk.aoai(verb, "no/such.csv")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "Nothing has come out of no/such.csv" in ran.err


def test_a_retry_leaves_another_file_of_its_name_alone(desk: Desk) -> None:
    desk.pipeline.service.plan(
        rows=[{"custom_id": "c/0", "effect": "error", "status": 400, "code": "content_filter"}]
    )
    desk.aoai("drop", desk.file("c.jsonl", requests("c", 2)), "--to", "d", "--watch")
    desk.pipeline.containers.drop("d/_batch.yaml", b"modle: gpt")  # so that nothing there is taken
    desk.pipeline.containers.drop("d/c_retry.jsonl", b"another")
    ran = desk.aoai("retry", "d/c.jsonl", "--yes")
    assert ran.code == 2
    assert "Another file called d/c_retry.jsonl" in ran.err
    desk.pipeline.containers.delete_input("d/c_retry.jsonl")
    first = desk.aoai("retry", "d/c.jsonl", "--yes")
    content = desk.pipeline.containers.read("input", prefix="d/c_retry")
    # It waits already: nothing is asked, and nothing changes.
    again = desk.aoai("retry", "d/")
    assert (first.code, again.code) == (0, 0)
    assert [told["retry"] for told in again.records] == [["d/c_retry.jsonl"]]
    assert desk.pipeline.containers.read("input", prefix="d/c_retry") == content
    assert len(content) == 1


@pytest.fixture
def audited(desk: Desk, box: object, b: object) -> Ran:
    """The audit of all that has come out so far."""
    del box, b
    desk.pipeline.wait_until(lambda: not any(desk.pipeline.service.counters()["files"].values()))
    return desk.aoai("audit", "--report", "audit.json")


def test_an_audit_proves_that_every_row_came_back_and_was_paid_once(desk: Desk, audited: Ran) -> None:
    assert audited.code == 0, audited.out
    *files, last = audited.records
    by_name = {found["file"]: found for found in files}
    odd, reviews = by_name["b.jsonl"], by_name["box/reviews/reviews.parquet"]
    assert (odd["rows_in"], odd["results"], odd["errors"], odd["batches"], odd["in_service"]) == (
        5,
        3,
        2,
        1,
        1,
    )
    assert (reviews["rows_in"], reviews["results"], reviews["proven"]) == (30, 30, True)
    assert all(found["proven"] for found in files)
    assert last["left"] == {"strays": [], "files": [], "inputs": [], "records": [], "remarks": []}
    kept = json.loads((desk.folder / "audit.json").read_text())
    assert len(kept["files"]) == len(files)
    table = desk.aoai("audit", "b.jsonl", "--table").out
    assert "1 of 1 file proven: 5 rows, each back once." in table


def lines_of(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


FORGERIES: dict[str, tuple[str, Callable[[list[bytes]], list[bytes]], str]] = {
    "a result is missing": ("processed", lambda lines: lines[1:], "did not come back in its place"),
    "a result is there twice": ("processed", lambda lines: [*lines, lines[-1]], "come twice"),
    "results are not in order": ("processed", lambda lines: lines[::-1], "did not come back in its place"),
    "an error is missing": ("error", lambda lines: lines[1:], "did not come back in its place"),
    "an error is of another row": (
        "error",
        lambda lines: [*lines, lines[0].replace(b'"line":2', b'"line":9')],
        "belong to no row",
    ),
}


@pytest.mark.parametrize(("container", "forge", "told"), FORGERIES.values(), ids=FORGERIES.keys())
@pytest.mark.usefixtures("b")
def test_an_audit_finds_what_is_not_as_promised(
    desk: Desk, container: str, forge: Callable[[list[bytes]], list[bytes]], told: str
) -> None:
    found = desk.pipeline.containers.read(container, prefix="b.jsonl_")
    name = next(name for name in found if name.endswith(("_output.jsonl", "_error.jsonl")))
    desk.write(container, name, b"".join(forge(lines_of(found[name]))))
    try:
        ran = desk.aoai("audit", "b.jsonl")
    finally:
        desk.write(container, name, found[name])
    assert ran.code == 3
    assert not ran.records[0]["proven"]
    assert any(told in finding for finding in ran.records[0]["findings"]), ran.records


@pytest.mark.usefixtures("b")
def test_an_audit_finds_batches_that_no_file_knows(desk: Desk) -> None:
    name = next(
        name
        for name in desk.pipeline.containers.read("processed", prefix="b.jsonl_")
        if name.endswith("_metadata.json")
    )
    content = desk.pipeline.containers.read("processed", prefix=name)[name]
    forged = json.loads(content)
    (batch,) = forged["batches"]
    forged["batches"] = [batch, batch | {"batch_id": "batch_other"}]
    lost = forged | {"batches": []}
    told = {}
    for case, document in (("twice", forged), ("lost", lost)):
        for container in ("processed", "error"):
            desk.write(container, name, json.dumps(document).encode())
        told[case] = desk.aoai("audit", "b.jsonl")
    for container in ("processed", "error"):
        desk.write(container, name, content)
    assert "has 2 batches in attempt 1" in told["twice"].records[0]["findings"][0]
    assert "is not in the metadata" in told["lost"].records[0]["findings"][0]
    assert {ran.code for ran in told.values()} == {3}


@pytest.mark.usefixtures("b")
def test_an_audit_without_the_service_says_so(desk: Desk) -> None:
    ran = desk.aoai("audit", "b.jsonl", "--set", "AZURE_OPENAI_ENDPOINT=")
    assert (ran.code, ran.records[0]["in_service"]) == (0, None)
    assert "The service was not looked at" in ran.err


def test_the_doctor_finds_a_working_app_well(desk: Desk) -> None:
    ran = desk.aoai("doctor")
    found = {finding["check"]: finding for finding in ran.records}
    assert ran.code == 0, [finding for finding in ran.records if finding["verdict"] == "fail"]
    assert {"place", "settings", "account", "container_work", "queues", "endpoint", "app"} <= found.keys()
    by_app = {check for check, finding in found.items() if finding["seen_by"] == "app"}
    assert {"settings", "container_work", "endpoint", "task_hub", "events", "access"} <= by_app
    assert {found[check]["seen_by"] for check in ("place", "app", "deployment")} == {"here"}
    table = desk.aoai("doctor", "--table", "--set", "AZURE_OPENAI_API_KEY=wrong")
    assert table.code == 1
    assert "FAIL" in table.out


def test_files_are_held_released_and_cancelled_with_and_without_the_app(desk: Desk, tmp_path: Path) -> None:
    settings = json.loads((desk.folder / "local.settings.json").read_text())
    (tmp_path / "local.settings.json").write_text(json.dumps(settings | {"Host": {"LocalHttpPort": 9}}))
    desk.pipeline.containers.drop("e/_batch.yaml", b"modle: gpt")  # so that it waits
    desk.pipeline.containers.drop("e/rows.txt", b"one\n")
    held = desk.aoai("hold", "e/")
    assert (held.code, held.records[0]["refused"]) == (0, None)
    assert desk.aoai("status", "e/rows.txt").records[0]["state"] == "held"
    with chdir(tmp_path):
        released = aoai("release", "e/rows.txt")
    assert released.code == 0
    assert "in the records instead" in released.err
    again = desk.aoai("release", "e/rows.txt")
    assert (again.code, "nothing to release" in again.err) == (2, True)
    asked = desk.aoai("cancel", "e/rows.txt")
    assert (asked.code, "Nobody is there to say yes" in asked.err) == (2, True)
    refused = desk.aoai("cancel", "e/rows.txt", "--yes", "--table")
    assert refused.code == 2
    assert "has begun" in refused.out
    desk.pipeline.service.plan(batches=[{"duration_seconds": 600}])
    desk.aoai("drop", desk.file("f.jsonl", requests("f", 3)))
    desk.pipeline.wait_until(lambda: desk.pipeline.service.batches()[-1]["status"] == "in_progress")
    assert desk.aoai("cancel", "f.jsonl", "--yes").code == 0
    ended = desk.aoai("watch", "f.jsonl")
    assert (ended.code, ended.records[0]["requests"]) == (3, 3)
    assert ended.records[0]["failed"] > 0
    desk.pipeline.service.plan()


def test_files_and_folders_are_put_first_with_and_without_the_app(desk: Desk, tmp_path: Path) -> None:
    settings = json.loads((desk.folder / "local.settings.json").read_text())
    (tmp_path / "local.settings.json").write_text(json.dumps(settings | {"Host": {"LocalHttpPort": 9}}))
    desk.pipeline.containers.drop("p/_batch.yaml", b"modle: gpt")  # so that it waits
    desk.pipeline.containers.drop("p/rows.txt", b"one\n")
    assert desk.aoai("priority", "p/rows.txt", "high").code == 0
    table = desk.aoai("priority", "p/", "later/", "7", "--table")
    assert [line.rstrip() for line in table.out.splitlines()] == [
        "File    Asked for",
        "p/      priority   Seen at the next look, within 1 s.",
        "later/  priority   Seen at the next look, within 1 s.",
    ]
    with chdir(tmp_path):
        without = aoai("priority", "p", "low")
    assert without.code == 0, without.err
    assert "in the records instead" in without.err
    told = {
        wish.get("file") or wish["folder"]: wish["priority"]
        for wish in desk.pipeline.host.get("/api/files").json()["asked"]
        if wish["asked"] == "priority"
    }
    assert told == {"p/rows.txt": 10, "p/": -10, "later/": 7}
    assert [record["subject"] for record in without.records] == ["p/"]
    for path in ("p/nothing.csv", "none.csv"):
        assert desk.aoai("priority", path, "high").code == 2
    assert desk.aoai("priority", "/", "high").code == 2


def test_the_intake_is_paused_and_resumed_with_and_without_the_app(desk: Desk, tmp_path: Path) -> None:
    settings = json.loads((desk.folder / "local.settings.json").read_text())
    (tmp_path / "local.settings.json").write_text(json.dumps(settings | {"Host": {"LocalHttpPort": 9}}))

    def told(*words: str, at: Path) -> str:
        with chdir(at):
            ran = aoai("intake", *words)
        assert ran.code == 0, ran.err
        return str(ran.records[0]["intake"])

    table = desk.aoai("intake", "pause", "--table").out
    assert table == "paused: No new file is taken; what is being worked on goes on.\n"
    for first, second in ((desk.folder, tmp_path), (tmp_path, desk.folder)):
        assert told("pause", at=first) == told("pause", at=first) == "paused"
        assert told("resume", at=second) == told(at=second) == "on"


def test_an_azure_ml_deployment_goes_on_as_a_job_spec(desk: Desk) -> None:
    """The walk-through of docs/coming-from-aml.md, with three bills."""
    (desk.folder / "bills").mkdir()
    bills = b'text,summary,title\n"SECTION 1.\n\nIt says ""so"".",short,A\nSECTION 2.,short,B\n"SECTION 3,\nand more",short,C\n'
    desk.file("bills/billsum-0.csv", bills)
    desk.file(
        "deployment.yml", b"model: azureml:text-embedding-3-small@latest\nsettings: {mini_batch_size: 1}\n"
    )
    assert desk.aoai("migrate", "deployment.yml", "-o", "bills/_batch.yaml").code == 0
    assert desk.aoai("drop", "bills", "--watch").code == 0
    (taken,) = desk.aoai("results", "bills/billsum-0.csv", "-o", "out").records
    records = [json.loads(line) for line in (desk.folder / taken["written"]).read_bytes().splitlines()]
    assert [(record["file"], record["row"]) for record in records] == [
        ("bills/billsum-0.csv", row) for row in range(3)
    ]
    assert all(len(record["embeddings"]) > 1 for record in records)


def test_rows_are_retried_by_their_code_and_joined_with_the_rest(desk: Desk) -> None:
    rules = [
        {"custom_id": f"g/{row}", "first": 1, "effect": "error", "status": 400, "code": code}
        for row, code in ((0, "content_filter"), (1, "content_filter"), (2, "other_reason"))
    ]
    desk.pipeline.service.plan(rows=rules)
    assert desk.aoai("drop", desk.file("g.jsonl", requests("g", 4)), "--watch").code == 3
    assert desk.aoai("retry", "g.jsonl", "--code", "unheard_of", "--yes").code == 2
    ran = desk.aoai("retry", "g.jsonl", "--code", "content_filter", "--yes", "--watch")
    assert (ran.code, [(end["requests"], end["failed"]) for end in ran.records]) == (0, [(2, 0)]), ran.err
    joined = desk.aoai("results", "g.jsonl", "--join", "-o", "-")
    assert (joined.code, [record["custom_id"] for record in joined.records]) == (3, ["g/0", "g/1", "g/3"])
    desk.pipeline.service.plan()


def test_rows_are_retried_by_their_code_without_the_app_and_only_once(desk: Desk, tmp_path: Path) -> None:
    settings = json.loads((desk.folder / "local.settings.json").read_text())
    (tmp_path / "local.settings.json").write_text(json.dumps(settings | {"Host": {"LocalHttpPort": 9}}))
    rules = [
        {"custom_id": f"k/{row}", "first": 1, "effect": "error", "status": 400, "code": code}
        for row, code in ((0, "content_filter"), (1, "other_reason"))
    ]
    desk.pipeline.service.plan(rows=rules)
    assert desk.aoai("drop", desk.file("k.jsonl", requests("k", 3)), "--watch").code == 3
    with chdir(tmp_path):
        first, second = (aoai("retry", "k.jsonl", "--code", "other_reason", "--yes") for _ in range(2))
    third = desk.aoai("retry", "k.jsonl", "--code", "other_reason", "--yes")
    told = [ran.records[0] for ran in (first, second, third)]
    assert [(each["rows"], each["new"]) for each in told] == [(1, True), (1, False), (1, False)]
    (path,) = {path for each in told for path in each["retry"]}
    assert desk.aoai("watch", path).code == 0
    joined = desk.aoai("results", "k.jsonl", "--join", "-o", "-")
    assert [record["custom_id"] for record in joined.records] == ["k/1", "k/2"]
    desk.pipeline.service.plan()


def test_a_retry_without_the_app_leaves_the_marks_that_the_app_would(desk: Desk, tmp_path: Path) -> None:
    settings = json.loads((desk.folder / "local.settings.json").read_text())
    (tmp_path / "local.settings.json").write_text(json.dumps(settings | {"Host": {"LocalHttpPort": 9}}))
    desk.pipeline.service.plan(
        rows=[{"custom_id": "h/1", "first": 1, "effect": "error", "status": 400, "code": "content_filter"}]
    )
    assert desk.aoai("drop", desk.file("h.jsonl", requests("h", 2)), "--watch").code == 3
    desk.aoai("intake", "pause")
    with chdir(tmp_path):
        first, second = (aoai("retry", "h.jsonl", "--yes") for _ in range(2))
    told = [ran.records[0] for ran in (first, second, desk.aoai("retry", "h.jsonl", "--yes"))]
    assert [(each["retry"], each["new"]) for each in told] == [
        (["h_retry.jsonl"], True),
        (["h_retry.jsonl"], False),
        (["h_retry.jsonl"], False),
    ]
    desk.aoai("intake", "resume")
    assert desk.aoai("watch", "h_retry.jsonl").code == 0
    assert "Nothing is left to be retried" in desk.aoai("retry", "h.jsonl", "--yes").err
    desk.pipeline.service.plan()
