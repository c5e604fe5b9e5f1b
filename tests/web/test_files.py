"""The files of the operator page: what comes from others is named and unchanged, and all of it is small."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

WEB = Path(__file__).resolve().parents[2] / "web"
VENDORED: list[dict[str, Any]] = json.loads((WEB / "vendor.json").read_text(encoding="utf-8"))
MOST_BYTES = 60 * 1024  # all that a visit loads
LOADED = {".html", ".css", ".js", ".svg"}


@pytest.mark.parametrize("entry", VENDORED, ids=lambda entry: entry["file"])
def test_what_comes_from_others_is_unchanged_and_its_licence_is_beside_it(entry: dict[str, Any]) -> None:
    assert hashlib.sha256((WEB / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", entry["version"])
    assert entry["name"]
    assert all((WEB / licence).read_text(encoding="utf-8") for licence in entry["licences"].values())


def test_everything_in_the_folder_of_others_is_named() -> None:
    named = {entry["file"] for entry in VENDORED}
    named |= {licence for entry in VENDORED for licence in entry["licences"].values()}
    assert {path.relative_to(WEB).as_posix() for path in (WEB / "vendor").iterdir()} == named


def test_the_page_is_small() -> None:
    loaded = {path for path in WEB.rglob("*") if path.is_file() and path.suffix in LOADED}
    assert {WEB / entry["file"] for entry in VENDORED} <= loaded
    assert sum(path.stat().st_size for path in loaded) <= MOST_BYTES


def test_the_page_asks_no_one_else_and_has_nothing_that_its_policy_forbids() -> None:
    for path in WEB.rglob("*"):
        if path.suffix not in (".html", ".css", ".js") or "vendor" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"https?://(?!www\.w3\.org/)", text), path
        assert "innerHTML" not in text, path
        assert not re.search(r"\beval\(|new Function\(", text), path
        if path.suffix == ".html":
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", text), path
