"""What `.funcignore` lets through is an app: complete, and nothing besides."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pathspec
import pytest

from tests.test_architecture import ROOMS

ROOT = Path(__file__).resolve().parents[2]
IMPORT_EVERYTHING = """
import importlib, pathlib
for module in sorted(pathlib.Path(".").rglob("*.py")):
    parts = module.with_suffix("").parts
    importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
import function_app
print(len(function_app.app.get_functions()))
"""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that would be deployed."""
    target = tmp_path_factory.mktemp("deployed")
    ignored = pathspec.GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text().splitlines())
    for entry in sorted(ROOT.iterdir()):
        if entry.is_file() and not ignored.match_file(entry.name):
            shutil.copy(entry, target)
        elif entry.is_dir() and not ignored.match_file(f"{entry.name}/"):
            shutil.copytree(entry, target / entry.name, ignore=lambda *_: ["__pycache__"])
    return target


def test_nothing_but_the_app_is_deployed(deployed: Path) -> None:
    rooms = {room if (ROOT / room).is_dir() else f"{room}.py" for room in ROOMS}
    assert {entry.name for entry in deployed.iterdir()} == rooms | {"web", "host.json", "requirements.txt"}


def test_what_is_deployed_is_all_the_app_imports(deployed: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING],
        cwd=deployed,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 10
