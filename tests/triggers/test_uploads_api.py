"""Before a file is sent: its quote, its job spec, and a link that writes this one blob and does nothing else."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import azure.functions as func
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from adapters.services import services
from domain.errors import ConflictError
from domain.uploads import MOST_BLOCKS, MOST_BYTES, WHOLE_BYTES, block_bytes, name_fault
from local.azurite import Azurite
from steps.quote.of_sample import governing, whole_lines
from tests.activities.test_signatures import signed
from tests.conftest import Containers
from tests.triggers.test_snapshots_api import called
from triggers import uploads_api

LINE = {
    "method": "POST",
    "url": "/chat/completions",
    "body": {"model": "gpt", "messages": [{"role": "user", "content": "Say hello."}]},
}
SPEC = "messages:\n  - {role: user, content: 'Sort {{ text }}'}\n"
BAD_SPEC = f"{SPEC}modle: x\n"


def lines(count: int) -> bytes:
    return b"".join(
        json.dumps({"custom_id": f"row-{number:06}", **LINE}).encode() + b"\n" for number in range(count)
    )


@pytest.fixture(autouse=True)
def storage(containers: Containers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    services.cache_clear()
    monkeypatch.setenv("DATA", containers.connection_string)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AZURE_OPENAI_DEPLOYMENT", "gpt")
    monkeypatch.setenv("PRICES", '{"gpt": {"input": 1, "output": 2}}')
    for room, name in zip(("INPUT", "PROCESSED", "ERROR", "WORK"), containers.names, strict=True):
        monkeypatch.setenv(f"{room}_CONTAINER", name)
    yield services().storage
    services.cache_clear()


def call(function: Any, body: object) -> tuple[int, dict[str, Any]]:
    request = func.HttpRequest(
        method="POST", url="http://127.0.0.1/api", headers={}, body=json.dumps(body).encode()
    )
    return called(function, request)


def link_of(path: str, size: int = 1, **more: Any) -> Any:
    status, link = call(uploads_api.link_upload, {"path": path, "size": size, **more})
    assert status == 200, link
    return link


def put(link: Any, content: bytes, query: str = "", **headers: str) -> int:
    return requests.put(link["href"] + query, data=content, headers=headers, timeout=30).status_code


def quote(path: str, content: bytes, size: int | None = None, **more: Any) -> tuple[int, dict[str, Any]]:
    told = base64.b64encode(content).decode()
    return call(
        uploads_api.quote_file,
        {"path": path, "content": told, "size": len(content) if size is None else size, **more},
    )


HOSTILE = "tickets/<img src=x onerror=alert(1)> é %2e%2e;sig=&.jsonl"


@pytest.mark.parametrize("path", ["a.jsonl", HOSTILE])
def test_a_link_writes_one_blob_that_is_not_there_and_does_nothing_else(storage: Any, path: str) -> None:
    link = link_of(path, 3)
    assert (link["path"], link["block_bytes"]) == (path, None)
    assert put(link, b"one", **link["headers"]) == 201
    assert storage.input.read(path)[0] == b"one"
    assert put(link, b"two", **link["headers"]) in (403, 409)
    # Without the condition neither: the right is to make, not to write.
    assert put(link, b"two", **{"x-ms-blob-type": "BlockBlob"}) in (403, 409)
    assert storage.input.read(path)[0] == b"one"
    other = link | {"href": link["href"].replace("?", "x?", 1)}
    assert put(other, b"two", **link["headers"]) == 403
    assert requests.get(link["href"], timeout=30).status_code == 403
    assert requests.delete(link["href"], timeout=30).status_code == 403


def test_a_name_that_is_there_is_asked_about_and_replaced_only_then(storage: Any) -> None:
    storage.input.write("a.jsonl", b"old")
    status, problem = call(uploads_api.link_upload, {"path": "a.jsonl", "size": 3})
    assert (status, problem["code"]) == (409, "exists")
    link = link_of("a.jsonl", 3, replace=True)
    assert put(link, b"new", **link["headers"]) == 201
    assert storage.input.read("a.jsonl")[0] == b"new"


def test_a_large_file_comes_in_blocks_and_replaces_nothing_either(storage: Any) -> None:
    link = link_of("large.jsonl", WHOLE_BYTES + 1)
    assert link["block_bytes"]
    ids = [base64.b64encode(f"{number:015}".encode()).decode() for number in range(2)]
    for number, block in enumerate(ids):
        assert put(link, b"%d" % number, f"&comp=block&blockid={block.replace('=', '%3D')}") == 201
    listed = f"<BlockList>{''.join(f'<Latest>{block}</Latest>' for block in ids)}</BlockList>".encode()
    # Nothing is there before the list, so a new link for the rest is no replacement.
    assert link_of("large.jsonl", WHOLE_BYTES + 1)["path"] == "large.jsonl"
    assert put(link, listed, "&comp=blocklist", **link["headers"]) == 201
    assert storage.input.read("large.jsonl")[0] == b"01"
    assert put(link, listed, "&comp=blocklist", **link["headers"]) in (409, 412)


@pytest.mark.parametrize("size", [0, 1, WHOLE_BYTES, WHOLE_BYTES + 1, 10**12, MOST_BYTES])
def test_blocks_are_never_too_many(size: int) -> None:
    length = block_bytes(size)
    assert (length is None) == (size <= WHOLE_BYTES)
    assert length is None or size <= length * MOST_BLOCKS


def test_where_nothing_can_sign_the_reason_is_told(monkeypatch: pytest.MonkeyPatch, azurite: Azurite) -> None:
    monkeypatch.setenv("DATA", signed(azurite))
    services.cache_clear()
    status, problem = call(uploads_api.link_upload, {"path": "a.jsonl", "size": 1})
    assert (status, problem["code"]) == (409, "no_signature")
    assert "sig=" not in json.dumps(problem)


BAD_NAMES = ["", "/a.csv", "a//b.csv", "a/", "../a.csv", "a/./b.csv", "a\\b.csv", "a\nb.csv", "x" * 1025, "a." , "a/" * 70 + "b", "_SUCCESS", ".hidden.csv", "a.csv.part", "~$a.xlsx", "\ud800.csv"]  # fmt: skip


@pytest.mark.parametrize("path", BAD_NAMES)
def test_a_name_that_the_app_would_not_take_is_refused_everywhere(path: str) -> None:
    for function, more in (
        (uploads_api.link_upload, {"size": 1}),
        (uploads_api.check_job_spec, {"content": ""}),
        (uploads_api.quote_file, {"content": "", "size": 0}),
    ):
        status, problem = call(function, {"path": path, **more})
        assert (status, problem["code"]) in ((400, "name"), (400, "body")), function
        assert problem["detail"]


@given(st.text())
def test_a_good_name_is_one_that_a_url_can_name(path: str) -> None:
    if name_fault(path) is None:
        assert requests.Request("GET", f"http://h/{requests.utils.quote(path)}").prepare().url  # type: ignore[attr-defined]
        assert all(part not in ("", ".", "..") for part in path.split("/"))


@pytest.mark.parametrize("body", [{"path": "a"}, {"path": "a", "size": -1}, {"path": "a", "size": 1, "to": "b"}, {"path": 1, "size": 1}, {"path": "a", "size": MOST_BYTES + 1}])  # fmt: skip
def test_what_no_upload_says_is_refused(body: object) -> None:
    assert call(uploads_api.link_upload, body)[0] == 400


# --- job specs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text", "mistakes"),
    [
        ("t/_batch.yaml", SPEC, 0),
        ("t/_batch.yaml", BAD_SPEC, 1),
        ("t/_batch.yaml", "messages: [", 1),
        ("t/_batch.json", "{", 1),
        ("t/Batch.yaml", SPEC, 1),
        ("t/_batch.yaml", "a: &a [*a]\n<b>: !!python/object:os.system x", 1),
    ],
)
def test_all_mistakes_of_a_job_spec_are_told_before_it_goes(
    storage: Any, path: str, text: str, mistakes: int
) -> None:
    status, told = call(uploads_api.check_job_spec, {"path": path, "content": text})
    assert (status, told["path"]) == (200, path)
    assert len(told["mistakes"]) >= mistakes
    assert bool(told["mistakes"]) == bool(mistakes)
    assert all(mistake["message"] for mistake in told["mistakes"])
    assert list(storage.input.list()) == []


def test_what_is_no_job_spec_or_too_large_is_refused() -> None:
    assert call(uploads_api.check_job_spec, {"path": "a.csv", "content": SPEC})[0] == 400
    large = {"path": "_batch.yaml", "content": "#" * 300_000}
    assert call(uploads_api.check_job_spec, large)[0] == 400


# --- quotes -----------------------------------------------------------------------------------------------------------


def test_a_file_is_quoted_before_it_is_there_as_it_will_be_then(storage: Any) -> None:
    content = lines(4) + b"nonsense\n"
    status, before = quote("a.jsonl", content)
    assert status == 200, before
    assert list(storage.input.list()) == []
    storage.input.write("a.jsonl", content)
    assert call(uploads_api.quote_file, {"path": "a.jsonl"}) == (200, before)
    assert (before["requests"], before["invalid"], before["read_bytes"]) == (5, 1, None)


def test_the_beginning_of_a_large_file_stands_for_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_TOKENS_PER_FILE", "500")
    services.cache_clear()
    content = lines(20)
    _, part = quote("a.jsonl", content + content[:50], len(content) * 10)
    assert part["read_bytes"] == len(content)
    assert part["size_bytes"] == len(content) * 10
    assert part["requests"] == 200
    assert (part["verdict"], part["code"]) == ("held", "beyond_budget")
    assert quote("a.jsonl", content)[1]["verdict"] == "ready"
    assert (part["shards"], len(part["prompts"])) == (1, 3)


def test_the_job_specs_that_come_along_count_and_so_do_those_that_are_there(storage: Any) -> None:
    table = b"text\nhello\n"
    _, waits = quote("t/a.csv", table, specs={"t/_batch.yaml": BAD_SPEC})
    assert (waits["verdict"], waits["code"]) == ("waits", "job_spec")
    assert "modle" in waits["reason"]
    _, ready = quote("t/a.csv", table, specs={"t/_batch.yaml": SPEC, "_batch.yaml": BAD_SPEC})
    assert (ready["verdict"], ready["job_spec"]) == ("ready", "t/_batch.yaml")
    assert "Sort hello" in json.dumps(ready["prompts"])
    storage.input.write("t/_batch.yaml", SPEC.replace("Sort", "There").encode())
    _, there = quote("t/a.csv", table, specs={"_batch.yaml": BAD_SPEC})
    assert "There hello" in json.dumps(there["prompts"])
    _, newer = quote("t/a.csv", table, specs={"t/_batch.yaml": SPEC})
    assert "Sort hello" in json.dumps(newer["prompts"])


@pytest.mark.parametrize("path", ["a.parquet", "a.csv.gz", "a.json", "a.xlsx"])
def test_of_some_files_a_beginning_says_nothing(path: str) -> None:
    status, problem = quote(path, b"x" * 100, 1000)
    assert (status, problem["code"]) == (409, "too_large")
    assert "aoai-batch quote" in problem["detail"]


def test_no_more_than_a_megabyte_is_read() -> None:
    assert quote("a.jsonl", b"\n" * (1024 * 1024 + 1))[0] == 400


@given(st.lists(st.text(alphabet='a",\n', max_size=8), max_size=6), st.integers(0, 60))
def test_a_beginning_ends_where_a_row_does(cells: list[str], cut: int) -> None:
    rows = [b'"%s",x\n' % cell.replace('"', '""').encode() for cell in cells]
    content = b"".join(rows)[:cut]
    try:
        kept = whole_lines(content, "a.csv")
    except ConflictError:
        assert not rows or cut < len(rows[0])
        return
    assert kept in [b"".join(rows[:count]) for count in range(len(rows) + 1)]


@pytest.mark.parametrize(
    ("specs", "found"),
    [
        ([], None),
        (["_batch.yaml"], "_batch.yaml"),
        (["a/_batch.yml", "a/_batch.yaml", "_batch.yaml"], "a/_batch.yaml"),
        (["a/Batch.yaml", "_batch.yaml"], "a/Batch.yaml"),
        (["b/_batch.yaml"], None),
    ],
)
def test_the_nearest_job_spec_counts(specs: list[str], found: str | None) -> None:
    assert governing("a/x.csv", specs) == found
