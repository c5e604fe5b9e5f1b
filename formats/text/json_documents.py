"""Read .json: an array of objects, one object, objects one after the other, or a line for each.

Finds where each object of the stream begins and ends; `json_rows` decodes it. So memory holds one object at a time, and
an object that is no valid JSON costs its row, not the file.
Why: docs/decisions/0004-json-is-cut-before-it-is-parsed.md
"""

import re
from collections.abc import Iterable, Iterator

from domain.errors import InputFileError
from domain.service.request_lines import MAX_LINE_BYTES
from formats.rows import BadRow, Row
from formats.text.json_rows import json_row, read_json_lines

_OPENING, _CLOSING = b"{[", b"}]"
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT = rb'[^"{}\[\]]*+(?:' + _STRING + rb'[^"{}\[\]]*+)*+'  # what has no bracket outside of strings
_TO_BRACKET = re.compile(_FLAT + rb"[{}\[\]]", re.DOTALL)
_SHALLOW = re.compile(  # an object with at most one level of brackets within: most objects, in one step
    rb"[{\[]" + _FLAT + rb"(?:[{\[]" + _FLAT + rb"[}\]]" + _FLAT + rb")*+[}\]]", re.DOTALL
)
_SCALAR = re.compile(_STRING + rb'|[^\s,\[\]{}"]++', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*+")


def read_json(chunks: Iterable[bytes], most: int = MAX_LINE_BYTES) -> Iterator[Row | BadRow]:
    """Give a row for each object; one of more than `most` bytes is a bad one. The text is UTF-8 without a mark.

    Raises InputFileError (`bad_json`) where the text between the objects is broken, or ends too early.
    """
    text = _Text(chunks, most)
    first = text.peek()
    if first is None:
        raise InputFileError("The file holds nothing but white space.", code="empty_file")
    if first not in b"{[":
        message = (
            f"The file begins with {text.found()}; expected an array, an object, or objects line by line."
        )
        raise InputFileError(message, code="bad_json")
    if first == ord("["):
        return _numbered(_array(text), most)
    if _has_a_line_each(text):
        return read_json_lines(text.rest(), most, first_line=1 + text.line_ends)
    return _numbered(_objects(text), most)


def read_lines_of_json(chunks: Iterable[bytes], most: int = MAX_LINE_BYTES) -> Iterator[Row | BadRow]:
    """Give a row for each line that is not blank; one of more than `most` bytes is a bad one. The text is UTF-8 without a mark.

    Raises InputFileError (`json_over_lines`) for objects, or an array, that go over several lines.
    """
    text = _Text(chunks, most)
    if text.peek() is not None:
        _refuse_spread(text)
    return read_json_lines(text.rest(), most, first_line=1 + text.line_ends)


def refuse_spread_json(chunks: Iterable[bytes]) -> None:
    """Refuse JSON that goes over several lines where each line has to be an object. Raises InputFileError."""
    text = _Text(chunks, MAX_LINE_BYTES)
    if text.peek() is not None:
        _refuse_spread(text)


def _refuse_spread(text: "_Text") -> None:
    first, second = text.two_lines()
    if not second and re.match(rb"\s*\[\s*[{\[]", first):
        message = "The file is one JSON array. A .jsonl file has one object on each line: write it so (`jq -c '.[]'`), or call it .json."
        raise InputFileError(message, code="json_over_lines")
    if first.lstrip()[:1] not in (b"{", b"[") or not second or _end_of_object(first) is not None:
        return
    if second.lstrip()[:1] in (b"{", b"[") and first.rstrip() not in (b"{", b"["):
        return
    if first.rstrip()[-1:] not in b":,[{":
        return
    message = (
        f"The file's JSON goes over several lines: what line {1 + text.line_ends} begins is not closed there. A .jsonl file "
        "has one object on each line. Write it so (`jq -c .`, for an array `jq -c '.[]'`); rows of a table may also "
        "come in a .json file, as they are."
    )
    raise InputFileError(message, code="json_over_lines")


def _numbered(elements: Iterator[bytes], most: int) -> Iterator[Row | BadRow]:
    number = 0
    try:
        for element in elements:
            yield json_row(number, element, most=most)
            number += 1
    except InputFileError as error:
        raise InputFileError(f"After {number} rows: {error}", code=error.code) from error


def _array(text: "_Text") -> Iterator[bytes]:
    """Give the elements of the array that begins here."""
    text.skip()
    if text.peek() == ord("]"):
        text.skip()
    else:
        while True:
            yield text.element()
            separator = text.peek()
            if separator not in (ord(","), ord("]")):
                raise InputFileError(f"expected `,` or `]`, found {text.found()}.", code="bad_json")
            text.skip()
            if separator == ord("]"):
                break
    if text.peek() is not None:
        raise InputFileError(f"expected nothing behind the array, found {text.found()}.", code="bad_json")


def _objects(text: "_Text") -> Iterator[bytes]:
    """Give the objects that stand one after the other."""
    while (begin := text.peek()) is not None:
        if begin not in _OPENING:
            raise InputFileError(f"expected an object, found {text.found()}.", code="bad_json")
        yield text.element()


def _has_a_line_each(text: "_Text") -> bool:
    """Tell objects line by line from objects that span lines, by the first two lines.

    A first line that is not closed is a broken row when the next line begins an object that cannot be part of it.
    """
    first, second = text.two_lines()
    end = _end_of_object(first)
    if end is not None:
        return first[end:].lstrip()[:1] != b"{"
    return second.lstrip()[:1] == b"{" and first.rstrip()[-1:] not in b":,[{"


def _end_of_object(line: bytes) -> int | None:
    """Give where the object ends that a line begins with; None where it goes on in another line."""
    depth = 0
    for bracket in _TO_BRACKET.finditer(line):
        depth += 1 if line[bracket.end() - 1] in _OPENING else -1
        if depth == 0:
            return bracket.end()
    return None


class _Text:
    """A stream of JSON text, looked at from one position on."""

    def __init__(self, chunks: Iterable[bytes], most: int) -> None:
        self._chunks = iter(chunks)
        self._most = most  # bytes of a value
        self._held = b""
        self._at = 0
        self.line_ends = 0  # in the white space that was passed

    def peek(self) -> int | None:
        """Give the next byte that is no white space, and stand before it; None at the end."""
        while True:
            begin, self._at = self._at, _end(_SPACE, self._held, self._at)
            self.line_ends += self._held.count(b"\n", begin, self._at)
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more():
                return None

    def skip(self) -> None:
        """Go on by one byte."""
        self._at += 1

    def found(self) -> str:
        """Say for a message what stands here."""
        here = self._held[self._at : self._at + 40]
        return repr(here.decode("utf-8", "replace")) if here else "the end of the file"

    def rest(self) -> Iterator[bytes]:
        """Give everything from here on."""
        yield self._held[self._at :]
        yield from self._chunks

    def two_lines(self) -> tuple[bytes, bytes]:
        """Give the next two lines that are not blank, without moving; what is missing is empty."""
        while True:
            lines = [line for line in self._held[self._at :].split(b"\n", 64) if line.strip()]
            held = len(self._held) - self._at
            if len(lines) > 2 or held > self._most or not self._more(max(1, held)):
                first, second, *_ = [*lines, b"", b""]
                return first, second

    def element(self) -> bytes:
        """Take the value that begins here."""
        begin = self.peek()
        if begin is None:
            raise InputFileError("the file ends where another value should be.", code="bad_json")
        return self._container() if begin in _OPENING else self._scalar()

    def _scalar(self) -> bytes:
        while True:
            match = _SCALAR.match(self._held, self._at)
            if match and match.end() < len(self._held):
                break
            if not self._more_of_the_value():
                if match:
                    break
                raise InputFileError(f"expected a value, found {self.found()}.", code="bad_json")
        self._at = match.end()
        return match.group()

    def _container(self) -> bytes:
        shallow = _SHALLOW.match(self._held, self._at)
        if shallow:
            self._at = shallow.end()
            return shallow.group()
        depth, length = 0, 0  # bytes of the value that are scanned
        while True:
            bracket = _TO_BRACKET.match(self._held, self._at + length)
            if bracket is None:
                if not self._more_of_the_value():
                    raise InputFileError("the file ends within a value; it is truncated.", code="bad_json")
                continue
            length = bracket.end() - self._at
            depth += 1 if self._held[bracket.end() - 1] in _OPENING else -1
            if depth == 0:
                begin, self._at = self._at, bracket.end()
                return self._held[begin : self._at]

    def _more_of_the_value(self) -> bool:
        """Get at least as much again as is held, so that a long string is scanned a few times only."""
        held = len(self._held) - self._at
        if held > self._most:
            message = (
                f"a value is longer than {self._most:,} bytes, which MAX_BYTES_PER_VALUE sets. Rows must be the elements of the "
                "outermost array, or objects of their own."
            )
            raise InputFileError(message, code="row_too_long")
        return self._more(max(1, held))

    def _more(self, least: int = 1) -> bool:
        """Drop what lies behind, and read at least so many bytes; False at the end of the stream."""
        pieces, gained = [self._held[self._at :]], 0
        while gained < least and (chunk := next(self._chunks, None)) is not None:
            pieces.append(chunk)
            gained += len(chunk)
        self._held, self._at = b"".join(pieces), 0
        return gained > 0


def _end(pattern: re.Pattern[bytes], text: bytes, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position
