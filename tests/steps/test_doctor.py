"""What the doctor finds, kind by kind; and that looking changes nothing."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from adapters.openai.known_batches import marks
from adapters.services import Services, services_of
from domain.findings import Finding, Verdict
from domain.settings import Settings
from local.azure_openai import RunningService, running
from local.azurite import Azurite
from steps.doctor import service, storage, task_hub
from steps.doctor.examination import examine
from tests.activities.request_files import request
from tests.conftest import REPOSITORY, Containers


@contextmanager
def opened(env: dict[str, str]) -> Iterator[Services]:
    services = services_of(Settings.from_env(env))
    # The app makes containers that are missing in the emulator; elsewhere, and here, they stay missing.
    from adapters.storage.account import open_storage  # noqa: PLC0415 - in the place of the app's own

    object.__setattr__(services, "open_storage", lambda: open_storage(services.settings))
    try:
        yield services
    finally:
        for part in ("storage", "batch_api"):
            if part in vars(services):
                vars(services)[part].close()


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[RunningService]:
    with running() as started:
        yield started


@pytest.fixture
def simulator(shared_simulator: RunningService) -> RunningService:
    shared_simulator.reset()
    return shared_simulator


@pytest.fixture
def env(containers: Containers, simulator: RunningService, azurite: Azurite) -> dict[str, str]:
    return {
        "DATA": containers.connection_string,
        "AzureWebJobsStorage": azurite.host_connection_string,
        "AZURE_OPENAI_ENDPOINT": simulator.url,
        "AZURE_OPENAI_API_KEY": simulator.key,
        "AZURE_OPENAI_DEPLOYMENT": "gpt",
        "PRICES": '{"gpt": {"input": 1}}',
        **{
            f"{role.upper()}_CONTAINER": getattr(containers, role)
            for role in ("input", "processed", "error", "work")
        },
    }


def findings(env: dict[str, str], **how: Any) -> dict[str, Finding]:
    with opened(env) as services:
        return {finding.check: finding for finding in examine(services, env, **how)}


def everything(containers: Containers) -> dict[str, list[str]]:
    return {
        name: [blob.name for blob in containers.service.get_container_client(name).list_blobs()]
        for name in containers.names
    }


def test_all_is_well_with_an_app_that_works_and_looking_changes_nothing(
    env: dict[str, str], containers: Containers, simulator: RunningService
) -> None:
    before = everything(containers)
    found = findings(env)
    assert {
        check: finding.verdict for check, finding in found.items() if finding.verdict is not Verdict.OK
    } == {"service_write": Verdict.NOT_LOOKED}
    assert len(found) > 12
    page = (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [check for check in found if f"`{check}`" not in page] == []
    assert everything(containers) == before
    counted = simulator.counters()
    assert not any(counted["files"].values())
    assert not simulator.batches()


def without(name: str) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda env: {key: value for key, value in env.items() if key != name}


# What is changed in the settings, the check that finds it, and how bad it is.
ILLS: dict[str, tuple[Callable[[dict[str, str]], dict[str, str]], str, Verdict]] = {
    "a wrong setting": (lambda env: env | {"MAX_ATTEMPTS": "many"}, "settings", Verdict.FAIL),
    "a former name": (
        lambda env: {("STORAGE" if key == "DATA" else key): value for key, value in env.items()},
        "settings",
        Verdict.WARN,
    ),
    "a name that nearly is one": (lambda env: env | {"MAX_ATTEMPT": "3"}, "setting_names", Verdict.WARN),
    "no prices": (without("PRICES"), "prices", Verdict.WARN),
    "no price for the deployment": (
        lambda env: env | {"AZURE_OPENAI_DEPLOYMENT": "other"},
        "prices",
        Verdict.WARN,
    ),
    "a container that is not there": (
        lambda env: env | {"PROCESSED_CONTAINER": "nobody-made-this"},
        "container_processed",
        Verdict.FAIL,
    ),
    "nobody at the endpoint": (
        lambda env: env | {"AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:9"},
        "endpoint",
        Verdict.FAIL,
    ),
    "a wrong key": (lambda env: env | {"AZURE_OPENAI_API_KEY": "wrong"}, "endpoint", Verdict.FAIL),
    "no api of that version": (
        lambda env: (
            env | {"AZURE_OPENAI_ENDPOINT": env["DATA"].partition("BlobEndpoint=")[2].partition(";")[0]}
        ),
        "endpoint",
        Verdict.FAIL,
    ),
    "no queue endpoint": (
        lambda env: (
            env | {"DATA": env["DATA"].partition("QueueEndpoint=")[0] + "QueueEndpoint=http://127.0.0.1:9/x;"}
        ),
        "queues",
        Verdict.FAIL,
    ),
    "no account": (
        lambda env: (
            env | {"DATA": env["DATA"].partition("BlobEndpoint=")[0] + "BlobEndpoint=http://127.0.0.1:9/x;"}
        ),
        "account",
        Verdict.FAIL,
    ),
    "a host account that is not known": (without("AzureWebJobsStorage"), "host_account", Verdict.NOT_LOOKED),
}


@pytest.mark.parametrize(("change", "check", "verdict"), ILLS.values(), ids=ILLS.keys())
def test_what_is_wrong_is_found_with_what_to_do(
    env: dict[str, str],
    change: Callable[[dict[str, str]], dict[str, str]],
    check: str,
    verdict: Verdict,
) -> None:
    ill = change(env)
    with opened(env if check == "settings" else ill) as services:
        found = {
            finding.check: finding
            for finding in examine(services, ill, has_account=check != "account" or True)
        }
    assert found[check].verdict is verdict
    assert found[check].found
    assert found[check].do or verdict is Verdict.NOT_LOOKED


@pytest.mark.parametrize(("skew", "verdict"), [(0, Verdict.OK), (-100, Verdict.WARN), (400, Verdict.FAIL)])
def test_a_clock_that_is_wrong_is_found(
    env: dict[str, str], skew: float, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = time.time
    monkeypatch.setattr(time, "time", lambda: genuine() - skew)
    with opened(env) as services:
        found = {finding.check: finding for finding in storage.account_checks(services)}
    assert found["clock"].verdict is verdict


def test_a_host_account_with_directories_is_found(env: dict[str, str], hierarchical_account: Any) -> None:
    found = storage.host_account_check(env | {"AzureWebJobsStorage": hierarchical_account.connection_string})
    assert found.verdict is Verdict.FAIL


@pytest.fixture
def hub(azurite: Azurite) -> Iterator[Callable[..., dict[str, tuple[Verdict, str]]]]:
    """Look at a task hub of a host's account; what the host would have left there is given."""
    with BlobServiceClient.from_connection_string(azurite.host_connection_string) as account:
        made: list[Any] = []

        def put(container: str, name: str, content: bytes) -> None:
            client = account.get_container_client(container)
            if not client.exists():
                client.create_container()
            made.append(client.upload_blob(name, content, overwrite=True))

        def look(*hosts: str, partitions: bytes | None = None, wanted: int = 4) -> Any:
            hub = f"Hub{uuid4().hex[:12]}"
            for host in hosts:
                put(task_hub.HOSTS_CONTAINER, f"locks/{host}/host", b"")
                put(task_hub.HOSTS_CONTAINER, f"locks/{host}/x.Listener", b"")
            if partitions is not None:
                put(f"{hub.lower()}-leases", "taskhub.json", partitions)
            env = {"AzureWebJobsStorage": azurite.host_connection_string}
            durable = {"hubName": hub, "storageProvider": {"partitionCount": wanted}}
            found = task_hub.hub_checks(env, {"extensions": {"durableTask": durable}})
            return {finding.check: (finding.verdict, finding.found) for finding in found}

        yield look
        for blob in made:
            with suppress(ResourceNotFoundError):
                blob.delete_blob()


