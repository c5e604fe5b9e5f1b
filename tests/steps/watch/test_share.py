"""Snapshots share the limit through real storage."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from adapters.services import Services
from adapters.work.shares import Shares
from domain.contracts import Share, ShareRequest
from domain.flow.sharing import Holding
from steps.watch.share import share
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.request_files import request

NOW = 1_790_000_000.0
LIMIT = 20


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline()


@pytest.fixture
def shares(pipeline: InlinePipeline) -> Shares:
    return pipeline.services.work.shares


@pytest.fixture
def services(pipeline: InlinePipeline) -> Services:
    return at(NOW, pipeline)


def at(moment: float, pipeline: InlinePipeline) -> Services:
    return replace(pipeline.services, clock=lambda: moment)


def asking(name: str, *, wanted: int) -> ShareRequest:
    return ShareRequest(
        snapshot_id=name, active=0, wanted=wanted, limit=LIMIT, reserve=10, stale_seconds=3600.0
    )


def test_what_one_holds_the_next_one_sees_until_it_is_dropped(services: Services, shares: Shares) -> None:
    assert share(asking("snapshot-1", wanted=50), services) == Share(places=18)
    assert share(asking("snapshot-2", wanted=50), services) == Share(places=2)
    assert sorted(shares.all(), key=lambda record: record.snapshot_id) == [
        Holding(snapshot_id="snapshot-1", held=18, wanted=32, at=NOW),
        Holding(snapshot_id="snapshot-2", held=2, wanted=48, at=NOW),
    ]
    shares.drop(["snapshot-1", "snapshot-0"])
    assert share(asking("snapshot-2", wanted=50), services) == Share(places=18)


def test_many_at_once_never_hold_more_than_there_is(services: Services, shares: Shares) -> None:
    names = [f"snapshot-{number}" for number in range(6)]
    with ThreadPoolExecutor(len(names)) as pool:
        told = list(pool.map(lambda name: share(asking(name, wanted=50), services), names))
    assert sum(answer.places for answer in told) <= LIMIT
    assert sum(record.held for record in shares.all()) <= LIMIT


def test_the_record_of_one_that_is_not_heard_of_any_more_is_deleted(
    pipeline: InlinePipeline, services: Services, shares: Shares
) -> None:
    share(asking("snapshot-1", wanted=50), services)
    assert share(asking("snapshot-2", wanted=50), at(NOW + 3601, pipeline)) == Share(places=18)
    assert [record.snapshot_id for record in shares.all()] == ["snapshot-2"]


def test_what_a_dead_snapshot_held_is_free_for_the_one_that_takes_its_files_over(
    pipeline: InlinePipeline, services: Services, shares: Shares
) -> None:
    pipeline.drop("a.jsonl", request("a"))
    dead = pipeline.begin()
    share(asking(dead.snapshot_id, wanted=50), services)
    later = pipeline.begin()
    assert later.files_total == 1
    assert shares.all() == []


def test_the_records_of_a_snapshots_parts_go_with_its_own(services: Services, shares: Shares) -> None:
    for name in ("snapshot-1", "snapshot-1-1", "snapshot-1-2", "snapshot-10"):
        share(asking(name, wanted=1), services)
    shares.drop(["snapshot-1"])
    assert [record.snapshot_id for record in shares.all()] == ["snapshot-10"]
