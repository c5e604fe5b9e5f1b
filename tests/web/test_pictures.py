"""The pictures of the README: made by each run, kept by `make pictures`."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests.web.conftest import visiting
from tests.web.showroom import FAILING, Showroom

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
MOST_BYTES = 150_000
WIDE, NARROW = ViewportSize(width=1100, height=760), ViewportSize(width=390, height=760)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("overview", {"viewport": WIDE}),
        ("file", {"viewport": WIDE, "color_scheme": "dark"}),
        ("telephone", {"viewport": NARROW}),
    ],
)
def test_a_picture_is_taken(
    browser: Browser, room: Showroom, tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    links = {
        "overview": "#/",
        "file": f"#/files/{room.key(FAILING, 'done')}",
        "telephone": f"#/snapshots/{room.many}?code=*",
    }
    folder = IMAGES if os.environ.get("PICTURES") else tmp_path
    with visiting(browser, room.address, **options) as someone:
        page = someone.go(links[name])
        expect(page.locator(".figure").first).to_have_text(re.compile(r"\d"))
        page.screenshot(path=folder / f"{name}.png")
    assert (folder / f"{name}.png").stat().st_size < MOST_BYTES
    assert (IMAGES / f"{name}.png").read_bytes().startswith(b"\x89PNG"), "make pictures"
