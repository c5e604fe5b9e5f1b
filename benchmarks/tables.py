"""The same rows in every format that is read: `id`, `title` and `text`; the text has quotes, commas and line ends."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.workload import PIECE_BYTES, texts

Columns = tuple[list[int], list[str], list[str]]

KINDS = ("csv", "tsv", "csv.gz", "jsonl", "json", "parquet", "arrow", "feather", "txt")
GROUP_ROWS = 50_000
_SCHEMA = pa.schema([("id", pa.int64()), ("title", pa.string()), ("text", pa.string())])


def table_pieces(kind: str, folder: Path, *, rows: int, seed: int, text_bytes: int = 200) -> Iterator[bytes]:
    """Write a table of one of KINDS in groups of GROUP_ROWS rows to a file, stream that in pieces, and delete it."""
    path = folder / f"table.{kind}"
    with path.open("wb") as file:
        _WRITERS[kind](file, _groups(rows, seed, text_bytes))
    with path.open("rb") as file:
        yield from iter(lambda: file.read(PIECE_BYTES), b"")
    path.unlink()


def _groups(rows: int, seed: int, text_bytes: int) -> Iterator[Columns]:
    made = texts(seed, text_bytes)
    for start in range(0, rows, GROUP_ROWS):
        numbers = range(start, min(start + GROUP_ROWS, rows))
        yield list(numbers), [f"Title {n}" for n in numbers], [f'{next(made)},\n"end"' for _ in numbers]


def _delimited(file: IO[bytes], groups: Iterable[Columns], *, delimiter: str) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    _write_rows(text, groups, delimiter=delimiter)
    text.detach()


def _gzipped(file: IO[bytes], groups: Iterable[Columns]) -> None:
    with gzip.open(file, "wt", compresslevel=1, encoding="utf-8", newline="") as text:
        _write_rows(text, groups, delimiter=",")


def _write_rows(text: IO[str], groups: Iterable[Columns], *, delimiter: str) -> None:
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(_SCHEMA.names)
    for columns in groups:
        writer.writerows(zip(*columns, strict=True))


def _lines(file: IO[bytes], groups: Iterable[Columns]) -> None:
    for row in _records(groups):
        file.write(row + b"\n")


def _array(file: IO[bytes], groups: Iterable[Columns]) -> None:
    for number, row in enumerate(_records(groups)):
        file.write((b",\n" if number else b"[\n") + row)
    file.write(b"\n]\n")


def _records(groups: Iterable[Columns]) -> Iterator[bytes]:
    for columns in groups:
        for values in zip(*columns, strict=True):
            yield json.dumps(dict(zip(_SCHEMA.names, values, strict=True)), ensure_ascii=False).encode()


def _parquet(file: IO[bytes], groups: Iterable[Columns]) -> None:
    with pq.ParquetWriter(file, _SCHEMA) as writer:
        for columns in groups:
            writer.write_table(pa.table(list(columns), schema=_SCHEMA))


def _arrow(file: IO[bytes], groups: Iterable[Columns]) -> None:
    with pa.ipc.new_stream(file, _SCHEMA) as writer:
        for columns in groups:
            writer.write_table(pa.table(list(columns), schema=_SCHEMA))


def _feather(file: IO[bytes], groups: Iterable[Columns]) -> None:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(file, _SCHEMA, options=options) as writer:
        for columns in groups:
            writer.write_table(pa.table(list(columns), schema=_SCHEMA))


def _text(file: IO[bytes], groups: Iterable[Columns]) -> None:
    for _, _, column in groups:
        file.writelines(text.replace("\n", " ").encode() + b"\n" for text in column)


_WRITERS: Mapping[str, Callable[[IO[bytes], Iterable[Columns]], None]] = {
    "csv": lambda file, groups: _delimited(file, groups, delimiter=","),
    "tsv": lambda file, groups: _delimited(file, groups, delimiter="\t"),
    "csv.gz": _gzipped,
    "jsonl": _lines,
    "json": _array,
    "parquet": _parquet,
    "arrow": _arrow,
    "feather": _feather,
    "txt": _text,
}
