"""Faults on request: of calls, of batches, of rows and of the quota."""

import http.client
import json
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx2
import msgspec
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI

from local.azure_openai import RunningService, plan, running
from local.azure_openai.faults import Faults
from local.azure_openai.plan import Plan, RowRule, Subject
from tests.local.azure_openai.batch_work import (
    TERMINAL,
    chat_row,
    chat_rows,
    codes,
    create,
    ended,
    jsonl,
    lines,
    responses_row,
    run,
    submit,
    until,
    upload,
    v1_client,
)


@pytest.mark.parametrize(
    ("status", "retry_after"), [(409, ""), (429, "1"), (429, "121"), (500, "soon"), (503, "")]
)
def test_a_call_gets_the_planned_status_and_does_nothing(
    client: OpenAI, service: RunningService, status: int, retry_after: str
) -> None:
    file = upload(client, chat_rows(1))
    rule = {
        "operation": "create_batch",
        "first": 1,
        "status": status,
        "retry_after": retry_after,
        "code": "busy",
    }
    service.plan(calls=[rule])
    with pytest.raises(openai.APIStatusError) as struck:
        create(client, file.id)
    assert (struck.value.status_code, struck.value.code) == (status, "busy")
    assert struck.value.response.headers.get("retry-after", "") == retry_after
    assert service.batches() == []
    assert create(client, file.id).status == "validating"
    assert service.counters()["calls"]["create_batch"] == {"total": 2, str(status): 1, "201": 1}


def test_the_sdk_makes_two_batches_of_a_lost_answer(service: RunningService) -> None:
    with v1_client(service, max_retries=2) as client:
        file = upload(client, chat_rows(1))
        service.plan(calls=[{"operation": "create_batch", "nth": 1, "connection": "lost"}])
        create(client, file.id)
    assert len(service.batches()) == 2
    assert service.counters()["calls"]["create_batch"] == {"total": 2, "lost": 1, "201": 1}


@pytest.mark.parametrize(("connection", "uploaded"), [("lost", 1), ("reset", 0)])
def test_a_broken_upload_is_done_or_not_as_planned(
    client: OpenAI, service: RunningService, connection: str, uploaded: int
) -> None:
    service.plan(calls=[{"operation": "upload", "filename": "work*", "connection": connection}])
    with pytest.raises(openai.APIConnectionError) as broken:
        upload(client, chat_rows(1))
    kinds = {"lost": httpx2.RemoteProtocolError, "reset": httpx2.ReadError}
    assert isinstance(broken.value.__cause__, kinds[connection])
    assert len(client.files.list().data) == uploaded
    assert upload(client, chat_rows(1), "other.jsonl").status == "processed"


