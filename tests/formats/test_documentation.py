"""The page about formats names every suffix and every code, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from formats.file_types import SUFFIXES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
FIELDS = re.compile(r".*_tokens(_details)?|custom_id|finish_reason|(euc|shift|mac)_[a-z]+")

OF_NAMES = {"no_header"}  # raised where it is decided which column is sent


def constants() -> Iterator[str]:
    for module in (ROOT / "formats").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_code_is_explained() -> None:
    codes = {text for text in constants() if re.fullmatch(r"[a-z]+(_[a-z]+)+|encrypted", text)}
    codes = {code for code in codes if not FIELDS.fullmatch(code)} | OF_NAMES
    assert len(codes) > 15
    rows = [line for line in PAGE.splitlines() if line.startswith("| `") and not line.startswith("| `.")]
    explained = {code for line in rows for code in re.findall(r"`([a-z_]+)`", line.split("|")[1])}
    assert explained == codes


def test_every_suffix_is_listed() -> None:
    listed = {suffix for line in PAGE.splitlines() for suffix in re.findall(r"^\| (`\..+?) \|", line)}
    assert set(re.findall(r"`(\.\w+)`", " ".join(listed))) == set(SUFFIXES)
