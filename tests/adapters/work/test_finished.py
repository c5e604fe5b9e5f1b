"""The lists of finished files: lines that are added, and read from where one has read to."""

import pytest

from adapters.storage.account import Storage
from adapters.storage.append_blob import AppendBlob
from adapters.work import finished, line_lists
from adapters.work.store import WorkStore
from domain import names
from domain.errors import BlockedError
from domain.results.finished import FinishedFile

SNAPSHOT = "snapshot-1"


def line(number: int) -> bytes:
    return b"%05d\n" % number


def test_a_list_comes_into_being_with_its_first_line_and_is_read_from_any_byte(store: WorkStore) -> None:
    assert store.finished.read(SNAPSHOT, 0, 0) == (b"", False)
    for number in range(3):
        store.finished.add(SNAPSHOT, line(number))
    assert store.finished.read(SNAPSHOT, 0, 0) == (b"00000\n00001\n00002\n", False)
    assert store.finished.read(SNAPSHOT, 0, 12) == (b"00002\n", False)
    assert store.finished.read(SNAPSHOT, 0, 18) == (b"", False)


@pytest.mark.parametrize("writers", [1, 2])
def test_a_list_that_is_full_goes_on_in_another_blob(
    writers: int, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer notices at its own next line; none of them is lost."""
    monkeypatch.setattr(line_lists, "MOST_LINES", 4)
    stores = [WorkStore(storage.work) for _ in range(writers)]
    for number in range(9):
        stores[number % writers].finished.add(SNAPSHOT, line(number))
    found = {entry.name for entry in storage.work.list(names.SNAPSHOTS)}
    assert {names.finished_files(SNAPSHOT), names.finished_files(SNAPSHOT, 1)} <= found
    read = [stores[0].finished.read(SNAPSHOT, part, 0) for part in range(3)]
    assert read[0][1]
    assert sorted(b"".join(content for content, _ in read).split()) == [b"%05d" % n for n in range(9)]


def test_a_blob_that_takes_no_more_blocks_is_left_for_the_next(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it says itself, to a writer that has not followed."""
    store = WorkStore(storage.work)
    store.finished.add(SNAPSHOT, line(0))
    append = line_lists._append

    def full(blob: AppendBlob, content: bytes) -> None:
        if blob.name == names.finished_files(SNAPSHOT):
            raise BlockedError("Full.", code="BlockCountExceedsLimit")
        append(blob, content)

    monkeypatch.setattr(line_lists, "_append", full)
    store.finished.add(SNAPSHOT, line(1))
    assert store.finished.read(SNAPSHOT, 1, 0)[0] == line(1)


def test_the_list_goes_with_its_snapshot(store: WorkStore, storage: Storage) -> None:
    store.finished.add(SNAPSHOT, line(1))
    store.snapshots.write_report(SNAPSHOT, {})
    assert store.finished.read(SNAPSHOT, 0, 0)[0] == line(1)
    store.snapshots.drop([SNAPSHOT])
    assert list(storage.work.list(names.SNAPSHOTS)) == []


def test_what_a_process_remembers_of_files_is_given_once_and_bounded(store: WorkStore) -> None:
    for number in range(finished.MOST_KEPT + 1):
        store.finished.keep(FinishedFile(key=str(number), path="a", state="done"))
    assert store.finished.take("0") is None
    found = store.finished.take("1")
    assert found is not None
    assert found.key == "1"
    assert store.finished.take("1") is None
