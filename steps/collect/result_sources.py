"""Where the answers of a batch are: in files of the service, or in blobs that the service wrote into `work/`.

A request has no answer only where that is certain. Until then the batch is looked at, and its files are read, again and
again, for as long as the flow is patient; what is still missing then is for people to decide.
"""

from collections.abc import Iterator, Sequence

import msgspec

from adapters.services import Services
from domain.contracts import EndedBatch
from domain.errors import NotFoundError, PassingError, RefusedError
from domain.records import BatchRecord
from domain.service.batch_states import KNOWN, LOST, BatchView, untold_answers
from steps.collect.answer_spool import AnswerSpool
from steps.collect.result_files import ResultFiles, ResultSource
from steps.looking import looking


class BatchResults:
    """The results of a batch that has ended, or is given up."""

    def __init__(self, ended: EndedBatch, batch: BatchRecord, services: Services) -> None:
        self._ended, self._batch, self._services = ended, batch, services
        self._seen: BatchView | None = None
        self._files = ResultFiles([], services.batch_api)

    def look(self) -> EndedBatch:
        """Give the batch's end as the service shows it now, where what the flow knows of it is not enough.

        Raises PassingError for a batch that does not show itself.
        """
        ended = self._ended
        is_known = ended.output_file_id and ended.status != "failed" and not ended.tries
        if ended.status != LOST and (self._batch.input_blob or not is_known):
            seen = self._look()
            self._ended = msgspec.structs.replace(
                ended,
                status=seen.status if seen.ended else ended.status,
                output_file_id=seen.output_file_id or ended.output_file_id,
                error_file_id=seen.error_file_id or ended.error_file_id,
            )
        return self._ended

    @property
    def seen(self) -> BatchView | None:
        """The batch as it was seen while it is collected."""
        return self._seen

    def _look(self) -> BatchView:
        try:
            with looking():
                self._seen = self._services.batch_api.batch(self._batch.batch_id)
        except NotFoundError as error:
            raise PassingError(str(error), code="batch_unseen") from error
        return self._seen

    def read_into(self, answers: AnswerSpool) -> None:
        """Read all answers. Raises PassingError for what cannot be read now, RefusedError for foreign blobs."""
        if self._ended.status == LOST:
            return
        if self._batch.input_blob:
            blobs = ResultBlobs(self._batch, self._services)
            self._files = ResultFiles(blobs.names(self._seen or self._look()), blobs)
        else:
            named = [self._ended.output_file_id, self._ended.error_file_id]
            source: ResultSource = self._services.batch_api
            self._files = ResultFiles([file_id for file_id in named if file_id], source)
        try:
            with looking():
                self._files.read_into(answers)
        except PassingError as error:
            message = f"The answers of {self._batch.batch_id} cannot be read: {error}"
            raise PassingError(message, code=error.code, retry_after=error.retry_after) from error

    def check_missing(self, missing: Sequence[str], *, count: int, answered: int) -> None:
        """Make sure that requests have no answer, and not just none that was read. `missing`: some of their ids.

        Raises PassingError while they may have one.
        """
        if self._ended.status == LOST:
            return
        seen = self._seen or self._look()
        if seen.status in KNOWN and not seen.ended:
            return  # given up while it is being worked on
        try:
            with looking():
                self._check(seen, answered)
        except PassingError as error:
            ids = ", ".join(missing) + (", …" if count > len(missing) else "")
            message = f"{count} answers of {self._batch.batch_id} are still missing ({ids}): {error}."
            raise PassingError(message, code=error.code, retry_after=error.retry_after) from error

    def _check(self, seen: BatchView, answered: int) -> None:
        named_late = {seen.output_file_id, seen.error_file_id} - {
            None,
            self._ended.output_file_id,
            self._ended.error_file_id,
        }
        if named_late:
            raise PassingError(f"{named_late} were named late", code="output_file_unnamed")
        untold = untold_answers(seen, answered=answered, done_before=self._ended.done)
        self._files.check_sizes()
        if untold is None or untold:
            self._files.check_lines()
        if untold:
            raise PassingError(untold, code="answers_missing")


class ResultBlobs:
    """Blobs in the work container, at the URLs that the batch names once it has ended.

    The service names both, whether it wrote them or not.
    """

    def __init__(self, batch: BatchRecord, services: Services) -> None:
        self._batch, self._blobs = batch, services.work.blobs
        self._urls = services.storage.work_urls

    def names(self, seen: BatchView) -> list[str]:
        """Name the blobs that are there; the batch's record keeps their URLs.

        Raises PassingError while answers are still expected, RefusedError for a URL outside the work container.
        """
        self._batch.output_blob, self._batch.error_blob = seen.output_blob, seen.error_blob
        found = [
            self._find(seen.output_blob, expected=_has_answers(seen)),
            self._find(seen.error_blob, expected=seen.failed > 0),
        ]
        return [name for name in found if name]

    def content(self, name: str) -> Iterator[bytes]:
        """Stream a blob."""
        return self._blobs.chunks(name)

    def file_size(self, name: str) -> int | None:
        """Give a blob's size in bytes."""
        return self._blobs.size(name)

    def _find(self, url: str | None, *, expected: bool) -> str | None:
        name = self._urls.name_of(url) if url else None
        if url and name is None:
            raise RefusedError(
                f"Batch {self._batch.batch_id} says its answers are at {url}, which is not in the work container; "
                "they are left there, unread.",
                code="foreign_results",
            )
        if name and self._blobs.size(name) is not None:
            return name
        if expected:
            message = f"Batch {self._batch.batch_id} has answers, but there is nothing at {url or 'any URL'}."
            raise PassingError(message, code="result_blob_missing")
        return None


def _has_answers(batch: BatchView) -> bool:
    """Tell whether a batch ought to have an output; one that gives no counts ought to when it is completed."""
    return batch.completed > 0 or (batch.total == 0 and batch.status == "completed")
