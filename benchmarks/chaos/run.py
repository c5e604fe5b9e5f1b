"""One chaos run: start everything in a fresh folder, let the course run, draw the balance, keep evidence if it is not even."""

import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.chaos.balance import Aftermath, Balance, balance
from benchmarks.chaos.containers import Containers
from benchmarks.chaos.course import Course, Progress, StandstillError
from benchmarks.chaos.faults import (
    BETWEEN_APP_AND_SERVICE,
    BETWEEN_APP_AND_STORAGE,
    deployment_of,
    fault_plan,
)
from benchmarks.chaos.hosts import HostDiedError, MortalHost
from benchmarks.chaos.workload import DroppedFile, last_file, rows_per_shard
from local.azure_openai import RunningService
from local.azure_openai import running as running_service
from local.azurite import Azurite
from local.azurite import running as running_azurite
from local.fault_proxies import service as service_proxy
from local.fault_proxies import storage as storage_proxy
from local.fault_proxies.weather import Weather

POLL_MAX_SECONDS = 1.0
POLLS_UNTIL_GIVEN_UP = 20  # of a cancelled batch that does not end
SERVICE_SETTINGS: Mapping[str, object] = {
    "file_pending_seconds": 0.3,
    "validating_seconds": 0.3,
    "duration": "lognormal",
    "finalizing_seconds": 0.2,
    "cancelling_seconds": 0.5,
}
FAILED_INSTANCES = "/runtime/webhooks/durabletask/instances/?runtimeStatus=Failed&top=100"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is to be done. Patience must exceed the longest planned wait: a deadline, or 130 s of throttling."""

    files: Sequence[DroppedFile]
    seed: int
    rows: int
    kills: int
    wipes: int
    hosts: int = 1
    # For each call to the service, and a third of it for each call to storage, to be spoilt by what stands between.
    weather: float = 0.0
    median_seconds: float = 2.0  # of a batch
    deadline_seconds: float = 60.0
    long_waits: bool = True
    patience_seconds: float = 200.0


@dataclass(slots=True, kw_only=True)
class Verdict:
    """How it went. `broken_off`: why the end was not reached; the balance is then of what was there."""

    balance: Balance
    seconds: float
    kills: int
    wipes: int
    broken_off: str | None = None
    struck: Mapping[str, int] = field(default_factory=dict)  # calls that were spoilt, by kind
    failed_orchestrations: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return self.balance.is_even and not self.broken_off and not self.failed_orchestrations


def run(trial: Trial, folder: Path, tell: Callable[[Progress], None]) -> Verdict:
    """Run a trial with its logs, state and evidence below `folder`, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        storage = stack.enter_context(running_azurite(log=folder / "azurite.log"))
        plan = fault_plan(long_waits=trial.long_waits)
        service = stack.enter_context(
            running_service(
                plan=plan, seed=trial.seed, duration_seconds=trial.median_seconds, **SERVICE_SETTINGS
            )
        )
        containers = stack.enter_context(Containers(storage.connection_string))
        containers.create()
        weather = _Weather(trial, storage, service, stack)
        settings = app_settings(trial, storage, service) | weather.settings
        dice = random.Random(trial.seed)  # noqa: S311 - moments of death, not secrets
        hosts = [
            MortalHost(f"host-{number}", folder, settings, dice, weather.calls)
            for number in range(1, trial.hosts + 1)
        ]
        for host in hosts:
            stack.callback(host.stop)
        verdict = _carry_out(trial, hosts, containers, service, weather=weather, tell=tell)
        if not verdict.is_good:
            _keep_evidence(folder, containers, service)
        return verdict


