"""Write a retry file of some of a file's failed rows: those whose error has one of some codes. Streams both files side by side."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from adapters.services import Services
from adapters.storage.blobs import LazyWriter
from adapters.storage.source import BlobSource
from domain import names
from domain.contracts import RetryWork
from domain.errors import ConflictError, PipelineError
from domain.lineage import Origin, metadata_of_retry
from domain.results.error_codes import OTHERS
from domain.results.metadata import Metadata
from domain.service.outcomes import Outcome
from domain.service.request_lines import split_lines
from domain.spec.job_spec import JobSpec
from formats.rows import BadRow
from formats.selection import open_selection
from steps.table_rows import open_rows, type_of_table
from steps.wishes.retry import in_the_way, is_dropped, lies_there

Row = TypeVar("Row")

log = logging.getLogger(__name__)


class _Failed(msgspec.Struct):
    """What an error record says of whether its row is in the retry file, and why it is there."""

    outcome: Outcome
    code: str
    request: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def is_in_retry_file(self) -> bool:
        """Rows of a table that could be read are in it; of a line or row that could not be the record has the text."""
        return self.outcome is not Outcome.INVALID or bytes(memoryview(self.request)[:1]) == b"{"


_decode_failed = msgspec.json.Decoder(_Failed).decode
_decode = msgspec.json.Decoder(Metadata).decode


def write_retry(work: RetryWork, services: Services) -> None:
    """Write it, unless an earlier try did; then say so. Raises ConflictError while another file has its name."""
    if not is_dropped(work.key, work.target, services):
        _write(work, services)
        log.warning("%d codes of %s are retried as %s", len(work.codes), work.key, work.target)
    for code in work.codes:
        services.work.retries.mark_dropped(work.key, code, work.target)
    services.work.retries.drop_pending(work.run)


def _write(work: RetryWork, services: Services) -> None:
    error = services.storage.error
    document = _decode(services.storage.processed.read(work.metadata)[0])
    wanted = _wanted(work.codes, document)
    chosen = (_decode_failed(line) for line in split_lines(error.chunks(work.errors)) if line)
    metadata = metadata_of_retry(Origin(work.key, work.retry))
    # Written aside first: a blob appears under its name whole, and only where none lies.
    sink = services.storage.work.lazy_writer(names.retry_aside(work.run))
    if document.job_spec is None:
        lines = (line for line in split_lines(error.chunks(work.retry)) if line)
        in_file = (one for one in chosen if one.outcome is not Outcome.INVALID)
        for line in _beside(lines, in_file, wanted):
            sink.write(line + b"\n")
    else:
        source = BlobSource(error, work.retry, error.entry(work.retry).size)
        in_file = (one for one in chosen if one.is_in_retry_file)
        _choose_rows(document.job_spec, source, in_file, wanted, sink, name=work.retry)
    name = sink.close()
    if name is None:
        # Rows that could not be read are in no retry file.
        log.info("%s holds no row of %s", work.retry, ", ".join(work.codes))
        return
    try:
        services.storage.input.copy_from(
            services.storage.work, name, work.target, metadata=metadata, if_absent=True
        )
    except ConflictError as conflict:
        if not lies_there(work.key, work.target, services):
            raise in_the_way(work.target) from conflict
    services.work.blobs.purge(name)


def _wanted(codes: list[str], document: Metadata) -> Callable[[_Failed], bool]:
    named = document.error_codes.keys()
    return lambda failed: (failed.code if failed.code in named else OTHERS) in codes


def _beside(
    rows: Iterable[Row], failed: Iterator[_Failed], wanted: Callable[[_Failed], bool]
) -> Iterator[Row]:
    """Give the rows whose error is wanted. Raises PipelineError where rows and errors are not of one number."""
    for row in rows:
        one = next(failed, None)
        if one is None:
            raise PipelineError(
                "The retry file has more rows than there are errors.", code="outcome_mismatch"
            )
        if wanted(one):
            yield row
    if next(failed, None) is not None:
        raise PipelineError("The retry file has fewer rows than there are errors.", code="outcome_mismatch")


def _choose_rows(
    spec: JobSpec,
    source: BlobSource,
    failed: Iterator[_Failed],
    wanted: Callable[[_Failed], bool],
    sink: LazyWriter,
    *,
    name: str,
) -> None:
    table = open_rows(name, source, spec)
    selection = open_selection(
        sink,
        source,
        type_of_table(name),
        columns=table.columns,
        encoding=spec.encoding,
        layout=table.layout,
        has_sep_line=table.has_sep_line,
    )
    for row in _beside(table.rows, failed, wanted):
        if isinstance(row, BadRow):
            raise PipelineError(f"{name}: row {row.number} cannot be read.", code="outcome_mismatch")
        selection.add(row)
    selection.close()
