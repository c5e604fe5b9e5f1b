"""Checks of the task hub that Durable Functions keeps in the host's account: whose it is, and whether it still fits host.json."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adapters.storage.account import Storage, open_storage
from domain.errors import MissingContainerError, NotFoundError, PipelineError
from domain.findings import Finding, failure, not_looked, warning, well
from domain.settings import Settings

PAGE = "docs/deploy.md"
HOST_FILE = Path(__file__).resolve().parents[2] / "host.json"
HOST_ACCOUNT = "AzureWebJobsStorage"
# Where each host keeps its lock: `locks/<host id>/host` ("Host ID considerations", Azure Functions docs, read 2026-11).
HOSTS_CONTAINER, LOCKS = "azure-webjobs-hosts", "locks/"
# What the extension writes when it makes a hub (durabletask, `TaskHubInfo`, read 2026-11).
HUB_FILE = "taskhub.json"
_DURABLE = "AzureFunctionsJobHost__extensions__durableTask__"
_OF_DATA = {
    "DATA": "",
    "DATA__blobServiceUri": "__blobServiceUri",
    "DATA__credential": "__credential",
    "DATA__clientId": "__clientId",
}


def knows_host_account(env: Mapping[str, str]) -> bool:
    """Tell whether the settings say where the host's own account is."""
    return any(env.get(f"{HOST_ACCOUNT}{end}") for end in ("", "__blobServiceUri"))


@contextmanager
def host_account(env: Mapping[str, str], **containers: str) -> Iterator[Storage]:
    """Open the host's own account, with the given containers in the place of the app's."""
    given = {name: env.get(f"{HOST_ACCOUNT}{end}", "") for name, end in _OF_DATA.items()}
    settings = Settings.from_env(
        {"AZURE_OPENAI_ENDPOINT": "https://not-asked.invalid", **given, **containers}
    )
    storage = open_storage(settings)
    try:
        yield storage
    finally:
        storage.close()


def hub_checks(env: Mapping[str, str], host: Mapping[str, Any] | None = None) -> Iterator[Finding]:
    """Look for other apps in the hub, and whether its partitions are those of host.json, which is `host` where it is given."""
    if not knows_host_account(env):
        return
    durable = _durable(host if host is not None else json.loads(HOST_FILE.read_text(encoding="utf-8")))
    hub = env.get(f"{_DURABLE}hubName") or str(durable.get("hubName", ""))
    name = f"{_DURABLE}storageProvider__partitionCount"
    wanted = env.get(name) or str(durable.get("storageProvider", {}).get("partitionCount", 4))
    containers = {"INPUT_CONTAINER": HOSTS_CONTAINER, "WORK_CONTAINER": f"{hub.lower()}-leases"}
    try:
        with host_account(env, **containers) as storage:
            yield _owners(storage, hub)
            yield _partitions(storage, wanted)
    except PipelineError as error:
        yield not_looked("hub_owner", f"The host's account does not tell: {error}")


def _durable(host: Mapping[str, Any]) -> Mapping[str, Any]:
    found = host.get("extensions", {}).get("durableTask", {})
    return found if isinstance(found, Mapping) else {}


def _owners(storage: Storage, hub: str) -> Finding:
    try:
        locks = [entry.name for entry in storage.input.list(LOCKS)]
    except (MissingContainerError, NotFoundError):
        locks = []
    hosts = sorted({name.removeprefix(LOCKS).partition("/")[0] for name in locks})
    if len(hosts) < 2:
        return well("hub_owner", f"One app at most has used the host's account; its task hub is {hub}.")
    return warning(
        "hub_owner",
        f"{len(hosts)} apps have used the host's account: {', '.join(hosts[:5])}. Two that run this code share the task hub {hub}, and take work from each other.",
        f"Give each an account of its own, or {_DURABLE}hubName.",
        PAGE,
    )


def _partitions(storage: Storage, wanted: str) -> Finding:
    try:
        told = json.loads(storage.work.read(HUB_FILE)[0])["PartitionCount"]
    except (MissingContainerError, NotFoundError):
        return well(
            "hub_partitions", "No task hub was made yet, or none that says how many partitions it has."
        )
    except (ValueError, KeyError, TypeError):
        return not_looked("hub_partitions", f"{HUB_FILE} is not as it is known.")
    if str(told) == wanted:
        return well("hub_partitions", f"The task hub has {told} partitions, as host.json says.")
    return failure(
        "hub_partitions",
        f"The task hub was made with {told} partitions, and host.json says {wanted}: instances that run may stand still.",
        "Set partitionCount back; another number wants another hubName, once nothing runs.",
        PAGE,
    )
