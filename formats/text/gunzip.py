"""Read gzip as a stream."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from domain.errors import InputFileError
from formats.allowance import Allowance

PIECE_BYTES = 1024 * 1024  # what is unpacked at a time: a small file may unpack to gigabytes
FIRST_STEP_BYTES = 256
LARGEST_STEP_BYTES = 256 * 1024
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
_WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS


def plain(chunks: Iterable[bytes], allowance: Allowance | None = None) -> Iterator[bytes]:
    """Give content unpacked where it is gzip by its first bytes, else as it is: names and labels may say otherwise.

    Raises InputFileError (`bad_gzip`) where gzip is damaged or ends too early; what the allowance raises.
    """
    allowance = allowance or Allowance()
    left = iter(chunks)
    head = b""
    for chunk in left:
        head += chunk
        if len(head) >= len(GZIP_MAGIC):
            break
    whole = chain([head], left) if head else left
    return gunzipped(whole, allowance) if head.startswith(GZIP_MAGIC) else allowance.read(whole)


def gunzipped(chunks: Iterable[bytes], allowance: Allowance | None = None) -> Iterator[bytes]:
    """Unpack gzip, several members in a row included, in pieces of at most PIECE_BYTES.

    Raises InputFileError (`bad_gzip`) where the stream is no gzip, is damaged or ends too early; what the allowance raises.
    """
    allowance = allowance or Allowance()
    left = iter(chunks)
    first = next(left, b"")
    if first.startswith(ZIP_MAGIC):
        raise InputFileError(
            "The file is a ZIP archive and no gzip, whatever its name says. Unpack it.", code="bad_gzip"
        )
    try:
        yield from _packed_once(allowance.unpacked(_unpacked(chain([first], left), allowance)))
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


def _unpacked(chunks: Iterable[bytes], allowance: Allowance) -> Iterator[bytes]:
    member, members = zlib.decompressobj(_WITH_GZIP_HEADER), 0
    inside = False
    for chunk in chunks:
        # Members that hold nothing give no piece at which the time would be looked at.
        allowance.check_time()
        view, step = memoryview(chunk), FIRST_STEP_BYTES
        while view:
            if not inside and members and view[0] == 0:
                # Padding, as tapes and block devices leave it after a member.
                padded = bytes(view[:FIRST_STEP_BYTES])
                view = view[len(padded) - len(padded.lstrip(b"\0")) :]
                continue
            inside = True
            # What zlib leaves of its input it copies, and a member may be 20 bytes long: it is given little at first.
            given = view[:step]
            yield from _piece(member.decompress(given, PIECE_BYTES))
            left = member.unused_data if member.eof else member.unconsumed_tail
            view = view[len(given) - len(left) :]
            step = min(8 * step, LARGEST_STEP_BYTES)
            if member.eof:
                members += 1
                member, inside, step = zlib.decompressobj(_WITH_GZIP_HEADER), False, FIRST_STEP_BYTES
    while inside and (rest := member.decompress(b"", PIECE_BYTES)):
        yield rest
    if inside and not member.eof:
        raise InputFileError(
            "The file ends in the middle of its gzip data; it is truncated.", code="bad_gzip"
        )


def _piece(piece: bytes) -> Iterator[bytes]:
    if piece:
        yield piece
