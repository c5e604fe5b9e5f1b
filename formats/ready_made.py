"""Tell a ready-made batch file from a table of JSON rows."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import islice

import msgspec

from domain.json_depth import is_too_deep
from domain.service.request_lines import UTF8_BOM, split_lines

LINES_LOOKED_AT = 100
BYTES_LOOKED_AT = 1024 * 1024  # lines that begin beyond are not looked at

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_BESIDE_AN_OBJECT = frozenset({"url", "method"})


class LinesHold(StrEnum):
    """What the first lines of a file are."""

    REQUESTS = "requests"  # one is a batch request, or was meant as one
    ROWS = "rows"  # they are other JSON
    NEITHER = "neither"


def look_at_lines(chunks: Iterable[bytes]) -> LinesHold:
    """Tell what a file's first lines are. Takes the file's content, unpacked, and as much of it as is needed."""
    read, found = 0, LinesHold.NEITHER
    for line in islice(split_lines(chunks), LINES_LOOKED_AT):
        values = _values(line.removeprefix(UTF8_BOM))
        if values is not None and _is_request(values):
            return LinesHold.REQUESTS
        if values is not None:
            found = LinesHold.ROWS
        read += len(line) + 1
        if read > BYTES_LOOKED_AT:
            break
    return found


def _is_request(values: Mapping[str, msgspec.Raw]) -> bool:
    """Tell a request from a row, say of a web page or a letter: those have a `url` and a `body` too, but that is text."""
    body = values.get("body")
    if body is None:
        return False
    is_object = bytes(memoryview(body)[:1]) == b"{"
    return "custom_id" in values or (is_object and not _BESIDE_AN_OBJECT.isdisjoint(values))


def _values(line: bytes) -> Mapping[str, msgspec.Raw] | None:
    """Give what a line holds that is a JSON object, None for any other."""
    if is_too_deep(line):
        return None
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
