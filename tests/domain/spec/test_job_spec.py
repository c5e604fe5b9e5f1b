"""Job specs: what people write, every mistake in it at once, and which one a file goes by."""

import json
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import JobSpecError
from domain.spec.documents import MAX_SPEC_BYTES
from domain.spec.job_spec import (
    JobSpec,
    Message,
    Output,
    Part,
    SpecDefaults,
    default_spec,
    nearest_spec,
    parse_spec,
)

DEFAULTS = SpecDefaults(deployment="gpt-batch")


def parse(text: str, name: str = "a/_batch.yaml", defaults: SpecDefaults = DEFAULTS) -> JobSpec:
    return parse_spec(text.encode(), name, defaults)


def mistakes(text: str, name: str = "_batch.yaml", defaults: SpecDefaults = DEFAULTS) -> dict[str, str]:
    with pytest.raises(JobSpecError) as caught:
        parse(text, name, defaults)
    assert str(caught.value).startswith(f"{name} needs attention:\n  ")
    assert caught.value.code == "job_spec"
    assert not caught.value.permanent
    return {mistake.path: mistake.message for mistake in caught.value.mistakes}


# --- what is read -----------------------------------------------------------------------------------------------------


def test_everything_that_can_be_written() -> None:
    made = parse("""
        endpoint: /v1/responses
        deployment: gpt-4o-batch
        messages:
          - {role: developer, content: "Be brief."}
          - role: user
            content:
              - {type: input_text, text: "{{ text }}"}
              - {image_url: {url: "{{ url }}", detail: high}}
              - {type: image_url, image_url: "{{ url }}", detail: low}
        parameters: {temperature: 1e-1, max_output_tokens: 010, metadata: {on: no}}
        output: {format: parquet, columns: [id, "First Name"]}
        engine: direct
        on_deadline: direct
        direct_deployment: gpt-4o
        encoding: cp1252
        delimiter: ";"
    """)
    assert made == JobSpec(
        endpoint="/v1/responses",
        deployment="gpt-4o-batch",
        messages=[
            Message(role="developer", content="Be brief."),
            Message(
                role="user",
                content=[
                    Part(text="{{ text }}"),
                    Part(image_url="{{ url }}", detail="high"),
                    Part(image_url="{{ url }}", detail="low"),
                ],
            ),
        ],
        parameters={"temperature": 0.1, "max_output_tokens": 10, "metadata": {"on": "no"}},
        output=Output(format="parquet", columns=["id", "First Name"]),
        engine="direct",
        on_deadline="direct",
        direct_deployment="gpt-4o",
        encoding="cp1252",
        delimiter=";",
    )
    assert made.task == "responses"


def test_an_empty_spec_is_what_the_settings_say() -> None:
    for text in ("", "# nothing\n", "{}", "endpoint:\n", "parameters: {}", "output: {columns: []}"):
        assert (
            parse(text)
            == default_spec(DEFAULTS)
            == JobSpec(endpoint="/v1/chat/completions", deployment="gpt-batch")
        )


def test_json_says_the_same_as_yaml() -> None:
    document = {
        "endpoint": "embeddings",
        "deployment": "e",
        "input": "{{ a }}\n{{ b }}",
        "inputs_per_request": 2048,
    }
    assert parse(json.dumps(document), "_batch.JSON") == parse(yaml.safe_dump(document))
    assert parse("\ufeff" + json.dumps(document), "x.json") == parse("\ufeff" + yaml.safe_dump(document))


@pytest.mark.parametrize(
    ("written", "endpoint", "task"),
    [
        ("chat", "/v1/chat/completions", "chat"),
        ("responses", "/v1/responses", "responses"),
        ("completions", "/v1/completions", "completions"),
        ("embeddings", "/v1/embeddings", "embeddings"),
        ("/completions", "/completions", "completions"),
        ("/chat/completions", "/chat/completions", "chat"),
    ],
)
def test_endpoints_have_short_names(written: str, endpoint: str, task: str) -> None:
    made = parse(f"endpoint: {written}\ndeployment: d")
    assert (made.endpoint, made.task) == (endpoint, task)


def test_defaults_come_from_the_settings_and_are_overruled() -> None:
    defaults = SpecDefaults(
        endpoint="/v1/responses",
        deployment="d",
        engine="direct",
        on_deadline="direct",
        direct_deployment="live",
    )
    made = parse("", defaults=defaults)
    assert (made.endpoint, made.engine, made.on_deadline) == ("/v1/responses", "direct", "direct")
    made = parse("{endpoint: chat, deployment: other, engine: auto, on_deadline: cancel}", defaults=defaults)
    assert (made.deployment, made.engine, made.on_deadline) == ("other", "auto", "cancel")


