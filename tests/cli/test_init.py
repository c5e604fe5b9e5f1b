"""A folder to begin with."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.verbs.init import reach, spec_text
from domain.spec.job_spec import parse_spec
from domain.spec.request_template import RequestTemplate
from tests.cli.command import SAMPLES, aoai


def test_a_new_folder_can_be_quoted_at_once(folder: Path) -> None:
    assert aoai("init", "tickets").code == 0
    assert sorted(file.name for file in (folder / "tickets").iterdir()) == [
        ".batch.schema.json",
        "_batch.yaml",
        "sample.csv",
    ]
    schema = json.loads((folder / "tickets" / ".batch.schema.json").read_text())
    assert schema["title"] == "Job spec"
    (quote,) = aoai("quote", "tickets").records
    assert (quote["verdict"], quote["requests"], quote["invalid"]) == ("ready", 2, 0)
    assert quote["prompts"][0]["body"]["messages"][1]["content"] == "The brakes squeal in the rain."


@pytest.mark.parametrize(
    "sample", ["catalogue/products.csv", "reviews/reviews.parquet", "signs/shop-signs.txt"]
)
def test_a_table_tells_its_columns(folder: Path, sample: str) -> None:
    table = SAMPLES / sample
    assert aoai("init", "box", "--from", table, "--deployment", "gpt").code == 0
    (folder / "box" / table.name).write_bytes(table.read_bytes())
    (quote,) = aoai("quote", "box").records
    assert (quote["verdict"], quote["deployment"]) == ("ready", "gpt")
    assert quote["requests"] > quote["invalid"]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
COLUMNS = st.lists(TEXTS, min_size=1, max_size=4, unique=True)


@settings(max_examples=50)
@given(COLUMNS)
def test_columns_of_any_name_are_reached_and_carried_along(columns: list[str]) -> None:
    text, *others = columns
    spec = parse_spec(spec_text(text, others, told=True).encode(), "_batch.yaml")
    assert spec.output.columns == others
    request = RequestTemplate(spec).request(
        0, {name: f"value of {number}" for number, name in enumerate(columns)}
    )
    assert json.loads(request)["body"]["messages"][1]["content"] == "value of 0"


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("text", "text"),
        ("lower", "lower"),
        ("if", "if"),
        ("true", 'row["true"]'),
        ("row", 'row["row"]'),
        ("First Name", 'row["First Name"]'),
    ],
)
def test_a_column_is_reached_by_its_name_where_that_is_one(column: str, told: str) -> None:
    assert reach(column) == told


def test_what_is_there_stays(folder: Path) -> None:
    (folder / "_batch.yaml").write_text("mine")
    ran = aoai("init", ".")
    assert (ran.code, (folder / "_batch.yaml").read_text()) == (2, "mine")


@pytest.mark.parametrize(
    ("name", "content"), [("no.csv", None), ("a.docx", b"x"), ("empty.csv", b""), ("bad.parquet", b"x")]
)
def test_what_is_no_table_is_told(folder: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (folder / name).write_bytes(content)
    ran = aoai("init", "box", "--from", name)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert not (folder / "box").exists()


def test_a_wide_table_keeps_its_names(folder: Path) -> None:
    names = ["Größe, netto", 'a "b"', "id", "the text of it"]
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([names, ["1", "2", "3", "Some words that are a text."]])
    (folder / "t.csv").write_text(stream.getvalue(), newline="")
    aoai("init", "box", "--from", "t.csv")
    (folder / "t.csv").rename(folder / "box" / "t.csv")
    (quote,) = aoai("quote", "box").records
    assert quote["prompts"][0]["body"]["messages"][1]["content"] == "Some words that are a text."
