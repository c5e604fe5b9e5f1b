"""What orchestrations, and those who ask for them, can count on."""

from pathlib import Path

import pytest

from tests.genuine.hosts import Hosts
from tests.local.functions_host.running_host import MANAGEMENT, RunningHost

BASIC = Path(__file__).resolve().parents[1] / "local" / "functions_host" / "apps" / "basic"
INSTANCES = f"{MANAGEMENT}/instances"


@pytest.fixture(scope="module")
def host(shared_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> RunningHost:
    return shared_hosts.start(BASIC, COUNTS=str(tmp_path_factory.mktemp("counts")))


def running(host: RunningHost, name: str, instance_id: str) -> str:
    """Start an orchestration that waits for an event, and wait until it does."""
    host.begin(name, instance_id=instance_id)
    host.wait_for(lambda: status_of(host, instance_id) == "Running")
    return instance_id


def status_of(host: RunningHost, instance_id: str) -> str:
    return str((host.instance(instance_id) or {}).get("runtimeStatus"))


def test_activities_answer_in_the_order_of_their_calls(host: RunningHost) -> None:
    outcome = host.run("fan_out", 5)

    assert (outcome["runtimeStatus"], outcome["output"]) == ("Completed", 30)
    assert outcome["input"] == "5"


def test_a_generation_follows_another(host: RunningHost) -> None:
    instance_id = host.begin("count_down", 3)

    assert host.outcome(instance_id)["output"] == "lift-off"
    assert host.event_types(instance_id)[0] == "ExecutionStarted"
    assert "TaskCompleted" not in host.event_types(instance_id)


def test_children_know_their_parents(host: RunningHost) -> None:
    host.begin("parent", [1, 2], instance_id="family")
    assert host.outcome("family")["output"] == [1, 2]
    listed = host.get(f"{INSTANCES}/?top=1000").json()

    children = [found for found in listed if found.get("parentInstanceId") == "family"]
    assert [child["name"] for child in children] == ["sequence", "sequence"]


def test_a_child_takes_the_place_of_a_running_instance_of_its_id(host: RunningHost) -> None:
    running(host, "two_steps", "place")

    assert host.outcome(host.begin("child_with_id", "place"))["output"] == 1
    assert (host.instance("place") or {})["name"] == "sequence"


def test_a_timer_comes_early_by_what_is_left_of_a_second(host: RunningHost) -> None:
    waited = [host.run("sleep", 1900)["output"]]
    while waited[-1] >= 1.9:  # on a busy machine it may come late all the same
        waited.append(host.run("sleep", 1900)["output"])

    assert min(waited) > 0.9


def test_an_activity_that_raises_fails_its_instance_with_more_than_its_message(host: RunningHost) -> None:
    outcome = host.outcome(host.begin("failing_child", {"key": "fails", "failures": 9}))
    first, _, details = outcome["output"].partition(" \n ")

    assert outcome["runtimeStatus"] == "Failed"
    assert (
        first
        == "Orchestrator function 'failing_child' failed: Activity function 'fail_first' failed:  ValueError: call 1"
    )
    assert details.startswith(
        '{"$type":"System.Exception, System.Private.CoreLib","ClassName":"System.Exception","Message":" ValueError: call 1",'
    )
    assert "Result: Failure\\nException: ValueError: call 1\\nStack: Traceback" in details


def test_a_parent_that_catches_a_failure_reads_it_twice(host: RunningHost) -> None:
    text = host.run("careful_parent")["output"]

    assert text.startswith(
        "Orchestrator function 'failing_child' failed: Activity function 'fail_first' failed:  ValueError: call 1 \n {"
    )
    assert text.count("ClassName") == 2
    assert "} \n Message: Activity function 'fail_first' failed:  ValueError: call 1 \n {" in text
    assert "}, StackTrace:    at " in text


def test_an_orchestrator_that_raises_fails_with_its_message_alone(host: RunningHost) -> None:
    assert host.run("raising")["output"] == "Orchestrator function 'raising' failed: no way"


def test_a_call_is_tried_as_often_as_it_may(host: RunningHost) -> None:
    assert host.run("retried", 2)["output"] == "call 3"


def test_an_event_comes_as_it_is_posted_so_what_the_sdk_encodes_comes_as_text(host: RunningHost) -> None:
    running(host, "two_steps", "told")
    host.raise_event("told", "first", {"x": 1})
    host.raise_event("told", "second", '{"x": 1}')  # as `client.raise_event(…, {"x": 1})` posts it

    assert host.outcome("told")["output"] == [{"x": 1}, '{"x": 1}']


def test_without_a_default_version_there_is_none(host: RunningHost) -> None:
    assert host.run("not_awaiting", "all")["output"] == "all in one turn, version None"


@pytest.mark.parametrize(
    ("characters", "is_kept"), [(8192, True), (8600, True), (8703, False), (16384, False)]
)
def test_a_custom_status_has_16_whole_kilobytes_of_utf_16(
    host: RunningHost, characters: int, *, is_kept: bool
) -> None:
    outcome = host.run("speaking", characters)

    assert outcome["runtimeStatus"] == ("Completed" if is_kept else "Failed")
    assert len(outcome["customStatus"] or "") == (characters if is_kept else 0)
    if not is_kept:
        assert "must not exceed 16 KB" in outcome["output"]


def test_the_id_of_a_running_instance_is_refused(host: RunningHost) -> None:
    running(host, "two_steps", "taken")
    answer = host.post(f"{MANAGEMENT}/orchestrators/two_steps/taken", json="null")

    assert answer.status_code == 409
    assert answer.json()["Message"] == "An Orchestration instance with the status Running already exists."
    assert host.post(f"{INSTANCES}/taken/restart?restartWithNewInstanceId=false").status_code == 409
    assert status_of(host, "taken") == "Running"


def test_the_id_of_a_finished_instance_is_free_again(host: RunningHost) -> None:
    assert host.outcome(host.begin("fan_out", 2, instance_id="again"))["output"] == 1
    assert host.outcome(host.begin("sequence", 7, instance_id="again"))["output"] == 7


def test_an_orchestrator_that_is_not_there_is_found_out_by_its_instance(host: RunningHost) -> None:
    outcome = host.run("nothing")

    assert outcome["runtimeStatus"] == "Failed"
    assert outcome["output"].startswith(
        "Orchestrator function 'nothing' failed: The function 'nothing' doesn't exist, is disabled, or is not an "
        "orchestrator function. Additional info: The following are the known orchestrator functions: '"
    )


def test_a_finished_instance_is_purged_and_a_running_one_is_not(host: RunningHost) -> None:
    host.outcome(host.begin("fan_out", 1, instance_id="purged"))
    running(host, "two_steps", "kept")

    purged = host.delete(f"{INSTANCES}/purged")
    assert (purged.status_code, purged.json()) == (200, {"instancesDeleted": 1})
    assert host.instance("purged") is None
    assert host.delete(f"{INSTANCES}/purged").status_code == 404
    refused = host.delete(f"{INSTANCES}/kept")
    assert refused.status_code == 412
    assert "ID kept has status Running" in refused.text
    assert status_of(host, "kept") == "Running"


def test_a_purge_by_status_leaves_the_others(host: RunningHost) -> None:
    host.outcome(host.begin("raising", instance_id="swept"))
    host.outcome(host.begin("fan_out", 1, instance_id="fine"))
    begun = "createdTimeFrom=2020-01-01T00:00:00Z"

    assert host.delete(f"{INSTANCES}/?{begun}&createdTimeTo=2021-01-01T00:00:00Z").status_code == 404
    assert host.delete(f"{INSTANCES}/?{begun}&runtimeStatus=Failed,Running").json()["instancesDeleted"] >= 1
    assert host.instance("swept") is None
    assert status_of(host, "fine") == "Completed"
    assert host.delete(f"{INSTANCES}/").status_code == 400


@pytest.mark.parametrize(
    "command", ["raiseEvent/x", "terminate?reason=x", "suspend?reason=x", "resume?reason=x"]
)
def test_a_message_for_no_instance_and_for_a_finished_one_is_refused(host: RunningHost, command: str) -> None:
    finished = f"over-{command[:5]}"
    host.outcome(host.begin("fan_out", 1, instance_id=finished))

    assert host.post(f"{INSTANCES}/nobody/{command}", json=1).status_code == 404
    assert host.post(f"{INSTANCES}/{finished}/{command}", json=1).status_code == 410


def test_an_instance_that_is_not_there_is_not_found_and_not_restarted(host: RunningHost) -> None:
    assert host.get(f"{INSTANCES}/nobody").status_code == 404
    assert host.post(f"{INSTANCES}/nobody/restart").status_code == 400


def test_a_paused_instance_holds_its_events(host: RunningHost) -> None:
    running(host, "two_steps", "paused")
    assert host.post(f"{INSTANCES}/paused/resume?reason=early").status_code == 500
    assert host.post(f"{INSTANCES}/paused/suspend?reason=lunch").status_code == 202
    host.wait_for(lambda: status_of(host, "paused") == "Suspended")
    refused = host.post(f"{INSTANCES}/paused/suspend?reason=again")
    assert refused.status_code == 500
    assert "because instance is in the Suspended state" in refused.text
    host.raise_event("paused", "first", 1)
    host.raise_event("paused", "second", 2)
    assert host.post(f"{INSTANCES}/paused/resume?reason=back").status_code == 202

    assert host.outcome("paused")["output"] == [1, 2]


def test_a_terminated_instance_has_the_reason_for_output(host: RunningHost) -> None:
    running(host, "two_steps", "unwanted")
    assert host.post(f"{INSTANCES}/unwanted/terminate?reason=enough").status_code == 202

    assert host.outcome("unwanted")["runtimeStatus"] == "Terminated"
    assert (host.instance("unwanted") or {})["output"] == "enough"


def test_instances_are_listed_by_their_ids_in_pages(host: RunningHost) -> None:
    for name in ("list-c", "list-a", "list-b"):
        host.outcome(host.begin("fan_out", 1, instance_id=name))
    pages, token = [], ""
    while True:
        query = "instanceIdPrefix=list-&top=2&runtimeStatus=Completed"
        answer = host.get(f"{INSTANCES}/?{query}", headers={"x-ms-continuation-token": token})
        pages += [found["instanceId"] for found in answer.json()]
        token = answer.headers.get("x-ms-continuation-token", "")
        if not token:
            break

    assert pages == ["list-a", "list-b", "list-c"]
