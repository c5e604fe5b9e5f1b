"""The page's buttons in a real browser: each asks where it should, and what it asks for happens in the running app."""

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.web.conftest import Visitor
from tests.web.showroom import COSTLY, FAILING, MARKUP, SLOW, SLOW_TOO, Showroom

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
    expect(page.locator(".asked")).to_contain_text("cancel asked for. Seen at the next look, within 1 s")
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
    expect(dialog).to_contain_text(re.compile(r"held: .*MAX_TOKENS_PER_FILE"), timeout=SOON)
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

    button(page, "Prefer folder", "drafts/wednesday.csv").click()
    agree(page, "all files of this folder begin first", "drafts")
    assert asked.pop() == ("folders/priority", {"folder": "drafts", "priority": 100})

    visitor.go("#/attention")
    expect(page.locator(".needs")).to_contain_text("Asked for: hold drafts/tuesday.csv", timeout=SOON)
    back = page.get_by_role("button", name="Take back: drafts/", exact=True)
    back.click()
    expect(back).to_have_count(0, timeout=SOON)
    assert asked.pop() == ("folders/priority", {"folder": "drafts/", "priority": 0})
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


GOOD_SPEC = "deployment: gpt\nmessages:\n  - {role: user, content: 'Sort {{ text }}'}\n"
DROP = """files => {
    const dropped = new DataTransfer();
    for (const [name, text] of files) dropped.items.add(new File([text], name));
    dispatchEvent(new DragEvent("drop", {dataTransfer: dropped, bubbles: true, cancelable: true}));
}"""


def drop(page: Page, *files: tuple[str, str]) -> None:
    """Drop files onto the window, as a hand with a mouse would."""
    page.evaluate(DROP, [list(file) for file in files])


def test_what_is_dropped_is_checked_and_quoted_and_goes_only_when_a_person_says_so(
    visitor: Visitor, room: Showroom
) -> None:
    page = visitor.go("#/upload")
    page.get_by_label("Folder", exact=True).fill("brought")
    page.get_by_label("Folder", exact=True).blur()
    named = f"{MARKUP.replace('/', '')}.csv"
    table = "text\nhello\n" * 4
    puts: list[str] = []
    page.on("request", lambda asked: puts.append(asked.url) if asked.method == "PUT" else None)

    # A job spec with a mistake holds everything back, and says where it is.
    drop(page, (named, table), ("_batch.yaml", f"{GOOD_SPEC}modle: x\n"))
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody tr").first).to_contain_text("modle: unknown", timeout=SOON)
    expect(page.locator("[role=status]").first).to_contain_text("2 cannot go as they are", timeout=SOON)
    expect(page.get_by_role("button", name="Send")).to_be_disabled()

    drop(page, ("_batch.yaml", GOOD_SPEC), ("shots.jsonl", '{"text": "brought"}\n' * 5))
    expect(page.locator("main .top [role=status]")).to_have_text(
        re.compile(r"^3 files, \d+ requests, about \$0\.0\d+"), timeout=SOON
    )
    expect(page.get_by_role("button", name="Send")).to_be_enabled(timeout=SOON)
    row = page.locator("tbody tr").filter(has_text="shots.jsonl")
    row.get_by_text("What it would take").click()
    expect(row).to_contain_text("5 requests in 1 shard, 0 not to be sent")
    expect(row.locator("pre").filter(has_text="Sort brought")).to_have_count(3)
    expect(page.locator("main img")).to_have_count(0)
    assert puts == []
    assert not [name for name in room.pipeline.containers.waiting() if name.startswith("brought/")]

    page.get_by_role("button", name="Send").click()
    agree(page, "Send 3 files", r"paid: 3 files, \d+ requests, about \$")
    expect(page.locator("tbody .chip.ok")).to_have_text(["sent"] * 3, timeout=SOON)
    # The job spec is there before what it is for.
    assert "_batch.yaml" in puts[0]
    visitor.go("#/files?state=done&path=brought/shots")
    expect(page.locator("tbody")).to_contain_text("brought/shots.jsonl", timeout=SOON)


