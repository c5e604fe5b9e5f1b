"""Write result records as parquet, with real types, to a place that only takes bytes."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from domain.results.extras import Kind, kind_of
from domain.service.endpoints import ENDPOINTS, Task, Usage
from formats.arrow.building import built, written_type
from formats.sinks import ArrowSink, Sink

ROW_GROUP_BYTES = 16 * 1024 * 1024  # as columns in memory
PENDING_BYTES = 4 * 1024 * 1024  # as Python values, about
PENDING_RECORDS = 1024
_VALUE_BYTES = 32  # a number in a list of Python's


def _counts(names: Iterable[str]) -> list[tuple[str, pa.DataType]]:
    return [(name, pa.int64()) for name in names]


def _usage(usage: Usage) -> pa.DataType:
    details = [(name, pa.struct(_counts(parts))) for name, parts in usage.details.items()]
    return pa.struct([*_counts(usage.counts), *details])


_MORE: Mapping[Kind, pa.DataType] = {
    "text": pa.string(),
    "texts": pa.list_(pa.string()),
    "count": pa.int64(),
    "amount": pa.float64(),
}
USAGE: Mapping[Task, pa.DataType] = {task: _usage(endpoint.usage) for task, endpoint in ENDPOINTS.items()}


class ParquetRecords:
    """Takes records in their order and writes them in row groups of bounded memory. The sink is not closed.

    A record may lack columns: they are null. `once`: the column in which no two values are alike.
    `unfit` counts, per column, values that could not be held in its type and were written as null.
    """

    def __init__(self, sink: Sink, schema: pa.Schema, *, once: str = "") -> None:
        self.schema = schema
        self.unfit: dict[str, int] = {}
        # A dictionary of values that are never the same is in vain.
        repeating = [name for name in schema.names if name != once]
        self._writer = pq.ParquetWriter(ArrowSink(sink), schema, compression="zstd", use_dictionary=repeating)
        self._pending: list[Mapping[str, Any]] = []
        self._pending_bytes = 0
        self._batches: list[pa.RecordBatch] = []
        self._batch_bytes = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """Add one record."""
        self._pending.append(record)
        self._pending_bytes += sum(map(_size, record.values()))
        if self._pending_bytes >= PENDING_BYTES or len(self._pending) >= PENDING_RECORDS:
            self._build()

    def close(self) -> None:
        """Write what is left, and the end of the file. Without it the file is none."""
        self._build()
        self._write_group()
        self._writer.close()

    def _build(self) -> None:
        """Turn the pending records into columns."""
        if not self._pending:
            return
        columns = []
        for field in self.schema:
            column, unfit = built([record.get(field.name) for record in self._pending], field.type)
            columns.append(column)
            if unfit:
                self.unfit[field.name] = self.unfit.get(field.name, 0) + unfit
        batch = pa.RecordBatch.from_arrays(columns, schema=self.schema)
        self._pending, self._pending_bytes = [], 0
        self._batches.append(batch)
        self._batch_bytes += batch.nbytes
        if self._batch_bytes >= ROW_GROUP_BYTES:
            self._write_group()

    def _write_group(self) -> None:
        if self._batches:
            self._writer.write_table(pa.Table.from_batches(self._batches, schema=self.schema))
            self._batches, self._batch_bytes = [], 0


class ParquetResults(ParquetRecords):
    """The results of one table as parquet.

    `task` names the endpoint. Columns: `file`, `row`, `<task>`, the carried ones, those of structured
    answers, `custom_id`, `finish_reason`, `usage`, and those of `more`, which hold JSON as text.
    `carried` gives the carried columns' types in the input, None where it has none (they become text, and what is no text
    its JSON); `answer` the columns of structured answers likewise.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        task: Task,
        carried: Mapping[str, pa.DataType | None] | None = None,
        answer: Mapping[str, pa.DataType | None] | None = None,
        more: Iterable[str] = (),
    ) -> None:
        columns: list[tuple[str, pa.DataType]] = [
            ("file", pa.string()),
            ("row", pa.int64()),
            (task, pa.list_(pa.float32()) if ENDPOINTS[task].has_vectors else pa.string()),
            *((name, written_type(kind)) for name, kind in (carried or {}).items()),
            *((name, written_type(kind)) for name, kind in (answer or {}).items()),
            ("custom_id", pa.string()),
            ("finish_reason", pa.string()),
            ("usage", USAGE[task]),
            *((name, _MORE[kind_of(name)]) for name in more),
        ]
        names = [name for name, _ in columns]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"Columns of the same name: {', '.join(sorted(twice))}.")
        super().__init__(sink, pa.schema(columns), once=task)


def _size(value: Any) -> int:
    """Estimate the bytes a value takes in memory."""
    if isinstance(value, str):
        return len(value)
    return _VALUE_BYTES * len(value) if isinstance(value, list | dict) else _VALUE_BYTES
