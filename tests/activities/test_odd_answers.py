"""Answers of every shape: each row ends once, what was paid is found again, and every file that comes out can be read."""

import io
import json
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from local.azure_openai import RunningService, odd_answers
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline

CHAT = [
    "tool_calls",
    "refusal",
    "audio",
    "annotations",
    "reasoning",
    "only_reasoning",
    "content_parts",
    "logprobs",
    "two_choices",
    "filtered",
    "partly_filtered",
    "content_null",
    "message_null",
    "choices_null",
    "choices_empty",
]  # fmt: skip - names
RESPONSES = [
    "function_call",
    "image",
    "web_search",
    "mcp_call",
    "thoughts",
    "empty_thoughts",
    "citation",
    "response_refusal",
    "response_failed",
    "response_prompt_refused",
    "response_queued",
    "response_cut_at_once",
]  # fmt: skip - names
ANY = [name for name in odd_answers.NAMES if name not in CHAT + RESPONSES]
SPEC = "endpoint: {task}\ndeployment: gpt-4o-mini-batch\n{asks}: {template}\noutput: {{format: {format}}}\n"
TEMPLATES = {
    "chat": ("messages", '[{role: user, content: "{{ text }}"}]'),
    "responses": ("input", '"{{ text }}"'),
}

# What ends as an error, with its code; all others are results.
ERRORS = {
    "only_reasoning": "empty_answer",
    "filtered": "content_filter",
    "content_null": "empty_answer",
    "message_null": "empty_answer",
    "choices_null": "empty_answer",
    "choices_empty": "empty_answer",
    "response_failed": "server_error",
    "response_prompt_refused": "invalid_prompt",
    "response_queued": "response_queued",
    "body_null": "odd_answer",
    "body_empty": "empty_answer",
    "body_empty_text": "odd_answer",
    "body_text": "odd_answer",
    "body_list": "odd_answer",
    "body_error": "content_filter",
    "body_server_error": "server_error",
    "status_zero": "http_0",
    "too_deep": "unreadable_answer",
    "nothing": "no_answer",
}
# Answers to live calls that are no object with something in it, or none that can be read.
NO_OBJECTS = {
    "body_null",
    "body_empty",
    "body_empty_text",
    "body_text",
    "body_list",
    "body_as_text",
    "too_deep",
}
AGAIN = {"response_failed", "body_server_error", "status_zero", "nothing"}


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline(MAX_ATTEMPTS="2")


def plan(service: RunningService, names: list[str]) -> None:
    service.plan(rows=[{"text": f"odd {name}", "effect": "odd", "answer": name} for name in names])


