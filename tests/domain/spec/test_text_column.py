"""Which column is the text: the one that is certain, or none and the line that would settle it."""

import itertools
import uuid
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InputFileError
from domain.spec.text_column import Kind, kind_of, text_column


def column_of(rows: list[dict[str, Any]], **options: Any) -> str:
    return text_column(list(dict.fromkeys(name for row in rows for name in row)), rows, **options)


def refusal(rows: list[dict[str, Any]], **options: Any) -> str:
    with pytest.raises(InputFileError) as caught:
        column_of(rows, **options)
    assert caught.value.code == "no_text_column"
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", Kind.NOTHING),
        (" \n", Kind.NOTHING),
        ("Hello there", Kind.TEXT),
        ("I like it!", Kind.TEXT),
        ("7 dwarfs", Kind.TEXT),
        ("Où est la gare ?", Kind.TEXT),
        ("Привет, мир", Kind.TEXT),
        ("今日はいい天気ですね", Kind.TEXT),
        ("สวัสดีชาวโลก", Kind.TEXT),
        ("안녕하세요", Kind.TEXT),
        ("hello", Kind.WORD),
        ("Hello!", Kind.WORD),
        ("ACME", Kind.WORD),
        ("well-known", Kind.WORD),
        ("猫", Kind.WORD),
        ("req-a1", Kind.VALUE),
        ("request-1", Kind.VALUE),
        ("CALL0000001", Kind.VALUE),
        ("9f86d081884c7d659a2feaa0c55ad015", Kind.VALUE),
        ("0b2c9c54-3b1a-4f9e-9d4e-2f2b1a2c3d4e", Kind.VALUE),
        ("dXJsaHRtbA==", Kind.VALUE),
        ("https://example.org/a?b=c", Kind.VALUE),
        ("ada@example.org", Kind.VALUE),
        ("a/b/c.png", Kind.VALUE),
        ("12", Kind.VALUE),
        ("-1.5e3", Kind.VALUE),
        ("1,5", Kind.VALUE),
        ("1.234,56 €", Kind.VALUE),
        ("$ 12", Kind.VALUE),
        ("12 %", Kind.VALUE),
        ("2026-01-02", Kind.VALUE),
        ("2026-01-02T03:04:05Z", Kind.VALUE),
        ("02.01.2026 12:30", Kind.VALUE),
        ("Jan 2, 2026", Kind.VALUE),
        ("Fri, 02 Jan 2026 03:04:05 GMT", Kind.VALUE),
        ("A1 B2", Kind.VALUE),
        ("12 km", Kind.VALUE),
        ("3.5 kg/m3", Kind.VALUE),
        ("48.1 N, 11.5 E", Kind.VALUE),
        ("+49 170 123 456", Kind.VALUE),
        ("DE89 3704 0044 0532 0130 00", Kind.VALUE),
        ("deadbeef", Kind.VALUE),
        ("https://example.org/a b", Kind.VALUE),
        ("d41d8cd98f00b204e9800998ecf8427e  file.txt", Kind.VALUE),
        ('{"a": "some text"}', Kind.STRUCTURE),
        ("[1, 2]", Kind.STRUCTURE),
        ("iVBORw0KGgo" * 20, Kind.STRUCTURE),
    ],
)
def test_a_text_is_words_in_a_row(text: str, kind: Kind) -> None:
    assert kind_of(text) is kind


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": "a-1", "review": "I like it"}, {"id": "a-2", "review": "I hate it"}],
        [{"label": "good", "review": "I like it"}, {"label": "bad", "review": "I hate it"}],
        [{"n": 1, "review": "ok"}, {"n": 2, "review": "I hate it"}, {"n": 3, "review": None}],
        [{"review": "I like it", "price": "1,50", "when": "02.01.2026"}],
        [{"review": "I like it", "price": Decimal("1.5"), "when": date(2026, 1, 2), "good": True}],
        [{"review": "first"}, {"review": "second"}],
    ],
)
def test_the_only_column_of_texts_is_it(rows: list[dict[str, Any]]) -> None:
    assert column_of(rows) == "review"


@pytest.mark.parametrize(
    ("rows", "column"),
    [
        ([{"text": "a", "title": "Some other text"}], "text"),
        ([{"Prompt": "a", "title": "Some other text"}], "Prompt"),
        ([{"input": "a", "output": "Some other text"}], "input"),
        ([{" TEXT ": "7", "other": {"a": 1}}], " TEXT "),
        ([{"text": "a", "Text": "b"}], "text"),
        ([{"text": None}, {"text": "b"}], "text"),
    ],
)
def test_a_column_of_the_usual_name_is_it(rows: list[dict[str, Any]], column: str) -> None:
    assert column_of(rows) == column
    assert column_of(rows, is_document=True) == column