def test_a_default_deployment_for_another_kind_of_work_is_not_used() -> None:
    assert (
        "AZURE_OPENAI_DEPLOYMENT is not set for /v1/embeddings"
        in mistakes("endpoint: embeddings")["deployment"]
    )
    embedder = SpecDefaults(endpoint="/v1/embeddings", deployment="e")
    assert parse("", defaults=embedder).deployment == "e"
    assert "deployment" in mistakes("endpoint: chat", defaults=embedder)
    assert "deployment" in mistakes("endpoint: completions")


def test_without_a_deployment_anywhere_there_is_no_default_spec() -> None:
    with pytest.raises(
        JobSpecError, match=r"The settings need.*\n.*deployment: missing.*AZURE_OPENAI_DEPLOYMENT"
    ):
        default_spec(SpecDefaults())


# --- mistakes ---------------------------------------------------------------------------------------------------------


def test_all_mistakes_come_at_once() -> None:
    found = mistakes("""
        endpint: chat
        endpoint: chatt
        deployment: ""
        messages:
          - {role: usr, content: "{{ a"}
          - {content: [{txt: a}, {type: image_url, text: a}, 3, {text: a, detail: low}, {image_url: {detail: x}}]}
          - three
          - {role: assistant, content: [{text: a}]}
        parameters:
          model: x
          stream: true
          response_format: {type: json_schema, json_schema: {schema: {properties: {a: {type: objekt}}}}}
        output: {format: parqet, columns: [a, a, 1]}
        engine: true
        on_deadline: direct
        inputs_per_request: 0
        encoding: utf-99
        delimiter: ";;"
    """)
    expected = {
        "endpint": "unknown. Allowed: endpoint, deployment,",
        "endpoint": "found 'chatt'. Allowed: /v1/chat/completions, /chat/completions, /v1/responses, /v1/completions, "
        "/completions, /v1/embeddings, /embeddings, chat, responses, completions, embeddings. Did you mean chat?",
        "deployment": "empty",
        "messages[0].role": "found 'usr'. Allowed: system, developer, user, assistant. Did you mean user?",
        "messages[0].content": "line 1: unexpected end of template",
        "messages[1].role": "missing",
        "messages[1].content[0].txt": "unknown. Allowed: type, text, image_url, detail. Did you mean text?",
        "messages[1].content[0]": "expected one of text and image_url",
        "messages[1].content[1]": "expected image_url, and nothing else",
        "messages[1].content[2]": "found 3, expected an object with text or image_url",
        "messages[1].content[3].detail": "only images have one",
        "messages[1].content[4].image_url.url": "missing",
        "messages[1].content[4].image_url.detail": "found 'x'. Allowed: auto, low, high.",
        "messages[2]": "found 'three', expected an object with role and content",
        "messages[3].content": "an assistant's message is one text",
        "parameters.model": "not a parameter: name the deployment with `deployment`",
        "parameters.stream": "not a parameter: answers come back as a whole",
        "parameters.response_format.json_schema.name": "missing",
        "parameters.response_format.json_schema.schema.properties.a.type": 'no valid JSON Schema: "objekt"',
        "output.format": "found 'parqet'. Allowed: jsonl, parquet, csv, xlsx. Did you mean parquet?",
        "output.columns[1]": "'a' is named twice",
        "output.columns[2]": "found 1, expected the name of a column",
        "engine": "found true (put it in quotes if it is meant as text). Allowed: auto, batch, direct.",
        "on_deadline": "direct needs a `direct_deployment`, here or in DIRECT_DEPLOYMENT",
        "inputs_per_request": "found 0, expected a whole number from 1",
        "encoding": "found 'utf-99', not an encoding of texts",
        "delimiter": "found ';;', expected one character",
    }
    assert set(found) == set(expected)
    for path, message in expected.items():
        assert message in found[path]


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("[1, 2]", "", "found a list, expected an object with endpoint, deployment"),
        ("just text", "", "found 'just text'"),
        ("input: 3", "input", "found 3, expected a text"),
        ("input: [a]", "input", "found a list, expected a text"),
        ("endpoint: chat\ninput: x", "input", "/v1/chat/completions takes `messages`"),
        (
            "{endpoint: embeddings, deployment: e, messages: [{role: user, content: x}]}",
            "messages",
            "/v1/embeddings takes `input`",
        ),
        ("{endpoint: responses, input: x, messages: [{role: user, content: x}]}", "input", "not both"),
        ("messages: []", "messages", "found a list of 0, expected a list of 1 to 100 entries"),
        ("messages: {role: user}", "messages", "found an object, expected a list"),
        ("messages: [{role: user, content: []}]", "messages[0].content", "a list of 0"),
        ("messages: [{role: user, content: ''}]", "messages[0].content", "empty"),
        ("parameters: [1]", "parameters", "found a list, expected an object"),
        ("parameters: {input: x}", "parameters.input", "not a parameter"),
        ("parameters: {messages: x}", "parameters.messages", "not a parameter"),
        (
            "{endpoint: completions, deployment: c, parameters: {prompt: x}}",
            "parameters.prompt",
            "write `input` beside",
        ),
        (
            "{endpoint: completions, deployment: c, messages: [{role: user, content: x}]}",
            "messages",
            "/v1/completions takes `input`",
        ),
        (
            "{endpoint: completions, deployment: c, inputs_per_request: 2}",
            "inputs_per_request",
            "takes one input",
        ),
        ("parameters: {1: x}", "parameters", "the key 1 is no text; put it in quotes"),
        ("parameters: {a: {true: x}}", "parameters.a", "the key true"),
        ("parameters: {a: 1e999}", "parameters.a", "not a number that JSON can say"),
        (
            "{endpoint: responses, parameters: {response_format: {}}}",
            "parameters.response_format",
            "`text.format`",
        ),
        (
            "{endpoint: chat, parameters: {text: {format: {type: json_schema}}}}",
            "parameters.text.format",
            "takes this as `response_format`",
        ),
        (
            "parameters: {response_format: {type: json_schema}}",
            "parameters.response_format.json_schema",
            "missing",
        ),
        (
            "parameters: {response_format: {type: json_schema, json_schema: {name: a}}}",
            "parameters.response_format.json_schema.schema",
            "missing: a JSON Schema",
        ),
        (
            "{endpoint: responses, parameters: {text: {format: {type: json_schema, name: a, schema: {$ref: 'http://x/y'}}}}}",
            "parameters.text.format.schema",
            "`$ref` may only point into the schema itself",
        ),
        ("output: jsonl", "output", "found 'jsonl', expected an object with format, columns"),
        ("output: {columns: all}", "output.columns", "found 'all', expected a list"),
        ("inputs_per_request: 2", "inputs_per_request", "takes one input"),
        (
            "{endpoint: embeddings, deployment: e, inputs_per_request: 2049}",
            "inputs_per_request",
            "found 2049, expected a whole number from 1 to 2,048",
        ),
        (
            "{endpoint: embeddings, deployment: e, inputs_per_request: true}",
            "inputs_per_request",
            "found true",
        ),
        ("encoding: rot13", "encoding", "not an encoding of texts"),
        ("encoding: base64", "encoding", "not an encoding of texts"),
        ('encoding: "a\\0b"', "encoding", "not an encoding of texts"),
        ("delimiter: '\"'", "delimiter", "expected one character, no quote"),
        ('delimiter: "\\n"', "delimiter", "expected one character"),
        ("delimiter: 1", "delimiter", "found 1, expected a text"),
        ("engine: Batch", "engine", "found 'Batch'. Allowed: auto, batch, direct. Did you mean batch?"),
        ("deployment: 4", "deployment", "found 4, expected a text"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(text: str, path: str, message: str) -> None:
    found = mistakes(text)
    assert set(found) == {path}
    assert message in found[path]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "line 1, column 5: the file ends within a bracket"),
        ("input: x\n input: y", "line 2, column 7: a key does not fit here"),
        ("engine: auto\nengine: auto", "line 2, column 1: the key 'engine' is given twice"),
        ("a: &x 1\nb: *x", "line 1, column 4: anchors and aliases are not read"),
        ("a: *x", "anchors and aliases are not read"),
        ("a: !!python/object/apply:os.system [ls]", "line 1, column 4: tags are not read"),
        ("a: !!binary aGk=", "tags are not read"),
        ("a: \x07", "line 1: the character '\\x07' is not allowed"),
        ("a: 1\n---\nb: 2", "line 2, column 1: but found another document"),
        ("? [a]\n: 1", "unhashable key"),
        ("\tinput: x", "line 1, column 1: a tab"),
        ("[" * 10_000, "nested too deeply"),
        ("parameters: {a: " + "9" * 5000 + "}", "too many digits"),
        ("# " + "x" * MAX_SPEC_BYTES, "a job spec may have 262,144"),
    ],
)
def test_what_is_no_document_is_told_with_line_and_column(text: str, message: str) -> None:
    assert message in mistakes(text)[""]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: not valid JSON"),
        ('{"engine": "auto",\n "x" 1}', "line 2, column 6: not valid JSON: Expecting ':'"),
        ('{"engine": "auto", "engine": "auto"}', "the key 'engine' is given twice"),
        ("[" * 200_000, "nested too deeply"),
        ("9" * 5000, "too many digits"),
    ],
)
def test_what_is_no_json_likewise(text: str, message: str) -> None:
    assert message in mistakes(text, "x/_batch.json")[""]


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(JobSpecError, match="not UTF-8 at byte 9"):
        parse_spec(b"encoding:\xff", "_batch.yaml")


