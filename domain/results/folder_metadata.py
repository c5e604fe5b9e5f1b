"""The metadata document beside the one result of a whole folder."""

from typing import Annotated

import msgspec
from msgspec import Meta

from domain.version import VERSION


class FileOfFolder(msgspec.Struct, kw_only=True):
    """A file of the folder. The rest is in its own metadata."""

    file: Annotated[str, Meta(description="Path of the input file in the input container.")]
    key: Annotated[str, Meta(description="Its file key.")]
    status: Annotated[str, Meta(description="`completed`, `completed_with_errors` or `rejected`.")]
    requests: int


class FolderMetadata(msgspec.Struct, kw_only=True):
    """`<folder>_metadata.json`: what a snapshot's files in one folder came to."""

    schema_version: int = 1
    folder: Annotated[
        str, Meta(description="Path of the folder in the input container; empty for all of it.")
    ]
    snapshot: Annotated[str, Meta(description="The snapshot that took the files first.")]
    requests: Annotated[int, Meta(description="Of all files.")]
    outcomes: Annotated[dict[str, int], Meta(description="Requests per outcome, of all files.")]
    results: Annotated[str | None, Meta(description="Path of the results, in the processed container.")] = (
        None
    )
    errors: Annotated[str | None, Meta(description="Path of the errors, in the error container.")] = None
    files: Annotated[list[FileOfFolder], Meta(description="In the order of the results.")] = []
    waiting: Annotated[
        list[str],
        Meta(description="Files of the snapshot that are held or were taken anew: not in the results yet."),
    ] = []
    pipeline_version: str = VERSION
