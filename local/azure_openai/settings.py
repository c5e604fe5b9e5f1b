"""What can be set about the local service, in one typed object; every field is also a command-line flag."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

FILES_WITHOUT_EXPIRY = 500
FILES_WITH_EXPIRY = 10_000
UPLOAD_LIMIT_BYTES = 200 * 1024 * 1024
REQUESTS_PER_FILE = 100_000
ENQUEUED_TOKENS = 5_000_000_000
DAY_SECONDS = 86_400.0


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings; all times are seconds of the service's clock, which runs `speed` times faster than ours."""

    port: Annotated[int, Meta(ge=0, le=65535, description="port on 127.0.0.1; 0 chooses a free one")] = 8900
    speed: Annotated[float, Meta(gt=0, description="every delay is divided by this")] = 1.0
    seed: Annotated[int, Meta(description="decides shuffles, heavy-tailed durations and probabilities")] = 0
    plan: Annotated[str, Meta(description="a JSON file with the faults to begin with")] = ""
    state: Annotated[str, Meta(description="a directory to live in; without it nothing is kept")] = ""
    key: Annotated[str, Meta(min_length=1, description="the key that opens the service")] = "local-key"
    storage_connection: Annotated[str, Meta(description="storage connection string; turns blob mode on")] = ""

    # deployments and quota
    deployments: Annotated[
        str, Meta(description="a,b: the only ones that exist; default any but missing*")
    ] = ""
    batch_only: Annotated[str, Meta(description="a,b: deployments that refuse live calls")] = ""
    enqueued_token_limit: Annotated[int, Meta(ge=0, description="enqueued tokens per deployment")] = (
        ENQUEUED_TOKENS
    )
    quota_mode: Annotated[
        Literal["fail_fast", "slow"],
        Meta(description="quota full: 400 on create, or `failed` after validation"),
    ] = "fail_fast"

    # files
    file_pending_seconds: Annotated[float, Meta(ge=0, description="an upload is `pending` for so long")] = 2.0
    files_without_expiry: Annotated[int, Meta(description="most input files without expiry")] = (
        FILES_WITHOUT_EXPIRY
    )
    files_with_expiry: Annotated[int, Meta(description="most input files with expiry")] = FILES_WITH_EXPIRY
    upload_limit_bytes: Annotated[int, Meta(description="largest input file")] = UPLOAD_LIMIT_BYTES
    min_expiry_seconds: Annotated[int, Meta(description="shortest `expires_after`")] = 1_209_600
    files_list: Annotated[
        Literal["plain", "has_more", "whole"],
        Meta(description="file listing: paged without has_more, with it, or all whatever is asked"),
    ] = "plain"
    v1_import: Annotated[bool, Meta(description="serve files/import under /openai/v1 too")] = False
    uploads_per_second: Annotated[int, Meta(ge=0, description="429 above it; 0 is no limit")] = 0

    # batches
    created_status: Annotated[Literal[200, 201], Meta(description="HTTP status of a creation")] = 201
    requests_per_file: Annotated[int, Meta(description="most requests in a file")] = REQUESTS_PER_FILE
    batch_embeddings: Annotated[bool, Meta(description="let batches ask for /v1/embeddings")] = False
    validating_seconds: Annotated[float, Meta(ge=0, description="time spent `validating`")] = 90.0
    duration: Annotated[
        Literal["fixed", "lognormal"],
        Meta(description="time `in_progress`: the same, or heavy-tailed by content"),
    ] = "fixed"
    duration_seconds: Annotated[float, Meta(ge=0, description="time `in_progress`, or its median")] = 180.0
    duration_sigma: Annotated[float, Meta(ge=0, description="sigma of the lognormal duration")] = 1.0
    finalizing_seconds: Annotated[float, Meta(ge=0, description="time spent `finalizing`")] = 90.0
    cancelling_seconds: Annotated[float, Meta(ge=0, description="time spent `cancelling`")] = 120.0
    overrun: Annotated[
        Literal["run_on", "expire"],
        Meta(description="a batch beyond its completion window runs on, or expires"),
    ] = "run_on"
    window_seconds: Annotated[float, Meta(gt=0, description="the completion window")] = DAY_SECONDS
    cancel_refusal: Annotated[Literal[400, 409], Meta(description="answer to cancelling an ended batch")] = (
        409
    )

    # shapes
    batch_style: Annotated[
        Literal["plain", "blank", "iso"],
        Meta(description="batch objects: plain; blank ids and null fields at first; `Status` and ISO times"),
    ] = "plain"
    blob_names: Annotated[
        Literal["guid", "batch"],
        Meta(
            description="blob mode: {folder}/{guid}/results.jsonl told at the end, or {folder}{batch}_output.jsonl from the start"
        ),
    ] = "guid"
    batch_ids: Annotated[Literal["guid", "hex"], Meta(description="batch_ plus a dashed GUID, or 32 hex")] = (
        "guid"
    )
    errors_style: Annotated[
        Literal["list", "single"],
        Meta(description="errors.data: a list, or one object with the line as text"),
    ] = "list"
    error_file: Annotated[
        Literal["empty", "null", "blank"],
        Meta(description="no errors: a 0-byte file, a null id or a blank id"),
    ] = "empty"
    empty_output: Annotated[
        Literal["null", "blank"], Meta(description="no results: output_file_id is null or blank")
    ] = "null"
    expired_rows: Annotated[
        Literal["error_file", "missing"], Meta(description="unfinished rows of an expired batch")
    ] = "error_file"
    cancelled_rows: Annotated[
        Literal["error_file", "missing"], Meta(description="unfinished rows of a cancelled batch")
    ] = "missing"

    # live calls
    live_requests_per_minute: Annotated[int, Meta(ge=0, description="429 above it; 0 is no limit")] = 0
    live_tokens_per_minute: Annotated[int, Meta(ge=0, description="429 above it; 0 is no limit")] = 0

    @property
    def known_deployments(self) -> frozenset[str]:
        """The deployments that exist; empty when any name does."""
        return names(self.deployments)

    def has_deployment(self, name: str) -> bool:
        """Whether the resource has a deployment of this name."""
        if self.known_deployments:
            return name in self.known_deployments
        return not name.startswith("missing")

    def real(self, service_seconds: float) -> float:
        """Seconds on our clock for seconds on the service's."""
        return service_seconds / self.speed


def names(listed: str) -> frozenset[str]:
    """The names in a comma-separated list."""
    return frozenset(name.strip() for name in listed.split(",") if name.strip())
