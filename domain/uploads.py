"""Names under which people may bring files, and what a link to write one of them says.

A link of a small file lets its holder make that blob, and no more: on one that exists the storage refuses it. Blocks can
only be written with the right to write; their list is refused by its condition ("Put Block List", read 2026-11).
"""

from collections.abc import Mapping
from math import ceil

import msgspec

from domain import names
from domain.side_files import side_file

MOST_NAME_CHARS = 1024  # "Naming and referencing containers, blobs, and metadata", read 2026-11
MOST_SEGMENTS = 60  # an ADLS Gen2 account takes 61, its container included
WHOLE_BYTES = 32 * 1024 * 1024  # up to this a file goes in one call
BLOCK_BYTES = 8 * 1024 * 1024
MOST_BLOCKS = 50_000
MOST_BLOCK_BYTES = 4000 * 1024 * 1024
MOST_BYTES = MOST_BLOCKS * MOST_BLOCK_BYTES
LINK_SECONDS = 15 * 60.0


class UploadLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where one file may be written for some minutes, by anyone who has the link.

    path         its name in the input container
    href         the signed link
    block_bytes  null: one `PUT` of all; else `comp=block` for each so many bytes, then `comp=blocklist`
    headers      what goes with that `PUT`, or with the one of the list
    until        when it ends; a new one for the same name goes on with the blocks that are there
    """

    path: str
    href: str
    block_bytes: int | None
    headers: dict[str, str]
    until: str


def name_fault(path: str) -> str | None:
    """Say why the app would not take a file of this name, None where it would."""
    parts = path.split("/")
    faults = {
        "A name has no empty parts.": not all(parts),
        "A name with `.` or `..` between slashes cannot be called by a URL.": not names.is_addressable(path),
        "A name has no backslashes and no control characters.": any(
            char == "\\" or ord(char) < ord(" ") or char == "\x7f" for char in path
        ),
        "Half of a character is in the name.": not _is_text(path),
        f"A name has at most {MOST_NAME_CHARS:,} characters.": len(path.encode("utf-16-le", "replace")) // 2
        > MOST_NAME_CHARS,
        f"A name has at most {MOST_SEGMENTS} parts.": len(parts) > MOST_SEGMENTS,
        "A name does not end with a dot.": any(part.endswith(".") for part in parts),
    }
    passed = side_file(path)
    return next((fault for fault, holds in faults.items() if holds), passed.reason if passed else None)


def _is_text(path: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in path)


def block_bytes(size: int) -> int | None:
    """Give the size of the blocks of a file of so many bytes; None where it goes in one call."""
    return None if size <= WHOLE_BYTES else max(BLOCK_BYTES, ceil(size / MOST_BLOCKS))


def headers(size: int, *, replace: bool) -> Mapping[str, str]:
    """Give what a call says that makes the blob: which kind it is, and that there is none yet."""
    kind = {} if block_bytes(size) else {"x-ms-blob-type": "BlockBlob"}
    return kind if replace else {**kind, "If-None-Match": "*"}
