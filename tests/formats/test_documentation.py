"""The page about formats names every suffix, and no other; codes have a page of their own."""

import re
from pathlib import Path

from formats.file_types import SUFFIXES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")


def test_every_suffix_is_listed() -> None:
    listed = {suffix for line in PAGE.splitlines() for suffix in re.findall(r"^\| (`\..+?) \|", line)}
    assert set(re.findall(r"`(\.\w+)`", " ".join(listed))) == set(SUFFIXES)
