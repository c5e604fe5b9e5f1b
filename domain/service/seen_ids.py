"""Which `custom_id`s a file has used, for files of millions of lines: some 25 bytes each instead of a hundred."""

from array import array
from collections.abc import Collection, Iterable

FEW = 1 << 18  # ids up to which a set of Python's own is used: five times as fast, four times as large
FIRST_SLOTS = 1 << 12


class SeenIds:
    """A set of strings that keeps only their 64-bit hashes.

    Two different ids among a million share a hash once in thirty million files; the second would be called a repetition.
    """

    def __init__(self) -> None:
        self._few: set[int] = set()
        self._many: HashTable | None = None  # takes the place of the few

    def add(self, custom_id: str) -> bool:
        """Add an id; False when it was there already."""
        return self.add_all((custom_id,))

    def add_all(self, custom_ids: Collection[str]) -> bool:
        """Add ids; False, and none of them is added, when one was there already or is among them twice."""
        values = set(map(hash, custom_ids))
        if 0 in values:  # which marks a free slot of the table
            values = values - {0} | {1}
        there = self._few if self._many is None else self._many
        if len(values) != len(custom_ids) or not there.isdisjoint(values):
            return False
        there.update(values)
        if len(self._few) > FEW:
            self._many = HashTable(self._few)
            self._few = set()
        return True

    def __contains__(self, custom_id: str) -> bool:
        return not (self._few if self._many is None else self._many).isdisjoint((hash(custom_id) or 1,))


class HashTable:
    """A set of 64-bit numbers other than 0, in a flat table with open addressing, which is never more than half full."""

    def __init__(self, values: Iterable[int] = ()) -> None:
        self._slots = array("q", bytes(8 * FIRST_SLOTS))
        self._mask = FIRST_SLOTS - 1
        self._count = 0
        self.update(values)

    def isdisjoint(self, values: Iterable[int]) -> bool:
        """Tell whether none of the numbers is in the table."""
        slots, mask = self._slots, self._mask
        for value in values:
            slot = value & mask
            # As in `_slot_of`, whose call would cost as much as its work, a million times.
            while there := slots[slot]:
                if there == value:
                    return False
                slot = (slot + 1) & mask
        return True

    def update(self, values: Iterable[int]) -> None:
        """Add numbers that are not there."""
        for value in values:
            self._slots[self._slot_of(value)] = value
            self._count += 1
            if 2 * self._count > self._mask:
                self._grow()

    def _slot_of(self, value: int) -> int:
        """Find the free slot where a value belongs."""
        slots, mask = self._slots, self._mask
        slot = value & mask
        while slots[slot]:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        old = self._slots
        self._mask = 2 * self._mask + 1
        self._slots = array("q", bytes(8 * (self._mask + 1)))
        for value in old:
            if value:
                self._slots[self._slot_of(value)] = value
