"""How often, and how far back, the list of all batches is read to find those that bear our marks."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from adapters.openai.known_batches import ADOPTABLE_SECONDS, KnownBatches, marks
from domain.errors import PassingError
from domain.service.batch_states import BatchView

KEY = "0123456789abcdef0123"
NOW = 1_790_000_000.0


class Listing:
    """A list of batches, newest first, one a minute; counts what is read of it."""

    def __init__(self) -> None:
        self.found: list[BatchView] = []
        self.read = 0
        self.fails = False
        self.files: list[tuple[str, str, str]] = []

    def add(self, number: int, **more: object) -> str:
        view = {"batch_id": f"b{number}", "status": "completed", "created_at": NOW + 60.0 * number, **more}
        self.found.insert(0, BatchView(**view))  # type: ignore[arg-type]
        return f"b{number}"

    def batches(self) -> Iterator[BatchView]:
        for batch in self.found:
            self.read += 1
            yield batch
        if self.fails:
            raise PassingError("The list ends in the middle.")

    def files_named(self, prefix: str) -> Iterator[tuple[str, str, str]]:
        return (file for file in self.files if file[2].startswith(prefix))


def asked(known: KnownBatches, listing: Any, snapshot: str = "s1", *, shard: str = "0000") -> list[str]:
    return known.of_shard(
        KEY,
        shard,
        [f"files/{KEY}/shards/{shard}.jsonl"],
        name_of=lambda url: url.removeprefix("https://x/work/"),
        snapshot_id=snapshot,
        api=listing,
    )


@pytest.fixture
def listing() -> Listing:
    made = Listing()
    for number in range(500):
        made.add(number)
    return made


def test_the_list_is_read_once_for_all_shards_of_a_snapshot(listing: Listing) -> None:
    known = KnownBatches()
    for shard in range(20):
        assert asked(known, listing, shard=f"{shard:04d}") == []
    assert listing.read == 500


def test_a_later_snapshot_reads_only_what_is_new_and_finds_it(listing: Listing) -> None:
    known = KnownBatches()
    old = listing.add(500, metadata=marks(KEY, "0000", "s0"))
    assert asked(known, listing) == [old]
    listing.read = 0
    new = listing.add(501, metadata=marks(KEY, "0001", "s0"))
    assert asked(known, listing, "s2", shard="0001") == [new]
    assert asked(known, listing, "s2") == [old]
    assert listing.read < 100


@pytest.mark.parametrize("created_at", [None, NOW - 1e9])
def test_a_list_in_another_order_is_read_to_its_end(listing: Listing, created_at: float | None) -> None:
    known = KnownBatches()
    asked(known, listing)
    listing.add(501, created_at=created_at)
    listing.found.append(BatchView(batch_id="last", status="completed", metadata=marks(KEY, "0000", "s0")))
    assert asked(known, listing, "s2") == ["last"]


def test_what_is_older_than_anything_that_is_worked_on_is_not_read(listing: Listing) -> None:
    listing.add(501 + int(ADOPTABLE_SECONDS / 60))
    asked(KnownBatches(), listing)
    assert listing.read <= 3


def test_a_list_that_fails_in_the_middle_has_told_nothing(listing: Listing) -> None:
    known, listing.fails = KnownBatches(), True
    for _ in range(2):
        with pytest.raises(PassingError):
            asked(known, listing)
    listing.fails = False
    listing.found.append(BatchView(batch_id="last", status="completed", metadata=marks(KEY, "0000", "s0")))
    assert asked(known, listing) == ["last"]


def test_batches_without_metadata_are_known_by_their_blob_or_by_the_name_of_their_file(
    listing: Listing,
) -> None:
    by_blob = listing.add(500, input_blob=f"https://x/work/files/{KEY}/shards/0000.jsonl")
    by_file = listing.add(501, input_file_id="file-1")
    listing.add(502, input_file_id="file-2")
    listing.files = [
        ("file-1", "processed", f"batch-pipeline-00000000-{KEY}-0000.1-2.jsonl"),
        ("file-2", "processed", f"batch-pipeline-{KEY}.jsonl"),
        ("file-3", "processed", f"batch-pipeline-00000000-{KEY}-0000-0.jsonl"),
    ]
    known = KnownBatches()
    assert asked(known, listing) == [by_blob]
    assert asked(known, listing, shard="0000.1") == [by_file]


def test_a_snapshot_that_is_asked_for_again_after_many_others_is_read_again(listing: Listing) -> None:
    known = KnownBatches()
    for number in count():
        asked(known, listing, f"s{number}")
        if number > 600:
            break
    listing.read = 0
    asked(known, listing, "s0")
    assert 0 < listing.read < 100
