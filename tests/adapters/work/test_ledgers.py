"""Plans and ledgers: whose late write fails."""

import pytest

from adapters.storage.account import Storage
from adapters.work.store import WorkStore
from domain.errors import ConflictError
from domain.records import Collected, Ledger, PlannedShard
from domain.service.outcomes import Tally
from tests.adapters.work.files import claim_of, dropped, key_of


def test_a_late_writer_of_a_ledger_fails(store: WorkStore) -> None:
    mine = Ledger(owner="snapshot-1")
    etag = store.ledgers.write("k", "0000", mine, None)
    with pytest.raises(ConflictError):
        store.ledgers.write("k", "0000", Ledger(owner="snapshot-2"), None)
    newer = store.ledgers.write("k", "0000", Ledger(owner="snapshot-2"), etag)
    with pytest.raises(ConflictError):
        store.ledgers.write("k", "0000", Ledger(owner="snapshot-1", input_file_id="file"), etag)
    assert store.ledgers.read("k", "0000") == (Ledger(owner="snapshot-2"), newer)


def test_an_own_write_whose_answer_was_lost_is_no_conflict(store: WorkStore) -> None:
    ledger = Ledger(owner="snapshot-1", input_file_id="file-1")
    first = store.ledgers.write("k", "0000", Ledger(owner="snapshot-1"), None)
    etag = store.ledgers.write("k", "0000", ledger, first)
    assert store.ledgers.write("k", "0000", ledger, first) == etag
    assert store.ledgers.write("k", "0000", ledger, None) == etag


def test_the_new_owner_of_a_file_takes_its_ledgers_over_and_nobody_else_does(
    storage: Storage, store: WorkStore
) -> None:
    file = dropped(storage)
    key = key_of(file)
    store.claims.take(storage.input, file, key, claim_of(file, "snapshot-2"))
    etag = store.ledgers.write(key, "0000", Ledger(owner="snapshot-1", input_file_id="file"), None)
    with pytest.raises(ConflictError):
        store.ledgers.own(key, "0000", "snapshot-3")
    taken = store.ledgers.own(key, "0000", "snapshot-2")
    assert taken is not None
    assert taken[0] == Ledger(owner="snapshot-2", input_file_id="file")
    with pytest.raises(ConflictError):
        store.ledgers.write(key, "0000", Ledger(owner="snapshot-1"), etag)
    assert store.ledgers.own(key, "0001", "snapshot-2") is None


def planned(shard: str) -> PlannedShard:
    return PlannedShard(shard=shard, blob=shard, requests=1, size=1)


def test_ledgers_are_found_along_the_tree_of_their_shards(store: WorkStore) -> None:
    def collected(*children: str) -> Ledger:
        return Ledger(
            owner="s", collected=Collected(tally=Tally(), children=[planned(name) for name in children])
        )

    tree = {"0000": collected("0000.0", "0000.1"), "0000.0": collected(), "0000.1": Ledger(owner="s")}
    for shard, ledger in tree.items():
        store.ledgers.write("k", shard, ledger, None)
    assert store.ledgers.of_shards("k", [planned("0000"), planned("0001")]) == tree
    assert store.ledgers.count("k") == 3
