"""Tell a ready-made batch file from a table of JSON rows, and read its lines."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import chain, islice
from typing import Any

import msgspec

from domain.errors import InputFileError
from domain.json_depth import is_too_deep
from domain.service.request_lines import UTF8_BOM, lists_of_lines, split_lines
from domain.spec.known_texts import shape_of_text
from domain.spec.shapes import is_complete_request, shape_of
from formats.allowance import Allowance
from formats.text.gunzip import GZIP_MAGIC, plain
from formats.text.json_documents import refuse_spread_json

LINES_AT_ONCE = 256  # between two looks at how long a file takes
LINES_LOOKED_AT = 100
FIRST_LINES = 3
BYTES_LOOKED_AT = 1024 * 1024  # lines that begin beyond are not looked at

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_whole = msgspec.json.Decoder(dict[str, Any]).decode
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


def is_packed(first_piece: bytes) -> bool:
    """Tell gzip by its first bytes, whatever the file is called."""
    return first_piece.startswith(GZIP_MAGIC)


def request_lines(chunks: Iterable[bytes], allowance: Allowance | None = None) -> Iterator[bytes]:
    """Cut a ready-made file, packed or not, into its lines. Raises InputFileError (`bad_gzip`), and what the allowance raises."""
    return chain.from_iterable(lists_of_request_lines(chunks, allowance or Allowance()))


def lists_of_request_lines(chunks: Iterable[bytes], allowance: Allowance) -> Iterator[list[bytes]]:
    """Give the lines that `request_lines` gives, and raise what it does, at most LINES_AT_ONCE together."""
    for lines in lists_of_lines(plain(chunks, allowance), allowance.bounds.value_bytes):
        for start in range(0, len(lines), LINES_AT_ONCE):
            yield lines[start : start + LINES_AT_ONCE]


def beginning(first_piece: bytes) -> list[bytes]:
    """Unpack the beginning of a file as far as that goes; damage is told later, by the reader of the whole file."""
    pieces: list[bytes] = []
    unpacked = plain([first_piece])
    while sum(len(piece) for piece in pieces) <= BYTES_LOOKED_AT:
        try:
            piece = next(unpacked, None)
        except InputFileError:
            break
        if piece is None:
            break
        pieces.append(piece)
    return pieces


def refuse_what_is_no_request(chunks: Iterable[bytes]) -> None:
    """Refuse lines of which none is a whole request, and JSON that goes over several lines.

    Takes what `look_at_lines` takes. Raises InputFileError: the cause is one, and no line has to be told apart.
    """
    content = list(chunks)
    refuse_spread_json(content)
    rows = []
    for line in islice(split_lines(content), LINES_LOOKED_AT):
        try:
            values = _decode_whole(line.removeprefix(UTF8_BOM))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if is_complete_request(values):
            return
        rows.append(values)
    first = b"\n".join(islice(split_lines(content), FIRST_LINES)).decode("utf-8", "replace")
    if shape := shape_of(rows) if rows else shape_of_text(first):
        raise InputFileError(shape.message, code=shape.code)


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
