"""Open a table's rows as its job spec says, for preparing and again for delivering: the same rows both times."""

from collections.abc import Collection, Mapping

import msgspec

from domain.errors import InputFileError
from domain.partitions import partition_values
from domain.spec.job_spec import JobSpec
from domain.spec.request_template import RequestTemplate
from formats.allowance import Allowance
from formats.file_types import FileType, file_type
from formats.reading import Table, open_table
from formats.rows import BadRow, Row, RowBlock, Rows
from formats.source import Source
from formats.text.layout import Layout


def open_rows(
    path: str,
    source: Source,
    spec: JobSpec,
    *,
    wanted: Collection[str] | None = None,
    allowance: Allowance | None = None,
) -> Table:
    """Open a table; `wanted` names the columns that are looked at. Raises InputFileError, also while rows are read.

    Folders as `country=de` are columns, as far as the rows have none of that name. Without an allowance there are no
    bounds: for files that have been within them.
    """
    table = open_table(
        source,
        type_of_table(path),
        encoding=spec.encoding,
        layout=layout_of(spec),
        wanted=wanted,
        allowance=allowance,
    )
    of_folders = partition_values(path)
    return _with_columns(table, of_folders) if of_folders else table


def _with_columns(table: Table, added: Mapping[str, str | None]) -> Table:
    """Add columns with the same values in all rows. Where columns are known, those that the file itself has are left out."""
    own = table.columns or ()
    more = {name: value for name, value in added.items() if name not in own}
    types = table.types
    if types is not None:
        import pyarrow as pa  # noqa: PLC0415 - slow to load; a table with types has loaded it

        types = {**types, **dict.fromkeys(more, pa.string())}
    return msgspec.structs.replace(
        table,
        columns=None if table.columns is None else (*own, *more),
        blocks=(_with_values(block, more) for block in table.blocks),
        types=types,
    )


def _with_values(block: Rows, added: Mapping[str, str | None]) -> Rows:
    if isinstance(block, RowBlock):
        columns = {name: [value] * block.rows for name, value in added.items()}
        return msgspec.structs.replace(block, columns={**block.columns, **columns})
    return (_row_with_values(item, added) for item in block)


def _row_with_values(item: Row | BadRow, added: Mapping[str, str | None]) -> Row | BadRow:
    if isinstance(item, BadRow):
        return item
    missing = {name: value for name, value in added.items() if name not in item.values}
    return Row(item.number, item.values | missing, item.line)


def layout_of(spec: JobSpec) -> Layout:
    """Give what a job spec says of how a csv or tsv is laid out."""
    return Layout(
        delimiter=spec.delimiter,
        quote=spec.quote,
        escape=spec.escape,
        header=spec.header,
        columns=tuple(spec.columns),
        skip_lines=spec.skip_lines,
        comment=spec.comment,
    )


def columns_needed(spec: JobSpec) -> frozenset[str] | None:
    """Name the columns that requests are made of and results carry along; None for all of them.

    In a typed file a value may be unreadable that is never looked at. A second reading has to look at the same values.
    """
    used, carried = RequestTemplate(spec).columns_used, spec.output.columns
    return None if used is None or carried == "*" else used.union(carried)


def type_of_table(path: str) -> FileType:
    """Give the type of a file that is a table by its name. Raises InputFileError for any other."""
    found = file_type(path)
    if found is None:
        raise InputFileError(f"{path} is no table by its name.", code="unsupported_type")
    return found
