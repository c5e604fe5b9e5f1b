"""The failed rows of a file, page by page: each once, in order, whatever their length."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.api.answers import ErrorRow
from domain.api.problems import ProblemError
from domain.errors import PassingError
from steps.look import error_rows
from steps.look.error_rows import rows_from

WINDOW = 400  # bytes, in place of 256 KB


class MemoryContainer:
    """What is used of a container."""

    def __init__(self, content: bytes) -> None:
        self._content, self.reads = content, 0

    def read_range(self, _name: str, offset: int, length: int) -> bytes:
        self.reads += 1
        if offset >= len(self._content):
            raise PassingError("Beyond its end.", code="InvalidRange")
        return self._content[offset : offset + length]


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_rows, "ANSWER_BYTES", WINDOW)
    monkeypatch.setattr(error_rows, "SCANNED_BYTES", 3 * WINDOW)


def line(number: int, code: str, length: int) -> bytes:
    record = {
        "file": "in/a.csv",
        "line": number,
        "custom_id": f"row-{number}",
        "outcome": "failed",
        "code": code,
        "message": 'He said "no", {really}.\n',
        "attempts": 1,
        "request": {"text": "\\" + "x" * length},
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def all_rows(container: MemoryContainer, *, limit: int, code: str | None = None) -> list[ErrorRow]:
    rows: list[ErrorRow] = []
    after: str | None = None
    for _ in range(10_000):
        found, after = rows_from(container, "errors", after=after, limit=limit, code=code)  # type: ignore[arg-type]
        assert len(found) <= limit
        rows += found
        if after is None:
            return rows
    raise AssertionError("it does not end")


lengths = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 5 * WINDOW)), max_size=12)


@given(lengths=lengths, limit=st.integers(1, 5), code=st.sampled_from([None, "a"]))
def test_every_row_comes_once_in_order(lengths: list[tuple[str, int]], limit: int, code: str | None) -> None:
    content = b"".join(line(number, of, length) for number, (of, length) in enumerate(lengths))
    found = all_rows(MemoryContainer(content), limit=limit, code=code)
    wanted = [number for number, (of, _) in enumerate(lengths) if code in (None, of)]
    assert [row.line for row in found] == wanted
    for row in found:
        request: Any = json.loads(bytes(row.request))
        length = lengths[row.line or 0][1]
        assert request == (None if row.truncated else {"text": "\\" + "x" * length})
        assert row.truncated or length <= WINDOW


def test_a_page_is_one_read() -> None:
    container = MemoryContainer(b"".join(line(n, "a", 10) for n in range(1000)))
    rows_from(container, "errors", after=None, limit=2, code=None)  # type: ignore[arg-type]
    assert container.reads == 1


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"nonsense\n", b"[1]\n", b'{"line": "x"}\n', b"\xff\xfe\n", b"no end"]
)
def test_what_has_become_of_the_file_is_no_failure(content: bytes) -> None:
    assert all(row.truncated for row in all_rows(MemoryContainer(content), limit=10))


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "\u0661", "9" * 20, ""])
def test_what_is_no_cursor_is_refused(after: str) -> None:
    with pytest.raises(ProblemError, match="after"):
        rows_from(MemoryContainer(b""), "errors", after=after, limit=1, code=None)  # type: ignore[arg-type]


def test_a_cursor_beyond_the_end_gives_nothing() -> None:
    found = rows_from(MemoryContainer(b"a\n"), "errors", after="50", limit=1, code=None)  # type: ignore[arg-type]
    assert found == ([], None)
