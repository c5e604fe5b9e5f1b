"""Change a room's code in small ways, one at a time, and show the changes that its own tests do not notice.

`make mutate ROOM=domain/service`, or one module of it: `make mutate ROOM=domain/flow/sharing.py`. mutmut makes the changes,
in functions only: what stands at the top of a module stays as it is. Not shown: changes of texts for people, which a
test could only repeat, and those that `equivalent_mutants.toml` gives a reason for. Whole lives of a snapshot are not
played through for each change: what they alone would notice deserves a story that says it.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
COPIES = ROOT / ".local" / "mutants"
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.toml")
UNNOTICED = ("survived", "no tests", "suspicious", "segfault")  # "timeout": it ran without an end
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


class Change(NamedTuple):
    """The lines of a module that were changed, without their indentation."""

    module: str
    was: str
    now: str


def main(room: str, workers: str = "2") -> int:
    """Run mutmut on a fresh copy of the tree; 1 when a change went unnoticed, or an excuse is no longer needed."""
    copy = COPIES / room.replace("/", "-")
    shutil.rmtree(copy, ignore_errors=True)
    _copy_tree(copy)
    with (copy / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(_configuration(room))
    _mutmut(copy, "run", "--max-children", workers, show=True)
    unnoticed = _unnoticed(copy)
    excused = {change for change in _excused() if change.module.startswith(room)}
    return _report(unnoticed, excused)


def _copy_tree(copy: Path) -> None:
    """Copy what git has or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)


def _configuration(room: str) -> str:
    top, is_module, path = room.partition("/")[0], room.endswith(".py"), Path(room)
    others = [path.name for path in ROOT.iterdir() if path.name[0] != "." and path.name != top]
    tests = Path("tests") / (path.with_name(f"test_{path.name}") if is_module else path)
    while not (ROOT / tests).exists():
        tests = tests.parent
    return f"""
[tool.mutmut]
source_paths = ["{top}"]
only_mutate = ["{room if is_module else f"{room}/*"}"]
also_copy = {others}
pytest_add_cli_args_test_selection = ["{tests}"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-m", "not lives"]
timeout_multiplier = 3.0
timeout_constant = 5.0
"""


def _mutmut(copy: Path, *arguments: str, show: bool = False) -> str:
    command = [sys.executable, str(Path(sys.executable).with_name("mutmut")), *arguments]
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "mutation"}
    ran = subprocess.run(
        command, cwd=copy, env=environment, check=True, text=True, stdout=None if show else subprocess.PIPE
    )
    return ran.stdout or ""


def _unnoticed(copy: Path) -> list[tuple[str, str, Change]]:
    """Give name, status and change of each mutant that no test noticed."""
    found = []
    for line in _mutmut(copy, "results").splitlines():
        name, status = line.strip().split(": ")
        if status in UNNOTICED:
            change = _change(_mutmut(copy, "show", name))
            if _without_prose(change.was) != _without_prose(change.now):
                found.append((name, status, change))
    return found


def _without_prose(code: str) -> str:
    """Leave out texts of more than one word."""
    return TEXT.sub(lambda text: "" if " " in text[0] else text[0], code)


def _change(diff: str) -> Change:
    lines = diff.splitlines()
    module = next(line.removeprefix("--- ") for line in lines if line.startswith("--- "))
    was, now = (
        "\n".join(line[1:].strip() for line in lines if line.startswith(sign) and line[:3] != sign * 3)
        for sign in "-+"
    )
    return Change(module, was, now)


def _excused() -> list[Change]:
    entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["mutant"]
    return [Change(entry["module"], entry["was"].strip(), entry["now"].strip()) for entry in entries]


def _report(unnoticed: list[tuple[str, str, Change]], excused: set[Change]) -> int:
    survivors = [(name, status, change) for name, status, change in unnoticed if change not in excused]
    for name, status, change in survivors:
        print(f"\n{status}: {name}")
        print("\n".join(f"- {line}" for line in change.was.splitlines()))
        print("\n".join(f"+ {line}" for line in change.now.splitlines()))
    needless = excused - {change for _, _, change in unnoticed}
    for change in needless:
        print(f"\n{EQUIVALENT.name} has what is noticed, or is not made any more: {change}")
    print(
        f"\n{len(survivors)} changes went unnoticed, {len(excused) - len(needless)} are known to change nothing."
    )
    return 1 if survivors or needless else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1].rstrip("/"), *sys.argv[2:]))
