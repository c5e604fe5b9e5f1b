"""What one file may be once it is unpacked. Each bound is a setting, and what is refused names it."""

from typing import NoReturn

import msgspec

from domain.errors import InputFileError

MAX_VALUE_BYTES = 64 * 1024 * 1024
_NONE = 2**62


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one file. `seconds` are of the processor, for one pass through the file."""

    unpacked_bytes: int
    page_bytes: int
    value_bytes: int
    rows: int
    seconds: float
    memory_bytes: int


# For files that were prepared: they have been within the bounds, whatever the settings say by now.
UNBOUNDED = Bounds(
    unpacked_bytes=_NONE,
    page_bytes=_NONE,
    value_bytes=MAX_VALUE_BYTES,
    rows=_NONE,
    seconds=float("inf"),
    memory_bytes=_NONE,
)


def refuse_unpacked(most: int) -> NoReturn:
    """Refuse a file that unpacks to too much."""
    message = f"The file unpacks to more than {most:,} bytes. Split it, or raise MAX_UNPACKED_BYTES_PER_FILE."
    raise InputFileError(message, code="unpacked_too_large")


def refuse_page(size: int, most: int, what: str) -> NoReturn:
    """Refuse a file of which a part is too large to be held; `what` names the part."""
    message = (
        f"{what} has {size:,} bytes and has to be held whole; at most {most:,} can be. Write the file in smaller pages, "
        "batches or row groups, or raise MAX_BYTES_PER_PAGE."
    )
    raise InputFileError(message, code="part_too_large")


def refuse_rows(most: int) -> NoReturn:
    """Refuse a file with too many rows."""
    message = f"The file has more than {most:,} rows or lines. Split it, or raise MAX_ROWS_PER_FILE."
    raise InputFileError(message, code="too_many_rows")


def refuse_time(most: float) -> NoReturn:
    """Refuse a file that takes too long to prepare."""
    message = (
        f"Preparing the file took more than {most:g} seconds of processor time. Split it or make its templates simpler, "
        "or raise MAX_SECONDS_PER_FILE."
    )
    raise InputFileError(message, code="too_slow")


def refuse_wait(most: float) -> NoReturn:
    """Refuse a file whose preparing would go on when the host ends it."""
    message = (
        f"Preparing the file took more than {most:g} seconds, two thirds of the time that a call may take. Split it, or raise "
        "`functionTimeout` in host.json."
    )
    raise InputFileError(message, code="too_slow")


def refuse_memory(most: int) -> NoReturn:
    """Refuse a file that takes too much memory."""
    message = (
        f"Preparing the file takes more than {most:,} bytes of memory. Write it with smaller rows, pages or row groups, or "
        "raise MAX_MEMORY_BYTES_PER_FILE."
    )
    raise InputFileError(message, code="part_too_large")


def too_long(most: int) -> str:
    """Say of a row, or a value of it, that it is too long."""
    return f"The row has more than {most:,} bytes, which MAX_BYTES_PER_VALUE sets."
