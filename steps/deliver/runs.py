"""What one run of a file has left in the processed and the error container, read again: how each of its rows or lines ended."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from adapters.services import Services
from adapters.storage.blobs import Container
from adapters.storage.source import BlobSource
from domain.errors import PipelineError
from domain.names import ROW_PREFIX, file_key, frozen_input
from domain.service.request_lines import UTF8_BOM, custom_id_of, split_lines
from formats.ready_made import request_lines
from formats.written_results import WrittenResults, open_written


class NotJoinedError(PipelineError):
    """Results cannot be joined, for a reason that no repetition changes. Both runs are delivered all the same."""

    code = "not_joined"


class _Output(msgspec.Struct):
    format: str = "jsonl"


class _Spec(msgspec.Struct):
    output: _Output = msgspec.field(default_factory=_Output)


class Told(msgspec.Struct):
    """What is needed of a run's metadata document."""

    file: str
    etag: str
    requests: int
    results: str | None = None
    errors: str | None = None
    retry: str | None = None
    archived_input: str | None = None
    job_spec: _Spec | None = None
    retry_of: str | None = None
    retry_of_metadata: str | None = None

    @property
    def key(self) -> str:
        """Its file key."""
        return file_key(self.file, self.etag)

    @property
    def format(self) -> str:
        """Of its results."""
        return self.job_spec.output.format if self.job_spec else "jsonl"


class Ended(NamedTuple):
    """How a row (from 0) or a line (from 1) ended: a result, an error, or both where failed rows are among the results.

    `goes_on`: it is in the retry file. Results of ready-made files are the service's own lines, unchanged.
    """

    number: int
    line: int | None
    custom_id: str
    result: Mapping[str, Any] | bytes | None
    error: bytes | None
    goes_on: bool


class _Error(msgspec.Struct):
    outcome: str
    row: int = -1
    line: int | None = None
    custom_id: str | None = None
    request: msgspec.Raw = msgspec.Raw(b"null")


_decode_error = msgspec.json.Decoder(_Error).decode
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class Run:
    """One run. Raises NotJoinedError for what is not as it was written, NotFoundError for what is gone."""

    def __init__(self, told: Told, services: Services, *, is_archived: bool) -> None:
        self.told, self.is_table, self._is_archived = told, told.job_spec is not None, is_archived
        self._processed, self._error = services.storage.processed, services.storage.error
        self._work = services.work.blobs

    def ended(self) -> Iterator[Ended]:
        """Give how each row or line ended, in the order of the input."""
        return self._rows() if self.is_table else self._lines()

    def results(self) -> WrittenResults | None:
        """Open its results; None where it has none."""
        if self.told.results is None:
            return None
        size = self._processed.entry(self.told.results).size
        return open_written(BlobSource(self._processed, self.told.results, size), self.told.format)

    def count_of_retried(self) -> int:
        """Count what went into its retry file."""
        return sum(self._goes_on(error) for error, _ in self._errors())

    def _errors(self) -> Iterator[tuple[_Error, bytes]]:
        if self.told.errors is not None:
            for line in _blob_lines(self._error, self.told.errors):
                yield _decode_error(line), line

    def _goes_on(self, error: _Error) -> bool:
        """Whether a row is in the retry file: all that could be read are; of ready-made lines those that were sent."""
        return error.outcome != "invalid" or (self.is_table and bytes(error.request).startswith(b"{"))

    def _rows(self) -> Iterator[Ended]:
        opened = self.results()
        results = ((int(_plain(record["row"])), record) for record in (opened.records if opened else ()))
        errors = self._errors()
        result, error = next(results, None), next(errors, None)
        while result or error:
            number = min(result[0] if result else error[0].row, error[0].row if error else result[0])  # type: ignore[index]
            of_result = result[1] if result and result[0] == number else None
            of_error = error if error and error[0].row == number else None
            yield Ended(
                number,
                of_error[0].line if of_error else None,
                f"{ROW_PREFIX}{number}",
                of_result,
                of_error[1] if of_error else None,
                of_error is not None and self._goes_on(of_error[0]),
            )
            result = next(results, None) if of_result is not None else result
            error = next(errors, None) if of_error else error

    def _lines(self) -> Iterator[Ended]:
        """Join the archived input with what became of its lines: only there is the order of all of them."""
        results = iter(()) if self.told.results is None else _blob_lines(self._processed, self.told.results)
        errors = self._errors()
        error = next(errors, None)
        for number, raw in enumerate(request_lines(self._input()), 1):
            line = raw.removeprefix(UTF8_BOM) if number == 1 else raw
            if error and error[0].line == number:
                custom_id = error[0].custom_id or ""
                yield Ended(number, number, custom_id, None, error[1], self._goes_on(error[0]))
                error = next(errors, None)
            elif line.strip():
                result = next(results, None)
                custom_id = custom_id_of(line)
                if result is None or custom_id_of(result) != custom_id:
                    raise NotJoinedError(f"The results of {self.told.file} are not as they were written.")
                yield Ended(number, number, custom_id, result, None, goes_on=False)

    def _input(self) -> Iterator[bytes]:
        """Stream the input file: archived, or still where it is worked on."""
        if not self._is_archived:
            return self._work.chunks(frozen_input(self.told.key))
        if self.told.archived_input is None:
            raise NotJoinedError(f"{self.told.file} has no archived input.")
        return self._processed.chunks(self.told.archived_input)


def as_of(ended: Ended, place: Ended, told: Told, *, is_table: bool) -> Ended:
    """Give the end of a retried row as that of the row it is of: with its number, line, id and file."""
    result, error = ended.result, ended.error
    where = {"row": place.number} if is_table else {}
    if isinstance(result, Mapping):
        result = {**result, "file": told.file, **where, "custom_id": place.custom_id}
    if error is not None:
        parts: dict[str, Any] = {**_decode_parts(error), "file": told.file, **where, "line": place.line}
        if is_table:
            parts["custom_id"] = place.custom_id
        error = _encode(parts)
    return ended._replace(
        number=place.number, line=place.line, custom_id=place.custom_id, result=result, error=error
    )


def _plain(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


def _blob_lines(container: Container, name: str) -> Iterator[bytes]:
    return filter(None, split_lines(container.chunks(name)))
