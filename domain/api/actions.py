"""What calls may send."""

from typing import Annotated

import msgspec
from msgspec import Meta

from domain.spec.documents import MAX_SPEC_BYTES
from domain.uploads import MOST_BYTES

MOST_SAMPLE_BYTES = 1024 * 1024
MOST_SPECS = 50


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


SpecText = Annotated[str, Meta(max_length=MAX_SPEC_BYTES)]


class QuoteWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which file is quoted: its path in the input container, or, with `content`, that below INPUT_DIRECTORY where it will be."""

    path: str
    prompts: Annotated[
        int, Meta(ge=0, le=10, description="Requests that are shown as they would be sent.")
    ] = 3
    content: Annotated[
        Annotated[bytes, Meta(max_length=MOST_SAMPLE_BYTES)] | None,
        Meta(description="Of a file that is not there yet: all of it, or its beginning; base64."),
    ] = None
    size: Annotated[int, Meta(ge=0, le=MOST_BYTES, description="With `content`: the bytes of all of it.")] = 0
    specs: Annotated[
        dict[str, SpecText],
        Meta(max_length=MOST_SPECS, description="With `content`: the job specs that come along, by path."),
    ] = {}


class SpecWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which job spec is looked at: where it will be below INPUT_DIRECTORY, and its text."""

    path: str
    content: SpecText


class UploadWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which file is to come: where it will be below INPUT_DIRECTORY, and how many bytes it has."""

    path: str
    size: Annotated[int, Meta(ge=0, le=MOST_BYTES)]
    replace: Annotated[bool, Meta(description="Also in the place of one of that name.")] = False
