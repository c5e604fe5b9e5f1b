"""The page on the command is held to the command."""

import re
import shlex
from pathlib import Path

import click
import pytest

from cli.application import VERBS, whole
from local.demo.services import PRICES
from tests.cli.command import REPOSITORY, aoai

PAGE = (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8")
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
CALL = re.compile(r"^(?:\$ )?aoai-batch (.*)$", re.MULTILINE)


def calls() -> list[tuple[str, str]]:
    """Every line of a page that calls the command, without the remark behind it."""
    return [
        (page.name, found[1])
        for page in PAGES
        for block in re.findall(r"```\w*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for found in CALL.finditer(block)
    ]


def examples_of_help() -> list[tuple[str, str]]:
    found = []
    for name in VERBS:
        command = whole.get_command(click.Context(whole), name)
        assert command is not None
        found += [
            (name, call) for call in re.findall(r"^ *aoai-batch (.*)$", command.epilog or "", re.MULTILINE)
        ]
    return found


@pytest.mark.parametrize(("where", "call"), sorted({*calls(), *examples_of_help()}))
def test_every_call_that_is_shown_can_be_made(where: str, call: str, tmp_path: Path) -> None:
    words = shlex.split(re.split(r" {2,}| [|] | >+ | && |  #| # ", call)[0])
    if words == ["--help"] or words[1:] == ["--help"]:
        return
    name, arguments = words[0], words[1:]
    command = whole.get_command(click.Context(whole), name)
    assert command is not None, f"{where}: there is no verb {name}"
    command.make_context(name, arguments)


def test_every_verb_is_described() -> None:
    listed = re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE)
    assert listed[: len(VERBS)] == list(VERBS)
    for name in VERBS:
        assert f"aoai-batch {name}" in PAGE


def test_the_session_in_the_readme_shows_what_quote_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of it needs the demo: `python docs/session.py` writes it anew."""
    monkeypatch.setenv("COLUMNS", "110")
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("$ aoai-batch quote samples/mistakes --prompts 1\n")[2].partition("\n\n$ ")[0]
    prices = ("--set", f"PRICES={PRICES}")
    ran = aoai("quote", REPOSITORY / "samples" / "mistakes", "--prompts", 1, "--table", *prices)
    assert [line.rstrip() for line in ran.out.splitlines()] == shown.splitlines()