def test_a_name_that_is_there_is_asked_about_before_it_is_replaced(visitor: Visitor, room: Showroom) -> None:
    page = visitor.go("#/upload")
    files = page.get_by_label("Files", exact=True)
    # It waits for its job spec, so it stays there.
    page.get_by_label("Folder", exact=True).fill("photos")
    page.get_by_label("Folder", exact=True).blur()
    room.pipeline.drop("photos/._hidden", b"?")
    files.set_input_files({"name": "cat.csv", "mimeType": "text/csv", "buffer": b"text\nhello\n"})
    expect(page.get_by_role("button", name="Send")).to_be_enabled(timeout=SOON)

    def there(route: Route) -> None:
        if '"replace"' in (route.request.post_data or ""):
            route.continue_()
        else:
            route.fulfill(status=409, json={"detail": "A file of this name is there.", "code": "exists"})

    page.route("**/api/uploads", there)
    page.get_by_role("button", name="Send").click()
    agree(page, "Send 1 file")
    expect(page.locator("tbody")).to_contain_text("A file of this name is there.")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    page.get_by_role("button", name="Replace").click()
    page.get_by_role("button", name="Send").click()
    agree(page, "Send 1 file")
    expect(page.locator("tbody .chip.ok")).to_have_text("sent", timeout=SOON)


def test_answers_that_cannot_be_read_are_given_up_after_a_question(visitor: Visitor, room: Showroom) -> None:
    """The file is held for its budget; that its answers cannot be read, the page is told."""
    held = room.file(COSTLY, "held") if room.has(COSTLY, "held") else room.file("photos/cat.xyz", "rejected")
    told = {
        "items": [{**held, "state": "held", "batches": 1, "reason": "Answers are missing."}],
        "next": None,
    }
    asked: list[str] = []

    def note(route: Route) -> None:
        asked.append(route.request.url.split("/api/")[1])
        route.fulfill(status=202, json={"key": held["key"]})

    visitor.page.route("**/api/files?state=held*", lambda route: route.fulfill(json=told))
    visitor.page.route("**/give-up", note)
    page = visitor.go("#/files?state=held")
    button(page, "Give up", held["path"]).click()
    agree(page, held["path"], "though paid, end as missing")
    assert asked == [f"files/{held['key']}/give-up"]
    expect(page.locator(".asked")).to_contain_text("give-up asked for")


def test_the_failed_rows_of_a_snapshot_are_sent_again_a_hundred_files_at_a_time(
    visitor: Visitor, room: Showroom
) -> None:
    asked: list[Any] = []

    def note(route: Route) -> None:
        asked.append(route.request.post_data_json)
        following = 100 if len(asked) == 1 else None
        route.fulfill(status=202, json={"id": room.many, "files": [], "next": following})

    visitor.page.route("**/retry", note)
    page = visitor.go(f"#/snapshots/{room.many}")
    page.get_by_role("button", name="Retry all").click()
    agree(page, r"Send 6,370 requests again\?", r"paid anew, about \$\d")
    assert asked == [{"codes": []}, {"codes": [], "after": 100}]
    expect(page.locator(".asked")).to_contain_text("retry asked for")


def test_a_folder_is_dropped_as_it_is_and_a_large_file_goes_in_blocks(
    visitor: Visitor, room: Showroom, tmp_path: Path
) -> None:
    folder = tmp_path / "shots"
    (folder / "more").mkdir(parents=True)
    (folder / "_batch.yaml").write_text(GOOD_SPEC, encoding="utf-8")
    (folder / "more" / "table.csv").write_text("text\nhello\nthere\n", encoding="utf-8")
    page = visitor.go("#/upload")
    page.get_by_label("Folder", exact=True).wait_for()
    blocks: list[str] = []

    def as_large(route: Route) -> None:
        """A link for a file of many blocks, each of ten bytes."""
        told = {**json.loads(route.request.post_data or "{}"), "size": 40_000_000}
        answer = route.fetch(post_data=json.dumps(told))
        route.fulfill(response=answer, json=answer.json() | {"block_bytes": 10})

    page.route("**/api/uploads", as_large)
    page.on("request", lambda asked: blocks.append(asked.url) if "comp=block&" in asked.url else None)
    browser = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    expect(page.locator("tbody tr")).to_have_count(2, timeout=SOON)
    expect(page.locator("tbody")).to_contain_text("shots/more/table.csv")
    expect(page.get_by_role("button", name="Send")).to_be_enabled(timeout=SOON)
    page.get_by_role("button", name="Send").click()
    agree(page, "Send 2 files")
    expect(page.locator("tbody .chip.ok")).to_have_text(["sent"] * 2, timeout=SOON)
    assert len(blocks) > 2
    visitor.go("#/files?state=done&path=shots/more/table.csv")
    expect(page.locator("tbody")).to_contain_text("2 of 2", timeout=SOON)
