"""What is no table is recognised by its shape and refused by its name; what is one is let through."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.spec.shapes import is_column_oriented, shape_of

TURNS = [{"role": "user", "content": "Hello there"}]
REQUEST = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": TURNS}}

REFUSED: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "other_batch_format": [
        ("Anthropic", {"custom_id": "a", "params": {"model": "c", "messages": TURNS}}),
        ("Gemini", {"key": "1", "request": {"contents": [{"parts": [{"text": "Hello"}]}]}}),
        ("Gemini", {"request": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}}),
        ("Bedrock", {"recordId": "1", "modelInput": {"inputText": "Hello there"}}),
        ("Bedrock", {"modelInput": {"messages": TURNS}}),
        ("Gemini", {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}),
        ("Vertex", {"instances": [{"content": "Hello there"}]}),
    ],
    "incomplete_request": [
        ("`method`, `url`, `body` are missing", {"custom_id": "a", "messages": TURNS}),
        ("`method`, `url` are missing", {"custom_id": "a", "body": {"messages": TURNS}}),
        ("`method` is missing", {key: REQUEST[key] for key in ("custom_id", "url", "body")}),
        ("`url` is missing", {key: REQUEST[key] for key in ("custom_id", "method", "body")}),
        ("`custom_id` is missing", {key: REQUEST[key] for key in ("method", "url", "body")}),
        ("`body` is missing", {key: REQUEST[key] for key in ("custom_id", "method", "url")}),
        ("`Body` should be `body`", {**{k: REQUEST[k] for k in ("custom_id", "method", "url")}, "Body": {}}),
        ("`Custom_ID` should be `custom_id`", {"Custom_ID": "a", **{k: REQUEST[k] for k in ("url", "body")}}),
        ("`body` is no object", REQUEST | {"body": json.dumps({"messages": TURNS})}),
        ("`body` is no object", {"custom_id": "T-1", "subject": "Lamp", "body": "It is broken"}),
        ("are missing", {"model": "gpt-4o", "messages": TURNS, "temperature": 0}),
        ("are missing", {"body": {"model": "gpt-4o", "input": "Hello there"}}),
        ("are missing", {"model": "gpt-4o", "input": "Hello there"}),
        ("are missing", {"input": "Hello there", "model": "m", "encoding_format": "float"}),
    ],
    "no_text_column": [
        ("one on each line", REQUEST),
        ("instructions", {"instruction": "Translate this", "input": "Hello there", "output": "Bonjour"}),
        ("instructions", {"System": "You are kind", "prompt": "Hello there"}),
        ("instructions", {"system_prompt": "You are kind", "text": "Hello there", "id": 1}),
    ],
    "already_answered": [
        (
            "results",
            {
                "file": "a.csv",
                "row": 0,
                "chat": "Hi",
                "text": "Hello",
                "custom_id": "row-0",
                "finish_reason": "stop",
                "usage": {},
            },
        ),
        (
            "results",
            {
                "file": "a.csv",
                "row": 0,
                "embeddings": [0.1],
                "custom_id": "row-0",
                "finish_reason": None,
                "usage": None,
            },
        ),
        (
            "error records",
            {
                "file": "a.csv",
                "row": 0,
                "line": 2,
                "custom_id": "row-0",
                "outcome": "failed",
                "code": "x",
                "message": "Not so.",
                "attempts": 1,
                "request": {},
            },
        ),
        (
            "error records",
            {
                "file": "a.csv",
                "line": None,
                "custom_id": None,
                "outcome": "invalid",
                "code": "bad_header",
                "message": "Not so.",
                "attempts": 0,
                "request": None,
            },
        ),
        ("metadata", {"schema_version": 1, "file": "a.csv", "status": "completed", "pipeline_version": "1"}),
        ("report", {"snapshot_id": "s", "files": 1, "done": 1, "rejected": 0, "tally": {}}),
        ("answers", {"id": "batch_req_1", "custom_id": "a", "response": {"body": {}}, "error": None}),
        ("answers", {"custom_id": "a", "result": {"type": "succeeded", "message": {}}}),
        ("answers", {"key": "1", "response": {"candidates": []}}),
        ("answers", {"recordId": "1", "modelOutput": {}}),
        ("errors", {"id": "1", "custom_id": "a", "error": {"code": "x", "message": "No such thing."}}),
    ],
    "chat_data": [
        ('messages: "{{ messages }}"', {"messages": TURNS}),
        ("`conversations`", {"id": "1", "conversations": [{"from": "human", "value": "Hello there"}]}),
        ("`chosen`", {"chosen": TURNS, "rejected": TURNS}),
        ("row['the talk']", {"the talk": TURNS, "text": "Hello there"}),
        ("turns of conversations", {"role": "user", "content": "Hello there"}),
    ],
    "side_file": [
        (
            "state.json",
            {
                "_data_files": [{"filename": "data-00000.arrow"}],
                "_fingerprint": "9f8e",
                "_format_columns": None,
                "_split": None,
            },
        ),
        (
            "dataset_info.json",
            {
                "builder_name": "csv",
                "citation": "",
                "description": "Some texts",
                "features": {"text": {"dtype": "string"}},
            },
        ),
        ("dataset_info.json", {"features": {"text": {"dtype": "string"}}, "splits": {"train": {}}}),
        ("Delta", {"commitInfo": {"timestamp": 1, "operation": "WRITE"}}),
        ("Iceberg", {"format-version": 2, "table-uuid": "9c12", "location": "s3://somewhere"}),
    ],
    "not_rows": [
        ("to_json", {"text": {"0": "Hello there", "1": "Good bye"}, "id": {"0": 1, "1": 2}}),
        ("to_json", {"text": {"0": "Hello there"}}),
        ("to_json", {"0": {"text": "Hello there"}, "1": {"text": "Good bye"}}),
        ("split", {"columns": ["text"], "index": [0], "data": [["Hello there"]]}),
        ("table", {"schema": {"fields": []}, "data": [{"index": 0, "text": "Hello there"}]}),
        ("a list for each column", {"text": ["Hello there", "Good bye"], "id": [1, 2]}),
        ("Elasticsearch", {"index": {"_index": "a", "_id": "1"}}),
        ("GeoJSON", {"type": "FeatureCollection", "name": "Some places", "features": []}),
        ("GeoJSON", {"type": "Feature", "geometry": None, "properties": {"note": "Some place"}}),
        ("lie in `data`", {"status": "all is well", "data": [{"text": "Hello there"}, {"text": "Good bye"}]}),
    ],
}


@pytest.mark.parametrize(
    ("code", "named", "values"),
    [(code, named, values) for code, cases in REFUSED.items() for named, values in cases],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_is_no_table_is_called_by_its_name(code: str, named: str, values: dict[str, Any]) -> None:
    found = shape_of([values])
    assert found is not None
    assert found.code == code
    assert named in found.message


def test_one_such_row_among_the_first_is_enough() -> None:
    assert shape_of([{"text": "fine"}] * 99 + [{"messages": TURNS}])
    assert shape_of([{"text": "fine"}] * 100 + [{"messages": TURNS}]) is None


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"text": "Hello there"}],
        [{"custom_id": "x-1", "text": "Hello there"}],
        [
            {"url": "https://example.org", "text": "A page"},
            {"url": "https://example.org/2", "text": "Another"},
        ],
        [{"body": "of a letter", "subject": "Lamp"}],
        [{"method": "boiled", "text": "An egg"}],
        [{"prompt": "Hello there", "completion": "Hi"}],
        [{"text": "Hello there", "tags": ["a", "b"]}],
        [{"text": "Hello there", "meta": {"0": "a"}}],
        [{"type": "Feature", "text": "A request for a new colour"}],
        [{"file": "a.txt", "row": 3, "text": "Hello there"}],
        [{"data": {"0": "x"}, "id": 1}],
    ],
)
def test_rows_of_tables_are_let_through(rows: list[dict[str, Any]]) -> None:
    assert shape_of(rows) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        "custom_id",
        "method",
        "url",
        "body",
        "Body",
        "params",
        "request",
        "modelInput",
        "messages",
        "data",
        "columns",
        "schema",
        "features",
        "text",
        "0",
        "1",
    ]
) | st.text(max_size=4)


@given(st.lists(st.dictionaries(NAMES, VALUES | st.just(TURNS), max_size=5), max_size=4))
def test_any_rows_have_a_shape_or_none(rows: list[dict[str, Any]]) -> None:
    found = shape_of(rows)
    assert found is None or (found.code in REFUSED and len(found.message) > 40)


@given(
    labels=st.integers(1, 5), columns=st.lists(st.text(), min_size=1, max_size=4, unique=True), value=VALUES
)
def test_what_pandas_writes_by_default_is_column_oriented(
    labels: int, columns: list[str], value: Any
) -> None:
    document = {column: {str(label): value for label in range(labels)} for column in columns}
    assert is_column_oriented(document)
    assert shape_of([document]) is not None
