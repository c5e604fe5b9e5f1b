"""The headers of parquet's pages: what a page unpacks to is told before it is unpacked.

Thrift's compact protocol ("Thrift compact protocol encoding") and `PageHeader` of parquet.thrift (parquet-format 2.11), read 2026-11.
"""

from typing import Any, NamedTuple

MAX_DEPTH = 8  # of structs and lists within one another; a header needs three
DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_2 = 0, 2, 3
# Where a header has what is about its kind of page, and there the encoding; the number of values is always the first field.
_FIELDS: dict[Any, tuple[int, int]] = {DATA_PAGE: (5, 2), DICTIONARY_PAGE: (7, 2), DATA_PAGE_2: (8, 4)}
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)


class PageHeader(NamedTuple):
    """One header. Sizes are bytes; `size` is that of the header itself, `packed` and `unpacked` are those of what follows."""

    kind: int
    unpacked: int
    packed: int
    values: int
    encoding: int
    size: int


def page_header(content: bytes, begin: int) -> PageHeader | None:
    """Read the header that begins there; None where it goes on behind the content. Raises ValueError for what is none."""
    reader = _Reader(content, begin)
    try:
        found = reader.struct(0)
    except IndexError:
        return None
    kind: Any = found.get(1)
    field, of_encoding = _FIELDS.get(kind, (0, 0))
    page = found.get(field, {})
    if not isinstance(page, dict):
        raise ValueError("a page has no header of its kind")  # noqa: TRY004 - of the file
    sizes: Any = (found.get(2), found.get(3), page.get(1, 0), page.get(of_encoding, 0))
    if not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise ValueError("a page has no sizes")
    unpacked, packed, values, encoding = sizes
    return PageHeader(kind, unpacked, packed, values, encoding, reader.at - begin)


class _Reader:
    def __init__(self, content: bytes, at: int) -> None:
        self._content, self.at = content, at

    def struct(self, depth: int) -> dict[int, Any]:
        if depth > MAX_DEPTH:
            raise ValueError("a page header is nested too deeply")
        found: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            delta, kind = head >> 4, head & 15
            field = field + delta if delta else self._signed()
            found[field] = self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:  # noqa: PLR0911 - one for each type
        if kind in (_TRUE, _FALSE):
            return None
        if kind == _BYTE:
            return self._byte()
        if kind in (_I16, _I32, _I64):
            return self._signed()
        if kind == _DOUBLE:
            return self._skip(8)
        if kind == _BINARY:
            return self._skip(self._varint())
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        raise ValueError("a page header has an unknown type")  # maps: none has one

    def _list(self, depth: int) -> None:
        head = self._byte()
        length = head >> 4
        if length == 15:
            length = self._varint()
        kind = head & 15
        if depth > MAX_DEPTH:
            raise ValueError("a page header is nested too deeply")
        for _ in range(length):
            if kind in (_TRUE, _FALSE):
                self._byte()
            else:
                self._value(kind, depth + 1)

    def _byte(self) -> int:
        value = self._content[self.at]
        self.at += 1
        return value

    def _skip(self, length: int) -> None:
        if self.at + length > len(self._content):
            raise IndexError
        self.at += length

    def _varint(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
            shift += 7
            if shift > 63:
                raise ValueError("a page header has a number without end")

    def _signed(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
