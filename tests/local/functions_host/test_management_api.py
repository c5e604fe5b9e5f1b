"""The management API, mostly through the SDK's own client."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.durable_functions as df
import pytest
from azure.durable_functions import OrchestrationRuntimeStatus as Status

from tests.local.functions_host.running_host import MANAGEMENT, RunningHost

pytestmark = pytest.mark.asyncio


@pytest.fixture
def client(
    basic: RunningHost, client_of: Callable[[RunningHost], df.DurableOrchestrationClient]
) -> df.DurableOrchestrationClient:
    return client_of(basic)


async def finished(client: df.DurableOrchestrationClient, instance_id: str) -> Any:
    await client.wait_for_completion_or_create_check_status_response(None, instance_id, 60_000, 10)
    return await client.get_status(instance_id)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():
        pass  # each look is a request of its own


def in_status(
    client: df.DurableOrchestrationClient, instance_id: str, status: Status
) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        found = await client.get_status(instance_id)
        return bool(found.runtime_status == status)

    return look


async def test_a_started_instance_is_found_with_input_and_output(
    client: df.DurableOrchestrationClient,
) -> None:
    instance_id = await client.start_new("fan_out", "told", 4)
    status = await finished(client, instance_id)

    assert instance_id == "told"
    assert (status.name, status.instance_id, status.output) == ("fan_out", "told", 14)
    assert status.input_ == "4"  # the SDK's client encodes twice
    assert status.created_time <= status.last_updated_time


async def test_a_generated_id_is_returned(client: df.DurableOrchestrationClient) -> None:
    instance_id = await client.start_new("fan_out", client_input=1)

    assert (await finished(client, instance_id)).output == 0


async def test_an_unknown_instance_gives_a_falsy_status(client: df.DurableOrchestrationClient) -> None:
    assert not await client.get_status("nobody")


@pytest.mark.parametrize("instance_id", ["@entity", "a%23b", "a%5Cb", "a%0Ab", "x" * 257])
async def test_bad_instance_ids_are_refused(client: df.DurableOrchestrationClient, instance_id: str) -> None:
    with pytest.raises(Exception, match="Instance IDs"):
        await client.start_new("fan_out", instance_id)


async def test_the_id_of_a_running_instance_cannot_be_used_again(
    client: df.DurableOrchestrationClient,
) -> None:
    await client.start_new("approval", "singleton")
    with pytest.raises(Exception, match="already exists"):
        await client.start_new("approval", "singleton")
    await client.terminate("singleton", "enough")
    await until(in_status(client, "singleton", Status.Terminated))


async def test_a_finished_instance_is_replaced_by_a_new_one_of_its_id(
    client: df.DurableOrchestrationClient,
) -> None:
    await client.start_new("fan_out", "again", 2)
    await finished(client, "again")
    await client.start_new("fan_out", "again", 3)

    assert (await finished(client, "again")).output == 5


async def test_an_event_raised_by_the_client_arrives_as_json_text(
    client: df.DurableOrchestrationClient,
) -> None:
    await client.start_new("approval", "asked")
    await client.raise_event("asked", "approved", {"by": "me"})

    assert (await finished(client, "asked")).output == '{"by": "me"}'


async def test_events_for_nobody_or_for_the_finished_are_refused(
    client: df.DurableOrchestrationClient,
) -> None:
    with pytest.raises(Exception, match="No instance with ID nobody found"):
        await client.raise_event("nobody", "approved")
    await client.start_new("fan_out", "over", 1)
    await finished(client, "over")
    with pytest.raises(Exception, match="over is gone"):
        await client.raise_event("over", "approved")


async def test_an_event_must_be_json(basic: RunningHost) -> None:
    basic.begin("approval", instance_id="strict")
    path = f"{MANAGEMENT}/instances/strict/raiseEvent/approved"

    assert basic.post(path, data="yes", headers={"content-type": "text/plain"}).status_code == 400
    assert basic.post(path, data="{", headers={"content-type": "application/json"}).status_code == 400


async def test_a_terminated_instance_has_the_reason_as_output(client: df.DurableOrchestrationClient) -> None:
    await client.start_new("approval", "unwanted")
    await client.terminate("unwanted", "nobody cares")
    await until(in_status(client, "unwanted", Status.Terminated))

    assert (await client.get_status("unwanted")).output == "nobody cares"


async def test_a_suspended_instance_holds_its_events_until_it_is_resumed(
    client: df.DurableOrchestrationClient,
) -> None:
    await client.start_new("two_steps", "paused")
    await until(in_status(client, "paused", Status.Running))
    await client.suspend("paused", "lunch")
    await until(in_status(client, "paused", Status.Suspended))
    await client.raise_event("paused", "first", 1)
    await client.raise_event("paused", "second", 2)
    await until(in_status(client, "paused", Status.Suspended))
    await client.resume("paused", "lunch is over")

    assert (await finished(client, "paused")).output == ["1", "2"]


async def test_a_purged_instance_is_gone(client: df.DurableOrchestrationClient) -> None:
    await client.start_new("fan_out", "old", 1)
    await finished(client, "old")

    assert (await client.purge_instance_history("old")).instances_deleted == 1
    assert not await client.get_status("old")
    assert (await client.purge_instance_history("old")).instances_deleted == 0


async def test_a_running_instance_is_not_purged(client: df.DurableOrchestrationClient) -> None:
    await client.start_new("approval", "young")

    with pytest.raises(Exception, match="unexpected status code 412"):
        await client.purge_instance_history("young")
    assert await client.get_status("young")


async def test_instances_are_purged_by_creation_and_status(client: df.DurableOrchestrationClient) -> None:
    before = datetime.now(UTC)
    await client.start_new("raising", "purge-failed")
    await client.start_new("fan_out", "purge-fine", 1)
    await finished(client, "purge-failed")
    await finished(client, "purge-fine")
    after = datetime.now(UTC) + timedelta(seconds=1)

    result = await client.purge_instance_history_by(before, after, [Status.Failed])
    assert result.instances_deleted == 1
    assert await client.get_status("purge-fine")
    assert not await client.get_status("purge-failed")


async def test_instances_are_listed_by_prefix_status_and_creation(
    client: df.DurableOrchestrationClient,
) -> None:
    before = datetime.now(UTC)
    for number in range(3):
        await client.start_new("fan_out", f"list_{number}", number)
        await finished(client, f"list_{number}")
    await client.start_new("approval", "list_3")

    async def ids(**conditions: Any) -> list[str]:
        return [status.instance_id for status in await client.get_status_by(**conditions)]

    assert await ids(instance_id_prefix="list_") == ["list_0", "list_1", "list_2", "list_3"]
    assert await ids(instance_id_prefix="list_", runtime_status=[Status.Running, Status.Pending]) == [
        "list_3"
    ]
    assert "list_0" in await ids(created_time_from=before)
    assert await ids(created_time_to=before, instance_id_prefix="list_") == []


async def test_long_lists_come_in_pages(basic: RunningHost) -> None:
    for number in range(5):
        basic.run("not_awaiting", number)
    listed, token = [], ""
    while True:
        response = basic.get(
            f"{MANAGEMENT}/instances/?top=2&runtimeStatus=Completed",
            headers={"x-ms-continuation-token": token},
        )
        listed += [status["instanceId"] for status in response.json()]
        token = response.headers.get("x-ms-continuation-token", "")
        if not token:
            break
        assert len(response.json()) == 2

    assert len(listed) == len(set(listed)) >= 5


async def test_an_instance_is_restarted_with_its_input(client: df.DurableOrchestrationClient) -> None:
    await client.start_new("fan_out", "restarted", 3)
    await finished(client, "restarted")
    links = await client.restart("restarted", restart_with_new_instance_id=True)

    assert links["id"] != "restarted"
    assert (await finished(client, links["id"])).output == 5
    assert (await client.restart("restarted", restart_with_new_instance_id=False))["id"] == "restarted"


async def test_the_history_is_told_by_names_with_outputs_on_request(
    client: df.DurableOrchestrationClient,
) -> None:
    await client.start_new("fan_out", "chronicle", 1)
    await finished(client, "chronicle")
    status = await client.get_status("chronicle", show_history=True, show_history_output=True)
    without = await client.get_status("chronicle", show_history=True)

    kinds = [event["EventType"] for event in status.historyEvents]
    assert kinds == ["ExecutionStarted", "TaskCompleted", "ExecutionCompleted"]
    assert status.historyEvents[1]["FunctionName"] == "square"
    assert status.historyEvents[1]["Result"] == 0
    assert status.historyEvents[1]["ScheduledTime"] <= status.historyEvents[1]["Timestamp"]
    assert "Result" not in without.historyEvents[1]


async def test_status_codes_tell_running_from_finished(basic: RunningHost) -> None:
    basic.begin("approval", instance_id="code-running")
    basic.begin("raising", instance_id="code-failed")
    basic.outcome("code-failed")
    instances = f"{MANAGEMENT}/instances"

    running = basic.get(f"{instances}/code-running")
    assert (running.status_code, running.headers["Retry-After"]) == (202, "5")
    assert basic.get(f"{instances}/code-failed").status_code == 200
    assert basic.get(f"{instances}/code-failed?returnInternalServerErrorOnFailure=true").status_code == 500
    assert basic.get(f"{instances}/code-nobody").status_code == 404
    assert basic.get(f"{instances}/code-failed?showInput=false").json()["input"] is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "instances/any/rewind?reason=x"),
        ("POST", "orchestrators/fan_out?timeout=10&pollingInterval=1"),
        ("GET", "entities/counter/1"),
        ("POST", "entities/counter/1?op=add"),
    ],
)
async def test_what_is_not_supported_is_refused_by_name(basic: RunningHost, method: str, path: str) -> None:
    send = basic.get if method == "GET" else basic.post
    response = send(f"{MANAGEMENT}/{path}")

    assert response.status_code == 501
    assert "not supported by this host" in response.json()["Message"]


@pytest.mark.parametrize("query", ["top=0", "top=x", "runtimeStatus=Odd", "createdTimeFrom=yesterday"])
async def test_malformed_queries_are_refused(basic: RunningHost, query: str) -> None:
    assert basic.get(f"{MANAGEMENT}/instances/?{query}").status_code == 400


async def test_a_purge_of_everything_needs_a_beginning(basic: RunningHost) -> None:
    assert basic.delete(f"{MANAGEMENT}/instances/").status_code == 400
    assert basic.get(f"{MANAGEMENT}/instances/", headers={"x-ms-continuation-token": "?"}).status_code == 400
