"""Tell a ready-made batch file from a table of JSON rows."""

from collections.abc import Iterable
from itertools import islice

import msgspec

from domain.request_lines import UTF8_BOM, split_lines

LINES_LOOKED_AT = 100
BYTES_LOOKED_AT = 1024 * 1024  # lines that begin beyond are not looked at

_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_BESIDE_BODY = frozenset({"custom_id", "url", "method"})


def looks_ready_made(chunks: Iterable[bytes]) -> bool:
    """Tell whether one of a file's first lines is a batch request: an object with `body` and a companion of it.

    Takes the file's content, unpacked, and as much of it as is needed.
    """
    read = 0
    for line in islice(split_lines(chunks), LINES_LOOKED_AT):
        if _is_request(line.removeprefix(UTF8_BOM)):
            return True
        read += len(line) + 1
        if read > BYTES_LOOKED_AT:
            break
    return False


def _is_request(line: bytes) -> bool:
    try:
        keys = _keys(line).keys()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return "body" in keys and not _BESIDE_BODY.isdisjoint(keys)
