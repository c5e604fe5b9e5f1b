"""Which format a file has, told by its name."""

from enum import StrEnum
from pathlib import PurePosixPath

import msgspec


class Format(StrEnum):
    """The formats that hold rows."""

    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"
    JSON = "json"
    JSONL = "jsonl"
    ARROW = "arrow"
    TXT = "txt"


class FileType(msgspec.Struct, frozen=True):
    """A format, and whether the bytes are that format within gzip."""

    format: Format
    gzipped: bool = False


SUFFIXES = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".parquet": Format.PARQUET,
    ".json": Format.JSON,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".arrow": Format.ARROW,
    ".feather": Format.ARROW,
    ".txt": Format.TXT,
}
BINARY = frozenset({Format.PARQUET, Format.ARROW})  # they compress themselves; `.gz` of them is not read


def file_type(path: str) -> FileType | None:
    """Tell a file's type by its suffix, in any case; None when it is none that is read."""
    suffixes = PurePosixPath(path).suffixes
    gzipped = bool(suffixes) and suffixes[-1].lower() == ".gz"
    if gzipped:
        suffixes.pop()
    found = SUFFIXES.get(suffixes[-1].lower()) if suffixes else None
    if found is None or (gzipped and found in BINARY):
        return None
    return FileType(found, gzipped)
