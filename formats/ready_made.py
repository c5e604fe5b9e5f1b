"""Tell a ready-made batch file from a table of JSON rows."""

from collections.abc import Collection, Iterable
from enum import StrEnum
from itertools import islice

import msgspec

from domain.request_lines import UTF8_BOM, split_lines

LINES_LOOKED_AT = 100
BYTES_LOOKED_AT = 1024 * 1024  # lines that begin beyond are not looked at

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_BESIDE_BODY = frozenset({"custom_id", "url", "method"})


class LinesHold(StrEnum):
    """What the first lines of a file are."""

    REQUESTS = "requests"  # one is a batch request: an object with `body` and a companion of it
    ROWS = "rows"  # they are other JSON
    NEITHER = "neither"


def look_at_lines(chunks: Iterable[bytes]) -> LinesHold:
    """Tell what a file's first lines are. Takes the file's content, unpacked, and as much of it as is needed."""
    read, found = 0, LinesHold.NEITHER
    for line in islice(split_lines(chunks), LINES_LOOKED_AT):
        keys = _keys(line.removeprefix(UTF8_BOM))
        if keys is not None and "body" in keys and not _BESIDE_BODY.isdisjoint(keys):
            return LinesHold.REQUESTS
        if keys is not None:
            found = LinesHold.ROWS
        read += len(line) + 1
        if read > BYTES_LOOKED_AT:
            break
    return found


def _keys(line: bytes) -> Collection[str] | None:
    """Give the keys of a line that is a JSON object, None for any other."""
    try:
        return _decode(line).keys()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
