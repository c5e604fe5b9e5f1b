"""Read gzip as a stream."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from domain.errors import InputFileError

PIECE_BYTES = 1024 * 1024  # what is unpacked at a time: a small file may unpack to gigabytes
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
_WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS


def plain(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Give content unpacked where it is gzip by its first bytes, else as it is: names and labels may say otherwise.

    Raises InputFileError (`bad_gzip`) where gzip is damaged or ends too early.
    """
    left = iter(chunks)
    head = b""
    for chunk in left:
        head += chunk
        if len(head) >= len(GZIP_MAGIC):
            break
    whole = chain([head], left) if head else left
    return gunzipped(whole) if head.startswith(GZIP_MAGIC) else whole


def gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack gzip, several members in a row included, in pieces of at most PIECE_BYTES.

    Raises InputFileError (`bad_gzip`) where the stream is no gzip, is damaged or ends too early.
    """
    left = iter(chunks)
    first = next(left, b"")
    if first.startswith(ZIP_MAGIC):
        raise InputFileError(
            "The file is a ZIP archive and no gzip, whatever its name says. Unpack it.", code="bad_gzip"
        )
    try:
        yield from _packed_once(_unpacked(chain([first], left)))
    except zlib.error as error:
        not_packed = " If it is not packed, its name should not end in .gz." * ("header" in str(error))
        message = f"The file is no valid gzip: {error}.{not_packed}"
        raise InputFileError(message, code="bad_gzip") from error


def _packed_once(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for number, piece in enumerate(pieces):
        if number == 0 and piece.startswith(GZIP_MAGIC):
            raise InputFileError(
                "The file is packed twice, gzip within gzip. Unpack it once.", code="bad_gzip"
            )
        yield piece


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    member, members = zlib.decompressobj(_WITH_GZIP_HEADER), 0
    inside = False
    for chunk in chunks:
        left = chunk
        while left:
            if not inside and members:
                left = left.lstrip(b"\0")  # padding after a member, as tapes and block devices leave it
                if not left:
                    break
            inside = True
            yield from _piece(member.decompress(left, PIECE_BYTES))
            left = member.unconsumed_tail
            if member.eof:
                left, members = member.unused_data, members + 1
                member, inside = zlib.decompressobj(_WITH_GZIP_HEADER), False
    while inside and (rest := member.decompress(b"", PIECE_BYTES)):
        yield rest
    if inside and not member.eof:
        raise InputFileError(
            "The file ends in the middle of its gzip data; it is truncated.", code="bad_gzip"
        )


def _piece(piece: bytes) -> Iterator[bytes]:
    if piece:
        yield piece