def run_table(
    pipeline: InlinePipeline, service: RunningService, task: str, names: list[str], form: str = "jsonl"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the results and the errors by the name of the odd answer."""
    asks, template = TEMPLATES[task]
    spec = SPEC.format(task=task, asks=asks, template=template, format=form)
    plan(service, names)
    pipeline.drop("_batch.yaml", spec.encode())
    pipeline.drop("t.csv", "".join(["text\n", "plain\n", *(f"odd {name}\n" for name in names)]).encode())
    report = pipeline.run()
    assert (report.done, report.tally.total) == (1, len(names) + 1)
    found = results(pipeline, form)
    order = ["plain", *names]
    return (
        {order[record["row"]]: record for record in found},
        {order[record["row"]]: record for record in errors(pipeline)},
    )


def results(pipeline: InlinePipeline, form: str) -> list[dict[str, Any]]:
    (name,) = (n for n in pipeline.names(pipeline.storage.processed) if n.endswith(f"_output.{form}"))
    content = pipeline.storage.processed.read(name)[0]
    if form == "parquet":
        return list(pq.read_table(io.BytesIO(content)).to_pylist())
    return [strict(line) for line in content.split(b"\n") if line]


def errors(pipeline: InlinePipeline) -> list[dict[str, Any]]:
    found = [name for name in pipeline.names(pipeline.storage.error) if name.endswith("_error.jsonl")]
    lines = pipeline.storage.error.read(found[0])[0].split(b"\n") if found else []
    return [strict(line) for line in lines if line]


def strict(line: bytes) -> Any:
    """Read as the strictest of readers do."""
    msgspec.json.decode(line)
    return json.loads(line, parse_constant=pytest.fail)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize(("task", "names"), [("chat", CHAT + ANY), ("responses", RESPONSES + ANY)])
def test_every_row_of_a_table_ends_once_whatever_it_was_answered(
    pipeline: InlinePipeline, service: RunningService, task: str, names: list[str], form: str
) -> None:
    found, wrong = run_table(pipeline, service, task, names, form)
    assert {name: record["code"] for name, record in wrong.items()} == {
        name: code for name, code in ERRORS.items() if name in names
    }
    assert found.keys() == {"plain", *names} - wrong.keys()
    assert found["plain"][task]
    for name, record in found.items():
        assert (
            any(record.get(column) for column in (task, "message", "output"))
            or name == "response_cut_at_once"
        )
    assert {name for name in names if wrong.get(name, {}).get("attempts") == 2} == AGAIN & {*names}
    assert service.counters()["answers"]["requests_served"] == len(names) + 1 + len(AGAIN & {*names})


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_what_was_asked_for_is_in_the_record_of_a_chat(
    pipeline: InlinePipeline, service: RunningService, form: str
) -> None:
    found, wrong = run_table(pipeline, service, "chat", CHAT + ANY, form)

    def more(name: str, column: str) -> Any:
        value = found[name].get(column)
        return json.loads(value) if form == "parquet" and isinstance(value, str) else value

    plain = found["plain"]
    assert [plain.get(column) for column in ("message", "logprobs", "marks")] == [None] * 3
    assert more("tool_calls", "message")["tool_calls"][0]["function"]["name"] == "open_ticket"
    assert found["tool_calls"]["chat"] is None
    assert (found["refusal"]["chat"], more("refusal", "message")["refusal"]) == (
        "I cannot help with that.",
    ) * 2
    assert more("audio", "message")["audio"]["data"] == "QUFBQQ=="
    assert more("annotations", "message")["annotations"][0]["url_citation"]["url"] == "https://example.org"
    assert (found["reasoning"]["chat"], more("reasoning", "message")["reasoning_content"]) == (
        "42",
        "thinking aloud",
    )
    assert found["content_parts"]["chat"] == "in parts"
    assert more("logprobs", "logprobs")["content"][0]["logprob"] == -0.25
    two = found["two_choices"]
    texts = json.loads(two["chat"]) if form == "parquet" else two["chat"]
    assert (texts, two["finish_reason"]) == (["first", "second"], "stop, length")
    assert found["partly_filtered"]["marks"] == ["filtered: violence (medium)"]
    assert "violence (medium)" in wrong["filtered"]["message"]
    assert wrong["only_reasoning"]["answer"]["choices"][0]["message"]["reasoning_content"] == "thinking aloud"


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_what_was_asked_for_is_in_the_record_of_a_response(
    pipeline: InlinePipeline, service: RunningService, form: str
) -> None:
    found, wrong = run_table(pipeline, service, "responses", RESPONSES, form)

    def output(name: str) -> Any:
        value = found[name].get("output")
        return json.loads(value) if isinstance(value, str) else value

    assert output("plain") is output("empty_thoughts") is None
    assert (found["function_call"]["responses"], output("function_call")[0]["name"]) == (None, "open_ticket")
    assert output("image")[-1]["result"] == "iVBORw0KGgo="
    assert output("web_search")[-1]["action"]["query"] == "q"
    assert output("mcp_call")[-1]["output"] == "told"
    assert "thinking aloud" not in found["thoughts"]["responses"]
    assert output("thoughts")[-1]["content"][0]["text"] == "thinking aloud"
    assert output("citation")[0]["content"][0]["annotations"][0]["url"] == "https://example.org"
    assert found["response_refusal"]["responses"] == "I cannot help with that."
    cut = found["response_cut_at_once"]
    assert (cut["responses"], cut["finish_reason"]) == (None, "max_output_tokens")
    assert (wrong["response_failed"]["message"], wrong["response_failed"]["answer"]["status"]) == (
        "It broke.",
        "failed",
    )
    assert metadata(pipeline)["truncated"] == 1


def metadata(pipeline: InlinePipeline) -> Any:
    return pipeline.document(pipeline.storage.processed, "_metadata.json")


@pytest.mark.parametrize(
    ("name", "text", "marks"),
    [
        ("half_character", "cut here \ufffd", ["half_character"]),
        ("half_character_first", "\ufffd cut here", ["half_character"]),
        ("half_character_as_bytes", "cut here \ufffd", ["invalid_utf8"]),
        ("whole_character_as_halves", "smile \U0001f600", ["invalid_utf8"]),
        ("latin_1", "caf\ufffd", ["invalid_utf8"]),
        ("line_separators", "a\u2028b\u2029c\u0085d", None),
        ("control_character", "a\tb", None),
        ("nan", None, ["not_a_number"]),
        ("infinity", None, ["not_a_number"]),
        ("number_out_of_range", None, ["number_out_of_range"]),
        ("status_text", None, None),
        ("body_as_text", None, None),
        ("byte_order_mark", None, None),
        ("wide_number", None, None),
    ],
)
def test_an_answer_that_strict_readers_refuse_is_delivered_with_a_mark(
    pipeline: InlinePipeline, service: RunningService, name: str, text: str | None, marks: list[str] | None
) -> None:
    plan(service, [name])
    pipeline.drop("table/t.csv", f"text\nodd {name}\n".encode())
    pipeline.drop("a.jsonl", request("a", f"odd {name}"))
    pipeline.drop(
        "table/_batch.yaml",
        SPEC.format(task="chat", asks="messages", template=TEMPLATES["chat"][1], format="jsonl").encode(),
    )
    report = pipeline.run()
    assert report.tally.ok == 2
    names = pipeline.names(pipeline.storage.processed)
    read = {
        name.rpartition("/")[2]: strict(pipeline.storage.processed.read(name)[0].rstrip())
        for name in names
        if name.endswith("_output.jsonl")
    }
    record, line = read["t_output.jsonl"], read["a_output.jsonl"]
    assert (record.get("marks"), line.get("marks")) == (marks, marks)
    body = line["response"]["body"]
    body = json.loads(body) if isinstance(body, str) else body
    said = body["choices"][0]["message"]["content"]
    assert said == (text or said)
    assert record["chat"] == (text or record["chat"])
    assert service.counters()["answers"]["requests_served"] == 2


# --- rules about answers that fall short ------------------------------------------------------------------------------

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
SCHEMA |= {"additionalProperties": False}


def run_rules(
    pipeline: InlinePipeline,
    service: RunningService,
    *rules: dict[str, Any],
    structured: bool = True,
    form: str = "jsonl",
    **keys: Any,
) -> Any:
    """Run one row, which is answered as the rules say; gives its record and its error, one of them None."""
    parameters: dict[str, Any] = {"max_tokens": 20}
    if structured:
        schema = {"name": "number", "schema": SCHEMA}
        parameters["response_format"] = {"type": "json_schema", "json_schema": schema}
    spec = {
        "deployment": "gpt-4o-mini-batch",
        "messages": [{"role": "user", "content": "{{ text }}"}],
        "parameters": parameters,
        "output": {"format": form},
        **keys,
    }
    service.plan(rows=[{"effect": "odd", **rule} for rule in rules])
    pipeline.drop("_batch.json", json.dumps(spec).encode())
    pipeline.drop("t.csv", b"text\nhello\n")
    assert pipeline.run().tally.total == 1
    wrong = errors(pipeline)
    return (None, wrong[0]) if wrong else (results(pipeline, form)[0], None)


def chat(content: Any, reason: str = "stop", **message: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        "finish_reason": reason,
        "message": {"role": "assistant", "content": content, **message},
    }
    return {
        "body": {
            "choices": [choice],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }
    }


LONG = "I would rather tell a story. " * 200


@pytest.mark.parametrize(
    ("rule", "code", "text"),
    [
        (chat(None, refusal="No. " * 1000), "refusal", "No. " * 1000),
        (chat('{"n": 12', "length"), "truncated", '{"n": 12'),
        (chat('{"n": 12', "content_filter"), "content_filter", '{"n": 12'),
    ],
)
def test_what_another_try_does_not_change_is_final_and_named(
    pipeline: InlinePipeline, service: RunningService, rule: dict[str, Any], code: str, text: str
) -> None:
    _, wrong = run_rules(pipeline, service, rule)
    assert (wrong["outcome"], wrong["code"], wrong["attempts"]) == ("invalid_output", code, 1)
    message = wrong["answer"]["choices"][0]["message"]
    assert text in (message["content"], message.get("refusal"))
    assert len(wrong["message"]) <= 2000


def test_an_answer_that_does_not_fit_is_asked_again_with_what_was_wrong(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    record, wrong = run_rules(pipeline, service, {**chat(LONG), "first": 1, "text": "hello"})
    assert wrong is None
    assert isinstance(record["n"], int)
    again = service.counters()["answers"]
    assert again["requests_served"] == 2
    told = metadata(pipeline)
    assert told["asked_again"]["requests"] == 1
    assert told["asked_again"]["output_tokens"] == 5


def test_an_answer_that_never_fits_is_told_whole(pipeline: InlinePipeline, service: RunningService) -> None:
    _, wrong = run_rules(pipeline, service, chat(LONG))
    assert (wrong["outcome"], wrong["code"], wrong["attempts"]) == ("invalid_output", "invalid_output", 2)
    assert wrong["answer"]["choices"][0]["message"]["content"] == LONG


def test_an_answer_that_was_paid_is_told_even_where_the_next_try_came_to_nothing(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    misfit = {**chat(LONG), "text": "hello"}
    again = {
        "effect": "error",
        "status": 400,
        "text": "*The answer is not JSON: I would rather*Answer again*",
    }
    _, wrong = run_rules(pipeline, service, misfit, again)
    assert (wrong["code"], wrong["attempts"]) == ("400", 2)
    (earlier,) = wrong["earlier_answers"]
    assert earlier["choices"][0]["message"]["content"] == LONG


@pytest.mark.parametrize(
    ("keys", "rule", "code"),
    [
        ({"on_truncated": "fail"}, chat("cut he", "length"), "truncated"),
        ({"on_filtered": "fail"}, chat("cut he", "content_filter"), "content_filter"),
        ({"on_refused": "fail"}, chat(None, refusal="No."), "refusal"),
    ],
)
def test_the_job_spec_says_what_is_no_answer(
    pipeline: InlinePipeline, service: RunningService, keys: dict[str, str], rule: dict[str, Any], code: str
) -> None:
    _, wrong = run_rules(pipeline, service, rule, structured=False, **keys)
    assert (wrong["outcome"], wrong["code"], wrong["attempts"]) == ("failed", code, 1)
    assert wrong["answer"]


def test_a_cut_answer_is_asked_for_again_with_more_room_and_kept_if_it_stays_cut(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    record, wrong = run_rules(
        pipeline,
        service,
        chat("cut he", "length"),
        structured=False,
        on_truncated="retry",
        retry_output_tokens=100,
    )
    assert wrong is None
    assert (record["chat"], record["finish_reason"]) == ("cut he", "length")
    assert service.counters()["answers"]["requests_served"] == 2
    told = metadata(pipeline)
    assert (told["truncated"], told["asked_again"]["requests"]) == (1, 1)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_half_a_character_within_a_structured_answer_is_no_misfit(
    pipeline: InlinePipeline, service: RunningService, form: str
) -> None:
    schema = {"type": "object", "properties": {"note": {"type": "string"}}}
    response_format = {"type": "json_schema", "json_schema": {"name": "note", "schema": schema}}
    record, _ = run_rules(
        pipeline,
        service,
        chat(r'{"note": "cut \ud83d"}'),
        form=form,
        parameters={"response_format": response_format},
    )
    assert record["note"] == "cut \ufffd"


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_whole_number_beyond_64_bits_is_in_its_column(
    pipeline: InlinePipeline, service: RunningService, form: str
) -> None:
    digits = "123456789012345678901234567890"
    record, _ = run_rules(pipeline, service, chat(f'{{\n  "n": {digits}\n}}'), form=form)
    assert str(record["n"]) == digits


def test_ready_made_requests_end_once_whatever_they_were_answered(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    names = CHAT + ANY
    plan(service, names)
    pipeline.drop("a.jsonl", b"".join(request(name, f"odd {name}") for name in names))
    report = pipeline.run()
    assert (report.done, report.tally.total) == (1, len(names))
    wrong = {record["custom_id"]: record["code"] for record in errors(pipeline)}
    assert wrong == {name: code for name, code in ERRORS.items() if name in names}
    order = [line["custom_id"] for line in results(pipeline, "jsonl")]
    assert order == [name for name in names if name not in wrong]


def request(custom_id: str, text: str) -> bytes:
    body = {"model": "gpt-4o-mini-batch", "messages": [{"role": "user", "content": text}]}
    line = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(line).encode() + b"\n"


def test_a_number_in_a_property_that_no_schema_names_holds_no_file(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    schema = {"type": "object", "properties": {"note": {"type": "string"}}}
    parameters = {
        "response_format": {"type": "json_schema", "json_schema": {"name": "note", "schema": schema}}
    }
    text = '{"note": "a", "other": 123456789012345678901234567890}'
    record, _ = run_rules(pipeline, service, chat(text), form="parquet", parameters=parameters)
    assert (record["note"], record["chat"]) == ("a", text)


@pytest.mark.parametrize(("task", "names"), [("chat", CHAT + ANY), ("responses", RESPONSES + ANY)])
def test_every_row_ends_once_whatever_a_live_call_was_answered(
    make_pipeline: MakePipeline, service: RunningService, task: str, names: list[str]
) -> None:
    """As in batches, but for what has not the shape of the service's answers at all: such a call may have been billed."""
    asked = [name for name in names if name not in odd_answers.OF_LINES_ALONE]
    found, wrong = run_table(make_pipeline(MAX_ATTEMPTS="2", ENGINE="direct"), service, task, asked)
    expected = {name: code for name, code in ERRORS.items() if name in asked}
    expected |= dict.fromkeys(NO_OBJECTS, "lost_answer")
    assert {name: record["code"] for name, record in wrong.items()} == expected
    assert found.keys() == {"plain", *asked} - wrong.keys()
    paid_again = service.counters()["live_answers"]["served_more_than_once"]
    assert {name.rpartition(" ")[2] for name in paid_again} == AGAIN & set(asked)
