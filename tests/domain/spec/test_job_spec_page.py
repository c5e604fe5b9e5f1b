"""The page about job specs, and the published schema, say what the code does."""

import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import JobSpecError
from domain.service.endpoints import BY_URL, ENDPOINTS
from domain.spec.job_spec import JobSpec, SpecDefaults, parse_spec
from domain.spec.json_schema import schema
from domain.spec.request_template import RequestTemplate
from domain.spec.structured import columns_of
from domain.templates.fields import MAX_IMAGE_CHARS, MAX_TEXT_CHARS, WORK
from domain.templates.functions import FUNCTIONS, MAX_RANGE, METHODS, TESTS
from domain.templates.sandbox import MAX_SOURCE_CHARS
from domain.templates.syntax import MAX_DEPTH, MAX_NODES

PAGE = (Path(__file__).parents[3] / "docs" / "job-spec.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
VALIDATOR = jsonschema_rs.validator_for(schema())
DEFAULTS = SpecDefaults(deployment="gpt")


def row(name: str) -> set[str]:
    """The words of one row of the table about templates."""
    (line,) = re.findall(rf"^\| {name} \| (.*) \|$", PAGE, re.MULTILINE)
    return set(re.findall(r"`(\w+)(?:\(.*?\))?`", line))


# --- the page ---------------------------------------------------------------------------------------------------------


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_a_job_spec_without_help_of_the_settings(text: str) -> None:
    parse_spec(text.encode(), "_batch.yaml")
    assert VALIDATOR.is_valid(yaml.safe_load(text))


def test_the_examples_do_what_they_say() -> None:
    embeddings, classification, translation, pictures, completions = (
        parse_spec(text.encode(), "x.yaml") for text in EXAMPLES
    )
    row: dict[str, Any] = {
        "title": "A",
        "text": "b",
        "body": "long",
        "attachments": ["x.pdf"],
        "place": "Bonn",
        "photo": b"\xff\xd8",
    }
    bodies = [
        msgspec.json.decode(RequestTemplate(spec).request(0, row))["body"]
        for spec in (embeddings, classification, translation, pictures, completions)
    ]
    assert (bodies[0]["input"], bodies[0]["dimensions"]) == ("A\nb", 256)
    assert bodies[1]["messages"][1]["content"] == "Subject: (none)\nAttachment 1: x.pdf\n\nlong"
    assert columns_of(classification.answer_schema or {}) == ["department", "urgent"]
    assert bodies[2]["messages"][1] == {"role": "user", "content": "b"}
    assert translation.direct_deployment == "gpt-4o-mini"
    assert bodies[4]["prompt"] == "b\n\nIn one sentence:"
    assert bodies[3]["input"][0]["content"][1]["image_url"] == "data:image/jpeg;base64,/9g="


def test_the_page_names_every_key() -> None:
    documented = set(re.findall(r"^\| `([\w.]+)` \|", PAGE, re.MULTILINE))
    assert {key.partition(".")[0] for key in documented} == set(JobSpec.__struct_fields__)


def test_the_page_names_every_endpoint() -> None:
    assert [name for name in (*BY_URL, *ENDPOINTS) if f"`{name}`" not in PAGE] == []


def test_the_page_names_everything_that_can_be_called() -> None:
    assert row("filters") == set(FUNCTIONS)
    assert row("methods") == set(METHODS)
    assert row("tests") == set(TESTS)


@pytest.mark.parametrize(
    "limit", [MAX_RANGE, MAX_TEXT_CHARS, MAX_IMAGE_CHARS, MAX_NODES, MAX_SOURCE_CHARS, WORK]
)
def test_the_page_names_the_limits(limit: int) -> None:
    assert f" {limit:,}" in PAGE
    assert f"nested {MAX_DEPTH} deep" in PAGE


# --- the schema -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {"endpint": "chat"},
        {"endpoint": "chatt"},
        {"deployment": ""},
        {"deployment": 3},
        {"messages": []},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "usr", "content": "x"}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "user", "content": [{"txt": "x"}]}]},
        {"messages": [{"role": "user", "content": [{"image_url": {"detail": "low"}}]}]},
        {"parameters": {"model": "x"}},
        {"parameters": []},
        {"output": {"format": "xls"}},
        {"output": {"columns": "all"}},
        {"engine": "fast"},
        {"inputs_per_request": 0},
        {"delimiter": ";;"},
    ],
)
def test_the_schema_refuses_what_parsing_refuses(document: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(JobSpecError):
        parse_spec(msgspec.json.encode(document), "x.json", DEFAULTS)


TEXTS = st.text("ab{}", max_size=5)
PARTS = st.dictionaries(
    st.sampled_from(["text", "image_url", "detail", "type"]),
    TEXTS | st.sampled_from(["text", "image_url", "low"]) | st.fixed_dictionaries({"url": TEXTS}),
    max_size=3,
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "endpoint": st.sampled_from(["chat", "responses", "completions", "embeddings", "/v1/responses", "x"]),
        "deployment": TEXTS,
        "input": TEXTS,
        "messages": st.lists(
            st.fixed_dictionaries(
                {
                    "role": st.sampled_from(["user", "system", "x"]),
                    "content": TEXTS | st.lists(PARTS, max_size=2),
                }
            ),
            max_size=2,
        ),
        "parameters": st.dictionaries(
            st.sampled_from(["stream", "prompt", "temperature"]), st.integers() | TEXTS
        ),
        "output": st.dictionaries(
            st.sampled_from(["format", "columns"]),
            st.sampled_from(["jsonl", "parquet", "*"]) | st.lists(TEXTS),
        ),
        "engine": st.sampled_from(["auto", "batch", "direct", "x"]),
        "inputs_per_request": st.integers(-1, 3000),
        "encoding": st.sampled_from(["utf-8", "cp1252", "x"]),
        "delimiter": st.sampled_from([";", "\t", ";;", '"']),
    },
)


@given(DOCUMENTS)
def test_what_parsing_takes_the_schema_takes(document: dict[str, Any]) -> None:
    try:
        spec = parse_spec(msgspec.json.encode(document), "x.json", DEFAULTS)
    except JobSpecError:
        return
    assert VALIDATOR.is_valid(document)
    assert VALIDATOR.is_valid(msgspec.to_builtins(spec))
