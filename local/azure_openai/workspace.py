"""Where batches keep the input they work on and the files they are writing, and how inputs and outputs get there."""

from __future__ import annotations

import os
import shutil
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from local.azure_openai.blob_storage import BlobStorage
    from local.azure_openai.files import FileStore
    from local.azure_openai.processing import Tally
    from local.azure_openai.records import BatchRecord
    from local.azure_openai.settings import Settings


class Workspace:
    """A directory per batch. Its methods block; all but `begin` and `drop` run in worker threads."""

    def __init__(
        self, directory: Path, files: FileStore, blobs: BlobStorage | None, settings: Settings
    ) -> None:
        self._directory = directory
        self._files = files
        self._blobs = blobs
        self._settings = settings

    def input_path(self, batch: BatchRecord) -> Path:
        """The batch's own input."""
        return self._directory / batch.id / "input.jsonl"

    def output_paths(self, batch: BatchRecord) -> tuple[Path, Path]:
        """New names for a results and an errors file; two runs of one batch never share them."""
        directory, run = self._directory / batch.id, uuid.uuid4().hex
        return directory / f"results-{run}.jsonl", directory / f"errors-{run}.jsonl"

    def begin(self, batch: BatchRecord) -> None:
        """Make the directory and link the input file, which may then be deleted by its owner."""
        (self._directory / batch.id).mkdir(parents=True)
        if batch.input_file_id:
            os.link(self._files.path(batch.input_file_id), self.input_path(batch))

    def fetch_input(self, batch: BatchRecord) -> None:
        """Bring a blob-mode input here. Raises BlobRefusedError."""
        if self._blobs and batch.input_blob:
            batch.content = self._blobs.download(batch.input_blob, batch.input_etag, self.input_path(batch))

    def check_unmodified(self, batch: BatchRecord) -> None:
        """Raise BlobRefusedError when the input blob changed since the batch was created."""
        if self._blobs and batch.input_blob:
            self._blobs.check_unmodified(batch.input_blob, batch.input_etag)

    def publish(self, batch: BatchRecord, results: Path, errors: Path, tally: Tally) -> None:
        """Hand over what was written: as files of the resource, or as blobs (an empty file is no blob)."""
        has_results, has_errors = tally.result_lines > 0, errors.stat().st_size > 0
        withheld = batch.rule.withhold_output if batch.rule else None
        if self._blobs and batch.input_blob:
            if has_results and withheld is None:
                self._blobs.upload(results, batch.output_blob)
            if has_errors:
                self._blobs.upload(errors, batch.error_blob)
            return
        expiry = batch.output_expiry_seconds
        if has_results and withheld is None:
            batch.output_file_id = self._files.add_output(results, f"{batch.id}-output.jsonl", expiry).id
        else:
            batch.output_file_id = _no_id(withheld or self._settings.empty_output)
        variant = (batch.rule and batch.rule.error_file) or self._settings.error_file
        if has_errors or variant == "empty":
            batch.error_file_id = self._files.add_output(errors, f"{batch.id}-errors.jsonl", expiry).id
        else:
            batch.error_file_id = _no_id(variant)

    def drop(self, batch: BatchRecord) -> None:
        """Remove what a batch left here."""
        shutil.rmtree(self._directory / batch.id, ignore_errors=True)


def _no_id(variant: str) -> str | None:
    return "" if variant == "blank" else None
