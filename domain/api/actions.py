"""What calls may send."""

from typing import Annotated

import msgspec
from msgspec import Meta


class Priority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a file begins; the higher, the earlier, and 0 like all others."""

    priority: int


class FolderPriority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the files of a folder of the input container begin; the higher, the earlier, and 0 like all others."""

    folder: str
    priority: int


class Codes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which failed rows are retried: those with one of these codes, or all."""

    codes: list[str] = []
    after: Annotated[int, Meta(ge=0, description="Of a snapshot: the `next` of the call before.")] = 0


class QuoteWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which file is quoted: its path in the input container."""

    path: str
    prompts: Annotated[
        int, Meta(ge=0, le=10, description="Requests that are shown as they would be sent.")
    ] = 3
