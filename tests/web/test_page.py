"""The operator page in a real browser, on a running app."""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Route, ViewportSize, expect

from tests.web.conftest import Visitor, visiting
from tests.web.showroom import COSTLY, FAILING, FEW_FAILED, HOSTILE, MANY, MARKUP, SLOW, Showroom

AXE = """rules => axe.run(rules).then(told => (
    {passes: told.passes.length, violations: told.violations.map(rule => [rule.id, rule.nodes.map(node => node.html)])}
))"""
# In the dark the colours alone are others.
RULES: dict[str, Any] = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
# The fields of answers that hold other than figures, times, keys and states.
TEXTS = frozenset(
    (
        "version",
        "detail",
        "code",
        "pauses",
        "message",
        "meaning",
        "advice",
        "path",
        "file",
        "reason",
        "job_spec",
        "etag",
        "engine",
        "endpoint",
        "deployment",
        "failure",
        "batch_id",
        "shard",
        "transport",
        "container",
        "custom_id",
        "outcome",
        "request",
        "answer",
        "retry_of",
        "asked",
        "by",
        "check",
        "found",
        "do",
        "page",
    )
)
COLOURED = ("overview", "running", "file", "errors", "upload", "doctor")
NARROW = ViewportSize(width=360, height=740)
WIDE = ViewportSize(width=1200, height=800)
# The pictures of the README: made by each run, kept by `make pictures`.
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
MOST_PICTURE_BYTES = 150_000
PICTURE, TALL_PICTURE = ViewportSize(width=1100, height=760), ViewportSize(width=390, height=760)


def screens(room: Showroom) -> dict[str, str]:
    """Every screen, as a link to it."""
    failing = room.key(FAILING, "done")
    return {
        "overview": "#/",
        "attention": "#/attention",
        "snapshots": "#/snapshots",
        "running": f"#/snapshots/{room.running}",
        "many": f"#/snapshots/{room.many}?path=0777",
        "files": "#/files",
        "file": f"#/files/{failing}",
        "in work": f"#/files/{room.key(SLOW, 'working')}",
        "errors": f"#/files/{failing}/errors",
        "batches": "#/batches",
        "doctor": "#/doctor",
        "upload": "#/upload",
        "nowhere": "#/nowhere",
        "unknown": f"#/files/{'0' * 19}f?snapshot=snapshot-20200101T000000.000Z",
    }


