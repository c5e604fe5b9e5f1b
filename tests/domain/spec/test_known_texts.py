"""Texts that are other documents are called by their name; plain texts are let through."""

import pytest

from domain.errors import InputFileError, RowTemplateError
from domain.spec.documents import read_document
from domain.spec.job_spec import SpecDefaults, parse_spec
from domain.spec.known_texts import shape_of_lines, shape_of_text
from domain.spec.shapes import shape_of
from domain.spec.suggestions import reach, text_of, user_message
from domain.spec.text_column import refuse_nothing, text_column

DOCUMENTS = {
    "RTF": "{\\rtf1\\ansi\nHello\\par",
    "PDF": "%PDF-1.7\n1 0 obj",
    "web page": "\ufeff\n<!DOCTYPE html>\n<html>",
    "XML": '<?xml version="1.0"?>\n<Error>',
    "XML:": "<rows>\n<row/>",
    "LFS": "version https://git-lfs.github.com/spec/v1\noid sha256:1",
    "certificate": "-----BEGIN CERTIFICATE-----\nMIIB",
    "subtitles": "1\n00:00:01,000 --> 00:00:02,000\nHello",
    "subtitles,": "WEBVTT\n\n00:01.000 --> 00:02.000",
    "fences": "```json\n{}",
    "Markdown": "| id | text |\n|----|:-----|\n| 1 | x |",
    "script": "window.YTD.tweets.part0 = [ {",
}
PLAIN = [
    "Hello there", "<b>Hello</b> there", "1. First", "| a note", "From here on", "{not json", "[1] a footnote", "version 2 is out",
    "-- a dash", "`code` first", "%20 off", "# A heading", "{{ template }}",
]  # fmt: skip


@pytest.mark.parametrize(("what", "text"), DOCUMENTS.items())
def test_a_document_is_called_by_its_name(what: str, text: str) -> None:
    found = shape_of_text(text)
    assert found is not None
    assert what.rstrip(":,") in found.message


@pytest.mark.parametrize("text", PLAIN)
def test_plain_lines_are_let_through(text: str) -> None:
    assert shape_of_lines([text, "Another line"]) is None


def test_lines_that_are_all_objects_are_json() -> None:
    assert shape_of_lines(['{"text": "x"}', '{"text": "y"}']) is not None
    assert shape_of_lines(['{"text": "x"}', "and a remark"]) is None


@pytest.mark.parametrize(
    "name", ["text", "First Name", "it's", 'the "text"', "a\\b", "{{ x }}", "ü 語", "a\nb", "100%"]
)
def test_a_line_that_is_suggested_is_a_job_spec_as_it_stands(name: str) -> None:
    line = user_message(reach(name, "inner"))
    spec = parse_spec(line.encode(), "_batch.yaml", SpecDefaults(deployment="d"))
    assert spec.has_templates
    assert read_document(f"messages: {text_of(reach(name))}".encode(), "_batch.yaml")


@pytest.mark.parametrize("text", ["", "  ", None, "NULL", "nan", "#N/A", "#REF!", "<NA>", " None "])
def test_a_missing_value_is_nothing_to_ask_about(text: str | None) -> None:
    with pytest.raises(RowTemplateError, match="nothing is sent"):
        refuse_nothing(text)


@pytest.mark.parametrize("text", ["None of them", "0", "-", "null and void", 0, False, "語"])
def test_a_short_text_is_one(text: object) -> None:
    refuse_nothing(text)


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"id": 1, "data": {"text": "I like it very much"}}, "row['data']['text']"),
        ({"id": 1, "title": "A nice title here", "body": "And a long body here"}, "row['title']"),
        ({"name": "app", "description": "A small app of mine", "scripts": {}}, "row['description']"),
    ],
)
def test_what_is_suggested_is_a_text(row: dict[str, object], line: str) -> None:
    with pytest.raises(InputFileError) as caught:
        text_column(list(row), [row])
    assert line in str(caught.value)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"prompt": "x", "chosen": "a", "rejected": "b"}, "row['prompt']"),
        ({"input": {"messages": []}, "preferred_output": [], "non_preferred_output": []}, "input.messages"),
        ({"error": {"message": "Invalid key", "type": "x"}}, "'Invalid key'"),
        ({"job_spec": "a", "mistakes": [], "files": []}, "note about a job spec"),
        ({"folder": "f/", "snapshot": "s", "files_rejected": 2, "files": []}, "rejected files"),
    ],
)
def test_other_data_are_called_by_their_name(row: dict[str, object], what: str) -> None:
    found = shape_of([row])
    assert found is not None
    assert what in found.message
