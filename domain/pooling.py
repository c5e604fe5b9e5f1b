"""Which small files share batches, and how their requests are told apart in them.

The service does best with few large files. A pool is one thing to the flow, from its preparing to its end: it has shards, ledgers
and batches like a large file, and only where files come in and where results go out are there several. What is not as plain as
the others leaves the pool before anything is sent, and goes the way of every other file.
Why: docs/decisions/0015-small-files-share-batches.md
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Protocol, TypeVar

import msgspec

from domain.records import SpecBlob
from domain.service.answer_repair import UNREADABLE, renamed
from domain.service.outcomes import ShardOutcome

LEAST_FILES = 10  # fewer gain nothing by waiting for each other
MOST_FILES = 1000
MOST_BYTES_OF_FILE = 256 * 1024
MOST_REQUESTS_OF_FILE = 2000
# How many characters the service takes is not documented; so many are taken wherever that was tried.
MOST_ID_CHARS = 64

_decode_line = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode


class Small(Protocol):
    """What is asked of a file that may share batches."""

    @property
    def path(self) -> str:
        """Its name in the input container."""

    @property
    def size(self) -> int:
        """Its bytes."""

    @property
    def spec(self) -> SpecBlob | None:
        """The job spec that governs it."""


File = TypeVar("File", bound=Small)


def pools_of(files: Iterable[File]) -> Iterator[list[File]]:
    """Give the files of each pool, in their order; those that are in none are left out.

    Files share batches where one job spec governs them, or none.
    """
    alike: defaultdict[Hashable, list[File]] = defaultdict(list)
    for file in files:
        if 0 < file.size <= MOST_BYTES_OF_FILE:
            alike[file.spec].append(file)
    for group in alike.values():
        if len(group) >= LEAST_FILES:
            pools = -(-len(group) // MOST_FILES)
            each, more = divmod(len(group), pools)
            start = 0
            for number in range(pools):
                end = start + each + (number < more)
                yield group[start:end]
                start = end


def path_of_pool(paths: Sequence[str]) -> str:
    """Say what a pool is, in the form of a path: the folder that all of its files lie in, and how many they are."""
    folders = [path.split("/")[:-1] for path in paths]
    shared = [
        names[0] for names in takewhile(lambda names: len(set(names)) == 1, zip(*folders, strict=False))
    ]
    return "/".join([*shared, f"({len(paths)} files)"])


# --- the requests of a pool ------------------------------------------------------------------------------------------


def marked_id(number: int, custom_id: str) -> str:
    """Make a request's `custom_id` one of the pool: with the number of its file before it."""
    return f"{number}-{custom_id}"


def number_of(custom_id: str) -> str:
    """Give the number of the file in a `custom_id` of a pool, as it is written there."""
    return custom_id.partition("-")[0]


def marked_request(number: int, line: bytes) -> bytes | None:
    """Give a request as it is sent from a pool; None where its `custom_id` would grow too long."""
    parts = _decode_line(line)
    custom_id = marked_id(number, _decode_text(parts["custom_id"]))
    if len(custom_id) > MOST_ID_CHARS:
        return None
    return _encode({**parts, "custom_id": custom_id})


def unmarked(outcome: ShardOutcome) -> ShardOutcome:
    """Give an outcome as if its file had been sent alone: with the `custom_id`s that its requests had."""
    return msgspec.structs.replace(
        outcome,
        custom_id=outcome.custom_id.partition("-")[2],
        **({"answer": _unmarked_line(outcome.answer)} if outcome.answer else {}),
        earlier=[_unmarked_line(line) for line in outcome.earlier],
    )


def _unmarked_line(line: msgspec.Raw) -> msgspec.Raw:
    """Put the first `custom_id` back into a line of the service; what is none of the kind stays as it is."""
    parts = _decode_line(line)
    try:
        custom_id = _decode_text(parts["custom_id"]).partition("-")[2]
    except (KeyError, msgspec.DecodeError):
        return line
    if UNREADABLE in parts:
        return msgspec.Raw(renamed(line, custom_id))
    return msgspec.Raw(_encode({**parts, "custom_id": custom_id}))
