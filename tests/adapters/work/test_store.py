"""Records of all kinds, beside each other."""

import msgspec

from adapters.storage.account import Storage
from adapters.work.store import WorkStore
from domain import names
from domain.contracts import ListedFile
from domain.records import Ledger, Plan, PlannedShard
from domain.service.outcomes import Outcome, ShardOutcome
from tests.adapters.work.files import claim_of, dropped, key_of


def test_plans_outcomes_and_pages_come_back_as_they_were(store: WorkStore) -> None:
    plan = Plan(
        path="ü",
        etag="0x1",
        timestamp="t",
        requests=1,
        shards=[PlannedShard(shard="0000", blob="0000", requests=1, size=1)],
    )
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


def test_a_file_is_archived_and_dropped_and_its_neighbour_is_not(storage: Storage, store: WorkStore) -> None:
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
