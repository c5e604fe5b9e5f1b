"""Bring a shard within the service's reach: as a blob that the service reads itself, beside a folder for its answers.

While its batch lives the blob must not change, not even in its metadata: the service would fail the batch as
`input_modified`. A frozen input's metadata are the claim, which take-overs and holds rewrite. So a shard that is the frozen
input gets a copy of its own, made by the account.
"""

from typing import TYPE_CHECKING

from adapters.services import Services
from adapters.storage.blobs import COPY_WAIT_SECONDS
from domain import names
from domain.contracts import ShardWork
from domain.errors import PassingError
from domain.service.batch_states import BatchView

if TYPE_CHECKING:
    from adapters.openai.batch_api import CreatedBatch


class BlobTransport:
    """A shard that stays where it is."""

    def __init__(self, work: ShardWork, services: Services) -> None:
        self._key, self._shard = work.key, work.shard
        self._blobs, self._urls, self._api = (
            services.work.blobs,
            services.storage.work_urls,
            services.batch_api,
        )

    def advance(self) -> float | None:
        """Make sure that the shard is a blob of its own; None once it is."""
        self._blobs.give_own_blob(self._key, self._shard)
        if self._shard.blob == names.frozen_input(self._key):
            status = self._blobs.copy_aside(self._shard.blob, self._blob)
            if status == "pending":
                return COPY_WAIT_SECONDS
            if status != "success":
                self._blobs.purge(self._blob)
                raise PassingError(
                    f"The copy of shard {self._shard.shard} ended as {status}.", code="copy_failed"
                )
        return None

    def is_of_shard(self, batch: BatchView) -> bool:
        """Tell whether a batch was made of this shard, however the service writes its URL."""
        return batch.input_blob is not None and self._urls.name_of(batch.input_blob) == self._blob

    def create(self, _metadata: dict[str, str]) -> "CreatedBatch":
        """Create the batch, without metadata: whether they are supported here is told either way."""
        folder = self._urls.plain(names.answers_folder(self._key, self._shard.shard))
        return self._api.create_from_blob(self.input_blob, folder, self._shard.url)

    @property
    def input_blob(self) -> str:
        """The URL of what the service reads."""
        return self._urls.plain(self._blob)

    @property
    def _blob(self) -> str:
        is_input = self._shard.blob == names.frozen_input(self._key)
        return names.shard_copy(self._key, self._shard.shard) if is_input else self._shard.blob
