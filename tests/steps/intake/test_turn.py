"""Snapshots that take files at the same time ask storage for each file once."""

import asyncio
from datetime import UTC, datetime

import pytest
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from domain.contracts import SnapshotRequest, TakenFiles
from local.azurite import Azurite
from local.fault_proxies.storage import running as running_proxy
from steps.intake.take import take_files
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
