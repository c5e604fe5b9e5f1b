"""Write docs/licences.md from what is installed: `python docs/licences.py`; `make lock` does it as well."""

import re
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PAGE = ROOT / "docs" / "licences.md"
INTRODUCTION = """# Licences

The app itself is under the [MIT licence](../LICENSE). The operator page brings one library along, lit-html (BSD-3-Clause):
[web/vendor.json](../web/vendor.json) names it, with its hash and its licences. What is deployed beside it, every package of
`requirements.txt`, is under the licence that its own metadata tell:

| package | licence |
|---|---|
"""


def locked() -> list[str]:
    """Name the packages that are installed on Linux, on any Python that is supported."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    lines = re.findall(r"^[A-Za-z0-9][^\\\n#]*", text, re.MULTILINE)
    found = (Requirement(line.strip()) for line in lines)
    return sorted({each.name.lower() for each in found if any(_is_for(each, python) for python in PYTHONS)})


def _is_for(requirement: Requirement, python: str) -> bool:
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def licence_of(package: str) -> str:
    """Give a package's licence in a few words. Raises PackageNotFoundError, and ValueError for one that tells none."""
    told: Any = metadata.metadata(package)
    classifiers = [line for line in told.get_all("Classifier", []) if line.startswith("License ::")]
    found = told.get("License-Expression") or (classifiers or [told.get("License") or ""])[-1]
    if not found or "\n" in found:
        raise ValueError(f"{package} tells no licence.")
    return str(found).split("::")[-1].strip()


if __name__ == "__main__":
    rows = "".join(f"| {package} | {licence_of(package)} |\n" for package in locked())
    PAGE.write_text(INTRODUCTION + rows, encoding="utf-8")
