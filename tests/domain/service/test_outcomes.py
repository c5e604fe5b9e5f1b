"""Every shape of answer the service is known to give, and every end of a request."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.service.outcomes import Outcome, ShardOutcome, Tally, Verdict, join_passed_on, judge, judge_absent

CHAT = {
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi\u2028"}}
    ],
    "usage": {"prompt_tokens": 27, "completion_tokens": 24, "total_tokens": 51},
}
RESPONSES = {
    "status": "completed",
    "output": [{"content": [{"type": "output_text", "text": "Hi"}]}],
    "usage": {"input_tokens": 5, "output_tokens": 6, "total_tokens": 11},
}


def answer(status: int | None = 200, body: Any = None, error: Any = None, **more: Any) -> bytes:
    response = {"status_code": status, "request_id": "r", "body": body} if status else None
    return json.dumps({"custom_id": "a", "response": response, "error": error, **more}).encode()


def verdict(line: bytes) -> Verdict:
    found = judge(line)
    assert found is not None
    assert found.custom_id == "a"
    return found


@pytest.mark.parametrize(("body", "tokens"), [(CHAT, (27, 24)), (RESPONSES, (5, 6))])
@pytest.mark.parametrize("more", [{}, {"id": "batch_req_1"}])
def test_an_answer_is_ok_and_its_tokens_are_counted(body: Any, tokens: Any, more: Any) -> None:
    found = verdict(answer(body=body, **more))
    assert (found.outcome, found.flag, found.passing) == (Outcome.OK, None, False)
    assert (found.input_tokens, found.output_tokens) == tokens


SAID: Any = {"role": "assistant", "content": "some"}
USELESS: Any = {"prompt_tokens": None, "completion_tokens": "many"}


def ended(*reasons: Any, message: Any = SAID, **more: Any) -> dict[str, Any]:
    return {"choices": [{"finish_reason": reason, "message": message} for reason in reasons], **more}


@pytest.mark.parametrize(
    ("body", "flag"),
    [
        (ended("length"), "truncated"),
        (ended("stop", "length"), "truncated"),
        (ended("content_filter"), "filtered"),
        (ended("length", "content_filter"), "filtered"),
        (ended("length", message={"content": None}), "truncated"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "truncated"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_tokens"}}, "truncated"),
        (
            RESPONSES | {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "filtered",
        ),
        ({"status": "incomplete", "incomplete_details": None}, "truncated"),
        (ended(None), None),
        (ended(["odd"]), None),
        (ended("stop", usage="odd"), None),
        (ended("stop", usage=USELESS), None),
        (json.dumps(ended("length")), "truncated"),
    ],
)
def test_an_answer_that_was_cut_short_is_ok_with_a_flag(body: Any, flag: str | None) -> None:
    found = verdict(answer(body=body))
    assert (found.outcome, found.flag) == (Outcome.OK, flag)
    assert found.input_tokens in (0, 5)


@pytest.mark.parametrize(
    ("body", "code", "passing"),
    [
        (None, "odd_answer", False),
        ("", "odd_answer", False),
        ("text", "odd_answer", False),
        ('{"cut', "odd_answer", False),
        ([ended("stop")], "odd_answer", False),
        (7, "odd_answer", False),
        ({}, "empty_answer", False),
        ({"choices": None}, "empty_answer", False),
        ({"choices": []}, "empty_answer", False),
        ({"choices": "odd"}, "empty_answer", False),
        (ended("stop", message=None), "empty_answer", False),
        (ended("stop", message={"role": "assistant", "content": None}), "empty_answer", False),
        (ended("stop", message={"content": None, "reasoning_content": "hm"}), "empty_answer", False),
        (ended("tool_calls", message={"content": None, "tool_calls": []}), "empty_answer", False),
        (ended("stop", message={"refusal": False, "audio": ""}), "empty_answer", False),
        (ended("content_filter", message=None), "content_filter", False),
        (ended("content_filter", message={"content": None}), "content_filter", False),
        ({"data": []}, "empty_answer", False),
        ({"data": [{"embedding": []}]}, "empty_answer", False),
        ({"data": [{"embedding": "no base64"}]}, "empty_answer", False),
        ({"status": "completed", "output": []}, "empty_answer", False),
        ({"status": "completed", "output": [{"type": "reasoning", "summary": []}]}, "empty_answer", False),
        ({"status": "queued", "output": []}, "response_queued", False),
        ({"status": "failed", "error": {"code": "server_error", "message": "x"}}, "server_error", True),
        ({"status": "failed", "error": {"code": "invalid_prompt"}}, "invalid_prompt", False),
        ({"status": "failed", "error": None}, "response_failed", False),
        (ended("stop", error={"code": 429, "message": "x"}), "429", True),
        (ended("stop", error={"code": "content_filter"}), "content_filter", False),
        (ended("stop", error="it broke"), "response_failed", False),
    ],
)
def test_success_without_an_answer_is_an_error_that_says_what_came(
    body: Any, code: str, passing: bool
) -> None:
    found = verdict(answer(body=body))
    assert (found.outcome, found.code, found.passing) == (Outcome.FAILED, code, passing)
    assert found.has_text
    assert found.message


@pytest.mark.parametrize("status", ["200", " 200 ", 200.0, 201, None])
def test_a_status_is_read_however_it_is_written(status: Any) -> None:
    response = {"status_code": status, "body": ended("stop")}
    line = json.dumps({"custom_id": "a", "response": response, "error": None}).encode()
    assert verdict(line).outcome is Outcome.OK


@pytest.mark.parametrize("status", [0, "0", 408, "429", 503, 599])
def test_a_status_that_passes_is_worth_another_try(status: Any) -> None:
    line = json.dumps({"custom_id": "a", "response": {"status_code": status, "body": None}}).encode()
    assert verdict(line).passing


def test_a_filter_names_its_categories() -> None:
    results = {"hate": {"filtered": True, "severity": "high"}, "violence": {"filtered": False}}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": results}
    error = {"code": "content_filter", "message": "Filtered.", "innererror": inner}
    found = verdict(answer(400, {"error": error}))
    assert (found.message, found.has_text) == ("Filtered. Filtered: hate (high).", True)


@pytest.mark.parametrize("tokens", [True, -1, 2**70, 1e30, "7", None, [7]])
def test_counts_that_cannot_be_are_none(tokens: Any) -> None:
    found = verdict(answer(body=ended("stop", usage={"prompt_tokens": tokens, "completion_tokens": 7.0})))
    assert (found.input_tokens, found.output_tokens) == (0, 7)


CONTENT_FILTER = {
    "error": {"message": "Filtered.", "type": None, "param": "prompt", "code": "content_filter"}
}
EXPIRED = {"code": "batch_expired", "message": "Not executed before the completion window expired."}


@pytest.mark.parametrize(
    ("line", "outcome", "code", "passing"),
    [
        (answer(400, CONTENT_FILTER), Outcome.FAILED, "content_filter", False),
        (
            answer(400, {"error": {"type": "invalid_request_error", "code": None}}),
            Outcome.FAILED,
            "invalid_request_error",
            False,
        ),
        (answer(400, {"code": "flat", "message": "Flat."}), Outcome.FAILED, "flat", False),
        (answer(404, {}), Outcome.FAILED, "http_404", False),
        (answer(429, {"error": {"code": 429, "message": "Slow down."}}), Outcome.FAILED, "429", True),
        (answer(408, None), Outcome.FAILED, "http_408", True),
        (answer(500, "Internal error"), Outcome.FAILED, "http_500", True),
        (answer(503, {"error": "odd"}), Outcome.FAILED, "http_503", True),
        (answer(200, CHAT, error={"code": "late", "message": "x"}), Outcome.FAILED, "late", False),
        (answer(None, error=EXPIRED), Outcome.EXPIRED, "batch_expired", True),
        (answer(None, error={"code": "batch_cancelled"}), Outcome.CANCELLED, "batch_cancelled", False),
        (answer(None, error={"code": "batch_canceled"}), Outcome.CANCELLED, "batch_canceled", False),
        (answer(None, error="odd"), Outcome.FAILED, "no_answer", True),
        (answer(None), Outcome.FAILED, "no_answer", True),
        (b'{"custom_id":"a","response":"odd"}', Outcome.FAILED, "no_answer", True),
        (b'{"custom_id":"a","unreadable":"x"}', Outcome.FAILED, "unreadable_answer", False),
        (b'{"custom_id":"a"}', Outcome.FAILED, "no_answer", True),
        (b'{"custom_id":"a","response":{}}', Outcome.FAILED, "no_answer", True),
    ],
)  # fmt: skip - a table is read in rows
def test_an_error_is_read_in_every_known_shape(
    line: bytes, outcome: Outcome, code: str, passing: bool
) -> None:
    found = verdict(line)
    assert (found.outcome, found.code, found.passing) == (outcome, code, passing)
    assert found.message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (answer(400, CONTENT_FILTER), "Filtered."),
        (answer(400, {"code": "flat", "message": "Flat."}), "Flat."),
        (answer(None, error="odd"), "odd"),
        (answer(None, error="x" * 1001), "x" * 1000),
        (answer(None, error={"message": "x" * 2001}), "x" * 2000),
    ],
)
def test_the_service_s_own_words_are_kept_up_to_a_length(line: bytes, message: str) -> None:
    assert verdict(line).message == message


def test_a_line_that_is_nested_too_deeply_is_told_to_be() -> None:
    with pytest.raises(msgspec.DecodeError, match="nested"):
        judge(b'{"custom_id":"a","error":' + b"[" * 100_000)


@pytest.mark.parametrize("line", [b"", b" \r", b"\t"])
def test_a_blank_line_is_no_answer_and_no_fault(line: bytes) -> None:
    assert judge(line) is None


@pytest.mark.parametrize(
    "line",
    [
        answer(body=CHAT)[:-20],
        b"{}",
        b'{"custom_id":7}',
        b"[]",
        b"<html>",
        b'{"custom_id":"\xff"}',
        b'{"custom_id":"a","response":{"status_code":200,"body":' + b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_answer_is_told_by_a_decoding_error(line: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        judge(line)


odd_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "response",
                    "status_code",
                    "body",
                    "error",
                    "code",
                    "message",
                    "choices",
                    "finish_reason",
                    "status",
                    "incomplete_details",
                    "reason",
                    "usage",
                    "prompt_tokens",
                    "output_tokens",
                    "type",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)  # fmt: skip - the words an answer is made of


@given(response=odd_values, error=odd_values)
def test_no_answer_however_odd_raises_anything(response: Any, error: Any) -> None:
    line = json.dumps({"custom_id": "a", "response": response, "error": error}).encode()
    found = judge(line)
    assert found is not None
    tally = Tally()
    tally.count(found.outcome, flag=found.flag)
    assert tally.total == 1
    assert found.outcome is Outcome.OK or (found.code and found.message)


@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_but_a_decoding_error(line: bytes) -> None:
    try:
        judge(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return


@pytest.mark.parametrize(
    ("status", "outcome", "code", "passing"),
    [
        ("completed", Outcome.MISSING, "no_answer", True),
        ("expired", Outcome.EXPIRED, "batch_expired", True),
        ("cancelled", Outcome.CANCELLED, "batch_cancelled", False),
        ("failed", Outcome.MISSING, "batch_failed", False),
        ("lost", Outcome.MISSING, "batch_lost", False),
        ("archived", Outcome.MISSING, "batch_archived", False),
    ],
)
def test_a_request_in_neither_result_file_ends_by_what_became_of_its_batch(
    status: str, outcome: Outcome, code: str, passing: bool
) -> None:
    found = judge_absent(status)
    assert (found.custom_id, found.outcome, found.code, found.passing) == ("", outcome, code, passing)
    assert found.message


def test_a_tally_counts_every_outcome_once_and_adds_up() -> None:
    tally, twice = Tally(), Tally()
    for outcome in Outcome:
        tally.count(outcome, flag="truncated" if outcome is Outcome.OK else None)
    for _ in range(2):
        twice.add(tally)
    assert (tally.total, tally.errors, tally.truncated) == (len(Outcome), len(Outcome) - 1, 1)
    assert twice.total == 2 * tally.total


def test_an_outcome_without_an_answer_comes_back_from_its_line_as_it_was() -> None:
    bare = ShardOutcome(custom_id="a", passed_on=True)
    full = ShardOutcome(custom_id="a", outcome=Outcome.OK, answer=msgspec.Raw(b'{"custom_id":"a"}'))
    for outcome in (bare, full):
        line = msgspec.json.encode(outcome)
        again = msgspec.json.decode(line, type=ShardOutcome)
        assert bytes(again.answer) == bytes(outcome.answer)
        assert msgspec.json.encode(again) == line
    assert b"answer" not in msgspec.json.encode(bare)


# --- shards and their children ---------------------------------------------------------------------------------------


class Tree:
    """Shards with requests that ended there or went on, built at random from the leaves' point of view."""

    def __init__(self) -> None:
        self.outcomes: dict[str, list[ShardOutcome]] = {}
        self.children: dict[str, list[str]] = {}

    def add(self, shard: str, requests: list[str], draw: st.DrawFn, depth: int = 0) -> None:
        on = {name for name in requests if depth < 3 and draw(st.booleans())}
        self.outcomes[shard] = [
            ShardOutcome(custom_id=name, outcome=None if name in on else Outcome.OK, passed_on=name in on)
            for name in requests
        ]
        below = [name for name in requests if name in on]
        cut = draw(st.integers(0, len(below)))
        parts = [part for part in (below[:cut], below[cut:]) if part]
        self.children[shard] = [f"{shard}.{number}" for number in range(len(parts))]
        for child, part in zip(self.children[shard], parts, strict=True):
            self.add(child, part, draw, depth + 1)

    def read(self, shard: str) -> Iterator[ShardOutcome]:
        return iter(self.outcomes[shard])


@st.composite
def trees(draw: st.DrawFn) -> tuple[Tree, list[str], list[str]]:
    tree, requests, shards = Tree(), [], []
    for number in range(draw(st.integers(1, 3))):
        mine = [f"{number}-{request}" for request in range(draw(st.integers(0, 6)))]
        tree.add(f"{number:04d}", mine, draw)
        requests += mine
        shards.append(f"{number:04d}")
    return tree, shards, requests


@given(trees())
def test_outcomes_come_in_input_order_through_any_tree_of_children(
    built: tuple[Tree, list[str], list[str]],
) -> None:
    tree, shards, requests = built
    joined = list(join_passed_on(shards, tree.read, tree.children.__getitem__))
    assert [ended.custom_id for ended in joined] == requests
    assert not any(ended.passed_on for ended in joined)


def test_children_that_hold_too_little_are_found_out() -> None:
    outcomes = {"0": [ShardOutcome(custom_id="a", passed_on=True)], "0.0": []}
    joined = join_passed_on(["0"], lambda shard: iter(outcomes[shard]), {"0": ["0.0"], "0.0": []}.__getitem__)
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(joined)
