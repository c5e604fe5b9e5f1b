"""The files of the resource: records in memory, contents on disk."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from local.azure_openai.errors import ServiceError
from local.azure_openai.records import FileRecord

if TYPE_CHECKING:
    from pathlib import Path

    from local.azure_openai.settings import Settings

PURPOSES = ("batch", "fine-tune", "assistants", "evals")
OUTPUT_PURPOSE = "batch_output"
MAX_EXPIRY_SECONDS = 2_592_000


class FileStore:
    """Files by id. Inputs count against the resource's limits, outputs do not."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._settings = settings
        # Batches that end in other threads add their results: who goes through it goes through a copy.
        self.records: dict[str, FileRecord] = {}

    def path(self, file_id: str) -> Path:
        """Where the content lies."""
        return self._directory / file_id

    def get(self, file_id: str) -> FileRecord:
        """The record. Raises ServiceError 404 for an unknown or expired file."""
        record = self.records.get(file_id)
        if record and record.expires_at is not None and record.expires_at <= time.time():
            self.delete(file_id)
            record = None
        if record is None:
            raise ServiceError(404, f"The file '{file_id}' was not found.", code="notFound")
        return record

    def find(self, file_id: str | None) -> FileRecord | None:
        """The record, if there is one."""
        return self.records.get(file_id) if file_id else None

    def new_input(self, *, purpose: str, filename: str, expiry_seconds: int | None) -> FileRecord:
        """A record for a file that is about to come in; it is not listed before `add`.

        Raises ServiceError 400 for a wrong purpose, name or expiry, or when the resource is full.
        """
        if purpose not in PURPOSES:
            raise ServiceError(400, "Invalid value for purpose.")
        if not filename.lower().endswith(".jsonl"):
            raise ServiceError(400, f"The file name '{filename}' must end in .jsonl.")
        self.check_expiry(expiry_seconds)
        self._check_room(with_expiry=expiry_seconds is not None)
        now = time.time()
        return FileRecord(
            id=f"file-{uuid.uuid4().hex}",
            purpose=purpose,
            filename=filename,
            created_at=now,
            expires_at=int(now) + expiry_seconds if expiry_seconds else None,
            ready_at=now + self._settings.real(self._settings.file_pending_seconds),
        )

    def add(self, record: FileRecord) -> FileRecord:
        """List a file."""
        self.records[record.id] = record
        return record

    def add_output(self, content: Path, filename: str, expiry_seconds: int | None) -> FileRecord:
        """Take over a finished output or error file."""
        now = time.time()
        record = FileRecord(
            id=f"file-{uuid.uuid4()}",
            purpose=OUTPUT_PURPOSE,
            filename=filename,
            created_at=now,
            bytes=content.stat().st_size,
            expires_at=int(now) + expiry_seconds if expiry_seconds else None,
        )
        content.replace(self.path(record.id))
        return self.add(record)

    def delete(self, file_id: str) -> None:
        """Forget a file; a batch that has begun keeps its own link to the content."""
        self.records.pop(file_id)
        self.path(file_id).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget every file."""
        for file_id in list(self.records):
            self.delete(file_id)

    def listed(self, purpose: str | None, *, newest_first: bool) -> list[FileRecord]:
        """All files, or those of a purpose, by age."""
        records = [record for record in list(self.records.values()) if purpose in (None, "", record.purpose)]
        return records[::-1] if newest_first else records  # a dict keeps the order of arrival

    def names_by_purpose(self) -> dict[str, list[str]]:
        """The file names in the store, for the counters."""
        names: dict[str, list[str]] = {"batch": [], OUTPUT_PURPOSE: []}
        for record in list(self.records.values()):
            names.setdefault(record.purpose, []).append(record.filename)
        return names

    def check_expiry(self, seconds: int | None) -> None:
        """Raise ServiceError 400 for an expiry out of bounds."""
        least = self._settings.min_expiry_seconds
        if seconds is not None and not least <= seconds <= MAX_EXPIRY_SECONDS:
            message = f"expires_after.seconds must be between {least} and {MAX_EXPIRY_SECONDS}."
            raise ServiceError(400, message)

    def _check_room(self, *, with_expiry: bool) -> None:
        inputs = [record for record in list(self.records.values()) if record.purpose != OUTPUT_PURPOSE]
        used = sum((record.expires_at is not None) == with_expiry for record in inputs)
        limit = self._settings.files_with_expiry if with_expiry else self._settings.files_without_expiry
        if used >= limit:
            kind = "with" if with_expiry else "without"
            message = f"The quota for files {kind} expiry is reached. The maximum is {limit}."
            raise ServiceError(400, message, code="quotaExceeded")


def file_object(record: FileRecord) -> dict[str, Any]:
    """The file as the API shows it."""
    shown: dict[str, Any] = {
        "id": record.id,
        "object": "file",
        "purpose": record.purpose,
        "filename": record.filename,
    }
    if record.bytes is not None:
        shown["bytes"] = record.bytes
    shown["created_at"] = int(record.created_at)
    shown["status"] = record.status_at(time.time())
    if record.expires_at is not None:
        shown["expires_at"] = record.expires_at
    shown["status_details"] = record.status_details
    return shown
