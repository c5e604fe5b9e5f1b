"""Where the engine cannot run, its stories are skipped, and it is said what is missing."""

import importlib.util
import platform
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from local import genuine_engine as engine
from local.genuine_engine import EngineMissingError, packed_engine
from tests.genuine.hosts import Kind, skip_without_engine

Break: TypeAlias = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like the engine's, on a machine that has all that it needs."""
    (tmp_path / "unpack.py").touch()
    monkeypatch.setenv("GENUINE_ENGINE", str(tmp_path))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(engine, "LIBRARIES", {})
    monkeypatch.setattr(engine, "WORKER_LIBRARY", "pytest")
    return tmp_path


def test_the_folder_is_the_one_that_is_named(found: Path) -> None:
    assert packed_engine() == found


@pytest.mark.parametrize(
    ("take_away", "missing"),
    [
        (lambda patch: patch.setenv("GENUINE_ENGINE", "/nowhere"), "is not in /nowhere"),
        (lambda patch: patch.setattr(platform, "machine", lambda: "aarch64"), "on x64, alone"),
        (lambda patch: patch.setattr(engine, "LIBRARIES", {"libnone.so.3": "libnone3"}), "needs libnone3"),
        (lambda patch: patch.setattr(engine, "WORKER_LIBRARY", "no_library"), "azure-functions-runtime"),
    ],
)
@pytest.mark.usefixtures("found")
def test_what_is_missing_is_said(take_away: Break, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_away(monkeypatch)

    with pytest.raises(EngineMissingError, match=missing):
        packed_engine()
    with pytest.raises(pytest.skip.Exception, match=missing):
        skip_without_engine(Kind.GENUINE)
    skip_without_engine(Kind.EMBEDDED)


def test_the_worker_library_has_the_name_that_is_looked_for() -> None:
    if importlib.util.find_spec(engine.WORKER_LIBRARY) is None:
        pytest.skip("azure-functions-runtime is not installed")
    assert importlib.util.find_spec(f"{engine.WORKER_LIBRARY}.bindings")
