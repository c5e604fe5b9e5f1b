"""The batches of the resource: creating, finding and listing them, and the tokens they hold enqueued."""

from __future__ import annotations

import random
import time
import uuid
from math import log
from typing import TYPE_CHECKING

import msgspec

from local.azure_openai.answers import CHARACTERS_PER_TOKEN
from local.azure_openai.errors import BatchRefusedError, ErrorItem, ServiceError
from local.azure_openai.records import BatchRecord

if TYPE_CHECKING:
    from local.azure_openai.settings import Settings

METADATA_PAIRS = 16
METADATA_KEY_CHARACTERS = 64
METADATA_VALUE_CHARACTERS = 512


class Expiry(msgspec.Struct):
    """`expires_after` and `output_expires_after`."""

    seconds: int
    anchor: str = "created_at"


class OutputFolder(msgspec.Struct):
    """Where blob mode writes."""

    url: str
    delimiter: str = "/"


class BatchOrder(msgspec.Struct, kw_only=True):
    """The body of a creation."""

    endpoint: str
    completion_window: str
    input_file_id: str | None = None
    metadata: dict[str, str] | None = None
    output_expires_after: Expiry | None = None
    input_blob: str | None = None
    output_folder: OutputFolder | None = None

    def check(self) -> None:
        """Raise ServiceError 400 for an order that cannot be met."""
        if not self.input_file_id and not self.input_blob:
            raise ServiceError(400, "input_file_id is required.")
        if self.input_blob and not self.output_folder:
            raise ServiceError(400, "output_folder is required with input_blob.")
        if self.input_blob and self.metadata:
            raise ServiceError(400, "metadata is not supported with input_blob.")
        pairs = self.metadata or {}
        if (
            len(pairs) > METADATA_PAIRS
            or any(len(key) > METADATA_KEY_CHARACTERS for key in pairs)
            or any(len(value) > METADATA_VALUE_CHARACTERS for value in pairs.values())
        ):
            raise ServiceError(400, "metadata takes 16 pairs, keys of 64 and values of 512 characters.")


class BatchStore:
    """Batches by id, oldest first; the active ones apart."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.records: dict[str, BatchRecord] = {}
        self.active: dict[str, BatchRecord] = {}

    def new(self, order: BatchOrder) -> BatchRecord:
        """A batch to fill in; it does not exist before `add`."""
        number = uuid.uuid4()
        endpoint = order.endpoint
        batch = BatchRecord(
            id=f"batch_{number if self._settings.batch_ids == 'guid' else number.hex}",
            endpoint=endpoint.removeprefix("/v1") if endpoint.endswith("/chat/completions") else endpoint,
            completion_window=order.completion_window,
            created_at=time.time(),
            metadata=order.metadata,
            output_expiry_seconds=order.output_expires_after.seconds if order.output_expires_after else None,
            input_file_id=order.input_file_id,
            input_blob=order.input_blob,
            output_folder=order.output_folder.url if order.output_folder else "",
        )
        if order.input_blob and self._settings.blob_names == "batch":
            name_blobs(batch, None)
        return batch

    def add(self, batch: BatchRecord) -> None:
        """Let a batch exist."""
        self.records[batch.id] = batch
        if not batch.is_over:
            self.active[batch.id] = batch

    def end(self, batch: BatchRecord, status: str) -> None:
        """Give a batch its last status and free its tokens."""
        batch.enter(status, time.time())
        batch.is_over, batch.ended_at = True, time.time()
        self.active.pop(batch.id, None)

    def get(self, batch_id: str) -> BatchRecord:
        """The batch. Raises ServiceError 404 when there is none."""
        if batch_id not in self.records:
            raise ServiceError(404, f"The batch '{batch_id}' was not found.", code="notFound")
        return self.records[batch_id]

    def clear(self) -> None:
        """Forget every batch."""
        self.records.clear()
        self.active.clear()

    def page(self, after: str | None, limit: int) -> tuple[list[BatchRecord], bool]:
        """Batches from the newest, those after the given id, and whether there are more. Raises ServiceError 400."""
        ids = list(self.records)[::-1]
        if after:
            if after not in self.records:
                raise ServiceError(400, f"Invalid value for after: '{after}'.")
            ids = ids[ids.index(after) + 1 :]
        return [self.records[batch_id] for batch_id in ids[:limit]], len(ids) > limit

    def enqueued_tokens(self, deployment: str) -> int:
        """Tokens that the deployment's live batches hold."""
        return sum(batch.tokens for batch in self.active.values() if batch.deployment == deployment)

    def has_room(self, batch: BatchRecord) -> bool:
        """Whether the deployment's quota takes this batch too."""
        return self.enqueued_tokens(batch.deployment) + batch.tokens <= self._settings.enqueued_token_limit

    def quota_error(self, deployment: str) -> BatchRefusedError:
        """The refusal that says the quota is full."""
        limit = _short(self._settings.enqueued_token_limit)
        message = (
            f"The number of enqueued tokens has surpassed the configured limit of {limit} for the deployment "
            f"'{deployment}'. Please either increase the limit or try again once the current jobs have finished."
            " Learn more: https://aka.ms/aoai_batch/errors."
        )
        return BatchRefusedError(ErrorItem(code="token_limit_exceeded", message=message))

    def duration_of(self, batch: BatchRecord) -> float:
        """How long the batch is in progress, in seconds of our clock: the same for the same content."""
        settings = self._settings
        if batch.rule and batch.rule.duration_seconds is not None:
            return settings.real(batch.rule.duration_seconds)
        if settings.duration == "fixed" or settings.duration_seconds == 0:
            return settings.real(settings.duration_seconds)
        draw = random.Random(f"{settings.seed}/{batch.content}")  # noqa: S311 - a duration, not a secret
        return settings.real(draw.lognormvariate(log(settings.duration_seconds), settings.duration_sigma))


def name_blobs(batch: BatchRecord, directory: uuid.UUID | None) -> None:
    """Say where blob mode writes: into a directory of its own (the documentation), or beside others (the specification)."""
    folder = batch.output_folder
    if directory:
        named = (
            f"{folder.rstrip('/')}/{directory}/results.jsonl",
            f"{folder.rstrip('/')}/{directory}/errors.jsonl",
        )
    else:
        named = f"{folder}{batch.id}_output.jsonl", f"{folder}{batch.id}_error.jsonl"
    batch.output_blob, batch.error_blob = named


def quota_tokens(size_bytes: int) -> int:
    """The estimate that the service holds against the quota: a token per four characters."""
    return size_bytes // CHARACTERS_PER_TOKEN


def _short(number: int) -> str:
    for unit, size in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if number >= size and number % size == 0:
            return f"{number // size}{unit}"
    return str(number)