def test_apps_that_share_a_hub_are_told(hub: Callable[..., Any]) -> None:
    assert hub()["hub_owner"][0] is Verdict.OK
    assert hub("func-batch")["hub_owner"][0] is Verdict.OK
    verdict, told = hub("func-batch", "func-other")["hub_owner"]
    assert (verdict, "func-batch, func-other" in told) == (Verdict.WARN, True)


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (None, Verdict.OK),
        (b'{"TaskHubName":"x","PartitionCount":4}', Verdict.OK),
        (b'{"TaskHubName":"x","PartitionCount":8}', Verdict.FAIL),
        (b'{"TaskHubName":"x"}', Verdict.NOT_LOOKED),
        (b"no JSON", Verdict.NOT_LOOKED),
        (b"[]", Verdict.NOT_LOOKED),
    ],
)
def test_a_partition_count_that_was_changed_is_found(
    hub: Callable[..., Any], told: bytes | None, verdict: Verdict
) -> None:
    assert hub(partitions=told)["hub_partitions"][0] is verdict


def test_files_that_wait_for_somebody_are_told(env: dict[str, str], containers: Containers) -> None:
    drop = containers.service.get_container_client(containers.input)
    drop.upload_blob("_batch.yaml", b"modle: gpt")
    drop.upload_blob("a.csv", b"text\nx\n")
    found = findings(env)["files"]
    assert found.verdict is Verdict.WARN
    assert "modle" in found.found


