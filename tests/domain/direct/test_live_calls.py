"""From rows to live calls and back."""

import json
from collections import deque
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.direct.live_calls import CallMaker, LiveCall, answer_lines, split
from domain.service.endpoints import ENDPOINTS, Task
from domain.service.outcomes import judge


def line(row: int, **body: Any) -> bytes:
    return json.dumps(
        {"custom_id": f"row-{row}", "method": "POST", "url": "/v1/embeddings", "body": body}
    ).encode()


def calls_of(
    lines: list[bytes], most: int = 16, alone: frozenset[int] = frozenset(), *, task: Task = "embeddings"
) -> list[LiveCall]:
    maker = CallMaker(
        lines.__getitem__,
        alone.__contains__,
        model="emb",
        endpoint=ENDPOINTS[task],
        inputs_per_request=most,
    )
    waiting, made = deque(range(len(lines))), []
    while waiting:
        made.append(maker.next_call(waiting))
    return made


def test_rows_that_agree_but_for_their_text_share_a_call() -> None:
    lines = [line(row, model="x", input=f"text {row}", dimensions=4) for row in range(5)]
    calls = calls_of(lines, most=3)
    assert [call.rows for call in calls] == [(0, 1, 2), (3, 4)]
    assert calls[0].body == {"model": "emb", "input": ["text 0", "text 1", "text 2"], "dimensions": 4}
    assert calls[0].custom_ids == ("row-0", "row-1", "row-2")


@pytest.mark.parametrize(
    "other",
    [{"dimensions": 5}, {"user": "b"}, {"input": ["a", "b"]}, {"input": [1, 2]}, {"input": None}],
)
def test_rows_that_differ_do_not_share_a_call(other: dict[str, Any]) -> None:
    same = {"model": "x", "input": "text", "dimensions": 4}
    calls = calls_of([line(0, **same), line(1, **same | other), line(2, **same)])
    assert [call.rows for call in calls] == [(0,), (1,), (2,)]


def test_the_order_of_a_bodys_fields_does_not_part_rows() -> None:
    calls = calls_of([line(0, input="a", user="u", dimensions=4), line(1, dimensions=4, input="b", user="u")])
    assert [call.rows for call in calls] == [(0, 1)]


def test_rows_that_were_refused_together_are_sent_alone() -> None:
    lines = [line(row, input="text") for row in range(5)]
    assert [call.rows for call in calls_of(lines, alone=frozenset({1, 2}))] == [(0,), (1,), (2,), (3, 4)]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_rows_share_calls_with_rows_of_the_same_part_only(parts: list[int]) -> None:
    lines = [line(row, input="text") for row in range(len(parts))]
    maker = CallMaker(
        lines.__getitem__,
        lambda _: False,
        model="emb",
        endpoint=ENDPOINTS["embeddings"],
        inputs_per_request=16,
        part_of=parts.__getitem__,
    )
    waiting, made = deque(range(len(parts))), []
    while waiting:
        made.append(maker.next_call(waiting))
    assert [row for call in made for row in call.rows] == list(range(len(parts)))
    assert all(len({parts[row] for row in call.rows}) == 1 for call in made)
    for call in made:
        if len(call.rows) > 1:
            first, second = maker.halves(call)
            assert first.rows + second.rows == call.rows
            assert abs(len(first.rows) - len(second.rows)) <= 1


def test_the_deployment_is_the_shards_and_streams_are_not_asked_for() -> None:
    (call,) = calls_of(
        [line(0, model="x", messages=[], stream=True, stream_options={}, background=True)], task="chat"
    )
    assert call.body == {"model": "emb", "messages": []}


def test_the_most_that_may_be_answered_counts_as_tokens() -> None:
    (few,) = calls_of([line(0, messages=[])], task="chat")
    (many,) = calls_of([line(0, messages=[], max_completion_tokens=5000)], task="chat")
    assert 5000 <= many.tokens - few.tokens <= 5020


# --- answers ---------------------------------------------------------------------------------------------------------


def embeddings(indexes: list[int], usage: dict[str, Any]) -> bytes:
    data = [{"object": "embedding", "index": index, "embedding": [index + 0.125, 1e-7]} for index in indexes]
    return json.dumps({"object": "list", "data": data, "model": "emb-1", "usage": usage}).encode()


