"""Turn a table, or a text, into shards: one request per row, made from the job spec's templates."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from adapters.work.claims import FrozenInput
from adapters.work.store import WorkStore
from domain import names
from domain.errors import InputFileError, PipelineError, RowTemplateError
from domain.estimates import TokenMeter
from domain.partitions import partition_values
from domain.records import Plan
from domain.results import error_records
from domain.results.error_records import BadRecords
from domain.service.endpoints import engine_of
from domain.settings import Settings
from domain.spec.job_spec import JobSpec
from domain.spec.known_texts import shape_of_lines
from domain.spec.request_template import MAX_ROWS_TO_LOOK_AT, RequestTemplate, completed
from domain.spec.shapes import COLUMN_BY_COLUMN, is_column_oriented
from domain.spec.text_column import may_be_nothing, refuse_nothing
from domain.templates.fields import WORK
from formats.allowance import Allowance
from formats.file_types import Format
from formats.reading import Table
from formats.rows import BadRow, Row, RowBlock, Rows
from formats.source import Source
from formats.text.plain_text import COLUMN as TEXT
from steps.prepare.one_cause import Causes, refuse_unreadable
from steps.shard_writer import HELD_BYTES, first_shards
from steps.table_rows import columns_needed, open_rows, type_of_table

ROWS_BETWEEN_LOOKS = 64
# Read ahead of the rows that are looked at first; pieces of that are larger, and are held anyway.
MAX_BYTES_TO_LOOK_AT = 8 * 1024 * 1024

# Refusals that come from the rows: each gets its record.
_ROW_CODES = frozenset({"no_good_row", "file_rejected"})


class TablePreparation:
    """One pass through one table: every row becomes a request in a shard, or an error record.

    A second pass follows only where the file is refused because of its rows.
    """

    def __init__(
        self,
        key: str,
        frozen: FrozenInput,
        source: Source,
        spec: JobSpec,
        *,
        folder: str | None = None,
        store: WorkStore,
        settings: Settings,
        plan_number: int = 0,
        allow: Callable[[], Allowance] = Allowance,
    ) -> None:
        self._of_folders = partition_values(frozen.claim.path)
        spec = _carrying(spec, self._of_folders)
        self._key, self._source, self._spec = key, source, spec
        self._store, self._settings = store, settings
        self._allow = allow
        self._allowance = allow()
        self._first: Sequence[Mapping[str, Any]] = ()  # the values of the first rows
        self._may_lack_header = False
        self._text: str | None = None  # the column of texts, where no template says what is sent
        claim = frozen.claim
        self._empty_plan = Plan(
            path=claim.path,
            etag=claim.etag,
            timestamp=claim.timestamp,
            size=frozen.size,
            number=plan_number,
            origin=claim.origin,
            spec=spec,
            folder=folder if spec.output.per == "folder" else None,
            output_tokens=spec.target.most_output_tokens(spec.parameters),
            model=spec.deployment,
            url=spec.endpoint,
            engine=engine_of(spec.engine, spec.endpoint),
            inputs_per_request=spec.inputs_per_request if spec.target.shares_calls else 1,
            direct_deployment=spec.direct_deployment if spec.on_deadline == "direct" else None,
        )

    def plan(self) -> Plan:
        """Write the shards. Raises InputFileError when the whole file is refused."""
        blocks = self._blocks()
        plan = msgspec.structs.replace(self._empty_plan, spec=self._spec)
        template = RequestTemplate(self._spec)
        meter = TokenMeter(self._spec.target, self._spec.parameters, counts=self._settings.count_tokens)
        shards = first_shards(
            self._key,
            self._store,
            self._settings,
            plan.engine,
            output_tokens=self._spec.target.most_output_tokens(self._spec.parameters),
            plan_number=plan.number,
        )
        records = self._store.blobs.lazy_writer(names.invalid_lines(self._key))
        bad = self._bad_records(records.write)
        causes = Causes()
        for lines in self._lists_of_requests(blocks, template, plan, causes, bad):
            shards.add_all(lines)
            meter.add_all(lines)
        records.close()
        plan.shards, plan.estimate = shards.close(), meter.estimate
        self._refuse_hopeless(plan, causes)
        return plan

    def _lists_of_requests(
        self,
        blocks: Iterable[Rows],
        template: RequestTemplate,
        plan: Plan,
        causes: Causes,
        bad: BadRecords,
    ) -> Iterator[list[bytes]]:
        """Give the requests by the handful; counts the rows, and writes records of those that become none."""
        for block in blocks:
            if isinstance(block, RowBlock) and (lines := self._all_requests(template, block)) is not None:
                plan.requests += len(lines)
                yield lines
            else:
                yield from self._one_by_one(block, template, plan, causes, bad)
            self._allowance.check_time()
            self._allowance.check_rows(plan.requests)

    def _all_requests(self, template: RequestTemplate, block: RowBlock) -> list[bytes] | None:
        """Give the requests of rows that are made together; None where they are to be made one by one."""
        if self._text is not None and may_be_nothing(block.columns.get(self._text, ())):
            return None
        return template.requests(block.first, block.rows, block.columns)

    def _one_by_one(
        self, rows: Rows, template: RequestTemplate, plan: Plan, causes: Causes, bad: BadRecords
    ) -> Iterator[list[bytes]]:
        lines: list[bytes] = []
        held, allowance, most_work = 0, self._allowance, template.spent + WORK
        for item in rows:
            plan.requests += 1
            # One row of a template that computes may take a good part of a second.
            if not plan.requests % ROWS_BETWEEN_LOOKS or template.spent > most_work:
                most_work = template.spent + WORK
                allowance.check_time()
                allowance.check_rows(plan.requests)
            try:
                line = self._request(template, item)
            except RowTemplateError as error:
                plan.invalid += 1
                causes.add(item, error)
                _add_to(bad, item, error)
                continue
            lines.append(line)
            held += len(line)
            if held > HELD_BYTES:
                yield lines
                lines, held = [], 0
        yield lines

    def empty(self) -> Plan:
        """Give the plan of a table without rows. It needs no job spec: the file is not read again."""
        return msgspec.structs.replace(self._empty_plan, spec=None, shards=[])

    def refuse(self, code: str, message: str) -> Plan:
        """Write the error records of a refused file; gives the plan that says so."""
        plan = msgspec.structs.replace(
            self._empty_plan, spec=self._spec, rejected=message, rejected_code=code
        )
        with self._store.blobs.writer(names.invalid_lines(self._key)) as records:
            if code in _ROW_CODES:
                plan.requests = self._refuse_rows(message, self._bad_records(records.write))
            if not plan.requests:
                records.write(error_records.of_file(plan.path, code, message))
        plan.invalid = plan.requests
        return plan

    def _blocks(self) -> Iterator[Rows]:
        """Open the table; what the spec leaves open about its columns, the first rows decide once and for all."""
        table = self._open()
        first, blocks = first_rows(table.blocks, self._allowance)
        if not first:
            if not self._spec.has_templates:
                self._refuse_known_text(table, [])
            raise InputFileError("The file has a header and no rows.", code="no_rows")
        _check_carried(self._spec, table.columns)
        seen = [item.values for item in first if isinstance(item, Row)]
        is_document = len(first) == 1 and type_of_table(self._empty_plan.path).format is Format.JSON
        if is_document and seen and is_column_oriented(seen[0]):
            raise InputFileError(COLUMN_BY_COLUMN % "", code="not_rows")
        may_lack_header = self._spec.header is None and table.layout.delimiter is not None
        if self._spec.has_templates:
            self._first, self._may_lack_header = seen, may_lack_header
            return blocks
        self._refuse_known_text(table, seen)
        refuse_unreadable(first)
        self._spec = completed(
            self._spec,
            None if table.columns is None else self._without_folders(table.columns),
            [{name: row[name] for name in self._without_folders(row)} for row in seen],
            names=self._settings.names_of_text_columns,
            is_document=is_document,
            may_lack_header=may_lack_header,
        )
        self._text = next(iter(RequestTemplate(self._spec).columns_used or ()), None)
        return self._open().blocks

    def _refuse_known_text(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Refuse a text that is another document than its name says; in csv and tsv the header is its beginning."""
        if type_of_table(self._empty_plan.path).format is Format.TXT:
            lines = [str(row[TEXT]) for row in rows]
        else:
            lines = (
                [(table.layout.delimiter or "").join(table.columns or ())] if table.layout.delimiter else []
            )
        if shape := shape_of_lines(lines):
            raise InputFileError(shape.message, code=shape.code)

    def _without_folders(self, columns: Iterable[str]) -> list[str]:
        """Leave out the columns that lie in the names of folders: they are no text to be sent."""
        return [column for column in columns if column not in self._of_folders]

    def _open(self) -> Table:
        """Open the table; of its columns only those that will be looked at."""
        self._allowance = self._allow()
        path, spec = self._empty_plan.path, self._spec
        needed = columns_needed(spec) if spec.has_templates else None
        table = open_rows(path, self._source, spec, wanted=needed, allowance=self._allowance)
        if needed is None or table.columns is None or needed.issubset(table.columns):
            return table
        return open_rows(
            path, self._source, spec, allowance=self._allowance
        )  # one is missing: the error names all that there are

    def _refuse_rows(self, message: str, bad: BadRecords) -> int:
        """Record every row: its own mistake where it has one, else that it shares its file's fate. Gives their number."""
        blocks = self._blocks()
        template = RequestTemplate(self._spec)
        together = InputFileError(f"The whole file was rejected: {message}", code="file_rejected")
        rows = 0
        for item in chain.from_iterable(blocks):
            rows += 1
            try:
                self._request(template, item)
            except RowTemplateError as error:
                _add_to(bad, item, error)
            else:
                _add_to(bad, item, together)
        return rows

    def _bad_records(self, write: Callable[[bytes], object]) -> BadRecords:
        return BadRecords(self._empty_plan.path, self._empty_plan.size, write)

    def _request(self, template: RequestTemplate, item: Row | BadRow) -> bytes:
        """Give a row's request. Raises RowTemplateError with what keeps it from becoming one."""
        if isinstance(item, BadRow):
            raise RowTemplateError(item.message, code=item.code)
        if self._text is not None:
            refuse_nothing(item.values.get(self._text))
        return template.request(item.number, item.values)

    def _refuse_hopeless(self, plan: Plan, causes: Causes) -> None:
        if plan.invalid == plan.requests:
            causes.refuse_if_one(self._first, may_lack_header=self._may_lack_header)
            raise InputFileError(f"No row of the file became a request. {causes.example}", code="no_good_row")
        if plan.invalid and self._settings.on_invalid_line == "reject":
            message = f"{plan.invalid} of {plan.requests} rows are invalid, and ON_INVALID_LINE is `reject`."
            raise InputFileError(message, code="file_rejected")


