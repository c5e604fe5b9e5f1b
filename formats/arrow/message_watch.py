"""Look at the messages of an Arrow file or stream while they are read, before anything is unpacked.

A record batch of a few kilobytes may unpack to gigabytes; pyarrow takes the memory in one call. But it reads the bytes
through us, and each packed buffer begins with its size ("Arrow columnar format", serialization and IPC, read 2026-11). The
metadata are flatbuffers: tables with a list of where their fields lie ("FlatBuffers internals", read 2026-11).
"""

import struct
from collections.abc import Iterator

from domain.bounds import refuse_page
from domain.errors import InputFileError
from formats.allowance import Allowance

_CONTINUATION = b"\xff\xff\xff\xff"
_DICTIONARY, _BATCH = 2, 3  # kinds of messages


class MessageWatch:
    """The messages of one file. `saw` is told of all that is read; it raises InputFileError."""

    def __init__(self, allowance: Allowance, *, is_stream: bool) -> None:
        self._allowance, self._is_stream = allowance, is_stream
        self._waiting: tuple[bytes, int] | None = None  # metadata, and where what they are about begins
        self._dictionaries: dict[int, int] = {}  # bytes of each
        self._rows: dict[int, int] = {}  # of each batch, by where it lies

    def saw(self, position: int, content: bytes) -> None:
        """Look at what was read from a position on."""
        try:
            self._look(position, content)
        except (struct.error, IndexError) as error:
            raise InputFileError(
                "The file cannot be read as Arrow: a broken message.", code="bad_arrow"
            ) from error

    def _look(self, position: int, content: bytes) -> None:
        if self._waiting and position == self._waiting[1]:
            metadata, _ = self._waiting
            self._waiting = None
            self._check(metadata, content, position)
            return
        self._waiting = None
        begin = 0
        length = len(content)
        if self._is_stream:
            if length <= 8:
                return  # the length of what follows, or the mark at the end
        elif content.startswith(_CONTINUATION):
            begin, length = 8, _int32(content, 4)
        else:
            begin, length = 4, _int32(content, 0)  # as before version 0.15
        metadata, body = content[begin : begin + length], content[begin + length :]
        if body:
            self._check(metadata, body, position)
        else:
            self._waiting = metadata, position + len(content)

    def _check(self, metadata: bytes, body: bytes, position: int) -> None:
        message = _Table(metadata, _uint32(metadata, 0))
        kind, header = message.byte(1), message.table(2)
        if header is None or kind not in (_DICTIONARY, _BATCH):
            return
        batch = header.table(1) if kind == _DICTIONARY else header
        if batch is None:
            return
        size = max(len(body), _unpacked_size(batch, body))
        most = self._allowance.bounds.page_bytes
        if kind == _BATCH:
            self._rows[position] = batch.long(0)
            self._allowance.check_rows(sum(self._rows.values()))
        else:
            name, adds = header.long(0), bool(header.byte(2))
            self._dictionaries[name] = size + self._dictionaries.get(name, 0) * adds
            size = sum(self._dictionaries.values())
        if size > most:
            refuse_page(size, most, "A record batch" if kind == _BATCH else "What its dictionaries hold")


def _unpacked_size(batch: "_Table", body: bytes) -> int:
    if batch.table(3) is None:
        return 0
    sizes = (_int64(body, begin) for begin, length in batch.pairs(2) if length >= 8)
    return sum(size for size in sizes if size > 0)


class _Table:
    """A table of a flatbuffer."""

    def __init__(self, content: bytes, at: int) -> None:
        self._content, self._at = content, at
        self._fields = at - _int32(content, at)
        if self._fields < 0:
            raise IndexError

    def _place(self, field: int) -> int | None:
        slot = 4 + 2 * field
        (size,) = struct.unpack_from("<H", self._content, self._fields)
        if slot + 2 > size:
            return None
        (offset,) = struct.unpack_from("<H", self._content, self._fields + slot)
        return self._at + offset if offset else None

    def byte(self, field: int) -> int:
        place = self._place(field)
        return 0 if place is None else self._content[place]

    def long(self, field: int) -> int:
        place = self._place(field)
        return 0 if place is None else _int64(self._content, place)

    def table(self, field: int) -> "_Table | None":
        place = self._place(field)
        return None if place is None else _Table(self._content, place + _uint32(self._content, place))

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """Give the entries of a list of structs that have two numbers of 64 bits each."""
        place = self._place(field)
        if place is None:
            return
        begin = place + _uint32(self._content, place)
        for number in range(_uint32(self._content, begin)):
            at = begin + 4 + 16 * number
            yield _int64(self._content, at), _int64(self._content, at + 8)


def _int32(content: bytes, at: int) -> int:
    return int(struct.unpack_from("<i", content, at)[0])


def _uint32(content: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", content, at)[0])


def _int64(content: bytes, at: int) -> int:
    return int(struct.unpack_from("<q", content, at)[0])
