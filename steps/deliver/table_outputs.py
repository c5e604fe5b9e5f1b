"""Where the records of a table go: results in one of four formats, errors, and the rows to be tried again."""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from adapters.storage.blobs import LazyWriter
from domain.records import Plan
from domain.results.columns import FIRST, ResultColumns, more_columns, result_columns
from domain.results.extras import Ended, extra_columns, extra_values
from domain.service.plain_answers import RowAnswer
from domain.spec.structured import columns_of, json_of
from domain.tokens import Prices
from formats.reading import Table
from formats.rows import Row
from formats.selection import Selection, open_selection
from formats.source import Source
from formats.text.csv_results import CsvResults
from formats.xlsx_results import XlsxResults
from steps.table_rows import type_of_table

if TYPE_CHECKING:
    import pyarrow as pa

NO_PRICES: Prices = MappingProxyType({})
# Tokens have columns of their own there, when they are asked for.
LAST_OF_SPREADSHEETS = ("custom_id", "finish_reason")

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
        prices: Prices = NO_PRICES,
    ) -> None:
        assert plan.spec is not None
        self._plan, self._spec, self._source, self._table = plan, plan.spec, source, table
        self._schema, self._wide = plan.spec.answer_schema, frozenset(wide)
        self._carried = carried_columns(plan, table)
        self._extra, self._prices = extra_columns(plan.spec.output), prices
        self._columns = self._named(columns_of(self._schema or {}), self._carried or ())
        self._results_sink, self.errors, self._retry_sink = results, errors, retry
        self._records: Records | None = None
        self._retry: Selection | None = None

    def result(
        self,
        number: int,
        custom_id: str,
        answer: RowAnswer,
        values: Mapping[str, Any],
        ended: Ended = Ended(),  # noqa: B008 - frozen
    ) -> None:
        """Write the record of a row that was answered, or of one that failed and has its place among the others."""
        if self._records is None:
            self._records = self._open_records()
        self._records.add(self._record(number, custom_id, answer, values, ended))

    @property
    def takes_failed(self) -> bool:
        """Whether rows that failed have their places among the results."""
        return self._spec.output.failed == "inline"

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

    def _named(self, answered: Iterable[str], carried: Iterable[str]) -> ResultColumns:
        return result_columns(self._spec.task, answered, carried, self._extra)

    def _record(
        self, number: int, custom_id: str, answer: RowAnswer, values: Mapping[str, Any], ended: Ended
    ) -> dict[str, Any]:
        names: ResultColumns = self._columns
        record: dict[str, Any] = {"file": self._plan.path, "row": number, names.task: answer.content}
        if names.answered:
            found = _answered(answer) if ended.code is None else {}
            record |= {column: found.get(name) for name, column in names.answered.items()}
        if self._carried is None:  # every row of a JSON file has its own columns
            names = self._named(names.answered, values)
        record |= {column: values.get(name) for name, column in names.carried.items()}
        record |= {"custom_id": custom_id, "finish_reason": answer.finish_reason, "usage": answer.usage}
        if self._extra:
            deployment = self._plan.model or ""
            told = extra_values(ended, answer.usage, prices=self._prices, deployment=deployment)
            record |= {column: told[column] for column in self._extra}
        record.update(answer.more)
        return record

    def _open_records(self) -> Records:
        kind = self._spec.output.format
        if kind == "jsonl":
            return JsonLines(self._results_sink)
        columns = self._columns
        more = [*self._extra, *more_columns(columns.task)]
        wide = [column for name, column in columns.answered.items() if name in self._wide]
        as_json = [*self._spec.target.more, *wide]
        records = self._open_parquet(more) if kind == "parquet" else self._open_spreadsheet(kind, more)
        return DecodedRecords(records, as_json)

    def _open_spreadsheet(self, kind: str, more: list[str]) -> Records:
        columns = self._columns
        answered, carried = columns.answered.values(), columns.carried.values()
        listed = [*FIRST, columns.task, *answered, *carried, *LAST_OF_SPREADSHEETS, *more]
        opened = CsvResults if kind == "csv" else XlsxResults
        return opened(self._results_sink, listed)

    def _open_parquet(self, more: list[str]) -> Records:
        from formats.arrow.answer_columns import column_types  # noqa: PLC0415 - loads pyarrow
        from formats.arrow.results import ParquetResults  # noqa: PLC0415 - loads pyarrow

        types: Mapping[str, pa.DataType] = (self._table.types if self._table else None) or {}
        answer_types = column_types(self._schema, as_json=self._wide) if self._schema else {}
        columns = self._columns
        return ParquetResults(
            self._results_sink,
            task=columns.task,
            carried={column: types.get(name) for name, column in columns.carried.items()},
            answer={column: answer_types.get(name) for name, column in columns.answered.items()},
            more=more,
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
    return _decode_parts(msgspec.json.format(json_of(text), indent=-1))