def test_half_a_character_in_json_is_a_mistake() -> None:
    assert mistakes('{"deployment": "\\ud800"}', "a.json") == {
        "deployment": "holds half a character and is not valid Unicode"
    }


def test_a_mistake_that_quotes_half_a_character_can_be_written_down() -> None:
    found = mistakes('{"\\ud800": 1, "parameters": {"\\udfff": 2}}', "a.json")
    assert found["parameters.\\udfff"] == "the key is not valid Unicode"
    assert found["\\ud800"].startswith("unknown")


def test_a_hostile_document_makes_a_small_error() -> None:
    key = "k" * 100_000
    with pytest.raises(JobSpecError) as caught:
        parse('{"' + key + '": [' + "1e999," * 20_000 + "1e999]}", "a.json")
    assert len(str(caught.value)) < 20_000
    assert len(mistakes("\n".join("engine: auto" for _ in range(10_000)))) == 1
    assert (
        "given twice"
        in mistakes("{" + ", ".join(f'"k{n % 9000}": 1' for n in range(18_000)) + "}", "a.json")[""]
    )


def test_what_would_explode_in_every_request_is_refused() -> None:
    deep = '{"parameters": {"a": ' + "[" * 80 + "]" * 80 + "}}"
    assert list(mistakes(deep, "a.json").values()) == ["nested too deeply"]
    wide = '{"parameters": {"a": [' + "1," * 60_000 + "1]}}"
    assert "more than 50,000 values" in "".join(mistakes(wide, "a.json").values())


