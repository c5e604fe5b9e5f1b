"""What is said to people and to programs."""

import json
from pathlib import Path

import pytest

from cli.output import money, plural, visible
from cli.watching import rows
from tests.cli.command import aoai

HOSTILE = "a\x1b[31mred\x07\x9b2J\r"


def test_nothing_that_a_file_says_steers_the_terminal(folder: Path) -> None:
    """Neither names nor values nor faults; programs get them as they are."""
    line = {"custom_id": "x", "method": "POST", "url": "/chat/completions"}
    body = {"model": HOSTILE, "messages": [{"role": HOSTILE, "content": HOSTILE}]}
    name = f"{HOSTILE[:-1]}.jsonl"
    (folder / name).write_text(json.dumps(line | {"body": body}) + "\n{\n")
    told = aoai("quote", name, "--table")
    gone = aoai("quote", f"no{HOSTILE}.csv")
    for text in (told.out, told.err, gone.out, gone.err):
        assert not {character for character in text if character != "\n" and not character.isprintable()}
    assert "\\x1b[31mred" in told.out
    assert aoai("quote", name).records[0]["file"] == name


def test_lines_and_tabs_stay() -> None:
    assert visible("a\n\tb\x00") == "a\n\tb\\x00"


@pytest.mark.parametrize(
    ("dollars", "told"),
    [
        (None, ""),
        (0, "$0.00"),
        (0.00123, "$0.0012"),
        (0.0000114, "$0.000011"),
        (0.099, "$0.099"),
        (0.1, "$0.10"),
        (12345.6, "$12,345.60"),
    ],
)
def test_money_is_told_as_exactly_as_it_matters(dollars: float | None, told: str) -> None:
    assert money(dollars) == told


def test_rows_are_told_as_done_of_all_and_failed() -> None:
    assert rows(45, 2087, 3) == "45/2,087(3)"
    assert rows(None, 10, None) == "0/10"
    assert rows(None, None, None) == ""
    assert (plural(1, "file"), plural(2, "batch", "batches")) == ("1 file", "2 batches")