class _Weather:
    """What stands between the app and the service, and between the app and storage."""

    def __init__(self, trial: Trial, azurite: Azurite, service: RunningService, stack: ExitStack) -> None:
        before_service = stack.enter_context(service_proxy.running(service.url))
        before_storage = stack.enter_context(storage_proxy.running(azurite))
        self._service = Weather(BETWEEN_APP_AND_SERVICE, chance=trial.weather, seed=trial.seed)
        self._storage = Weather(BETWEEN_APP_AND_STORAGE, chance=trial.weather / 3, seed=trial.seed)
        before_service.weather, before_storage.weather = self._service, self._storage
        self.settings = {
            "DATA": before_storage.connection_string,
            "AZURE_OPENAI_ENDPOINT": before_service.url,
        }

    def calls(self) -> int:
        """Count the calls that came from hosts so far."""
        return self._service.calls + self._storage.calls

    def end(self) -> None:
        """Let everything through."""
        self._service.end()
        self._storage.end()

    @property
    def struck(self) -> dict[str, int]:
        """The calls that were spoilt."""
        return {
            "to the service": self._service.struck.total(),
            "to storage": self._storage.struck.total(),
        }


def app_settings(trial: Trial, storage: Azurite, service: RunningService) -> dict[str, str]:
    """Give the app's settings: everything that waits is short."""
    return {
        "DATA": storage.connection_string,
        "AzureWebJobsStorage": storage.host_connection_string,
        "AZURE_OPENAI_ENDPOINT": service.url,
        "AZURE_OPENAI_API_KEY": service.key,
        "AZURE_OPENAI_API_VERSION": "v1",
        "AZURE_OPENAI_DEPLOYMENT": deployment_of("default"),
        "POLL_MIN_SECONDS": "0.3",
        "POLL_MAX_SECONDS": str(POLL_MAX_SECONDS),
        "SNAPSHOT_WINDOW_SECONDS": "1",
        "PYTHON_THREADPOOL_THREAD_COUNT": "24",  # as deployed
        "SWEEP_SCHEDULE": "*/3 * * * * *",
        "DEADLINE_HOURS": f"{trial.deadline_seconds / 3600:.6f}",
        "MAX_REQUESTS_PER_SHARD": str(rows_per_shard(trial.rows)),
    }


def _carry_out(
    trial: Trial,
    hosts: Sequence[MortalHost],
    containers: Containers,
    service: RunningService,
    *,
    weather: "_Weather",
    tell: Callable[[Progress], None],
) -> Verdict:
    course = Course(
        trial.files,
        hosts,
        containers,
        service,
        kills=trial.kills,
        wipes=trial.wipes,
        patience_seconds=trial.patience_seconds,
        dice=random.Random(trial.seed + 1),  # noqa: S311 - an order, not a secret
        tell=tell,
        calm=weather.end,
        last=last_file(trial.rows) if trial.weather else None,
    )
    broken_off = None
    try:
        course.run()
    except (StandstillError, HostDiedError) as error:
        broken_off = str(error)
    return Verdict(
        balance=balance(_aftermath(course, containers, service)),
        seconds=course.seconds,
        kills=course.killed,
        wipes=sum(host.wipes for host in hosts),
        broken_off=broken_off,
        struck=weather.struck,
        failed_orchestrations=[name for host in hosts for name in _failed_orchestrations(host)],
    )


def _aftermath(course: Course, containers: Containers, service: RunningService) -> Aftermath:
    return Aftermath(
        dropped=course.dropped,
        processed=containers.read("processed"),
        errors=containers.read("error"),
        left_in_input=sorted(containers.waiting()),
        left_in_work=containers.notes(),
        batches=service.batches(),
        counters=service.counters(),
    )


def _failed_orchestrations(host: MortalHost) -> list[str]:
    """Ask a host which of its orchestrations have failed; a dead one has told why already."""
    if host.origin is None:
        return []
    connection = HTTPConnection(urlsplit(host.origin).netloc, timeout=30)
    try:
        connection.request("GET", FAILED_INSTANCES)
        return [f"{found['instanceId']}: {found['output']}" for found in json.load(connection.getresponse())]
    except OSError:
        return []
    finally:
        connection.close()


def _keep_evidence(folder: Path, containers: Containers, service: RunningService) -> None:
    containers.save(folder / "containers")
    (folder / "counters.json").write_text(json.dumps(service.counters(), indent=1))
    (folder / "batches.json").write_text(json.dumps(service.batches(), indent=1))
