"""The name of a file tells its format; its first lines tell whether it is a ready-made batch file."""

from collections.abc import Iterator

import pytest

from formats.file_types import FileType, Format, file_type
from formats.ready_made import LinesHold, look_at_lines


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.csv", FileType(Format.CSV)),
        ("dir.csv/A.TSV", FileType(Format.TSV)),
        ("a.b.Parquet", FileType(Format.PARQUET)),
        ("x/a.JSON", FileType(Format.JSON)),
        ("a.jsonl", FileType(Format.JSONL)),
        ("a.ndjson", FileType(Format.JSONL)),
        ("a.arrow", FileType(Format.ARROW)),
        ("a.feather", FileType(Format.ARROW)),
        ("a.txt", FileType(Format.TXT)),
        ("a.CSV.GZ", FileType(Format.CSV, gzipped=True)),
        ("a.jsonl.gz", FileType(Format.JSONL, gzipped=True)),
        ("a.parquet.gz", None),
        ("a.arrow.gz", None),
        ("a.gz", None),
        ("a.docx", None),
        ("csv", None),
        (".csv", None),
        ("dir.csv/file", None),
        ("", None),
    ],
)
def test_the_suffix_tells_the_type(path: str, expected: FileType | None) -> None:
    assert file_type(path) == expected


REQUEST = b'{"custom_id": "a", "method": "POST", "url": "/chat/completions", "body": {"messages": []}}'


@pytest.mark.parametrize(
    "content",
    [
        REQUEST,
        b"\xef\xbb\xbf" + REQUEST,
        b"\n\n" + REQUEST + b"\r\n",
        b'{"body": {}, "url": "/v1/responses"}\n',
        b'{"body": "not even an object", "custom_id": 5}\n',
        b"garbage\n{broken\n" + REQUEST,
        b'{"text": "a row"}\n' * 99 + REQUEST,
        b'{"custom_id": "long", "body": {"text": "' + b"x" * 3_000_000 + b'"}}\n',
    ],
)
def test_a_file_with_requests_is_ready_made(content: bytes) -> None:
    assert look_at_lines([content]) is LinesHold.REQUESTS
    pieces = [content[i : i + 1000] for i in range(0, len(content), 1000)]
    assert look_at_lines(pieces) is LinesHold.REQUESTS


@pytest.mark.parametrize(
    ("content", "holds"),
    [
        (b"", LinesHold.NEITHER),
        (b"\n", LinesHold.NEITHER),
        (b'{"text": "a row"}\n', LinesHold.ROWS),
        (b'{"body": "of a letter", "subject": "a row with that column"}\n', LinesHold.ROWS),
        (b'{"url": "https://example.org", "body": "of a page"}\n', LinesHold.ROWS),
        (b'{"custom_id": "a", "url": "x", "method": "y"}\n', LinesHold.ROWS),
        (b'[{"custom_id": "a", "body": {}}]', LinesHold.NEITHER),
        (b"\x89PNG\r\n\x1a\n\xff\xff", LinesHold.NEITHER),
        (b"[" * 100_000, LinesHold.NEITHER),
        (b'{"text": "a row"}\n' * 100 + REQUEST, LinesHold.ROWS),
        (b'{"text": "' + b"x" * 1_100_000 + b'"}\n' + REQUEST, LinesHold.ROWS),
    ],
)
def test_a_table_is_not_ready_made(content: bytes, holds: LinesHold) -> None:
    assert look_at_lines([content]) is holds


def test_no_more_is_read_than_is_needed() -> None:
    def chunks() -> Iterator[bytes]:
        yield REQUEST + b"\n"
        raise AssertionError("read on")

    assert look_at_lines(chunks()) is LinesHold.REQUESTS