def test_the_first_screen_answers_the_three_questions(visitor: Visitor, room: Showroom) -> None:
    page = visitor.go()
    told = room.pipeline.host.get("/api/overview").json()
    rows, paid, failed = (page.locator(".questions section").nth(number) for number in range(3))
    expect(rows).to_contain_text(f"{told['requests_done']:,} of {told['requests_total']:,}")
    expect(rows.locator(".verdict.ok")).to_contain_text("0 missing")
    expect(paid).to_contain_text(re.compile(r"\$\d+\.\d\d spent"))
    expect(paid.locator(".verdict.ok")).to_contain_text("none was made twice")
    expect(failed.get_by_role("link", name="content_filter")).to_be_visible()
    expect(page.locator(".needs")).to_contain_text("3 files wait: drafts/monday.csv")
    expect(page.locator(".needs")).to_contain_text(f"{COSTLY} is held")
    expect(page.get_by_role("row").filter(has_text="10,000 of 10,000")).to_contain_text("completed")
    expect(page).to_have_title(re.compile(r"\(4\) Overview . Batch pipeline"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_screen_can_be_used_by_everyone(
    browser: Browser, room: Showroom, axe: Path, scheme: Any
) -> None:
    with visiting(browser, room.address, viewport=WIDE, color_scheme=scheme, bypass_csp=True) as someone:
        for name, link in screens(room).items():
            if scheme == "dark" and name not in COLOURED:
                continue
            page = someone.go(link)
            page.add_script_tag(path=axe)
            found = page.evaluate(AXE, RULES[scheme])
            assert found["passes"] > 0
            assert found["violations"] == [], f"{name}, {scheme}"
            page.set_viewport_size(NARROW)
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], name
            page.set_viewport_size(WIDE)


@pytest.mark.parametrize(("wish", "seconds"), [("reduce", "0s"), ("no-preference", "0.4s")])
def test_nothing_moves_for_those_who_do_not_like_it(
    browser: Browser, room: Showroom, wish: Any, seconds: str
) -> None:
    with visiting(browser, room.address, reduced_motion=wish) as someone:
        expect(someone.go().locator(".bar i").first).to_have_css("transition-duration", seconds)


def test_what_files_are_called_and_contain_stays_text(visitor: Visitor, room: Showroom) -> None:
    shown = HOSTILE.replace("\u202e", "\u2039U+202E\u203a")
    page = visitor.go(f"#/files?state=done&path={quote('%2e%2e')}")
    page.get_by_role("link", name=shown).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(shown)
    expect(page.locator(".outputs li").first).to_contain_text(shown)
    visitor.go(f"#/files/{room.key(FAILING, 'done')}/errors")
    row = page.locator(".errors li").filter(has_text=f"{MARKUP}/0")
    row.get_by_text("Request").click()
    expect(row.locator("pre").first).to_contain_text(f"Say {MARKUP}/0.")
    visitor.go(f"#/{quote(MARKUP)}/{quote(MARKUP)}?state={quote(MARKUP)}")
    visitor.go(f"#/snapshots/{room.many}?code={quote(MARKUP)}&path={quote(MARKUP)}&from={quote(MARKUP)}")
    expect(page.get_by_label("code")).to_have_value(MARKUP)
    expect(page.locator("img:not(header img), main script, [onerror]")).to_have_count(0)


def with_markup(told: Any, name: str = "") -> Any:
    """Give an answer of the API with markup in all of its texts."""
    if isinstance(told, dict):
        return {key: with_markup(value, key) for key, value in told.items()}
    if isinstance(told, list):
        return [with_markup(value, name) for value in told]
    return f"{told}{MARKUP}" if isinstance(told, str) and name in TEXTS else told


def test_whatever_the_api_answers_stays_text(visitor: Visitor, room: Showroom) -> None:
    def spoil(route: Route) -> None:
        known = {name: value for name, value in route.request.headers.items() if name != "if-none-match"}
        answer = route.fetch(headers=known)
        route.fulfill(response=answer, json=with_markup(answer.json()))

    links = screens(room)
    visitor.page.route("**/api/**", spoil)
    for name in ("overview", "files", "file", "in work", "errors", "batches", "doctor"):
        page = visitor.go(links[name])
        expect(page.locator("main")).to_contain_text(MARKUP)
        expect(page.locator("img:not(header img), main script, [onerror]")).to_have_count(0)


def test_one_file_is_found_among_ten_thousand_and_pages_take_each_others_place(
    visitor: Visitor, browser: Browser, room: Showroom
) -> None:
    page = visitor.go(f"#/snapshots/{room.many}")
    files = page.locator("main tbody tr")
    expect(files).to_have_count(100)
    expect(page.get_by_label("Pages")).to_contain_text(f"1\N{EN DASH}100 of {MANY:,}")
    expect(page.locator(".verdict").first).to_contain_text(
        "10,000,000 went in, 10,000,000 came out, 0 missing"
    )
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_label("Pages")).to_contain_text("101\N{EN DASH}200")
    expect(files).to_have_count(100)
    expect(files.first).to_contain_text("part-00100.csv")
    link = page.url
    with visiting(browser, room.address) as other:  # whoever gets the link sees the same
        other.page.goto(link)
        expect(other.page.locator("main tbody tr").first).to_contain_text("part-00100.csv")
    page.get_by_label("path").fill("07777")
    page.get_by_label("path").press("Enter")
    expect(files).to_have_count(1)
    expect(files).to_contain_text("calls/2026/part-07777.csv")
    visitor.go(f"#/snapshots/{room.many}?code=missing_column&state=done")
    expect(files.nth(1)).to_contain_text(f"part-{FEW_FAILED:05d}.csv")


def test_from_the_first_screen_a_file_is_found_whatever_its_state(visitor: Visitor) -> None:
    page = visitor.go()
    for path in ("part-04321.csv", FAILING, COSTLY, SLOW, "photos/cat.xyz", "monday.csv"):
        page.get_by_role("link", name="Overview").click()
        page.get_by_label("Find a file").fill(path)
        page.get_by_label("Find a file").press("Enter")
        expect(page.locator("tbody tr").first).to_contain_text(path)


