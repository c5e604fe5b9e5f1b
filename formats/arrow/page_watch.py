"""Look at the pages of a parquet file while they are read, before anything is unpacked.

A page of a few bytes may say that it unpacks to gigabytes, and a dictionary may hold one value of megabytes that a
thousand rows name. pyarrow believes both, and takes the memory within one call. But it reads the bytes through us.
"""

import struct
from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pyarrow as pa

from domain.bounds import refuse_page
from domain.errors import InputFileError
from formats.allowance import Allowance
from formats.arrow.page_headers import DICTIONARY_PAGE, PageHeader, page_header

MAX_HEADER_BYTES = 16 * 1024 * 1024  # pyarrow's own
# What the rows of one batch may have together where values come from a dictionary, or are written as the ends of others.
EXPANDED_BYTES = 64 * 1024 * 1024
# To look at each value of a dictionary takes a few milliseconds: it is done where those of a batch could have more than this
# together, which most dictionaries of a megabyte, the usual size, cannot.
UNSEEN_BYTES = 640 * 1024 * 1024
# Of a column of lists: pyarrow holds the whole of a row, whose length nothing tells before.
MANY_VALUES = 32 * 1024 * 1024
MANY_BYTES = 512 * 1024 * 1024
_DELTA_BYTE_ARRAY = 7
_CODECS = {
    "LZ4": "lz4_raw",
    "LZ4_RAW": "lz4_raw",
}  # the first is framed in some files: then it is not unpacked here
_LENGTH = struct.Struct("<I")


class SmallerBatchesError(Exception):
    """The values are larger than the row group said: so many rows fit into a batch."""

    def __init__(self, rows: int) -> None:
        super().__init__(f"{rows} rows at once")
        self.rows = rows


class Leaf:
    """A stored column of one row group, as its metadata has it."""

    def __init__(self, chunk: Any, column: Any) -> None:
        dictionary = chunk.dictionary_page_offset if chunk.has_dictionary_page else None
        first = chunk.data_page_offset
        self.begin = dictionary if dictionary and dictionary < first else first
        self.end = self.begin + chunk.total_compressed_size
        self.values: int = chunk.num_values
        self.name: str = column.path
        self.compression: str = chunk.compression
        self.is_repeated: bool = column.max_repetition_level > 0
        self.has_lengths: bool = column.physical_type == "BYTE_ARRAY"
        self.width = int(column.length) if column.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0


