"""The result files of an ended batch: every answer in them, and whether they were read whole."""

import logging
from collections.abc import Iterator
from typing import Protocol

import msgspec

from domain.errors import NotFoundError, PassingError
from domain.service.request_lines import split_lines
from steps.collect.answer_spool import AnswerSpool

MOST_BROKEN_BYTES = 4_000_000  # of lines that are no answers, held in memory

log = logging.getLogger(__name__)


class ResultSource(Protocol):
    """Where result files are: the service, or our own storage."""

    def content(self, name: str, /) -> Iterator[bytes]:
        """Stream one. Raises NotFoundError."""

    def file_size(self, name: str, /) -> int | None:
        """Give the size of one in bytes; None where it is not known. Raises NotFoundError."""


class ResultFiles:
    """The result files of a batch, whatever its state says about them."""

    def __init__(self, found: list[str], source: ResultSource) -> None:
        self._names, self._source = found, source
        self._sizes: dict[str, int] = {}  # bytes that have come, by file
        self._broken: dict[str, list[bytes]] = {}  # lines that are no answers, by file
        self._faults: dict[str, str] = {}  # what is wrong with the first of them
        self._broken_bytes = 0

    def read_into(self, answers: AnswerSpool) -> None:
        """Read all answers. Raises PassingError for a file that cannot be read to its end, or is not there."""
        for name in self._names:
            self._sizes[name] = self._read(name, answers)
        for name, lines in self._broken.items():
            if (
                self._size_of(name) == self._sizes[name]
            ):  # the file is like that: reading it again changes nothing
                del self._faults[name]
                kept = sum(map(answers.add_unreadable, lines))
                log.warning("%d lines of %s are no answers; %d are kept as texts", len(lines), name, kept)

    def _read(self, name: str, answers: AnswerSpool) -> int:
        """Read one file; gives its size in bytes."""
        size = 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for chunk in self._source.content(name):
                size += len(chunk)
                yield chunk

        try:
            for line in split_lines(counted()):
                self._read_line(line, name, answers)
        except NotFoundError as error:
            raise _gone(error) from error
        return size

    def _read_line(self, line: bytes, name: str, answers: AnswerSpool) -> None:
        """Keep an answer. A line that is none matters once a request has no answer: it may be the one."""
        try:
            answers.add(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._note_broken(name, line, str(error))

    def _note_broken(self, name: str, line: bytes, error: str) -> None:
        """Keep a line until it is known whether its file came whole. Raises PassingError for what is no result file at all."""
        self._faults.setdefault(name, error)
        self._broken.setdefault(name, []).append(line)
        self._broken_bytes += len(line)
        if self._broken_bytes > MOST_BROKEN_BYTES:
            raise PassingError(f"lines of {name} are no answers ({error})", code="broken_result")

    def check_lines(self) -> None:
        """Make sure that no answer is hidden in a line that is none. Raises PassingError for files to be read again."""
        for name, error in self._faults.items():
            raise PassingError(f"a line of {name} is no answer ({error})", code="broken_result")

    def check_sizes(self) -> None:
        """Make sure that the files came whole, by the sizes that are told. Raises PassingError for files to be read again.

        A download may end early, even at the end of a line, and something else may have answered in the service's place.
        """
        for name, size in self._sizes.items():
            told = self._size_of(name)
            if told is not None and told != size:
                raise PassingError(f"{size} of {told} bytes of {name} have come", code="short_result")

    def _size_of(self, name: str) -> int | None:
        try:
            return self._source.file_size(name)
        except NotFoundError as error:
            raise _gone(error) from error


def _gone(error: NotFoundError) -> PassingError:
    return PassingError(str(error), code="result_file_gone")