def test_a_look_without_news_is_a_304_and_a_pause_stops_the_looks(visitor: Visitor, room: Showroom) -> None:
    page = visitor.go(f"#/snapshots/{room.many}")
    pause = page.get_by_role("button", name="Pause", exact=True)
    pause.click()
    expect(pause).to_have_attribute("aria-pressed", "true")
    address = f"{room.pipeline.host.origin}/api/snapshots/{room.many}"
    with page.expect_response(address) as snapshot, page.expect_response(f"{address}/files") as files:
        pause.click()  # looks at once
    assert (snapshot.value.status, files.value.status) == (304, 304)
    expect(page.locator("main tbody tr")).to_have_count(100)


def test_when_the_app_does_not_answer_the_page_says_so_and_keeps_what_it_knows(visitor: Visitor) -> None:
    page = visitor.go()
    page.route("**/api/**", lambda route: route.abort())
    pause = page.get_by_role("button", name="Pause", exact=True)
    pause.click()
    pause.click()
    expect(page.locator(".clock")).to_contain_text("no answer since")
    expect(page.locator(".questions")).to_contain_text("content_filter")
    page.unroute("**/api/**")
    pause.click()
    pause.click()
    expect(page.locator(".clock")).to_contain_text("looked")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_is_not_there_is_told_and_is_no_trouble(visitor: Visitor, room: Showroom) -> None:
    page = visitor.go(screens(room)["unknown"])
    expect(page.get_by_role("alert")).to_contain_text("no_file")
    expect(page.locator(".clock i")).to_have_class("ok")


def test_the_key_is_asked_for_once_and_never_in_an_address(browser: Browser, room: Showroom) -> None:
    def only_with_key(route: Route) -> None:
        if route.request.headers.get("x-functions-key") == "a key":
            route.continue_()
        else:
            route.fulfill(status=401)

    with visiting(browser, room.address) as someone:
        addresses: list[str] = []
        someone.page.on("request", lambda request: addresses.append(request.url))
        someone.page.route("**/api/**", only_with_key)
        page = someone.go()
        page.get_by_label("Key").fill("a key")
        page.get_by_role("button", name="Open").click()
        expect(page.locator(".questions")).to_be_visible()
        page.reload()
        expect(page.locator(".questions")).to_be_visible()
        assert not [address for address in addresses if "a%20key" in address or "code=" in address]
        assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]


def test_outputs_are_downloaded_by_a_link_that_needs_no_key(visitor: Visitor, room: Showroom) -> None:
    page = visitor.go(f"#/files/{room.key(FAILING, 'done')}")
    expect(page.locator(".verdict").first).to_contain_text("46 = 40 ok + 5 failed + 1 invalid")
    expect(page.locator(".verdict").nth(1)).to_contain_text("1 batch for 1 shard")
    with page.expect_download() as download:
        page.get_by_role("button", name="results").click()
    assert Path(download.value.path()).read_bytes().count(b"\n") == 40
    assert download.value.suggested_filename == "open_output.jsonl"


def test_without_a_mouse(visitor: Visitor, room: Showroom) -> None:
    page = visitor.go()
    page.get_by_role("link", name="Files", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Files")).to_be_focused()
    visitor.go(f"#/snapshots/{room.running}")
    page.get_by_role("button", name=f"Cancel: {SLOW}").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="No")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_page_that_may_only_be_looked_at_has_no_buttons_for_more(visitor: Visitor, room: Showroom) -> None:
    def read_only(route: Route) -> None:
        known = {name: value for name, value in route.request.headers.items() if name != "if-none-match"}
        answer = route.fetch(headers=known)
        route.fulfill(response=answer, json=answer.json() | {"actions": False})

    visitor.page.route("**/api/overview", read_only)
    links = screens(room)
    for name in ("overview", "running", "files", "file", "errors", "upload"):
        page = visitor.go(links[name])
        offered = page.get_by_role(
            "button",
            name=re.compile(
                "Cancel|Retry|Release|Hold|First|Prefer|Approve|Run|intake|Resume|Send|Take back"
            ),
        )
        expect(offered).to_have_count(0)
    expect(page.locator("footer")).to_contain_text("read only")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("overview", {"viewport": PICTURE}),
        ("file", {"viewport": PICTURE, "color_scheme": "dark"}),
        ("telephone", {"viewport": TALL_PICTURE}),
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
    assert (folder / f"{name}.png").stat().st_size < MOST_PICTURE_BYTES
    assert (IMAGES / f"{name}.png").read_bytes().startswith(b"\x89PNG"), "make pictures"