def first_rows(blocks: Iterator[Rows], allowance: Allowance) -> tuple[list[Row | BadRow], Iterator[Rows]]:
    """Look at the first rows, fewer where they are large: they are held together. Gives them, and all blocks with them."""
    begin = allowance.bytes
    first: list[Row | BadRow] = []
    begun: list[Rows] = []
    for block in blocks:
        rows, seen = iter(block), len(first)
        for row in rows:
            first.append(row)
            if len(first) == MAX_ROWS_TO_LOOK_AT or allowance.bytes - begin > MAX_BYTES_TO_LOOK_AT:
                break
        begun += [block] if isinstance(block, RowBlock) else [first[seen:], rows]
        if len(first) == MAX_ROWS_TO_LOOK_AT or allowance.bytes - begin > MAX_BYTES_TO_LOOK_AT:
            break
    return first, chain(begun, blocks)


def _add_to(bad: BadRecords, item: Row | BadRow, why: PipelineError) -> None:
    bad.add_row(item.number, item.line, why, item.values if isinstance(item, Row) else item.shown)


def _carrying(spec: JobSpec, of_folders: Iterable[str]) -> JobSpec:
    """Carry the columns of the folders along: by them results are joined with other tables."""
    wanted = spec.output.columns
    if wanted == "*" or not of_folders:
        return spec
    columns = list(dict.fromkeys([*wanted, *of_folders]))
    return msgspec.structs.replace(spec, output=msgspec.structs.replace(spec.output, columns=columns))


def _check_carried(spec: JobSpec, columns: tuple[str, ...] | None) -> None:
    """Refuse a file that lacks a column which is to be carried along; JSON rows may lack any."""
    wanted = spec.output.columns
    missing = [] if columns is None or wanted == "*" else [name for name in wanted if name not in columns]
    if missing:
        raise InputFileError(
            f"output.columns of the job spec names {', '.join(missing)}; the file has {', '.join(columns or ())}.",
            code="missing_column",
        )
