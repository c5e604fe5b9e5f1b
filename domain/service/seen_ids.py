"""Which `custom_id`s a file has used, for files of millions of lines: some 25 bytes each instead of a hundred."""

from array import array

FIRST_SLOTS = 1 << 12


class SeenIds:
    """A set of strings that keeps only their 64-bit hashes, in a flat table with open addressing.

    Two different ids among a million share a hash once in thirty million files; the second would be called a repetition.
    """

    def __init__(self) -> None:
        self._slots = array("q", bytes(8 * FIRST_SLOTS))
        self._mask = FIRST_SLOTS - 1
        self._count = 0

    def add(self, custom_id: str) -> bool:
        """Add an id; False when it was there already."""
        value = hash(custom_id) or 1  # 0 marks a free slot
        slots, mask = self._slots, self._mask
        slot = value & mask
        # As in `_slot_of`, whose call would cost as much as its work, a million times.
        while there := slots[slot]:
            if there == value:
                return False
            slot = (slot + 1) & mask
        slots[slot] = value
        self._count += 1
        if 2 * self._count > self._mask:
            self._grow()
        return True

    def __contains__(self, custom_id: str) -> bool:
        return self._slots[self._slot_of(hash(custom_id) or 1)] != 0

    def _slot_of(self, value: int) -> int:
        """Find the slot that holds a value, or the free one where it belongs."""
        slots, mask = self._slots, self._mask
        slot = value & mask
        while slots[slot] and slots[slot] != value:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        old = self._slots
        self._mask = 2 * self._mask + 1
        self._slots = array("q", bytes(8 * (self._mask + 1)))
        for value in old:
            if value:
                self._slots[self._slot_of(value)] = value
