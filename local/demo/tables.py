"""Check that every row of a table or a text came back exactly once, in order, beside its own values. Pure."""

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, TypeAlias

import pyarrow as pa
from pyarrow import parquet

from local.demo.accounting import Returned

Row: TypeAlias = Mapping[str, Any] | None  # None: malformed


def is_table(path: str) -> bool:
    """Whether a file holds rows, not requests."""
    return PurePosixPath(path).suffix in _READERS


def rows_of(path: str, content: bytes) -> list[Row]:
    """Return the rows of a table, in their order."""
    return _READERS[PurePosixPath(path).suffix](content)


def check_table(path: str, content: bytes, returned: Returned) -> list[str]:
    """Return what is wrong with what came back for a table: one sentence for each row lost, doubled, unknown or mixed up.

    Columns that were carried along have to hold what they hold in the input.
    """
    rows = rows_of(path, content)
    open_rows = dict(enumerate(rows))
    wrong = []
    for kind, records in (("result", returned.outputs), ("error", returned.errors)):
        numbers = [record.get("row") for record in records]
        for record, number in zip(records, numbers, strict=True):
            if not isinstance(number, int) or not 0 <= number < len(rows):
                wrong.append(f"{path}: the {kind}s have row {number}, which the file does not have")
            elif number not in open_rows:
                wrong.append(f"{path}: row {number} came back more than once")
            else:
                row = open_rows.pop(number)
                wrong += [f"{path}: row {number} {fault}" for fault in _faults(path, kind, record, row)]
        known = [number for number in numbers if isinstance(number, int)]
        if known != sorted(known):
            wrong.append(f"{path}: the {kind}s are not in the order of the rows")
    return wrong + [f"{path}: row {number} did not come back" for number in open_rows]


def _faults(path: str, kind: str, record: Mapping[str, Any], row: Row) -> list[str]:
    faults = [] if record.get("file") == path else [f"names the file {record.get('file')!r}"]
    if kind == "error":
        return faults
    if row is None:
        return [*faults, "is malformed, and has a result"]
    carried = [name for name in row if name in record and record[name] != row[name]]
    return faults + [f"came back with {name} {record[name]!r}, not {row[name]!r}" for name in carried]


def _csv_rows(content: bytes) -> list[Row]:
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    header = next(reader)
    return [
        dict(zip(header, fields, strict=True)) if len(fields) == len(header) else None for fields in reader
    ]


def _parquet_rows(content: bytes) -> list[Row]:
    rows: list[Row] = parquet.read_table(pa.BufferReader(content)).to_pylist()
    return rows


def _text_rows(content: bytes) -> list[Row]:
    return [{"text": line} for line in content.decode().splitlines() if line.strip()]


_READERS: Mapping[str, Callable[[bytes], list[Row]]] = {
    ".csv": _csv_rows,
    ".parquet": _parquet_rows,
    ".txt": _text_rows,
}
