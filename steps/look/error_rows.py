"""The failed requests of a file, read from its error file by ranges: never more at once than an answer may have."""

import msgspec

from adapters.storage.blobs import Container
from domain.api.answers import ErrorRow
from domain.api.problems import bad_parameter
from domain.errors import PassingError

ANSWER_BYTES = 256 * 1024  # read for a page
SCANNED_BYTES = 4 * 1024 * 1024  # read for a page of one code; the rest is for the next page

_decode = msgspec.json.Decoder(ErrorRow).decode
# What stands before request and answer, which are long.
_LONG_KEYS = (b',"request":', b',"answer":')


def rows_from(
    container: Container, name: str, *, after: str | None, limit: int, code: str | None
) -> tuple[list[ErrorRow], str | None]:
    """Give a page of rows and the cursor of the next, a byte's number. Of a line that is too long the beginning is read."""
    start = _offset(after)
    content = _read(container, name, start, SCANNED_BYTES if code else ANSWER_BYTES)
    is_all = len(content) < (SCANNED_BYTES if code else ANSWER_BYTES)
    at, items, answered = 0, list[ErrorRow](), 0
    if start and not _begins_line(container, name, start):
        # In the middle of a line that was too long.
        end = content.find(b"\n")
        if end < 0:
            return [], None if is_all else str(start + len(content))
        at = end + 1
    while at < len(content):
        end = content.find(b"\n", at)
        if end < 0:
            if is_all:
                break
            if at == 0 and not items:
                row = _beginning(content)
                return [row] if code in (None, row.code) else [], str(start + len(content))
            return items, str(start + at)
        row = _row(content[at:end])
        if code in (None, row.code):
            if len(items) == limit or (items and answered + end - at > ANSWER_BYTES):
                return items, str(start + at)
            items.append(row)
            answered += end - at
        at = end + 1
    return items, None if is_all else str(start + at)


def _read(container: Container, name: str, start: int, length: int) -> bytes:
    try:
        return container.read_range(name, start, length)
    except PassingError as error:
        if error.code != "InvalidRange":
            raise
    return b""


def _begins_line(container: Container, name: str, start: int) -> bool:
    return _read(container, name, start - 1, 1) in (b"\n", b"")


def _row(line: bytes) -> ErrorRow:
    try:
        return _decode(line) if len(line) <= ANSWER_BYTES else _beginning(line)
    except msgspec.MsgspecError:
        # It was changed since; its place is shown all the same.
        return ErrorRow(truncated=True)


def _beginning(line: bytes) -> ErrorRow:
    """Read what stands before the request in a line that is too long, or is not all there."""
    for key in _LONG_KEYS:
        head, found, _ = line.partition(key)
        if found:
            try:
                return msgspec.structs.replace(_decode(head + b"}"), truncated=True)
            except msgspec.MsgspecError:
                continue
    return ErrorRow(truncated=True)


def _offset(after: str | None) -> int:
    if after is None:
        return 0
    if not (after.isascii() and after.isdecimal() and len(after) < 16):
        raise bad_parameter("after", "not what a page before gave as `next`.")
    return int(after)
