"""Claims: of those who want the same file, one gets it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.storage.account import Storage
from adapters.work.store import WorkStore
from tests.adapters.work.files import claim_of, dropped, key_of

PATHS = ["a.jsonl", "dir/ü 語 🦜 %20+#?.jsonl", "語" * 300, "ä/" * 100 + "x" * 200]


@pytest.mark.parametrize("path", PATHS)
def test_a_claim_is_the_frozen_copy_and_comes_back_as_it_was(
    storage: Storage, store: WorkStore, path: str
) -> None:
    file = dropped(storage, path)
    assert store.claims.take(storage.input, file, key_of(file), claim_of(file))
    storage.input.delete(path)
    frozen = store.claims.open_input(key_of(file))
    assert frozen is not None
    assert (frozen.claim, frozen.size, frozen.copy_status) == (claim_of(file), file.size, "success")
    assert b"".join(frozen.chunks()) == b"content\n"
    ((key, claim, etag, size),) = store.claims.all()
    assert (key, claim, size) == (key_of(file), claim_of(file), file.size)
    assert store.claims.read(key) == (claim, etag)


def test_of_two_snapshots_that_want_a_file_at_once_exactly_one_gets_it(
    storage: Storage, store: WorkStore
) -> None:
    for number in range(5):
        file = dropped(storage, f"{number}.jsonl")
        snapshots = [f"snapshot-{name}" for name in "abcdefgh"]
        with ThreadPoolExecutor(8) as pool:
            taken = pool.map(
                lambda s, f=file: store.claims.take(storage.input, f, key_of(f), claim_of(f, s)), snapshots
            )
            won = list(map(bool, taken))
        assert won.count(True) == 1
        found = store.claims.read(key_of(file))
        assert found is not None
        assert found[0].snapshot_id == snapshots[won.index(True)]


def test_a_snapshot_may_claim_again_what_it_has(storage: Storage, store: WorkStore) -> None:
    file = dropped(storage)
    assert store.claims.take(storage.input, file, key_of(file), claim_of(file))
    assert store.claims.take(storage.input, file, key_of(file), claim_of(file))
    assert not store.claims.take(storage.input, file, key_of(file), claim_of(file, "snapshot-2"))


@pytest.mark.parametrize("change", ["replaced", "deleted"])
def test_a_version_that_is_gone_cannot_be_claimed(storage: Storage, store: WorkStore, change: str) -> None:
    file = dropped(storage)
    if change == "deleted":
        storage.input.delete(file.path)
    else:
        storage.input.write(file.path, b"new")
    assert not store.claims.take(storage.input, file, key_of(file), claim_of(file))
    assert list(store.claims.all()) == []


def test_only_one_takes_a_dead_snapshots_file_over(storage: Storage, store: WorkStore) -> None:
    file = dropped(storage)
    key = key_of(file)
    store.claims.take(storage.input, file, key, claim_of(file))
    found = store.claims.read(key)
    assert found is not None
    assert store.claims.replace(key, claim_of(file, "snapshot-2"), found[1])
    assert not store.claims.replace(key, claim_of(file, "snapshot-3"), found[1])
    again = store.claims.read(key)
    assert again is not None
    assert again[0].snapshot_id == "snapshot-2"
    assert not store.claims.replace("0" * 20, claim_of(file), found[1])
