"""The files of a pool, each with its plan, as preparing has left it."""

from collections.abc import Iterable, Iterator

import msgspec

from adapters.storage.line_writer import LineWriter
from adapters.work.store import WorkStore
from domain import names
from domain.contracts import ListedFile
from domain.records import Plan

CALLS_AT_ONCE = 8
AHEAD = 2 * CALLS_AT_ONCE  # files that are held in memory while another one is looked at


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a pool. `number` is in front of the `custom_id` of each of its requests."""

    number: int
    file: ListedFile
    plan: Plan

    @property
    def key(self) -> str:
        """The file's key."""
        return self.file.key


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Member).decode


def write_members(key: str, plan_number: int, members: Iterable[Member], store: WorkStore) -> None:
    """Write the list of a pool's files, in the order of their numbers."""
    with store.blobs.writer(names.pool_members(key, plan_number)) as written:
        lines = LineWriter(written)
        for member in members:
            lines.add(_encode(member))
        lines.flush()


def read_members(key: str, plan: Plan, store: WorkStore) -> Iterator[Member]:
    """Stream the files that are in a pool now."""
    left = {*plan.alone, *plan.taken_out}
    for line in store.blobs.lines(names.pool_members(key, plan.number)):
        if line and (member := _decode(line)).key not in left:
            yield member
