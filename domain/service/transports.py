"""How a shard reaches the service: which transport takes it, and why.

`upload`  the app sends the bytes; needs nothing but the service
`import`  the service fetches them from a URL that is valid for a while (`files/import`)
`blob`    the service reads the blob and writes its answers beside it (`input_blob`, `output_folder`)

Limits: "How to use global batch" and "Configure Azure Blob Storage for batch", read 2026-11.
"""

from enum import StrEnum
from typing import NamedTuple

AUTO = "auto"
IMPORT_FROM_BYTES = 32_000_000  # below this an upload takes a second or two, and an import saves nothing


class TransportName(StrEnum):
    """How a shard reaches the service."""

    UPLOAD = "upload"
    IMPORT = "import"
    BLOB = "blob"


READING_REMEDY = (
    "The service must be able to read the data account: let it through the account's firewall, and with "
    "IMPORT_URL=identity give its system-assigned identity the role 'Storage Blob Data Reader' there; "
    "or set TRANSPORT=upload."
)

WRITING_REMEDY = (
    "With TRANSPORT=blob the service reads and writes the data account itself: give the Azure OpenAI resource's "
    "system-assigned identity the role 'Storage Blob Data Contributor' there and let it through the account's firewall."
)
MODIFIED_REMEDY = "Only this app may write to the work container; the shard is submitted again."

_REMEDIES = {
    "input_no_permissions": WRITING_REMEDY,
    "output_no_permissions": WRITING_REMEDY,
    "input_modified": MODIFIED_REMEDY,
}

FIRST_VERSION_WITH_BLOBS = "2025-04-01-preview"  # the first whose specification has `input_blob`
FILE_LIMIT_BYTES = 200_000_000  # of a file in the service, however it got there
BLOB_LIMIT_BYTES = 1_000_000_000


class Choice(NamedTuple):
    """A transport and the reason for it, as the metadata tells them."""

    transport: TransportName
    reason: str


def remedy(code: str) -> str:
    """Say what to do about one of the service's reasons; empty where the reason says it."""
    return _REMEDIES.get(code, "")


def limit_bytes(wanted: str) -> int:
    """Give the largest shard that a setting of TRANSPORT allows; `auto` may always have to upload."""
    return BLOB_LIMIT_BYTES if wanted == TransportName.BLOB else FILE_LIMIT_BYTES


def choose(wanted: str, *, size: int, unsupported: str | None, failing: str | None) -> Choice:
    """Choose for a shard of `size` bytes.

    `unsupported`: why the service was found to know no import; `failing`: why one should not be tried.
    """
    if size > FILE_LIMIT_BYTES and wanted != TransportName.BLOB:
        return Choice(TransportName.BLOB, f"{size:,} bytes, cut for TRANSPORT=blob, are too many for a file")
    if wanted == AUTO:
        return _automatic(size, unsupported or failing)
    if wanted == TransportName.IMPORT and unsupported:
        return Choice(TransportName.UPLOAD, f"TRANSPORT=import, but {unsupported}")
    return Choice(TransportName(wanted), f"TRANSPORT={wanted}")


def _automatic(size: int, obstacle: str | None) -> Choice:
    """Import what is large, upload the rest. Never `blob`, whose roles cannot be seen from here."""
    if size < IMPORT_FROM_BYTES:
        return Choice(TransportName.UPLOAD, f"auto: {size:,} bytes are uploaded at once")
    if obstacle:
        return Choice(TransportName.UPLOAD, f"auto: {obstacle}")
    return Choice(TransportName.IMPORT, f"auto: {size:,} bytes need not pass through the app")