def test_batches_that_nobody_collects_and_files_without_end_are_told(
    env: dict[str, str], simulator: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator.plan(batches=[{"stuck_in": "in_progress"}])
    with opened(env) as services:
        line = request("a")
        file_id, _ = services.batch_api.upload("of-another.jsonl", io.BytesIO(line))
        while services.batch_api.file_status(file_id) != "processed":
            pass
        created = services.batch_api.create(
            file_id, "/chat/completions", marks("0" * 20, "0000", "snapshot-x")
        )
        monkeypatch.setattr(service, "MOST_FILES_WITH_EXPIRY", 1)
        found = {finding.check: finding for finding in examine(services, env)}
    assert found["strays"].verdict is Verdict.WARN
    assert created.batch.batch_id in found["strays"].found
    assert found["service_files"].verdict is Verdict.FAIL


def test_a_wanted_write_is_made_and_undone_or_told(env: dict[str, str], simulator: RunningService) -> None:
    assert findings(env, write=True)["service_write"].verdict is Verdict.OK
    assert not any(simulator.counters()["files"].values())
    simulator.plan(calls=[{"operation": "upload", "status": 403}])
    refused = findings(env, write=True)["service_write"]
    assert refused.verdict is Verdict.FAIL
    assert "Contributor" in refused.do


def test_people_need_no_rights_on_the_records(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from domain.errors import ConfigurationError  # noqa: PLC0415 - the refusal of a right

    def refuse(*_: Any, **__: Any) -> Any:
        raise ConfigurationError("No access to work.")

    with opened(env) as services:
        monkeypatch.setattr(services.storage.work, "write", refuse)
        monkeypatch.setattr(services.storage.work, "list", refuse)
        by_person = {finding.check: finding for finding in examine(services, env, as_app=False)}
        by_app = {finding.check: finding for finding in examine(services, env)}
    assert by_person["container_work"].verdict is Verdict.NOT_LOOKED
    assert by_person["files"].verdict is Verdict.NOT_LOOKED
    assert by_app["container_work"].verdict is Verdict.FAIL


def test_what_is_not_known_is_not_looked_at(env: dict[str, str]) -> None:
    with opened(env) as services:
        found = list(examine(services, None, has_account=False, has_service=False))
    assert {finding.verdict for finding in found} == {Verdict.NOT_LOOKED}


def test_events_that_the_host_gave_up_are_counted(env: dict[str, str], azurite: Azurite) -> None:
    assert findings(env)["lost_events"].verdict is Verdict.OK
    with QueueServiceClient.from_connection_string(env["DATA"]) as queues:
        queue = queues.create_queue(storage.LOST_EVENTS)
        try:
            for number in range(3):
                queue.send_message(f"event {number}")
            found = findings(env)["lost_events"]
        finally:
            queue.delete_queue()
    assert found.verdict is Verdict.WARN
    assert "3 events" in found.found


def test_reports_that_nothing_removes_are_found(env: dict[str, str]) -> None:
    with opened(env) as services:
        for snapshot_id in ("snapshot-20200101T000000.000Z", "snapshot-20990101T000000.000Z"):
            services.work.snapshots.write_report(snapshot_id, {"snapshot_id": snapshot_id})
        found = storage.reports_check(services)
    assert (found.verdict, found.found.startswith("1 reports")) == (Verdict.WARN, True)
    assert findings(env | {"RETENTION_DAYS": "0"})["reports"].verdict is Verdict.OK
