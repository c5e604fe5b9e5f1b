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


class Transport(StrEnum):
    """The ways there are."""

    UPLOAD = "upload"
    IMPORT = "import"
    BLOB = "blob"


READING_REMEDY = (
    "The service must be able to read the data account: let it through the account's firewall, and with "
    "IMPORT_URL=identity give its system-assigned identity the role 'Storage Blob Data Reader' there; "
    "or set TRANSPORT=upload."
)

FILE_LIMIT_BYTES = 200_000_000  # of a file in the service, however it got there
BLOB_LIMIT_BYTES = 1_000_000_000


class Choice(NamedTuple):
    """A transport and the reason for it, as the metadata tells them."""

    transport: Transport
    reason: str


def limit_bytes(wanted: str) -> int:
    """Give the largest shard that a setting of TRANSPORT allows; `auto` may always have to upload."""
    return BLOB_LIMIT_BYTES if wanted == Transport.BLOB else FILE_LIMIT_BYTES


def choose(wanted: str, *, size: int, unsupported: str | None, failing: str | None) -> Choice:
    """Choose for a shard of `size` bytes.

    `unsupported`: why the service was found to know no import; `failing`: why one should not be tried.
    """
    if wanted == AUTO:
        return _automatic(size, unsupported or failing)
    if wanted == Transport.IMPORT and unsupported:
        return Choice(Transport.UPLOAD, f"TRANSPORT=import, but {unsupported}")
    return Choice(Transport(wanted), f"TRANSPORT={wanted}")


def _automatic(size: int, obstacle: str | None) -> Choice:
    """Import what is large, upload the rest. Never `blob`, whose roles nobody can see from here."""
    if size < IMPORT_FROM_BYTES:
        return Choice(Transport.UPLOAD, f"auto: {size:,} bytes are uploaded at once")
    if obstacle:
        return Choice(Transport.UPLOAD, f"auto: {obstacle}")
    return Choice(Transport.IMPORT, f"auto: {size:,} bytes need not pass through the app")
