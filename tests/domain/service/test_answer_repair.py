"""Lines that strict readers refuse: read all the same, and written so that all of them take it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.json_depth import MAX_JSON_DEPTH
from domain.service.answer_repair import MARKS, read_leniently, repaired, salvaged
from domain.service.answers import body_of, marks_of
from domain.service.endpoints import ENDPOINTS
from domain.service.outcomes import judge
from steps.collect.answer_spool import AnswerSpool


@pytest.mark.parametrize(
    ("text", "written", "marks"),
    [
        (rb'"a\ud83d"', '"a\ufffd"', ["half_character"]),
        (rb'"\ude00\ud83d"', '"\ufffd\ufffd"', ["half_character"]),
        (rb'"\ud83d\ude00"', '"\U0001f600"', []),
        (rb'"\\ud83d"', r'"\\ud83d"', []),
        (rb'"\\\ud83d\n"', r'"\\' + '\ufffd\\n"', ["half_character"]),
        (rb'{"\ud83d":1}', '{"\ufffd":1}', ["half_character"]),
        (b'"\xff"', '"\ufffd"', ["invalid_utf8"]),
        (b'"\xed\xa0\xbd\xed\xb8\x80"', '"\U0001f600"', ["invalid_utf8"]),
        (b"NaN", '"NaN"', ["not_a_number"]),
        (b"[Infinity,-Infinity]", '["Infinity","-Infinity"]', ["not_a_number"]),
        (b"-1e400", '"-1e400"', ["number_out_of_range"]),
        (b"1" * 5000, f'"{"1" * 5000}"', ["number_out_of_range"]),
        (b"1" * 40, "1" * 40, []),
        (b"0.12345678901234567890", "0.12345678901234567890", []),
        (b'"a\tb\x00"', '"a\\tb\\u0000"', []),
        (b"\xef\xbb\xbf {} \r", "{}", []),
    ],
)
def test_what_is_odd_is_written_for_every_reader_and_marked(
    text: bytes, written: str, marks: list[str]
) -> None:
    found, told = read_leniently(text)
    assert msgspec.json.encode(found).decode() == written
    assert told == marks


def test_an_odd_line_may_be_as_deep_as_any_other() -> None:
    deep = b"[" * (MAX_JSON_DEPTH - 1) + rb'NaN,"\ud83d"' + b"]" * (MAX_JSON_DEPTH - 1)
    assert json.loads(repaired(b'{"a":' + deep + b"}"))["marks"] == ["half_character", "not_a_number"]


@pytest.mark.parametrize("line", [b"", b"<html>", b"[]", b'"a"', b'{"custom_id":"a","resp', b"[" * 100_000])
def test_what_is_no_object_is_told(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        repaired(line)


def test_the_id_and_the_text_of_a_broken_line_are_kept() -> None:
    kept = salvaged(b'{"id":1,"custom_id": "a\\"b","response":{"body": {"x": \xff')
    assert kept is not None
    verdict = judge(kept)
    assert verdict is not None
    assert (verdict.custom_id, verdict.code) == ('a"b', "unreadable_answer")
    assert '"x": \ufffd' in json.loads(bytes(body_of(kept)))
    assert salvaged(b"<html>") is None


WHOLE = (
    b'{"custom_id":"a","response":{"status_code":200,"body":{"choices":[{"text":undefined}]}},"error":null,}'
)


@pytest.mark.parametrize("length", range(len(WHOLE) + 1))
def test_a_line_that_is_no_json_is_kept_once_it_has_come_to_its_end(length: int) -> None:
    with AnswerSpool() as spool:
        if length in (0, len(WHOLE)):
            spool.add(WHOLE[:length])
        else:
            with pytest.raises(msgspec.DecodeError):
                spool.add(WHOLE[:length])
        found = spool.take("a")
    assert (found[0].code if found else None) == ("unreadable_answer" if length == len(WHOLE) else None)


# --- any JSON, any bytes ----------------------------------------------------------------------------------------------

PAID = "the text that was paid"
KEYS = [
    "response",
    "status_code",
    "body",
    "error",
    "code",
    "message",
    "choices",
    "finish_reason",
    "status",
    "content",
    "incomplete_details",
    "reason",
    "usage",
    "prompt_tokens",
    "output_tokens",
    "type",
    "output",
    "data",
    "embedding",
    "refusal",
    "tool_calls",
    "text",
    "logprobs",
    "index",
    "role",
    "marks",
    "unreadable",
    "output_text",
    "summary",
    "content_filter_results",
    "innererror",
    "filtered",
]  # fmt: skip - the words an answer is made of
leaves = st.sampled_from(
    [
        "null",
        "true",
        "false",
        "0",
        "200",
        '"200"',
        "-1",
        "7.0",
        "1e400",
        "NaN",
        "-Infinity",
        "9" * 30,
        '""',
        '"stop"',
        '"length"',
        '"content_filter"',
        '"failed"',
        '"completed"',
        '"incomplete"',
        '"message"',
        '"reasoning"',
        '"AAAAAA=="',
        r'"\ud83d"',
        '"\udc97"',
        f'"{PAID}"',
        '"{\\"choices\\":[]}"',
    ]
)  # fmt: skip - values


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"


texts = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]")
        | st.lists(st.tuples(st.sampled_from(KEYS), inner), max_size=5, unique_by=lambda pair: pair[0]).map(
            _object
        )
    ),
    max_leaves=20,
)
bodies = st.lists(
    st.tuples(st.sampled_from(["choices", "output", "data", "usage", "status", "error"]), texts)
).map(_object)
lines = st.one_of(
    texts.map(lambda response: f'{{"custom_id":"a","response":{response},"error":null}}'),
    st.builds(
        lambda body, status: (
            f'{{"custom_id":"a","response":{{"status_code":{status},"body":{body}}},"error":null}}'
        ),
        texts | bodies,
        leaves,
    ),
)


@given(lines)
def test_any_answer_becomes_one_verdict_and_its_text_is_found_again(line: str) -> None:
    raw = line.encode("utf-8", "surrogatepass")
    with AnswerSpool() as spool:
        spool.add(raw)
        assert len(spool) == 1
        found = spool.take("a")
    assert found is not None
    verdict, kept = found
    assert msgspec.json.decode(kept)
    assert b"\n" not in kept
    response = json.loads(kept)["response"]
    wrote = json.dumps(response.get("body") if isinstance(response, dict) else response)
    told = [json.dumps(json.loads(bytes(body_of(kept))))]
    for endpoint in ENDPOINTS.values():
        answer = endpoint.read_answer(kept)
        for value in (answer.content, answer.usage, *answer.more.values()):
            told.append(bytes(value).decode())
            json.loads(told[-1], parse_constant=pytest.fail)
        assert set(answer.more) <= {*endpoint.more, "marks"}
    if PAID in wrote and verdict.outcome != "ok":
        assert verdict.has_text or PAID in f"{verdict.code} {verdict.message}"
        assert PAID in told[0]
    assert all(mark in MARKS for mark in marks_of(kept)) or '"marks"' in line


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_a_verdict_or_told_to_be_none(part: bytes, has_id: bool) -> None:
    with AnswerSpool() as spool:
        line = b'{"custom_id":"a","response":' + part if has_id else part
        try:
            spool.add(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            assert spool.add_unreadable(line) is has_id or b'"custom_id"' in part
        assert not has_id or len(spool) == 1


@given(st.text(st.characters()), st.sampled_from(["chat", "responses"]))
def test_any_text_of_an_answer_comes_back_as_it_was_or_with_a_mark(text: str, task: Any) -> None:
    parts: dict[str, Any] = {
        "chat": {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]},
        "responses": {"output": [{"type": "message", "content": [{"type": "output_text", "text": text}]}]},
    }
    line = json.dumps({"custom_id": "a", "response": {"status_code": 200, "body": parts[task]}}).encode()
    with AnswerSpool() as spool:
        spool.add(line)
        found = spool.take("a")
    if not text and task == "responses":
        return
    assert found is not None
    said = json.loads(bytes(ENDPOINTS[task].read_answer(found[1]).content))
    assert said == text or (marks_of(found[1]) == ["half_character"] and len(said) <= len(text))


def parts_of(*keys: str) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(st.sampled_from(keys), texts), max_size=4, unique_by=lambda pair: pair[0]).map(
        _object
    )


MESSAGE = parts_of("content", "refusal", "tool_calls", "audio", "annotations", "reasoning_content", "other")
CHAT = st.builds(
    lambda messages, logprobs: ",".join(f'{{"message":{m},"logprobs":{logprobs}}}' for m in messages),
    st.lists(MESSAGE, min_size=1, max_size=3),
    texts,
).map(lambda choices: f'{{"choices":[{choices}]}}')
ITEM = parts_of("type", "content", "summary", "result", "arguments", "other") | st.builds(
    lambda parts: f'{{"type":"message","content":[{",".join(parts)}]}}',
    st.lists(parts_of("type", "text", "refusal", "annotations", "other"), max_size=3),
)
RESPONSE = st.lists(ITEM, min_size=1, max_size=3).map(lambda items: f'{{"output":[{",".join(items)}]}}')


@given(st.tuples(st.just("chat"), CHAT) | st.tuples(st.just("responses"), RESPONSE))
def test_nothing_of_an_answer_disappears(task_and_body: tuple[Any, str]) -> None:
    task, body = task_and_body
    line = f'{{"custom_id":"a","response":{{"status_code":200,"body":{body}}}}}'.encode(
        "utf-8", "surrogatepass"
    )
    with AnswerSpool() as spool:
        spool.add(line)
        found = spool.take("a")
    assert found is not None
    verdict, kept = found
    answer = ENDPOINTS[task].read_answer(kept)
    told = [bytes(value).decode() for value in (answer.content, *answer.more.values())]
    if verdict.outcome == "ok":
        assert any(json.loads(value) is not None for value in told)
        assert PAID not in body or PAID in "".join(told)
    else:
        assert PAID not in body or PAID in bytes(body_of(kept)).decode()
