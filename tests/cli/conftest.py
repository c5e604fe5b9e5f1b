"""A machine on which nothing is known: no variables of ours, no places, an empty folder to work in."""

import os
from pathlib import Path

import pytest

from cli import places


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands are called in."""
    for name in list(os.environ):
        if name.startswith("AOAI_BATCH_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(places, "REPOSITORY", tmp_path)  # a demo may be running in this checkout
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here