def parsed_or_mistaken(content: bytes, name: str) -> JobSpec | None:
    """Parse; any other exception than the one with mistakes in it fails the test."""
    try:
        return parse_spec(content, name, DEFAULTS)
    except JobSpecError as error:
        if not error.mistakes:
            raise
        return None


KEYS = st.sampled_from(
    [*JobSpec.__struct_fields__, "role", "content", "text", "image_url", "type", "format", "columns"]
)
DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["chat", "embeddings", "responses", "user", "parquet", "json_schema", "{{ a }}", "{{ a", "*"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=25,
)


@given(DOCUMENTS)
def test_any_document_is_a_spec_or_a_list_of_mistakes(document: Any) -> None:
    for text, name in ((json.dumps(document), "x.json"), (yaml.safe_dump(document), "x.yaml")):
        made = parsed_or_mistaken(text.encode(), name)
        if made:
            assert parse(msgspec.json.encode(made).decode(), "x.json") == made


@given(
    st.binary(max_size=200) | st.text("{}[]:,-?&*!|>'\"%@`# \n\tab1.e~", max_size=60).map(str.encode),
    st.sampled_from(["a.yaml", "a.json"]),
)
def test_any_bytes_are_a_spec_or_a_list_of_mistakes(content: bytes, name: str) -> None:
    parsed_or_mistaken(content, name)


def test_a_spec_survives_the_plan_it_is_stored_in() -> None:
    made = parse(
        "messages: [{role: user, content: [{text: x}]}]\noutput: {columns: '*'}\nparameters: {a: {b: [1.5, null]}}"
    )
    assert msgspec.json.decode(msgspec.json.encode(made), type=JobSpec) == made
    assert msgspec.convert(msgspec.to_builtins(made), JobSpec) == made
    assert (
        msgspec.convert({"endpoint": "/v1/responses", "deployment": "d", "added_later": 1}, JobSpec).engine
        == "auto"
    )


# --- rules ------------------------------------------------------------------------------------------------------------


SPECS = {
    "_batch.json",
    "a/_batch.yml",
    "a/_batch.json",
    "a/b/c/_batch.yaml",
    "a/b/c/_batch.json",
    "ab/_batch.yaml",
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("x.csv", "_batch.json"),
        ("z/y/x.csv", "_batch.json"),
        ("a/x.csv", "a/_batch.yml"),
        ("a/b/x.csv", "a/_batch.yml"),
        ("a/b/c/x.csv", "a/b/c/_batch.yaml"),
        ("a/b/c/d/x.csv", "a/b/c/_batch.yaml"),
        ("ab/x.csv", "ab/_batch.yaml"),
        ("/x.csv", "_batch.json"),
    ],
)
def test_the_nearest_spec_counts(path: str, found: str) -> None:
    assert nearest_spec(path, SPECS) == found


def test_there_may_be_no_spec() -> None:
    assert nearest_spec("a/b.csv", {"b/_batch.yaml", "a/b.csv/_batch.yaml"}) is None
    assert nearest_spec("b.csv", set()) is None