def shared(*texts: str) -> LiveCall:
    (call,) = calls_of([line(row, input=text) for row, text in enumerate(texts)])
    return call


def test_the_answer_of_one_row_is_kept_as_it_came() -> None:
    body = b'{"object":"list","data":[{"index":0,"embedding":[1.50],"odd":1}],"usage":{}}'
    assert answer_lines(shared("a"), 200, body, "id-1") == {
        0: b'{"custom_id":"row-0","response":{"status_code":200,"request_id":"id-1","body":'
        + body
        + b'},"error":null}'
    }


@pytest.mark.parametrize("indexes", [[], [1], [0, 0], [7, 8]])
def test_the_answer_of_one_row_without_its_vector_is_none(indexes: list[int]) -> None:
    assert answer_lines(shared("a"), 200, embeddings(indexes, {}), "id") == {}


def test_one_row_gets_its_own_vector_whatever_else_came_with_it() -> None:
    (own,) = answer_lines(shared("a"), 200, embeddings([1, 0], {}), "id").values()
    assert json.loads(own)["response"]["body"]["data"] == [
        {"object": "embedding", "index": 0, "embedding": [0.125, 1e-7]}
    ]


@pytest.mark.parametrize(
    ("asked", "indexes", "is_whole"),
    [
        (["a", "b"], [1, 0], True),
        (["a", "b"], [0], False),
        (["a", "b"], [0, 0], False),
        (["a", "b"], [0, 1, 2], False),
        ([[1, 2], [3]], [0, 1], True),
        ([1, 2, 3], [0], True),
    ],
)
def test_a_row_with_several_inputs_needs_all_of_its_vectors(
    asked: Any, indexes: list[int], is_whole: bool
) -> None:
    (call,) = calls_of([line(0, input=asked)])
    assert len(answer_lines(call, 200, embeddings(indexes, {}), "id")) == is_whole


def test_an_answer_to_something_else_is_kept_as_it_came() -> None:
    (call,) = calls_of([line(0, input=["a", "b"])], task="responses")
    assert b'{"output":[]}' in answer_lines(call, 200, b'{"output":[]}', "id")[0]


@given(order=st.permutations(range(4)), tokens=st.integers(0, 10_000))
def test_each_row_of_a_shared_call_gets_its_own_vector_and_its_part_of_the_usage(
    order: list[int], tokens: int
) -> None:
    call = shared("a", "much longer text", "bb", "ccc")
    body = embeddings(order, {"prompt_tokens": tokens, "total_tokens": tokens})
    lines = answer_lines(call, 200, body, "id")
    assert list(lines) == [0, 1, 2, 3]
    total = 0
    for row, own in lines.items():
        answer = json.loads(own)
        assert answer["custom_id"] == f"row-{row}"
        assert answer["response"]["body"]["data"] == [
            {"object": "embedding", "index": 0, "embedding": [row + 0.125, 1e-7]}
        ]
        assert answer["response"]["body"]["model"] == "emb-1"
        verdict = judge(own)
        assert verdict is not None
        total += verdict.input_tokens
    assert total == tokens


@pytest.mark.parametrize(
    ("indexes", "found"), [([0, 2], [0, 2]), ([0, 1, 1, 2], [0, 2]), ([], []), ([0, 1, 2, 7], [0, 1, 2])]
)
def test_a_row_that_a_shared_answer_does_not_hold_once_gets_none(
    indexes: list[int], found: list[int]
) -> None:
    lines = answer_lines(shared("a", "b", "c"), 200, embeddings(indexes, {}), "id")
    assert list(lines) == found


def test_a_shared_answer_of_another_shape_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        answer_lines(shared("a", "b"), 200, b'{"object": "error"}', "id")


@given(total=st.integers(0, 10**9), weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=50))
def test_parts_add_up_and_are_as_large_as_their_weights(total: int, weights: list[int]) -> None:
    parts = split(total, tuple(weights))
    assert sum(parts) == total
    assert min(parts) >= 0
    if sum(weights):
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - total * weight / sum(weights)) <= 1
