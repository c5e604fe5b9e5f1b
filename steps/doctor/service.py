"""Checks of the Azure OpenAI resource: it is only asked for lists, unless a write is wanted."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from adapters.openai.known_batches import FILE_KEY
from adapters.services import Services
from domain import names
from domain.errors import ConfigurationError, NotFoundError, PipelineError
from domain.findings import Finding, failure, not_looked, warning, well
from domain.service.endpoints import DEFAULT_URL

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi

PAGE = "docs/deploy.md"
# Batch input files of a resource, with and without an expiry ("Azure OpenAI quotas and limits", read 2026-11).
MOST_FILES_WITH_EXPIRY, MOST_FILES = 10_000, 500
MANY = 0.8
PAGES_LOOKED_AT = 10
PROBE_FILE = "aoai-batch-doctor.jsonl"
PROBE_LINE = (
    msgspec.json.encode({"custom_id": "doctor", "method": "POST", "url": DEFAULT_URL, "body": {}}) + b"\n"
)
_ADVICE = "Check AZURE_OPENAI_ENDPOINT (the resource's root), AZURE_OPENAI_API_VERSION, the network, and the role or the key."


def service_checks(services: Services, *, write: bool) -> Iterator[Finding]:
    """Look at the resource: does it answer, how many files has it, which batches does nobody collect."""
    try:
        api = services.batch_api
        running = [batch for batch in api.batches(pages=PAGES_LOOKED_AT) if not batch.ended]
    except NotFoundError as error:
        yield failure("endpoint", f"The resource has no Batch API at this address: {error}", _ADVICE, PAGE)
        return
    except PipelineError as error:
        yield failure("endpoint", str(error), _ADVICE, PAGE)
        return
    yield well(
        "endpoint",
        f"{services.settings.azure_openai_endpoint} answers; {len(running)} of its batches are running.",
    )
    yield _files(services, api)
    yield _strays({batch.batch_id: batch.metadata.get(FILE_KEY, "") for batch in running}, services)
    if write:
        yield _write(api)
    else:
        yield not_looked(
            "service_write",
            "Whether files may be uploaded shows only an upload.",
            "--write uploads a line and deletes it.",
        )


def _files(services: Services, api: "BatchApi") -> Finding:
    # The SDK takes a second to import.
    from adapters.openai.batch_api import honours_expiry  # noqa: PLC0415 - see above

    settings = services.settings
    has_expiry = bool(settings.file_expiry_days) and honours_expiry(settings.azure_openai_api_version)
    most = MOST_FILES_WITH_EXPIRY if has_expiry else MOST_FILES
    try:
        found = [name for _, _, name in api.files_named("")]
    except PipelineError as error:
        return not_looked("service_files", f"The list of files was not answered: {error}")
    ours = sum(name.startswith(names.SERVICE_FILE_PREFIX) for name in found)
    told = f"{len(found):,} batch input files, {ours:,} of them this app's or one like it; the service takes {most:,}."
    if len(found) < most * MANY:
        return well("service_files", told)
    make = failure if len(found) >= most else warning
    return make(
        "service_files",
        told,
        "Delete files that are not needed; FILE_EXPIRY_DAYS lets ours expire.",
        "docs/settings.md",
    )


def _strays(running: dict[str, str], services: Services) -> Finding:
    """Look for batches that run, bear our mark, and belong to no file that is being worked on."""
    marked = {batch_id: key for batch_id, key in running.items() if key}
    try:
        claimed = {found.key for found in services.work.claims.all()} if marked else set()
    except ConfigurationError as error:
        return not_looked("strays", f"The records cannot be read: {error}")
    strays = sorted(batch_id for batch_id, key in marked.items() if key not in claimed)
    if not strays:
        return well("strays", "Every running batch of ours belongs to a file that is being worked on.")
    shown = ", ".join(strays[:3]) + " …" * (len(strays) > 3)
    return warning(
        "strays",
        f"{len(strays)} running batches belong to no file of this app: {shown}",
        "Of another app on this resource? Else drop the file again: its batch is found. `aoai-batch audit` has all.",
    )


def _write(api: "BatchApi") -> Finding:
    try:
        file_id, _ = api.upload(PROBE_FILE, io.BytesIO(PROBE_LINE))
    except PipelineError as error:
        return failure(
            "service_write",
            f"A file cannot be uploaded: {error}",
            "Cognitive Services OpenAI Contributor; User is not enough.",
            PAGE,
        )
    try:
        api.delete_file(file_id)
    except PipelineError as error:
        return warning(
            "service_write", f"A file was uploaded and cannot be deleted: {error}", f"Delete {file_id}.", PAGE
        )
    return well("service_write", "A file was uploaded and deleted.")
