"""Snapshots that take files at the same time ask storage for each file once."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from adapters.services import Services
from domain.contracts import SnapshotRequest, TakenFiles, WokenBy
from domain.errors import PassingError
from local.azurite import Azurite
from local.fault_proxies.storage import running as running_proxy
from steps.intake import take
from steps.intake.survey import Survey, survey
from steps.intake.take import take_files
from steps.intake.tidying import tell
from steps.intake.turn import a_turn
from tests.activities.conftest import MakePipeline
from tests.activities.request_files import requests

FILES = 12
SNAPSHOTS = [f"snapshot-20261127T10000{number}.000Z" for number in range(3)]


class Hub:
    """A task hub where everything runs."""

    async def get_status(self, instance_id: str) -> DurableOrchestrationStatus:
        del instance_id
        now = datetime.now(UTC).isoformat()
        running = {"runtimeStatus": "Running", "createdTime": now, "lastUpdatedTime": now}
        return DurableOrchestrationStatus.from_json(running)

    async def terminate(self, instance_id: str, reason: str) -> None:
        raise AssertionError(instance_id, reason)


def asked_for(snapshot_id: str) -> SnapshotRequest:
    return SnapshotRequest(snapshot_id=snapshot_id, woken_by="event")


def test_snapshots_that_overlap_do_not_race_for_the_same_files(
    make_pipeline: MakePipeline, azurite: Azurite
) -> None:
    with running_proxy(azurite) as proxy:
        pipeline = make_pipeline(DATA=proxy.connection_string)
        for number in range(FILES):
            pipeline.drop(f"{number}.jsonl", requests([str(number)]))
        proxy.kinds.clear()

        async def all_at_once() -> list[TakenFiles]:
            asked = [SnapshotRequest(snapshot_id=snapshot_id) for snapshot_id in SNAPSHOTS]
            return await asyncio.gather(*(take_files(each, pipeline.services, Hub()) for each in asked))

        taken = asyncio.run(all_at_once())
    assert sorted(answer.files for answer in taken) == [0, 0, FILES]
    assert proxy.kinds["copy work/claim"] == FILES


@pytest.mark.parametrize(("woken_by", "looks"), [("event", 2), ("sweep", 2), ("http", 3)])
def test_snapshots_that_wait_for_one_that_takes_all_look_for_nothing(
    make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch, woken_by: WokenBy, looks: int
) -> None:
    """One has begun to look when the others ask; the next may see more, and the last can see no more than that.

    What people ask for by hand looks by itself.
    """
    pipeline = make_pipeline()
    looked: list[str] = []

    async def counted(*given: Any, snapshot_id: str, **more: Any) -> Survey:
        found = await survey(*given, snapshot_id=snapshot_id, **more)
        if not looked:
            pipeline.drop("late.jsonl", requests(["late"]))
        looked.append(snapshot_id)
        return found

    monkeypatch.setattr(take, "survey", counted)
    pipeline.drop("early.jsonl", requests(["early"]))

    async def all_in_turn() -> list[TakenFiles]:
        asked = (SnapshotRequest(snapshot_id=each, woken_by=woken_by) for each in SNAPSHOTS)
        return await asyncio.gather(*(take_files(each, pipeline.services, Hub()) for each in asked))

    taken = asyncio.run(all_in_turn())
    assert sorted(answer.files for answer in taken) == [0, 1, 1]
    assert len(looked) == looks


def test_one_that_has_claims_of_its_own_finds_them_again(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline()
    first, second, _ = SNAPSHOTS
    pipeline.drop("claimed.jsonl", requests(["claimed"]))
    assert asyncio.run(take_files(asked_for(second), pipeline.services, Hub())).files == 1
    pipeline.drop("other.jsonl", requests(["other"]))

    async def both() -> list[TakenFiles]:
        return await asyncio.gather(
            *(take_files(asked_for(each), pipeline.services, Hub()) for each in (first, second))
        )

    assert [answer.files for answer in asyncio.run(both())] == [1, 1]


def test_one_that_waits_for_one_that_fails_looks_by_itself(
    make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make_pipeline()
    pipeline.drop("one.jsonl", requests(["one"]))
    failing = [PassingError("Storage is away.")]

    def told(found: Survey, services: Services) -> None:
        if failing:
            raise failing.pop()
        tell(found, services)

    monkeypatch.setattr(take, "tell", told)

    async def all_at_once() -> list[TakenFiles | BaseException]:
        asked = (take_files(asked_for(each), pipeline.services, Hub()) for each in SNAPSHOTS)
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(all_at_once())
    taken = [answer.files for answer in answers if isinstance(answer, TakenFiles)]
    assert sorted(taken) == [0, 1]


@pytest.mark.parametrize("fails", [False, True])
def test_a_turn_ends_with_its_work_and_one_that_hangs_is_not_waited_for(fails: bool) -> None:
    order = []

    async def work(name: str, longest: float, until: asyncio.Event | None = None) -> None:
        async with a_turn(longest):
            order.append(name)
            if until:
                await until.wait()
            if fails:
                raise OSError(name)

    async def several() -> None:
        over = asyncio.Event()
        hanging = asyncio.create_task(work("hanging", 60.0, over))
        await asyncio.sleep(0)
        patient = asyncio.create_task(work("patient", 60.0))
        await asyncio.gather(work("impatient", 0.0), return_exceptions=True)
        assert order == ["hanging", "impatient"]
        over.set()
        await asyncio.gather(hanging, patient, return_exceptions=True)

    asyncio.run(several())
    assert order == ["hanging", "impatient", "patient"]
