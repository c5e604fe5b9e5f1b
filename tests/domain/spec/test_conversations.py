"""Whole conversations in a column are sent as they are, or not at all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import JobSpecError, RowTemplateError
from domain.spec.conversations import ROLES
from domain.spec.job_spec import JobSpec, parse_spec
from domain.spec.request_template import RequestTemplate

TURNS = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": 'Hello "you"\n'}]


def spec(messages: str, endpoint: str = "chat") -> JobSpec:
    text = json.dumps({"endpoint": endpoint, "deployment": "gpt", "messages": messages})
    return parse_spec(text.encode(), "_batch.json")


def sent(messages: str, endpoint: str = "chat", /, **values: Any) -> Any:
    template = RequestTemplate(spec(messages, endpoint))
    return json.loads(template.request(0, values))["body"]["messages" if endpoint == "chat" else "input"]


@pytest.mark.parametrize("endpoint", ["chat", "responses"])
@pytest.mark.parametrize(
    ("messages", "values"),
    [
        ("{{ messages }}", {"messages": TURNS}),
        (" {{ row.messages }}", {"messages": TURNS}),
        ('{{ row["the talk"] }}', {"the talk": TURNS}),
        ("{{ params.messages }}", {"params": {"messages": TURNS}}),
        ("{{ messages }}", {"messages": json.dumps(TURNS)}),
        ("{{ chosen[:2] }}", {"chosen": [*TURNS, {"role": "assistant", "content": "Hi"}]}),
        ("{{ a if a else b }}", {"a": None, "b": TURNS}),
    ],
)
def test_a_conversation_is_sent_as_it_is(endpoint: str, messages: str, values: dict[str, Any]) -> None:
    assert sent(messages.strip(), endpoint, **values) == TURNS


def test_the_words_of_data_sets_become_those_of_the_service() -> None:
    turns = [
        {"from": "system", "value": "Be kind."},
        {"from": "human", "value": "Hi"},
        {"from": "gpt", "value": "Ho"},
    ]
    assert sent("{{ conversations }}", conversations=turns) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Ho"},
    ]


def test_what_is_null_in_a_table_with_types_is_left_out() -> None:
    part = {"type": "text", "text": "Hi", "image_url": None}
    turns = [
        {"role": "user", "content": [part], "name": None, "tool_calls": None},
        {"role": "assistant", "content": None, "name": None, "tool_calls": [{"id": "1", "type": "function"}]},
        {"role": "tool", "content": "3", "name": None, "tool_call_id": "1"},
    ]
    assert sent("{{ messages }}", messages=turns) == [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function"}]},
        {"role": "tool", "content": "3", "tool_call_id": "1"},
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "is empty"),
        ([], "is empty"),
        ("", "is empty"),
        ("Hello there", "neither a list of messages nor the JSON of one"),
        (3, "no list of messages"),
        ({"role": "user", "content": "Hi"}, "no list of messages"),
        (["Hi"], "message 0 that is no object"),
        ([TURNS[0], {"content": "Hi"}], "message 1 whose `role` is None"),
        ([{"role": "narrator", "content": "Hi"}], "'narrator'; there are system, developer"),
        ([{"role": "user", "content": None}], "message 0 without `content`"),
        ([{"role": "user", "parts": [{"text": "Hi"}]}], "message 0 without `content`"),
    ],
)
def test_what_is_no_conversation_costs_its_row(value: Any, message: str) -> None:
    with pytest.raises(RowTemplateError) as caught:
        sent("{{ messages }}", messages=value)
    assert caught.value.code == "bad_conversation"
    assert message in str(caught.value)


def test_a_column_that_is_missing_is_named() -> None:
    with pytest.raises(RowTemplateError, match="no column named 'messages'") as caught:
        sent("{{ messages }}", message=TURNS)
    assert caught.value.code == "missing_column"


@pytest.mark.parametrize(
    ("messages", "endpoint", "mistake"),
    [
        ("Hello {{ text }}", "chat", "one expression for a whole conversation"),
        ("Hello", "chat", "one expression for a whole conversation"),
        ("{% for m in messages %}{{ m }}{% endfor %}", "chat", "one expression for a whole conversation"),
        ("{{ messages", "chat", "line 1"),
        ("", "chat", "empty"),
        ("{{ messages }}", "embeddings", "takes `input`"),
    ],
)
def test_a_text_that_is_no_expression_is_a_mistake(messages: str, endpoint: str, mistake: str) -> None:
    with pytest.raises(JobSpecError, match=mistake):
        spec(messages, endpoint)


def test_the_columns_that_it_takes_are_known() -> None:
    assert RequestTemplate(spec("{{ messages }}")).columns_used == frozenset({"messages"})


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "role": st.sampled_from(ROLES),
                "content": st.text() | st.lists(st.just({"type": "text", "text": "a"})),
            }
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_conversation_comes_through(turns: list[dict[str, Any]]) -> None:
    assert sent("{{ messages }}", messages=turns) == turns
    assert sent("{{ messages }}", messages=json.dumps(turns)) == turns
