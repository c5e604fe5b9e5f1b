"""The command as a whole: its list of verbs, and faults in one line."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from cli import application
from cli.application import VERBS
from cli.faults import CommandError, Ending
from domain.errors import PipelineError
from tests.cli.command import REPOSITORY, aoai, aoai_process


def test_help_is_shown_before_anything_heavy_is_imported() -> None:
    """A cold `--help` takes what click takes."""
    code = "import sys, cli; cli.main(['--help']); print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert set(VERBS) <= set(ran.stdout.split())
    loaded = {name.partition(".")[0] for name in ran.stderr.split()}
    assert not loaded & {"azure", "openai", "rich", "msgspec", "yaml", "jinja2", "requests", "pyarrow"}
    assert "domain.settings" not in ran.stderr.split()


def test_the_help_of_a_verb_waits_for_no_sdk() -> None:
    """Nor does the completion of its options."""
    code = "import sys, cli; [cli.main([name, '--help']) for name in sys.argv[1:]]; print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run(
        [sys.executable, "-c", code, *VERBS], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in ran.stderr.split()}
    assert not loaded & {"azure", "openai", "aiohttp", "requests", "pyarrow"}


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_help_with_examples(name: str) -> None:
    ran = aoai(name, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert "Example" in ran.out
    assert f"aoai-batch {name}" in ran.out


def test_a_verb_that_is_not_there_is_told_with_its_neighbour() -> None:
    ran = aoai("quota")
    assert ran.code == Ending.REFUSED
    assert "Did you mean quote?" in ran.err


FAULTS = [
    (CommandError("The box is empty.", "Fill it."), 1, "aoai-batch: The box is empty. Fill it.\n"),
    (CommandError("No.", ending=Ending.REFUSED), 2, "aoai-batch: No.\n"),
    (PipelineError("Settings need attention:\n  A: missing.\n  B: wrong"), 1, "A: missing.; B: wrong\n"),
    (FileNotFoundError(2, "No such file", "x.csv"), 1, "aoai-batch: [Errno 2] No such file: 'x.csv'\n"),
    (ZeroDivisionError("division by zero"), 1, "ZeroDivisionError: division by zero (not foreseen"),
    (RuntimeError(), 1, "aoai-batch: RuntimeError (not foreseen"),
    (KeyboardInterrupt(), 130, ""),
    (click.Abort(), 130, ""),
]


@pytest.mark.parametrize(("fault", "code", "told"), FAULTS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_a_fault_is_told_in_one_line_and_its_origin_on_demand(
    fault: BaseException, code: int, told: str, debug: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def fails() -> None:
        raise fault

    monkeypatch.setattr(application, "import_module", lambda _: SimpleNamespace(command=fails))
    ran = aoai("quote", *(["--debug"] if debug else []))
    assert ran.code == code
    assert told in ran.err
    if debug and isinstance(fault, Exception) and not isinstance(fault, click.Abort):
        assert "Traceback" in ran.err
    else:
        assert ran.err.strip().count("\n") == 0


def test_debug_behind_two_dashes_is_a_file() -> None:
    ran = aoai("quote", "--", "--debug")
    assert "There is no file --debug" in ran.err


def test_a_reader_that_has_had_enough_ends_it_quietly(folder: Path) -> None:
    (folder / "many.txt").write_text("line\n" * 10)
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "cli", "quote", "many.txt", "--set", "AZURE_OPENAI_DEPLOYMENT=gpt"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (1, "")


def test_it_runs_as_a_module(folder: Path) -> None:
    ran = aoai_process("--version", cwd=folder)
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("level", ["urgent", "1.5", "--", "1000001", "9" * 5000, "+-1", "²", ""])
def test_what_is_no_priority_is_refused_in_a_word(level: str) -> None:
    ran = aoai("priority", "x.csv", "--", level)
    assert (ran.code, ran.out) == (Ending.REFUSED, "")
    assert "high, normal, low" in ran.err or "Missing" in ran.err
