"""Claims, ledgers and notes: who wins when two want the same, and whose late write fails."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from adapters.storage.blobs import Storage
from adapters.work.store import WorkStore
from domain import names
from domain.contracts import ListedFile
from domain.errors import ConflictError
from domain.records import Claim, Collected, InputFile, Ledger, Plan, PlannedShard
from domain.service.outcomes import Outcome, ShardOutcome, Tally

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PATHS = ["a.jsonl", "dir/ü 語 🦜 %20+#?.jsonl", "語" * 300, "ä/" * 100 + "x" * 200]


def dropped(storage: Storage, path: str = "a.jsonl", content: bytes = b"content\n") -> InputFile:
    storage.input.write(path, content)
    entry = storage.input.entry(path)
    return InputFile(path=path, etag=entry.etag, size=entry.size, modified=entry.modified)


def claim_of(file: InputFile, snapshot: str = "snapshot-1") -> Claim:
    return Claim(snapshot_id=snapshot, timestamp=names.timestamp_of(snapshot), path=file.path, etag=file.etag)


def key_of(file: InputFile) -> str:
    return names.file_key(file.path, file.etag)


# --- claims ----------------------------------------------------------------------------------------------------------


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
            won = list(
                pool.map(
                    lambda s, f=file: store.claims.take(storage.input, f, key_of(f), claim_of(f, s)),
                    snapshots,
                )
            )
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


# --- ledgers ---------------------------------------------------------------------------------------------------------


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


# --- notes -----------------------------------------------------------------------------------------------------------


def test_plans_outcomes_and_pages_come_back_as_they_were(store: WorkStore) -> None:
    plan = Plan(path="ü", etag="0x1", timestamp="t", requests=1, shards=[planned("0000")])
    assert store.plans.read("k") is None
    store.plans.write("k", plan)
    assert store.plans.read("k") == plan
    told = [
        ShardOutcome(custom_id="a\u2028", outcome=Outcome.FAILED),
        ShardOutcome(custom_id="b", passed_on=True),
    ]
    with store.blobs.writer(names.outcomes("k", "0000")) as writer:
        for line in told:
            writer.write(msgspec.json.encode(line) + b"\n")
    assert list(store.blobs.outcomes("k", "0000")) == told
    page = [ListedFile(key="k", path="ü/a.jsonl", size=3, fresh=True)]
    store.snapshots.write_page("snapshot-1", 0, page)
    assert store.snapshots.read_page("snapshot-1", 0) == page


def test_a_report_takes_the_place_of_the_manifest(store: WorkStore, storage: Storage) -> None:
    for page in range(3):
        store.snapshots.write_page("snapshot-1", page, [])
    store.snapshots.write_page("snapshot-2", 0, [])
    store.snapshots.write_report("snapshot-1", {"files": 3})
    assert [entry.name for entry in storage.work.list()] == [
        names.report("snapshot-1"),
        names.manifest_page("snapshot-2", 0),
    ]
    assert store.snapshots.latest(NOW, 20) == ["snapshot-2", "snapshot-1"]


def test_the_latest_snapshots_are_found_without_looking_at_all(store: WorkStore) -> None:
    days = [NOW - timedelta(days=age) for age in (0, 0, 1, 1, 2, 5, 40)]
    ids = [names.requested_snapshot_id(day + timedelta(seconds=n)) for n, day in enumerate(days)]
    for snapshot_id in ids:
        store.snapshots.write_report(snapshot_id, {})
    newest_first = sorted(ids, reverse=True)
    for most in range(1, 9):
        assert store.snapshots.latest(NOW, most) == newest_first[:most]


def test_old_snapshots_are_told_from_young_ones_and_dropped_one_by_one(
    store: WorkStore, storage: Storage
) -> None:
    old, unfinished, young = (
        names.window_snapshot_id(NOW - timedelta(days=age, hours=1)) for age in (31, 30, 29)
    )
    for snapshot_id in (old, unfinished, young):
        store.snapshots.write_page(snapshot_id, 0, [])
    store.snapshots.write_report(old, {})
    store.snapshots.write_report(young, {})
    border = names.window_snapshot_id(NOW - timedelta(days=30))
    assert store.snapshots.before(border) == {old: True, unfinished: False}
    store.snapshots.drop([old, old])
    assert [entry.name for entry in storage.work.list()] == [
        names.manifest_page(unfinished, 0),
        names.report(young),
    ]


def test_a_file_is_archived_and_forgotten_and_its_neighbour_is_not(
    storage: Storage, store: WorkStore
) -> None:
    file, neighbour = dropped(storage), dropped(storage, "b.jsonl")
    for one in (file, neighbour):
        store.claims.take(storage.input, one, key_of(one), claim_of(one))
        store.plans.write(key_of(one), Plan())
        store.ledgers.write(key_of(one), "0000", Ledger(owner="s"), None)
    assert store.claims.copy_input(key_of(file), storage.processed, "x/a.jsonl", file.etag) == "success"
    store.drop_file(key_of(file))
    store.drop_file(key_of(file))
    assert storage.processed.read("x/a.jsonl")[0] == b"content\n"
    assert {entry.name.split("/")[1] for entry in storage.work.list(names.FILES)} == {key_of(neighbour)}
    assert store.claims.read(key_of(file)) is None