def test_the_usual_names_can_be_others() -> None:
    rows = [{"text": "some words", "Frage": "more words"}]
    assert column_of(rows, names=("frage",)) == "Frage"
    assert column_of(rows) == "text"
    assert "named `frage`" in refusal([{"a": 1}], names=("frage",))


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"id": "req-a"}, {"id": "req-b"}], "no column holds texts"),
        ([{"id": "a"}, {"id": "b"}], "no column holds texts"),
        ([{"status": "ok"}], "no column holds texts"),
        ([{"name": "John Smith"}, {"name": "Ada Lovelace"}], "no column holds texts"),
        ([{"home_city": "New York"}, {"home_city": "Bonn"}], "no column holds texts"),
        ([{"custom_id": "a", "comment": "I like it"}], "`custom_id` is a key of batch requests"),
        ([{"sentiment": "good"}, {"sentiment": "bad"}, {"sentiment": "good"}], "no column holds texts"),
        (
            [{"sha": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}],
            "no column holds texts",
        ),
        ([{"when": "2026-01-02", "n": "1,5"}], "no column holds texts"),
        ([{"title": "Some words", "review": "More words"}], "2 columns hold texts (title, review)"),
        ([{"review": "I like it", "meta": {"a": 1}}], "`review` holds texts, but meta hold"),
        ([{"caption": "A red lamp", "photo": "iVBORw0KGgo" * 20}], "`caption` holds texts, but photo hold"),
        ([{"text": "a", "prompt": "b"}], "2 columns hold texts by their names (text, prompt)"),
        ([{"input": [1, 2]}], "`input` holds objects or lists"),
        ([{"text": {"de": "Hallo"}}], "`text` holds objects or lists"),
    ],
)
def test_what_is_not_certain_is_refused_with_what_to_write(rows: list[dict[str, Any]], reason: str) -> None:
    message = refusal(rows)
    assert reason in message
    assert "job spec" in message
    assert "messages: [" in message


def test_a_single_object_is_no_table_unless_its_text_has_the_usual_name() -> None:
    assert "single object" in refusal([{"description": "What this project is about"}], is_document=True)


IDS = (
    st.uuids().map(str)
    | st.uuids().map(lambda found: found.hex)
    | st.integers().map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(str)
    | st.dates().map(str)
    | st.datetimes().map(lambda moment: moment.isoformat())
    | st.from_regex(r"[a-z]{1,8}[-_][0-9]{1,6}", fullmatch=True)
    | st.from_regex(r"[A-Z]{2,4}[0-9]{3,8}", fullmatch=True)
    | st.integers()
    | st.booleans()
    | st.none()
)


@given(st.lists(st.fixed_dictionaries({"a": IDS, "b": IDS}), min_size=1, max_size=5))
def test_ids_numbers_and_dates_are_never_sent(rows: list[dict[str, Any]]) -> None:
    refusal(rows)


@given(
    ids=st.lists(IDS, min_size=1, max_size=5),
    structure=st.lists(st.integers()) | st.dictionaries(st.text(), IDS),
)
def test_ids_beside_objects_are_never_sent(ids: list[Any], structure: Any) -> None:
    with pytest.raises(InputFileError):
        column_of([{"custom_id": found, "content": structure} for found in ids])


def test_the_line_to_write_names_a_column_that_is_there() -> None:
    message = refusal([{"my id": str(uuid.UUID(int=1))}])
    assert "row['my id']" in message


PIECES = ("custom_id", "method", "url", "body", "Body", "params", "request", "modelInput", "messages", "key")
VALUES_OF_PIECES: tuple[Any, ...] = (
    1,
    "abc-12",
    "0f8fad5b-d9cb-469f-a165-70867728950e",
    "POST",
    "/v1/chat/completions",
    None,
    ["a-1"],
    {"messages": []},
)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_pieces_of_requests_are_never_sent_as_texts(number: int) -> None:
    for keys in itertools.combinations(PIECES, number):
        for values in itertools.product(VALUES_OF_PIECES, repeat=number):
            row = dict(zip(keys, values, strict=True))
            with pytest.raises(InputFileError):
                text_column(list(row), [row])
