"""Where the answers of a batch are: in files of the service, or in blobs that the service wrote into `work/`."""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from adapters.storage.urls import BlobUrls
from adapters.work.store import WorkStore
from domain.contracts import EndedBatch
from domain.errors import NotFoundError, PassingError, RefusedError
from domain.records import BatchRecord
from domain.service.batch_states import BatchView
from steps.collect.result_files import PATIENT_TRIES, ResultFiles, ResultSource

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi

log = logging.getLogger(__name__)


def results_of(
    ended: EndedBatch, batch: BatchRecord | None, *, api: "BatchApi", store: WorkStore, urls: BlobUrls
) -> ResultFiles:
    """Give the results of an ended batch, ready to be read. Raises what `ResultBlobs.names` raises."""
    found = [file_id for file_id in (ended.output_file_id, ended.error_file_id) if file_id]
    source: ResultSource = api
    is_patient = ended.tries < PATIENT_TRIES
    if batch and batch.input_blob:
        source = blobs = ResultBlobs(batch, api=api, store=store, urls=urls, patient=is_patient)
        found = blobs.names()
    return ResultFiles(found, source, requests=ended.shard.requests, is_patient=is_patient)


class ResultBlobs:
    """Blobs in the work container, at the URLs that the batch names once it has ended.

    The service names both, whether it wrote them or not.
    """

    def __init__(
        self, batch: BatchRecord, *, api: "BatchApi", store: WorkStore, urls: BlobUrls, patient: bool
    ) -> None:
        self._batch, self._patient = batch, patient
        self._api, self._store, self._urls = api, store, urls

    def names(self) -> list[str]:
        """Look at the batch once more and name the blobs that are there; the batch's record keeps their URLs.

        Raises PassingError while answers are still expected, RefusedError for a URL outside the work container.
        """
        try:
            seen = self._api.batch(self._batch.batch_id)
        except NotFoundError:
            return []  # a batch that was given up as lost
        self._batch.output_blob, self._batch.error_blob = seen.output_blob, seen.error_blob
        found = [
            self._find(seen.output_blob, expected=_has_answers(seen)),
            self._find(seen.error_blob, expected=seen.failed > 0),
        ]
        return [name for name in found if name]

    def content(self, name: str) -> Iterator[bytes]:
        """Stream a blob."""
        return self._store.blobs.chunks(name)

    def file_size(self, name: str) -> int | None:
        """Give a blob's size in bytes."""
        return self._store.blobs.size(name)

    def _find(self, url: str | None, *, expected: bool) -> str | None:
        name = self._urls.name_of(url) if url else None
        if url and name is None:
            raise RefusedError(
                f"Batch {self._batch.batch_id} says its answers are at {url}, which is not in the work container; "
                "they are left there, unread.",
                code="foreign_results",
            )
        if name and self._store.blobs.size(name) is not None:
            return name
        if expected:
            message = f"Batch {self._batch.batch_id} has answers, but there is nothing at {url or 'any URL'}."
            if self._patient:
                raise PassingError(message, code="result_blob_missing")
            log.warning("%s Its requests will be reported as missing or sent again.", message)
        return None


def _has_answers(batch: BatchView) -> bool:
    """Tell whether a batch ought to have an output; one that gives no counts ought to when it is completed."""
    return batch.completed > 0 or (batch.total == 0 and batch.status == "completed")
