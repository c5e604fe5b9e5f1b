"""Manifests and reports."""

from datetime import UTC, datetime, timedelta

from adapters.storage.account import Storage
from adapters.work.store import WorkStore
from domain import names

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


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
