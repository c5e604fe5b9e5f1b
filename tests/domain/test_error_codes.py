"""Every code that is written has its line on the page about errors, and every line is of a code that is written."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain import error_codes
from domain.errors import InputFileError, RowTemplateError
from steps.collect.answer_checks import INVALID_OUTPUT, REFUSED, TRUNCATED

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("domain", "formats", "adapters", "steps", "activities", "triggers")
CODE = re.compile(r"[a-z]+(_[a-z]+)*")
GROUPS = (
    error_codes.OF_FILES,
    error_codes.OF_ROWS,
    error_codes.OF_LINES,
    error_codes.OF_REQUESTS,
    error_codes.OF_WAITING,
)
RAISED_WITH_A_CODE = {"_BadLineError", "BadRow", "BadLine", "Shape"}


def text_of(node: ast.AST | None) -> str | None:
    """A text that may be a code."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
        return node.value
    return None


def codes_in(node: ast.AST) -> Iterator[str | None]:
    """Codes as they are written: `code="..."`, `code = "..."`, and in front of their message."""
    match node:
        case ast.keyword(arg="code") | ast.Assign(targets=[ast.Name(id="code")]):
            yield text_of(node.value)
        case ast.Call(func=ast.Name(id=name), args=[*arguments]) if name in RAISED_WITH_A_CODE:
            yield from map(text_of, arguments[:2])
        case ast.Tuple(elts=[first, *others]) if any(map(is_message, others)):
            yield text_of(first)


def is_message(node: ast.AST) -> bool:
    """A sentence, or the name of one."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and " " in node.value and node.value.endswith(".")
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Name) and node.id.isupper())


def written() -> set[str]:
    found: set[str | None] = set()
    for room in ROOMS:
        for module in (ROOT / room).rglob("*.py"):
            # What the HTTP API answers has problems of its own, and a table with the words of its routes.
            if module.name != "error_codes.py" and module.parent.name != "api":
                for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
                    found.update(codes_in(node))
    found -= {"month"}  # a field of a schedule, beside the constant with its names
    found -= {
        "silent",
        "too_large",
    }  # told to those who examine an app or ask for a quote, never of a file in work
    # Two formats name the code of their damage in one line: `what, code = "parquet", "bad_parquet"`.
    return {code for code in found if code} | {"bad_arrow", "bad_parquet", REFUSED, TRUNCATED, INVALID_OUTPUT}


def test_every_code_is_listed_and_every_listed_one_is_written() -> None:
    listed = {code for group in GROUPS for code in group} | set(error_codes.WITHIN)
    assert written() - listed == set(), "add them to domain/error_codes.py"
    assert listed - written() == set(), "remove them from domain/error_codes.py"


def test_no_code_is_listed_twice() -> None:
    listed = [code for group in (*GROUPS, error_codes.WITHIN) for code in group]
    assert len(listed) == len(set(listed)) > 80


@pytest.mark.parametrize("code", sorted(code for group in GROUPS for code in group))
def test_each_says_what_it_means_and_what_to_do(code: str) -> None:
    found = next(group[code] for group in GROUPS if code in group)
    assert all(text.endswith((".", ")")) and "|" not in text for text in found)


def test_the_classes_have_codes_of_their_own() -> None:
    assert {InputFileError.code, RowTemplateError.code} <= written()
