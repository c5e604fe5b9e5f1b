"""Where the records of a table go: results as JSON lines or parquet, errors, and the rows to be tried again."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from adapters.storage.blobs import LazyWriter
from domain.records import Plan
from domain.results.columns import ResultColumns, more_columns, result_columns
from domain.service.plain_answers import RowAnswer
from domain.spec.structured import columns_of
from formats.reading import Table
from formats.rows import Row
from formats.selection import Selection, open_selection
from formats.source import Source
from steps.table_rows import type_of_table

if TYPE_CHECKING:
    import pyarrow as pa

_decode = msgspec.json.Decoder().decode
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class Records(Protocol):
    """Takes result records in the order of the rows."""

    def add(self, record: Mapping[str, Any], /) -> None:
        """Add one."""

    def close(self) -> None:
        """Write what is not written yet."""


class TableOutputs:
    """The three files of one table. None of them appears when nothing goes into it.

    `table` is the input, opened for its columns; None where none of them is carried along and no row is tried again.
    `wide` names properties of structured answers with whole numbers that no column of numbers holds.
    """

    def __init__(
        self,
        plan: Plan,
        source: Source,
        table: Table | None,
        *,
        results: LazyWriter,
        errors: LazyWriter,
        retry: LazyWriter,
        wide: Collection[str] = (),
    ) -> None:
        assert plan.spec is not None
        self._plan, self._spec, self._source, self._table = plan, plan.spec, source, table
        self._schema, self._wide = plan.spec.answer_schema, frozenset(wide)
        self._carried = carried_columns(plan, table)
        self._columns = result_columns(plan.spec.task, columns_of(self._schema or {}), self._carried or ())
        self._results_sink, self.errors, self._retry_sink = results, errors, retry
        self._records: Records | None = None
        self._retry: Selection | None = None

    def result(self, number: int, custom_id: str, answer: RowAnswer, values: Mapping[str, Any]) -> None:
        """Write the record of a row that was answered."""
        if self._records is None:
            self._records = self._open_records()
        self._records.add(self._record(number, custom_id, answer, values))

    def retry(self, row: Row) -> None:
        """Add a row to the file that only needs to be dropped again."""
        if self._retry is None:
            self._retry = open_selection(
                self._retry_sink,
                self._source,
                type_of_table(self._plan.path),
                columns=self._table.columns if self._table else None,
                encoding=self._spec.encoding,
                delimiter=self._spec.delimiter,
            )
        self._retry.add(row)

    def close(self) -> None:
        """Write what is not written yet."""
        for part in (self._records, self._retry):
            if part is not None:
                part.close()

    def _record(
        self, number: int, custom_id: str, answer: RowAnswer, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        names: ResultColumns = self._columns
        record: dict[str, Any] = {"file": self._plan.path, "row": number, names.task: answer.content}
        if names.answered:
            found = _answered(answer)
            record |= {column: found.get(name) for name, column in names.answered.items()}
        if self._carried is None:  # every row of a JSON file has its own columns
            names = result_columns(names.task, names.answered, values)
        record |= {column: values.get(name) for name, column in names.carried.items()}
        record |= {"custom_id": custom_id, "finish_reason": answer.finish_reason, "usage": answer.usage}
        record.update(answer.more)
        return record

    def _open_records(self) -> Records:
        if self._spec.output.format == "jsonl":
            return JsonLines(self._results_sink)
        from formats.arrow.answer_columns import column_types  # noqa: PLC0415 - loads pyarrow
        from formats.arrow.results import ParquetResults  # noqa: PLC0415 - loads pyarrow

        types: Mapping[str, pa.DataType] = (self._table.types if self._table else None) or {}
        answer_types = column_types(self._schema, as_json=self._wide) if self._schema else {}
        columns = self._columns
        return DecodedRecords(
            ParquetResults(
                self._results_sink,
                task=columns.task,
                carried={column: types.get(name) for name, column in columns.carried.items()},
                answer={column: answer_types.get(name) for name, column in columns.answered.items()},
                more=more_columns(columns.task),
            ),
            as_json=[
                *self._spec.target.more,
                *(column for name, column in columns.answered.items() if name in self._wide),
            ],
        )


def carried_columns(plan: Plan, table: Table | None) -> Collection[str] | None:
    """Name the columns of the input that go into the results; None for all of a table whose rows differ in theirs."""
    assert plan.spec is not None
    wanted = plan.spec.output.columns
    if wanted != "*":
        return wanted
    return (table.types or table.columns) if table else ()


class JsonLines:
    """Result records as JSON lines. Decimals are written as text, so that nothing of them is lost."""

    def __init__(self, sink: LazyWriter) -> None:
        self._sink = sink

    def add(self, record: Mapping[str, Any]) -> None:
        """Write one line."""
        self._sink.write(_encode(record) + b"\n")

    def close(self) -> None:
        """Have nothing left to write."""


class DecodedRecords:
    """Result records for a file with types: the raw JSON of answers becomes values; what has no types stays JSON."""

    def __init__(self, records: Records, as_json: Collection[str]) -> None:
        self._records, self._as_json = records, frozenset(as_json)

    def add(self, record: Mapping[str, Any]) -> None:
        """Decode and pass on."""
        self._records.add({name: self._value(name, value) for name, value in record.items()})

    def _value(self, name: str, value: Any) -> Any:
        if not isinstance(value, msgspec.Raw):
            return value
        return bytes(value).decode() if name in self._as_json else _decode(value)

    def close(self) -> None:
        """Close what is below."""
        self._records.close()


def _answered(answer: RowAnswer) -> Mapping[str, msgspec.Raw]:
    """Give the properties of a structured answer, as they stand in it; it was held against its schema when it came in."""
    text = _decode(answer.content)
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return {}
    # On one line, whatever white space the model has put between the parts.
    return _decode_parts(msgspec.json.format(text.encode(), indent=-1))
