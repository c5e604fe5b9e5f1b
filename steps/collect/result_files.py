"""The result files of an ended batch: which they are, and every answer in them, read whole."""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import msgspec

from domain.contracts import EndedBatch
from domain.errors import NotFoundError, PassingError
from domain.service.request_lines import split_lines
from steps.collect.answer_spool import AnswerSpool

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi

PATIENT_TRIES = 3  # for result files that are broken, short or gone; after that, what can be read has to do

log = logging.getLogger(__name__)


def with_output_file(ended: EndedBatch, batch_id: str, api: "BatchApi") -> EndedBatch:
    """Look again at a batch that names no output file: where it has answered requests, the name is still to come.

    Nothing to find is usual: all requests failed. Raises PassingError while there is hope.
    """
    if ended.output_file_id:
        return ended
    try:
        seen = api.batch(batch_id)
    except NotFoundError:
        return ended  # a batch that was given up as lost
    if seen.completed and not seen.output_file_id and ended.tries < PATIENT_TRIES:
        message = f"{batch_id} has answered {seen.completed} requests and names no output file."
        raise PassingError(message, code="output_file_unnamed")
    return msgspec.structs.replace(
        ended,
        output_file_id=seen.output_file_id,
        error_file_id=ended.error_file_id or seen.error_file_id,
    )


class ResultSource(Protocol):
    """Where result files are: the service, or our own storage."""

    def content(self, name: str, /) -> Iterator[bytes]:
        """Stream one. Raises NotFoundError."""

    def file_size(self, name: str, /) -> int | None:
        """Give the size of one in bytes; None where it is not known."""


class ResultFiles:
    """The result files of a batch, whatever its state says about them."""

    def __init__(self, found: list[str], source: ResultSource, *, requests: int, is_patient: bool) -> None:
        self._names, self._source = found, source
        self._requests, self._is_patient = requests, is_patient

    def read_into(self, answers: AnswerSpool) -> None:
        """Read all answers. Raises PassingError, the first times, for files that are broken, short or gone."""
        sizes = {name: self._read(name, answers) for name in self._names}
        if len(answers) < self._requests and self._is_patient:
            self._check(sizes)

    def _read(self, file_id: str, answers: AnswerSpool) -> int:
        """Read one file; gives its size in bytes."""
        size = 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for chunk in self._source.content(file_id):
                size += len(chunk)
                yield chunk

        try:
            for line in split_lines(counted()):
                self._read_line(line, file_id, answers)
        except NotFoundError as error:
            if self._is_patient:
                raise PassingError(str(error), code="result_file_gone") from error
            log.warning("result file %s is gone; its requests will be reported as missing", file_id)
        return size

    def _read_line(self, line: bytes, file_id: str, answers: AnswerSpool) -> None:
        try:
            answers.add(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if self._is_patient:
                message = f"A line of {file_id} is no answer: {error}"
                raise PassingError(message, code="broken_result") from error
            kept = "kept as a text" if answers.add_unreadable(line) else "left out"
            log.warning("a line of %s is no answer and is %s: %s", file_id, kept, error)

    def _check(self, sizes: dict[str, int]) -> None:
        """Make sure that requests without an answer have none: a download may end early, even at the end of a line."""
        for file_id, size in sizes.items():
            told = self._source.file_size(file_id)
            if told is not None and told != size:
                raise PassingError(f"{size} of {told} bytes of {file_id} have come.", code="short_result")
