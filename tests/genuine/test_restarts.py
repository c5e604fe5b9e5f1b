"""What becomes of instances when the host stops, dies, or comes back with another version of the app."""

from pathlib import Path

from local.genuine_engine import DURABLE
from tests.genuine.hosts import Hosts, Kind
from tests.local.functions_host.running_host import RunningHost

APPS = Path(__file__).resolve().parents[1] / "local" / "functions_host" / "apps"


def waiting_instance(host: RunningHost) -> str:
    """Start an instance that waits for two events, and wait until it does."""
    instance_id = host.begin("two_steps")
    host.wait_for(lambda: (host.instance(instance_id) or {})["runtimeStatus"] == "Running")
    return instance_id


def versions(default: str, match: str, failure: str) -> dict[str, str]:
    return {
        f"{DURABLE}defaultVersion": default,
        f"{DURABLE}versionMatchStrategy": match,
        f"{DURABLE}versionFailureStrategy": failure,
    }


def test_a_host_that_is_stopped_goes_on_where_it_was(hosts: Hosts) -> None:
    hub = hosts.hub()
    first = hosts.start(APPS / "basic", hub=hub)
    instance_id = waiting_instance(first)
    first.raise_event(instance_id, "first", 1)
    # A message that is in work when the host stops comes back to the genuine one after a minute.
    first.wait_for(lambda: "EventRaised" in first.event_types(instance_id))
    assert first.stop() == 0
    second = hosts.start(APPS / "basic", hub=hub)
    second.raise_event(instance_id, "second", 2)

    assert second.outcome(instance_id)["output"] == [1, 2]


def test_an_instance_newer_than_the_app_waits_for_one_that_is_new_enough(hosts: Hosts) -> None:
    hub = hosts.hub()
    newer = hosts.start(APPS / "basic", hub=hub, **versions("2.0", "CurrentOrOlder", "Reject"))
    instance_id = waiting_instance(newer)
    assert (newer.instance(instance_id) or {})["version"] == "2.0"
    newer.stop()
    older = hosts.start(APPS / "basic", hub=hub, **versions("1.0", "CurrentOrOlder", "Reject"))
    older.raise_event(instance_id, "first", 1)
    older.run("fan_out", 3)  # the host is at work, and leaves the instance alone
    assert (older.instance(instance_id) or {})["runtimeStatus"] == "Running"
    older.stop()
    newer = hosts.start(APPS / "basic", hub=hub, **versions("2.0", "CurrentOrOlder", "Reject"))
    newer.raise_event(instance_id, "second", 2)

    assert newer.outcome(instance_id)["output"] == [1, 2]


def test_an_instance_newer_than_the_app_fails_where_that_is_asked_for(hosts: Hosts) -> None:
    hub = hosts.hub()
    newer = hosts.start(APPS / "basic", hub=hub, **versions("2.0", "Strict", "Fail"))
    instance_id = waiting_instance(newer)
    newer.stop()
    older = hosts.start(APPS / "basic", hub=hub, **versions("1.0", "Strict", "Fail"))
    older.raise_event(instance_id, "first", 1)
    outcome = older.outcome(instance_id)

    assert outcome["runtimeStatus"] == "Failed"
    assert outcome["output"] == "VersionMismatch: Orchestration version did not comply with Worker Versioning"


def test_an_instance_older_than_the_app_goes_on(hosts: Hosts) -> None:
    hub = hosts.hub()
    older = hosts.start(APPS / "basic", hub=hub, **versions("1.9", "CurrentOrOlder", "Reject"))
    instance_id = waiting_instance(older)
    older.stop()
    newer = hosts.start(APPS / "basic", hub=hub, **versions("1.10", "CurrentOrOlder", "Reject"))
    newer.raise_event(instance_id, "first", 1)
    newer.raise_event(instance_id, "second", 2)

    assert newer.outcome(instance_id)["output"] == [1, 2]


def test_a_timer_too_long_for_one_message_comes_when_its_time_has_come(hosts: Hosts) -> None:
    # What takes the extension six and three days takes this one seconds. The embedded host's long timers: `test_walk.py`.
    host = hosts.start(APPS / "basic", "--max-timer", "3", "--timer-step", "2")
    outcome = host.run("sleep", 4500)

    assert outcome["runtimeStatus"] == "Completed"
    assert outcome["output"] >= (4.5 if hosts.kind is Kind.GENUINE else 3.5)
