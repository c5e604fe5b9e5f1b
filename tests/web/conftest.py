"""One app to look at and one browser to look with, for all tests of the page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from local.azurite import Azurite
from local.azurite.installation import HOME
from tests.web.showroom import Showroom, running

AXE = HOME / "node_modules/axe-core/axe.min.js"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# `--no-sandbox`: as root, as in containers, there is none.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, BROWSERS)), os.environ.get("CHROMIUM"))
    if executable is None:
        pytest.skip("needs Chromium: apt-get install chromium, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def room(browser: Browser, azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showroom]:
    with running(azurite, tmp_path_factory.mktemp("host")) as showroom:
        yield showroom


class Visitor:
    """Someone who looks at the page; `wrongs` has what the browser complained of."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self._address = page, address
        self.wrongs: list[str] = []
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.wrongs.append(str(error)))
        page.on("dialog", lambda dialog: self.wrongs.append(f"dialog: {dialog.message}"))
        page.on("console", self._listen)

    def _listen(self, message: Any) -> None:
        # A refusal of the API is the page's to show; the browser logs it as well.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.wrongs.append(message.text)

    def go(self, hash_: str = "#/") -> Page:
        """Open a screen, and wait until nothing on it is still being looked for."""
        self.page.goto("about:blank")
        self.page.goto(self._address + hash_)
        self.settle()
        return self.page

    def settle(self) -> None:
        self.page.locator("main h1").first.wait_for()
        self.page.wait_for_load_state("networkidle")


@contextmanager
def visiting(browser: Browser, address: str, **options: Any) -> Iterator[Visitor]:
    """Come to the page with a browser that knows nothing of it."""
    context = browser.new_context(locale="en-GB", timezone_id="UTC", **options)
    try:
        visitor = Visitor(context.new_page(), address)
        yield visitor
        assert visitor.wrongs == []
    finally:
        context.close()


@pytest.fixture
def visitor(browser: Browser, room: Showroom) -> Iterator[Visitor]:
    with visiting(browser, room.address) as someone:
        yield someone


@pytest.fixture(scope="session")
def axe() -> Path:
    if not AXE.is_file():
        pytest.skip("needs axe-core: make setup")
    return AXE
