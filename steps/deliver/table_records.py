"""Join the rows of a table with what became of them: a result or an error for each, in the order of the input."""

from collections.abc import Collection
from typing import Any

import msgspec

from adapters.storage.blobs import LazyWriter
from domain import names
from domain.errors import PipelineError
from domain.records import Plan
from domain.results import error_records
from domain.results.error_codes import ErrorCodes
from domain.results.extras import Ended
from domain.service.outcomes import Outcome, ShardOutcome, Tally
from domain.service.plain_answers import NULL, RowAnswer
from domain.spec.request_template import RequestTemplate
from domain.tokens import Prices
from formats.file_types import BINARY
from formats.reading import Table
from formats.rows import BadRow, Row
from formats.source import Source
from steps.deliver.collected_outcomes import CollectedOutcomes
from steps.deliver.table_outputs import TableOutputs
from steps.table_rows import columns_needed, open_rows, type_of_table

NO_ANSWER = RowAnswer(NULL, None, NULL)


class TableRecords:
    """Writes the records of one table. Raises PipelineError when a row has no outcome, or another row's."""

    def __init__(
        self,
        plan: Plan,
        source: Source,
        *,
        results: LazyWriter,
        errors: LazyWriter,
        retry: LazyWriter,
        prices: Prices,
    ) -> None:
        assert plan.spec is not None
        self._plan, self._spec, self._source = plan, plan.spec, source
        self._sinks = {"results": results, "errors": errors, "retry": retry}
        self._tally, self._prices = Tally(), prices
        self.error_codes = ErrorCodes()

    def write(self, collected: CollectedOutcomes) -> Tally:
        """Write all records; gives the counts per outcome. The input is read again only where it is needed."""
        if collected.have_errors or self._spec.output.columns:
            table = self._open(self._wanted(collected))
            outputs = self._outputs(table, collected)
            self._join(table, collected, outputs)
        else:
            outputs = self._outputs(None, collected)
            for ended in collected.outcomes():
                self._write_result(names.row_of(ended.custom_id), ended, {}, outputs)
        outputs.close()
        return self._tally

    def _outputs(self, table: Table | None, collected: CollectedOutcomes) -> TableOutputs:
        return TableOutputs(
            self._plan, self._source, table, **self._sinks, wide=collected.wide, prices=self._prices
        )

    def _open(self, wanted: Collection[str] | None) -> Table:
        """Open the table. JSON rows are gone through once before, where columns of them need types."""
        table = open_rows(self._plan.path, self._source, self._spec, wanted=wanted)
        output = self._spec.output
        if table.columns is not None or output.format == "jsonl" or not output.columns:
            return table
        from formats.text.json_columns import columns_of_rows  # noqa: PLC0415 - loads pyarrow

        types = columns_of_rows(table.rows, None if output.columns == "*" else output.columns)
        again = open_rows(self._plan.path, self._source, self._spec, wanted=wanted)
        return msgspec.structs.replace(again, types=types)

    def _wanted(self, collected: CollectedOutcomes) -> Collection[str] | None:
        """Name the columns that are carried along, with errors also those that requests are made of; None for all.

        The retry file of a text has all of them. That of a typed file is copied from it, by the numbers of its rows.
        """
        if not collected.have_errors:
            carried = self._spec.output.columns
            return None if carried == "*" else carried
        is_typed = type_of_table(self._plan.path).format in BINARY
        return columns_needed(self._spec) if is_typed else None

    def _join(self, table: Table, collected: CollectedOutcomes, outputs: TableOutputs) -> None:
        template = RequestTemplate(self._spec) if collected.have_errors else None
        outcomes, invalid = collected.outcomes(), collected.invalid()
        number_of_invalid, record = next(invalid, (-1, b""))
        for item in table.rows:
            if item.number == number_of_invalid:
                self._write_invalid(item, record, outputs)
                number_of_invalid, record = next(invalid, (-1, b""))
                continue
            ended = _matching(next(outcomes, None), item)
            if ended.outcome is Outcome.OK and isinstance(item, Row):
                self._write_result(item.number, ended, item.values, outputs)
            else:
                self._write_error(item, ended, template, outputs)

    def _write_invalid(self, item: Row | BadRow, record: bytes, outputs: TableOutputs) -> None:
        """Write a row that never became a request; one that could be read is worth a try with a better template."""
        self._tally.count(Outcome.INVALID)
        outputs.errors.write(record + b"\n")
        code, message = error_records.reason_of(record)
        self.error_codes.count(code)
        if outputs.takes_failed:
            values = item.values if isinstance(item, Row) else {}
            ended = Ended(Outcome.INVALID, code, message)
            outputs.result(item.number, f"{names.ROW_PREFIX}{item.number}", NO_ANSWER, values, ended)
        if isinstance(item, Row):
            outputs.retry(item)

    def _write_error(
        self,
        item: Row | BadRow,
        ended: ShardOutcome,
        template: RequestTemplate | None,
        outputs: TableOutputs,
    ) -> None:
        if isinstance(item, BadRow) or template is None:
            raise PipelineError(f"Row {item.number} is not what it was before.", code="outcome_mismatch")
        self._tally.count(ended.outcome or Outcome.MISSING)
        request = template.request(item.number, item.values)
        record = error_records.of_row_outcome(self._plan.path, item.number, item.line, request, ended)
        outputs.errors.write(record)
        self.error_codes.count(ended.code)
        if outputs.takes_failed:
            self._write_failed(item, ended, outputs)
        outputs.retry(item)

    def _write_failed(self, item: Row, ended: ShardOutcome, outputs: TableOutputs) -> None:
        """Write a failed row in its place among the results: without an answer, with what it used and why."""
        came = bytes(ended.answer)
        usage = self._spec.target.read_answer(came).usage if came else NULL
        why = Ended(ended.outcome or Outcome.MISSING, ended.code or "unknown", ended.message)
        outputs.result(item.number, ended.custom_id, NO_ANSWER._replace(usage=usage), item.values, why)

    def _write_result(
        self, number: int, ended: ShardOutcome, values: dict[str, Any], outputs: TableOutputs
    ) -> None:
        self._tally.count(Outcome.OK, flag=ended.flag)
        answer = self._spec.target.read_answer(bytes(ended.answer))
        outputs.result(number, ended.custom_id, answer, values)


def _matching(ended: ShardOutcome | None, item: Row | BadRow) -> ShardOutcome:
    """Make sure that an outcome is the one of this row."""
    if ended is None or names.row_of(ended.custom_id) != item.number:
        found = ended.custom_id if ended else "nothing"
        raise PipelineError(f"Row {item.number} has the outcome of {found!r}.", code="outcome_mismatch")
    return ended