class PageWatch:
    """The pages of one row group. `saw` is told of all that is read; it raises InputFileError, and SmallerBatchesError.

    `find_leaves` is asked at the first read: by then pyarrow has looked at the metadata of each column, and raised for those that
    are encrypted or broken. Asked for them before, it would end the process.
    """

    def __init__(
        self, find_leaves: Callable[[], list[Leaf]], rows: int, rows_at_once: int, allowance: Allowance
    ) -> None:
        self._find_leaves, self._allowance = find_leaves, allowance
        self._rows, self._at_once = max(1, rows), rows_at_once
        self._page_bytes = allowance.bounds.page_bytes
        self._begins: list[int] = []
        self._pages: dict[int, _Pages] = {}
        self._unseen = 0
        self._row_bytes: dict[int, float] = {}

    def saw(self, position: int, content: bytes) -> None:
        """Look at what was read from a position on."""
        if not self._pages:
            self._open()
        number = bisect_right(self._begins, position) - 1
        if number >= 0:
            pages = self._pages[self._begins[number]]
            for header, packed in pages.saw(position, content):
                self._check(pages, header, packed)

    def _open(self) -> None:
        leaves = sorted(self._find_leaves(), key=lambda leaf: leaf.begin)
        for before, behind in pairwise(leaves):
            if before.end > behind.begin:
                raise InputFileError("The file's columns lie within one another.", code="bad_parquet")
        self._begins = [leaf.begin for leaf in leaves]
        self._pages = {leaf.begin: _Pages(leaf) for leaf in leaves}
        for leaf in leaves:
            if leaf.is_repeated and leaf.values > MANY_VALUES:
                self._allowance.risk(
                    f"Column {leaf.name!r} has {leaf.values:,} values in {self._rows:,} rows."
                )
            if leaf.is_repeated and leaf.width:
                self._expands(leaf, leaf.width)

    def _check(self, pages: "_Pages", header: PageHeader, packed: bytes | None) -> None:
        leaf = pages.leaf
        for size in (header.unpacked, header.packed):
            if size > self._page_bytes:
                refuse_page(size, self._page_bytes, f"A page of column {leaf.name!r}")
        if header.kind == DICTIONARY_PAGE:
            largest = leaf.width
            if leaf.has_lengths:
                # Each value has a length of four bytes before it; most dictionaries need no closer look.
                largest = max(0, header.unpacked - 4 * header.values)
                most = largest * (leaf.values if leaf.is_repeated else self._at_once)
                if self._unseen + most <= UNSEEN_BYTES:
                    self._unseen += most
                    return
                if packed is not None:
                    largest = _longest(packed, header.unpacked, leaf.compression) or largest
            self._expands(leaf, largest)
            return
        pages.values += header.values
        if leaf.is_repeated and pages.values > leaf.values:
            raise InputFileError(
                f"Column {leaf.name!r} has more values than the file says.", code="bad_parquet"
            )
        if header.encoding == _DELTA_BYTE_ARRAY:
            self._expands(leaf, header.unpacked)

    def _expands(self, leaf: Leaf, largest: int) -> None:
        """Note how large a value of a column may be. Raises SmallerBatchesError."""
        values = leaf.values / self._rows if leaf.is_repeated else 1.0
        if leaf.is_repeated and largest * leaf.values > MANY_BYTES:
            self._allowance.risk(
                f"Column {leaf.name!r} has {leaf.values:,} values of up to {largest:,} bytes."
            )
        self._row_bytes[leaf.begin] = max(self._row_bytes.get(leaf.begin, 0.0), largest * max(1.0, values))
        fitting = EXPANDED_BYTES / max(1.0, sum(self._row_bytes.values()))
        if self._at_once > max(1.0, fitting):
            raise SmallerBatchesError(max(1, int(fitting)))


class _Pages:
    """The pages of one column: where the next one begins."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.values = 0
        self._next = leaf.begin
        self._held, self._held_from = b"", 0

    def saw(self, position: int, content: bytes) -> "list[tuple[PageHeader, bytes | None]]":
        """Give the pages that begin here; of a dictionary that is here as a whole, what is in it."""
        if position == self._held_from + len(self._held) and self._held:
            position, content = self._held_from, self._held + content
        self._held = b""
        found: list[tuple[PageHeader, bytes | None]] = []
        end = min(position + len(content), self.leaf.end)
        while position <= self._next < end:
            begin = self._next - position
            try:
                header = page_header(content, begin)
            except ValueError as error:
                raise InputFileError(
                    f"The file cannot be read as parquet: {error}.", code="bad_parquet"
                ) from error
            if header is None:
                self._hold(content, begin)
                break
            body = begin + header.size
            is_dictionary = header.kind == DICTIONARY_PAGE and self.leaf.has_lengths
            if is_dictionary and body + header.packed > len(content) and header.packed <= MAX_HEADER_BYTES:
                self._hold(content, begin)
                break
            self._next += header.size + header.packed
            is_whole = is_dictionary and body + header.packed <= len(content)
            found.append((header, content[body : body + header.packed] if is_whole else None))
        return found

    def _hold(self, content: bytes, begin: int) -> None:
        """Keep the beginning of a page until the rest is read."""
        if len(content) - begin > 2 * MAX_HEADER_BYTES:
            raise InputFileError(
                "The file cannot be read as parquet: a header without end.", code="bad_parquet"
            )
        self._held, self._held_from = content[begin:], self._next


def _longest(packed: bytes, size: int, compression: str) -> int | None:
    """Give the length of the longest value of a dictionary; None where it cannot be unpacked here."""
    values = packed
    if compression != "UNCOMPRESSED":
        try:
            values = bytes(pa.Codec(_CODECS.get(compression, compression.lower())).decompress(packed, size))
        except (pa.ArrowException, OSError, ValueError):
            return None
    # A dictionary may have a hundred thousand values: nothing is called for each of them but what reads its length.
    longest, at, end, length_at = 0, 0, len(values) - 4, _LENGTH.unpack_from
    last = end
    while at <= last:
        length = length_at(values, at)[0]
        if length > longest:
            longest, last = length, end - length
        at += 4 + length
    return longest
