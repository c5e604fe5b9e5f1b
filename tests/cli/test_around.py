"""Places, completion, and the simulated service."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.application import VERBS
from cli.places import Wanted, find_place
from tests.cli.command import REPOSITORY, aoai


def test_a_place_is_kept_chosen_listed_and_forgotten(folder: Path) -> None:
    assert aoai("use").out == ""
    aoai(
        "use",
        "lab",
        "--account",
        "stlab",
        "--app",
        "http://127.0.0.1:7071",
        "--set",
        'PRICES={"a b": {"input": 1}}',
    )
    aoai("use", 'odd "name"', "--account", "stodd")
    assert find_place(Wanted()).label == 'the place odd "name"'
    assert aoai("use", "lab").code == 0
    found = find_place(Wanted())
    assert (found.env["DATA__blobServiceUri"], found.app_url) == (
        "https://stlab.blob.core.windows.net",
        "http://127.0.0.1:7071",
    )
    assert found.settings().price_list["a b"].input == 1
    assert [(told["name"], told["current"]) for told in aoai("use").records] == [
        ("lab", True),
        ('odd "name"', False),
    ]
    assert "*" in aoai("use", "--table").out
    aoai("use", "lab", "--remove")
    assert find_place(Wanted()).label == "no place"


def test_a_settings_file_stays_where_it_is(folder: Path) -> None:
    elsewhere = folder.parent / "local.settings.json"
    values = {"DATA": "UseDevelopmentStorage=true", "AZURE_OPENAI_API_KEY": "secret"}
    elsewhere.write_text(json.dumps({"Values": values}))
    aoai("use", "here", "--settings", elsewhere)
    assert find_place(Wanted(environment="here")).env["AZURE_OPENAI_API_KEY"] == "secret"
    assert "secret" not in (folder.parent / "config" / "aoai-batch" / "config.toml").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ("nobody",),
        ("nobody", "--remove"),
        ("x", "--set", "DATA=AccountKey=abc"),
        ("x", "--set", "AZURE_OPENAI_API_KEY=abc"),
        ("x", "--account", "https://st.blob.core.windows.net/?sig=abc"),
    ],
)
def test_nobody_s_place_and_secrets_are_refused(folder: Path, arguments: tuple[str, ...]) -> None:
    ran = aoai("use", *arguments)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "abc" not in ran.err
    assert not (folder.parent / "config").exists()


def test_what_counts_before_a_chosen_place_is_told(folder: Path) -> None:
    (folder / "local.settings.json").write_text('{"Values": {"DATA": "UseDevelopmentStorage=true"}}')
    ran = aoai("use", "lab", "--account", "stlab")
    assert "local.settings.json counts before it" in ran.err


@pytest.mark.parametrize("verb", ["status", "watch", "results x", "errors x", "retry x", "drop x"])
def test_without_a_place_it_is_said_how_to_name_one(folder: Path, verb: str) -> None:
    (folder / "x").touch()
    ran = aoai(*verb.split())
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "No app is known here." in ran.err
    assert "make demo" in ran.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(shell: str) -> None:
    ran = aoai("completion", shell)
    assert ran.code == 0
    assert "_AOAI_BATCH_COMPLETE" in ran.out


def complete(words: str, position: int) -> list[str]:
    environment = {"_AOAI_BATCH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
    ran = subprocess.run(
        [sys.executable, "-c", "import sys, cli; sys.argv = ['aoai-batch']; cli.main()"],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.partition(",")[2] for line in ran.stdout.splitlines()]


def test_verbs_and_options_are_completed() -> None:
    assert complete("aoai-batch ", 1) == list(VERBS)
    assert {"--watch", "--yes"} <= set(complete("aoai-batch retry --", 2))


def test_the_simulated_service_starts_in_a_checkout_and_nowhere_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.verbs.simulate.REPOSITORY", folder)
    ran = aoai("simulate")
    assert ran.code == 2
    assert "make setup" in ran.err
    started: list[list[str]] = []

    def start(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        started.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("cli.verbs.simulate.REPOSITORY", REPOSITORY)
    monkeypatch.setattr(subprocess, "run", start)
    aoai("simulate", "--port", "0")
    aoai("simulate", "--speed", "1")
    assert [command[3:] for command in started] == [["--speed", "100", "--port", "0"], ["--speed", "1"]]
