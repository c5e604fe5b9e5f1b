"""The page's buttons in a real browser: each asks where it should, and what it asks for happens in the running app."""

import re
from typing import Any

from playwright.sync_api import Locator, Page, Request, expect

from tests.web.conftest import Visitor
from tests.web.showroom import COSTLY, FAILING, SLOW, SLOW_TOO, Showroom

SOON = 30_000  # ms; what was asked for is seen at the next look, and the page looks every five seconds


def agree(page: Page, *said: str) -> None:
    """Read the question, and say yes."""
    dialog = page.get_by_role("dialog")
    for words in said:
        expect(dialog).to_contain_text(re.compile(words))
    dialog.get_by_role("button").nth(1).click()
    expect(dialog).to_have_count(0)


def button(page: Page, text: str, path: str) -> Locator:
    return page.get_by_role("button", name=f"{text}: {path}")


def test_what_is_asked_for_by_a_button_happens(visitor: Visitor, room: Showroom) -> None:
    """One story: each of these changes what the others see."""
    asked: list[tuple[str, Any]] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            asked.append((request.url.split("/api/")[1], request.post_data_json))

    visitor.page.on("request", note)
    failing, slow = room.key(FAILING, "done"), room.key(SLOW, "working")

    # A no is a no. Rows and money are in the question, also where the list knows of none.
    page = visitor.go("#/files?state=working")
    button(page, "Cancel", SLOW).click()
    expect(page.get_by_role("dialog")).to_contain_text(
        re.compile(r"of 25 requests so far, of about \$0\.0\d+ in all")
    )
    page.get_by_role("dialog").get_by_role("button", name="No").click()
    assert asked == []

    visitor.go(f"#/files/{slow}")
    button(page, "Cancel", SLOW).click()
    agree(page, SLOW, r"\d+ of 25 requests so far, of about \$0\.0\d+ in all", "ten minutes")
    expect(page.locator(".asked")).to_contain_text("cancel asked for; seen at the next look, within 1 s")
    assert asked.pop() == (f"files/{slow}/cancel", None)
    expect(page.locator(".chip").first).to_have_text("done", timeout=SOON)

    visitor.go(f"#/files/{failing}")
    page.get_by_role("button", name=re.compile("Retry these: content_filter")).click()
    agree(page, r"Send 3 requests again", r"paid anew, about \$0\.0\d+")
    assert asked.pop() == (f"files/{failing}/retry", {"codes": ["content_filter"]})
    expect(page.locator(".asked")).to_contain_text("retry asked for")

    visitor.go(f"#/files?state=held&path={COSTLY}")
    button(page, "Quote", COSTLY).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(re.compile(r"held: .*MAX_TOKENS_PER_FILE"))
    expect(dialog).to_contain_text(
        re.compile(r"1 request in 1 shard, 0 not to be sent. About 10,\d+ tokens in, [\d,]+ out, \$0\.0\d+")
    )
    dialog.get_by_role("button", name="Close").click()
    assert asked.pop() == ("quote", {"path": COSTLY})

    visitor.go("#/files?state=waiting")
    button(page, "First", "drafts/monday.csv").click()
    expect(page.locator(".asked")).to_contain_text("priority asked for")
    button(page, "Hold", "drafts/tuesday.csv").click()
    expect(page.locator(".asked")).to_have_count(2)
    assert [address.rsplit("/", 1)[1] for address, _ in asked] == ["priority", "hold"]

    visitor.go("#/attention")
    expect(page.locator(".needs")).to_contain_text("Asked for: hold drafts/tuesday.csv", timeout=SOON)
    button(page, "Release", "drafts/tuesday.csv").click()
    expect(page.locator(".notices")).to_contain_text("release asked for")
    button(page, "Approve", COSTLY).click()
    agree(page, COSTLY, "MAX_TOKENS_PER_FILE")
    assert [address.rsplit("/", 1)[1] for address, _ in asked[2:]] == ["release", "approve"]

    visitor.go()
    page.get_by_role("button", name="Pause the intake").click()
    agree(page, "No new file is taken until you resume")
    expect(page.locator(".needs")).to_contain_text("The intake is paused", timeout=SOON)
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".needs")).not_to_contain_text("The intake is paused", timeout=SOON)
    page.get_by_role("button", name="Run now").click()
    expect(page.locator(".notices")).to_contain_text("A snapshot takes what is in the input container now.")
    visitor.go(f"#/files?state=done&path={COSTLY}")
    expect(page.locator("tbody")).to_contain_text(COSTLY, timeout=SOON)

    running = room.file(SLOW_TOO, "working")["snapshot"]
    visitor.go(f"#/snapshots/{running}")
    page.get_by_role("button", name=re.compile("^Cancel: 20")).click()
    agree(page, "Cancel the 1 file that have not ended", r"billed: \d+ of \d+ requests so far, of about \$")
    expect(page.locator("h1 .chip")).to_have_text("completed", timeout=SOON)
    assert asked.pop()[0] == f"snapshots/{running}/cancel"


def test_what_comes_too_late_is_told_in_the_question(visitor: Visitor, room: Showroom) -> None:
    page = visitor.go(f"#/files/{room.key(FAILING, 'done')}")
    page.get_by_role("button", name=f"Retry 6: {FAILING}").click()
    page.route(
        "**/retry", lambda route: route.fulfill(status=409, json={"detail": "Too late.", "code": "conflict"})
    )
    page.get_by_role("dialog").get_by_role("button", name="Retry 6").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("Too late. conflict")
    page.get_by_role("dialog").get_by_role("button", name="No").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
