"""Structured answers held against their schema."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.service.endpoints import ENDPOINTS, Task
from domain.spec.job_spec import JobSpec
from domain.spec.structured import AnswerChecker, columns_of, parsed, schema_mistakes

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "label": {"enum": ["good", "bad"]},
        "scores": {"type": "array", "items": {"type": "number"}},
    },
    "required": ["label"],
    "additionalProperties": False,
}


def chat(schema: Any = SCHEMA, **changes: Any) -> dict[str, Any]:
    return {
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, **changes}}
    }


def responses(schema: Any = SCHEMA, **changes: Any) -> dict[str, Any]:
    return {"text": {"format": {"type": "json_schema", "name": "n", "schema": schema, **changes}}}


@pytest.mark.parametrize(
    ("endpoint", "parameters", "found"),
    [
        ("/chat/completions", chat(), True),
        ("/v1/chat/completions", chat(), True),
        ("/v1/responses", responses(), True),
        ("/v1/chat/completions", responses(), False),
        ("/v1/responses", chat(), False),
        ("/v1/embeddings", chat() | responses(), False),
        ("/v1/chat/completions", {}, False),
        ("/v1/chat/completions", {"response_format": {"type": "json_object"}}, False),
        ("/v1/responses", {"text": {"verbosity": "low"}}, False),
        ("/v1/responses", {"text": "low"}, False),
    ],
)
def test_the_schema_is_where_the_endpoint_wants_it(
    endpoint: Any, parameters: dict[str, Any], found: bool
) -> None:
    spec = JobSpec(endpoint=endpoint, deployment="d", parameters=parameters)
    assert spec.answer_schema == (SCHEMA if found else None)


def test_columns_are_the_properties_in_their_order() -> None:
    assert columns_of(SCHEMA) == ["label", "scores"]
    assert columns_of({"type": "array"}) == columns_of({"properties": []}) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"label": "good", "scores": [1, 2.5]}', None),
        ('{"label": "so so"}', 'The answer does not fit the schema at $.label: "so so" is not one of'),
        ('{"label": "bad", "scores": [1, "x"]}', '$.scores[1]: "x" is not of type "number"'),
        (r'{"label": "good", "scores": [1]}', None),
        (r'{"label": "good\ud83d"}', '"good\ufffd" is not one of'),
        ("{}", 'at $: "label" is a required property'),
        ('{"label": "bad", "more": 1}', "at $: Additional properties are not allowed"),
        ("[]", 'at $: [] is not of type "object"'),
        ("I cannot help with that.", "The answer is not JSON: I cannot help with that."),
        ("x" * 10_000, f"The answer is not JSON: {'x' * 300}…"),
        ("", "The answer is not JSON"),
        ('{"label": "good"', "The answer is not JSON"),
        ('```json\n{"label": "good"}\n```', "The answer is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 600 + "]" * 600, "does not fit the schema, and is nested too deeply to be shown"),
        (None, "The answer has no text."),
        (3, "The answer has no text."),
    ],
)
def test_an_answer_fits_or_is_told_why_not(content: object, reason: str | None) -> None:
    told = AnswerChecker(SCHEMA).reason_against(content)
    assert told == reason if reason is None else reason in str(told)


def test_a_reason_is_short_whatever_the_answer() -> None:
    told = AnswerChecker(SCHEMA).reason_against(f'{{"label": "{"x" * 10_000}"}}')
    assert told is not None
    assert len(told) < 400


def test_parsing_gives_the_answer_as_it_is() -> None:
    assert parsed('{"a": [1, null]}') == {"a": [1, None]}


@given(st.text() | st.sampled_from(["{", "}", "[", '"label"', ":", "1", ","]).flatmap(st.just))
def test_any_text_is_judged(content: str) -> None:
    told = AnswerChecker(SCHEMA).reason_against(content)
    assert told is None or told.startswith("The answer")


@pytest.mark.parametrize(
    ("task", "parameters", "path", "message"),
    [
        ("chat", chat({"type": "objekt"}), "parameters.response_format.json_schema.schema.type", "objekt"),
        (
            "chat",
            chat({"properties": {"a": {"prefixItems": [{"minimum": "x"}]}}}),
            "parameters.response_format.json_schema.schema.properties.a.prefixItems[0].minimum",
            'no valid JSON Schema: "x" is not of type "number"',
        ),
        ("chat", chat({"pattern": "("}), "parameters.response_format.json_schema.schema.pattern", "regex"),
        (
            "chat",
            chat({"$ref": "#/$defs/x"}),
            "parameters.response_format.json_schema.schema",
            "does not exist",
        ),
        ("chat", chat({}) | {"n": 2}, "parameters.n", "one only"),
        ("chat", chat(name=""), "parameters.response_format.json_schema.name", "missing"),
        ("chat", chat(None), "parameters.response_format.json_schema.schema", "missing: a JSON Schema"),
        ("responses", responses([]), "parameters.text.format.schema", "missing: a JSON Schema"),
        ("responses", responses(name=None), "parameters.text.format.name", "missing"),
    ],
)
def test_a_wrong_schema_is_a_mistake_of_the_spec(
    task: Task, parameters: dict[str, Any], path: str, message: str
) -> None:
    (mistake,) = schema_mistakes(ENDPOINTS[task], parameters)
    assert mistake.path == path
    assert message in mistake.message


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:9/a.json",
        "https://example.com/a.json",
        "file:///etc/passwd",
        "other.json",
        "urn:a:b",
    ],
)
@pytest.mark.parametrize("key", ["$ref", "$dynamicRef"])
def test_a_schema_that_points_elsewhere_is_refused_and_nothing_is_fetched(uri: str, key: str) -> None:
    (mistake,) = schema_mistakes(ENDPOINTS["chat"], chat({"properties": {"a": {key: uri}}}))
    assert "`$ref` may only point into the schema itself" in mistake.message
    with pytest.raises(ValueError, match=r"nothing is fetched|is not present in a registry"):
        AnswerChecker({"allOf": [{key: uri}]})


def test_a_schema_may_point_into_itself() -> None:
    schema = {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}
    assert schema_mistakes(ENDPOINTS["chat"], chat(schema)) == []
    checker = AnswerChecker(schema)
    assert checker.reason_against("[[],[[]]]") is None
    assert "$[1][0]: 1 is not of type" in str(checker.reason_against("[[],[1]]"))


def test_a_schema_that_points_at_itself_comes_to_an_end() -> None:
    assert AnswerChecker({"$ref": "#"}).reason_against("{}") is None


def test_good_wishes_have_no_mistakes() -> None:
    wishes: dict[Task, dict[str, Any]] = {
        "chat": chat(),
        "responses": responses(),
        "embeddings": chat({"type": 3}),
    }
    for task, parameters in wishes.items():
        assert schema_mistakes(ENDPOINTS[task], parameters) == []