def test_a_download_may_break_off_halfway(client: OpenAI, service: RunningService) -> None:
    batch = run(client, chat_rows(50))
    whole = client.files.content(str(batch.output_file_id)).read()
    service.plan(
        calls=[{"operation": "content", "filename": "*-output.jsonl", "nth": 1, "connection": "half"}]
    )
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"))
    headers = {"api-key": service.key}
    connection.request("GET", f"/openai/v1/files/{batch.output_file_id}/content", headers=headers)
    answer = connection.getresponse()
    assert answer.getheader("content-length") == str(len(whole))
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    connection.close()
    assert cut.value.partial == whole[: len(whole) // 2]
    assert client.files.content(str(batch.output_file_id)).read() == whole


def test_every_kth_call_is_struck(client: OpenAI, service: RunningService) -> None:
    service.plan(calls=[{"operation": "list_files", "every": 3, "status": 500}])
    seen = []
    for _ in range(6):
        try:
            client.files.list()
            seen.append(200)
        except openai.InternalServerError:
            seen.append(500)
    assert seen == [200, 200, 500, 200, 200, 500]


def test_a_star_strikes_any_operation(client: OpenAI, service: RunningService) -> None:
    service.plan(calls=[{"operation": "*", "nth": 2, "status": 503}])
    client.files.list()
    with pytest.raises(openai.InternalServerError):
        client.batches.list()


@pytest.mark.parametrize("status", ["expired", "cancelled", "completed", "archived"])
def test_a_batch_ends_as_planned_with_a_part_of_its_rows(
    client: OpenAI, service: RunningService, status: str
) -> None:
    service.plan(batches=[{"filename": "odd*", "ends_as": status, "fraction": 0.5}])
    batch = until(client, submit(client, chat_rows(10), "odd.jsonl"), lambda seen: seen.status == status)
    assert len(lines(client, batch.output_file_id)) == 5
    assert len(lines(client, batch.error_file_id)) == (5 if status == "expired" else 0)
    assert run(client, chat_rows(10), "even.jsonl").status == "completed"


@pytest.mark.parametrize("status", ["failed", "expired", "archived"])
def test_a_batch_may_end_without_files(client: OpenAI, service: RunningService, status: str) -> None:
    service.plan(batches=[{"ends_as": status, "files": False}])
    batch = until(client, submit(client, chat_rows(2)), lambda seen: seen.status == status)
    assert (batch.output_file_id, batch.error_file_id) == (None, None)
    assert service.counters()["active_batches"] == 0


def test_an_output_id_may_be_withheld(client: OpenAI, service: RunningService) -> None:
    service.plan(batches=[{"withhold_output": "blank"}])
    assert run(client, chat_rows(2)).output_file_id == ""


@pytest.mark.parametrize("phase", ["validating", "in_progress", "finalizing", "pondering"])
def test_a_stuck_batch_stays_where_it_is(client: OpenAI, service: RunningService, phase: str) -> None:
    service.plan(batches=[{"nth": 1, "stuck_in": phase}])
    stuck = until(client, submit(client, chat_rows(2)), lambda seen: seen.status == phase)
    assert run(client, chat_rows(3)).status == "completed"
    assert client.batches.retrieve(stuck.id).status == phase
    if phase != "finalizing":
        client.batches.cancel(stuck.id)
        run(client, chat_rows(4))
        assert client.batches.retrieve(stuck.id).status == "cancelling"
    service.force(stuck.id, "expired", fraction=0.5)
    batch = until(client, stuck, lambda seen: seen.status in TERMINAL)
    assert (batch.status, len(lines(client, batch.output_file_id))) == ("expired", 1)


@pytest.mark.parametrize("named", [[], [{"code": "invalid_json_line", "message": "Not JSON.", "line": 3}]])
def test_validation_fails_as_planned(
    client: OpenAI, service: RunningService, named: list[dict[str, Any]]
) -> None:
    service.plan(batches=[{"invalid": named}])
    batch = run(client, chat_rows(2))
    assert batch.status == "failed"
    if named:
        assert codes(batch) == ["invalid_json_line"]


def test_the_quota_is_full_for_some_tries(client: OpenAI, service: RunningService) -> None:
    file = upload(client, chat_rows(1))
    service.plan(quota=[{"deployment": "gpt-*", "tries": 2}])
    for _ in range(2):
        with pytest.raises(openai.BadRequestError) as full:
            create(client, file.id)
        assert "token_limit_exceeded" in str(full.value.body)
    assert ended(client, create(client, file.id)).status == "completed"


def test_the_quota_is_full_for_some_time(client: OpenAI, service: RunningService) -> None:
    file = upload(client, chat_rows(1))
    service.plan(quota=[{"seconds": 3600}])
    with pytest.raises(openai.BadRequestError):
        create(client, file.id)
    service.plan(quota=[{"seconds": 0}])
    assert create(client, file.id).status == "validating"


def test_a_row_fails_as_often_as_planned(client: OpenAI, service: RunningService) -> None:
    service.plan(rows=[{"custom_id": "row-1", "first": 2, "effect": "error", "status": 429}])
    endings = []
    for _ in range(3):
        batch = run(client, chat_rows(3))
        endings.append([line["response"]["status_code"] for line in lines(client, batch.error_file_id)])
    assert endings == [[429], [429], []]
    served = service.counters()["answers"]["served_more_than_once"]
    assert served == {"row-0": 3, "row-2": 3}


def test_counts_shown_meanwhile_never_go_beyond_the_end() -> None:
    fault = {"rows": [{"custom_id": "row-?", "effect": "error", "status": 500}]}
    with running(speed=500, plan=fault, file_pending_seconds=0) as service, v1_client(service) as client:
        batch = submit(client, chat_rows(40))
        seen: list[tuple[int, int]] = []
        while batch.status not in TERMINAL:
            batch = client.batches.retrieve(batch.id)
            assert batch.request_counts
            seen.append((batch.request_counts.completed, batch.request_counts.failed))
    assert seen[-1] == (30, 10)
    assert seen == sorted(seen)


def test_a_row_is_answered_oddly_on_request(client: OpenAI, service: RunningService) -> None:
    odd: dict[str, dict[str, Any]] = {
        "a": {"answer": "tool_calls"},
        "b": {"body": None},
        "c": {"line": '{"custom_id":"@custom_id@"}'},
    }
    service.plan(rows=[{"custom_id": name, "effect": "odd", **how} for name, how in odd.items()])
    batch = run(client, jsonl([chat_row(name) for name in odd]))
    found = {line["custom_id"]: line for line in lines(client, batch.output_file_id)}
    message = found["a"]["response"]["body"]["choices"][0]["message"]
    assert message["tool_calls"][0]["function"]["name"] == "open_ticket"
    assert found["b"]["response"] == {**found["a"]["response"], "body": None, "request_id": ANY}
    assert found["c"] == {"custom_id": "c"}


@pytest.mark.parametrize("rule", [{"answer": "of no such name"}, {}])
def test_an_odd_answer_that_is_not_known_is_refused(rule: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError, match="answer"):
        msgspec.convert({"rows": [{"effect": "odd", **rule}]}, Plan)


def test_rows_may_be_missing_double_or_cut_off(client: OpenAI, service: RunningService) -> None:
    effects = {"a": "missing", "b": "twice", "c": "length", "d": "content_filter"}
    service.plan(rows=[{"custom_id": name, "effect": effect} for name, effect in effects.items()])
    batch = run(client, jsonl(chat_row(name) for name in "abcde"))
    found = lines(client, batch.output_file_id)
    assert Counter(line["custom_id"] for line in found) == {"b": 2, "c": 1, "d": 1, "e": 1}
    assert lines(client, batch.error_file_id) == []
    reasons = {line["custom_id"]: line["response"]["body"]["choices"][0]["finish_reason"] for line in found}
    assert reasons == {"b": "stop", "c": "length", "d": "content_filter", "e": "stop"}
    assert service.counters()["answers"]["served_more_than_once"] == {}


def test_a_cut_off_response_is_incomplete(client: OpenAI, service: RunningService) -> None:
    service.plan(
        rows=[{"text": "*poison*", "effect": "content_filter"}, {"custom_id": "b", "effect": "length"}]
    )
    rows = [responses_row("a", "some poison here"), responses_row("b"), responses_row("c")]
    found = lines(client, run(client, jsonl(rows), endpoint="/v1/responses").output_file_id)
    bodies = {line["custom_id"]: line["response"]["body"] for line in found}
    assert [bodies[name]["status"] for name in "abc"] == ["incomplete", "incomplete", "completed"]
    assert bodies["a"]["incomplete_details"] == {"reason": "content_filter"}
    assert bodies["b"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_a_plan_that_says_nonsense_is_refused(service: RunningService) -> None:
    with pytest.raises(RuntimeError, match="400"):
        service.plan(calls=[{"operation": "fly"}])


def test_the_plan_in_the_manual_is_one() -> None:
    documentation = str(plan.__doc__)
    example = documentation[documentation.index("    {\n") : documentation.index("\nNames are")]
    parsed = msgspec.json.decode(example, type=Plan)
    assert all((parsed.calls, parsed.batches, parsed.rows, parsed.quota))


def test_a_plan_may_come_from_a_file_and_survives_a_restart(tmp_path: Path) -> None:
    file, state = tmp_path / "plan.json", tmp_path / "state"
    file.write_text(json.dumps({"calls": [{"operation": "list_files", "status": 418}]}))
    for given_plan in (file, None):
        with running(plan=given_plan, state=state) as service, v1_client(service) as client:
            with pytest.raises(openai.APIStatusError) as struck:
                client.files.list()
            assert struck.value.status_code == 418


@given(
    st.lists(st.text(min_size=1), min_size=1, unique=True),
    st.integers(0, 10),
    st.floats(0, 1, allow_nan=False),
)
def test_a_row_s_fate_depends_on_seed_name_and_occurrence_alone(
    custom_ids: list[str], seed: int, probability: float
) -> None:
    drawn = Plan(rows=[RowRule(effect="missing", probability=probability)])
    there, back = Faults(drawn, seed=seed), Faults(drawn, seed=seed)
    forwards = {name: there.for_row(Subject(custom_id=name), 1) for name in custom_ids}
    backwards = {name: back.for_row(Subject(custom_id=name), 1) for name in reversed(custom_ids)}
    assert forwards == backwards


def test_a_probability_strikes_about_as_often() -> None:
    faults = Faults(Plan(rows=[RowRule(effect="missing", probability=0.3)]), seed=0)
    struck = sum(faults.for_row(Subject(custom_id=f"row-{number}"), 1) is not None for number in range(2000))
    assert 500 < struck < 700
