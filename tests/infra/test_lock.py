"""What is deployed is what was tested: every package of requirements.txt has one version, with hashes."""

import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def entries() -> list[tuple[Requirement, list[str]]]:
    """The locked packages with their hashes."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return [
        (Requirement(line.split(" --hash=")[0].strip()), re.findall(r"--hash=(\S+)", line))
        for line in lines
        if line
    ]


def holds(requirement: Requirement, python: str) -> bool:
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def test_every_package_has_one_version_with_hashes() -> None:
    assert len(entries()) > 20
    for locked, hashes in entries():
        assert re.fullmatch(r"==[^,*]+", str(locked.specifier)), locked
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), locked


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_what_is_asked_for(python: str) -> None:
    locked = {canonicalize_name(each.name): each for each, _ in entries() if holds(each, python)}
    asked = [Requirement(line) for line in (ROOT / "requirements.in").read_text().splitlines()]
    for each in asked:
        if holds(each, python):
            (version,) = locked[canonicalize_name(each.name)].specifier
            assert each.specifier.contains(version.version), each


def test_the_licence_of_every_package_is_told() -> None:
    told = re.findall(
        r"^\| (\S+) \| \S", (ROOT / "docs" / "licences.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    wanted = {each.name.lower() for each, _ in entries() if holds(each, "3.11") or holds(each, "3.13")}
    assert wanted <= set(told)


def test_actions_are_pinned_by_commit() -> None:
    for file in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        for job in yaml.safe_load(file.read_text())["jobs"].values():
            for used in [step["uses"] for step in job["steps"] if "uses" in step]:
                assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", used)
