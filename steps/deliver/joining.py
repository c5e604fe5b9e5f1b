"""Join the results of a retry with those of the file whose failed rows it holds: all rows of the first file, in its order.

Beside the first file's results, which stay as they are, lies `<stem>_joined.<ext>`; what failed in the end is in
`<stem>_joined_error.jsonl`. A retry of a retry is joined with the first file. Everything is streamed, and a joined file replaces an earlier
one only when it is whole.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec

from adapters.services import Services
from domain import lineage
from domain.errors import InputFileError, NotFoundError, PassingError, PipelineError
from domain.results.metadata import Joined, Metadata
from formats.joining import open_joined
from steps.deliver.runs import Ended, NotJoinedError, Run, Told, as_of

log = logging.getLogger(__name__)

_decode = msgspec.json.Decoder(Told).decode


def join(metadata: Metadata, services: Services) -> Joined:
    """Join what was written just now with the runs before it. Whatever stands against it is told, and holds up nothing."""
    try:
        return _join(_chain(metadata, services), services)
    except PassingError:
        raise
    except (InputFileError, PipelineError, msgspec.MsgspecError) as error:
        log.warning("%s: is not joined with the file it is a retry of: %s", metadata.file, error)
        return Joined(reason=str(error))


def _chain(metadata: Metadata, services: Services) -> list[Run]:
    """Give all runs, the first one first."""
    told = _decode(msgspec.json.encode(metadata))
    runs = [Run(told, services, is_archived=False)]
    while told.retry_of is not None:
        if told.retry_of_metadata is None or len(runs) > lineage.MAX_CHAIN:
            raise NotJoinedError(f"The retry file of {told.retry_of} is not in the error container any more.")
        try:
            content, _ = services.storage.error.read(told.retry_of_metadata)
        except NotFoundError as error:
            raise NotJoinedError(f"{told.retry_of_metadata} is not there any more.") from error
        told = _decode(content)
        runs.insert(0, Run(told, services, is_archived=True))
    return runs


def _join(runs: Sequence[Run], services: Services) -> Joined:
    first = runs[0].told
    if first.errors is None or first.archived_input is None:
        raise NotJoinedError(f"{first.file} had no failed rows.")
    stem = first.errors.rpartition("/")[2].removesuffix("_error.jsonl")
    folder = first.archived_input[: first.archived_input.rfind("/") + 1]
    errors_name = f"{first.errors.removesuffix('_error.jsonl')}_joined_error.jsonl"
    results = services.storage.processed.lazy_writer(f"{folder}{stem}_joined.{first.format}")
    errors = services.storage.error.lazy_writer(errors_name)
    records = None
    if runs[0].is_table:
        opened = [found for run in runs if (found := run.results())]
        records = open_joined(results, first.format, opened) if opened else None
    joined = Joined(file=first.file, key=first.key, retries=len(runs) - 1)
    for ended in joined_ends(runs):
        joined.requests += 1
        joined.failed += ended.error is not None
        if isinstance(ended.result, bytes):
            results.write(ended.result + b"\n")
        elif ended.result is not None and records is not None:
            records.add(ended.result)
        if ended.error is not None:
            errors.write(ended.error + b"\n")
    if joined.requests != first.requests:
        raise NotJoinedError(f"{joined.requests} rows came together; {first.file} has {first.requests}.")
    if records is not None:
        records.close()
    joined.results, joined.errors = results.close(), errors.close()
    if joined.errors is None:
        with suppress(NotFoundError):
            services.storage.error.delete(errors_name)
    return joined


def joined_ends(runs: Sequence[Run]) -> Iterator[Ended]:
    """Give how each row or line of the first run ended in the last one that had it."""
    run, later = runs[0], runs[1:]
    if not later:
        yield from run.ended()
        return
    if later[0].is_table is not run.is_table:
        raise NotJoinedError("One of the files is a table, and the other one holds ready-made requests.")
    retried = _Retried(run, later)
    for ended in run.ended():
        again = retried.of(ended) if ended.goes_on else None
        yield ended if again is None else as_of(again, ended, run.told, is_table=run.is_table)
    retried.check_end()


class _Retried:
    """The ends of a retry, each for the row or line that it is of.

    Rows of a table are told by their order, so there have to be as many as had failed; ready-made lines by their `custom_id`.
    """

    def __init__(self, run: Run, later: Sequence[Run]) -> None:
        self._run, self._told, self._ends = run, later[0].told, joined_ends(later)
        if run.is_table and (failed := run.count_of_retried()) != self._told.requests:
            raise NotJoinedError(
                f"{self._told.file} has {self._told.requests} rows, and {failed} rows of {run.told.file} went into its retry "
                "file: which row is which is not known. Only their values may be changed."
            )
        self._next = next(self._ends, None)

    def of(self, ended: Ended) -> Ended | None:
        """Give the new end of a row; None where the retry does not have it."""
        found = self._next
        if found is None or (not self._run.is_table and found.custom_id != ended.custom_id):
            return None
        self._next = next(self._ends, None)
        return found

    def check_end(self) -> None:
        """Raise NotJoinedError where the retry has more than the file before it."""
        if self._next is not None:
            raise NotJoinedError(
                f"{self._told.file} has requests that {self._run.told.file} does not have, or in another order: "
                f"{self._next.custom_id!r}."
            )
