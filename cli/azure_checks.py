"""Checks by Azure Resource Manager, with the rights of who is signed in. What it does not answer was not looked at."""

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from cli import azure
from cli.faults import CommandError
from cli.places import Place
from domain.findings import Finding, failure, not_looked, warning, well

BATCH_KINDS = frozenset({"GlobalBatch", "DataZoneBatch"})
COGNITIVE_VERSION = "2024-10-01"
ROLES_VERSION = "2022-04-01"
OPENAI_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com")
# Where blob events come in; sign-in in front of it answers 401, and they are lost.
WEBHOOK = "/runtime/webhooks/blobs"
# Ids of built-in roles ("Azure built-in roles for Storage", read 2026-11).
MAY_READ_AND_WRITE = {
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
}
MAY_READ = {"2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader", **MAY_READ_AND_WRITE}
READER = "*Reader* on the resource group."


def azure_checks(place: Place) -> Iterator[Finding]:
    """Ask for the deployments, for what the service may do in our storage, and for what sign-in leaves open."""
    host = urlsplit(place.env.get("AZURE_OPENAI_ENDPOINT", "")).hostname or ""
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = []
    if place.resource is None:
        yield not_looked("deployment", "Which resource in Azure this is, only an azd environment tells.")
        return
    if host.endswith(OPENAI_HOSTS):
        service = _resource(place, "Microsoft.CognitiveServices/accounts", host)
        checks.append(("deployment", partial(_deployments, service, place.env)))
        checks.append(("transport_role", partial(_transport_role, service, place)))
    checks.append(("sign_in", partial(_sign_in, place)))
    for check, make in checks:
        try:
            yield from make()
        except CommandError as error:
            yield not_looked(check, str(error), READER)


def _resource(place: Place, kind: str, host: str) -> str:
    """Name a resource of the app's group by its address."""
    assert place.resource is not None
    subscription, group, _ = place.resource
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{host.partition('.')[0]}"


# --- deployments: a live call to one of a batch kind fails, so nothing else tells --------------------------------------


def _deployments(service: str, env: Mapping[str, str]) -> Iterator[Finding]:
    found = azure.call("GET", f"{service}/deployments", COGNITIVE_VERSION).get("value", [])
    wanted = env.get("AZURE_OPENAI_DEPLOYMENT")
    yield judge_deployments(found, wanted)
    yield judge_capacity(found, wanted, env.get("BATCH_CAPACITY"))


def judge_deployments(found: list[dict[str, Any]], wanted: str | None) -> Finding:
    """Judge the deployments that a resource has."""
    kinds = {each["name"]: each["sku"]["name"] for each in found}
    batch = sorted(name for name, kind in kinds.items() if kind in BATCH_KINDS)
    if wanted and wanted not in kinds:
        have = ", ".join(sorted(kinds)) or "none"
        return failure(
            "deployment",
            f"There is no deployment {wanted}; the resource has {have}.",
            "Correct AZURE_OPENAI_DEPLOYMENT.",
        )
    if wanted and kinds[wanted] not in BATCH_KINDS:
        return failure(
            "deployment",
            f"{wanted} is of kind {kinds[wanted]}, which takes no batches.",
            f"Deploy the model as GlobalBatch or DataZoneBatch{'; there is ' + ', '.join(batch) if batch else ''}.",
        )
    if not batch:
        return failure(
            "deployment",
            "The resource has no deployment of a batch kind.",
            "Deploy a model as GlobalBatch or DataZoneBatch.",
        )
    return well("deployment", f"Of a batch kind: {', '.join(batch)}.")


def judge_capacity(found: list[dict[str, Any]], wanted: str | None, told: str | None) -> Finding:
    """Hold BATCH_CAPACITY against what the deployment has, both in thousands of tokens."""
    batch = {
        each["name"]: each["sku"].get("capacity") for each in found if each["sku"]["name"] in BATCH_KINDS
    }
    has = batch.get(wanted or "") if wanted else next(iter(batch.values()), None)
    if has is None:
        return not_looked("deployment_capacity", "No batch deployment tells its capacity.")
    if not told:
        return warning(
            "deployment_capacity",
            f"The deployment has {has:,} thousand tokens; BATCH_CAPACITY is not set, so no check says when they are nearly used up.",
            f"BATCH_CAPACITY={has}",
            "docs/settings.md",
        )
    if told.strip() == str(has):
        return well("deployment_capacity", f"{has:,} thousand tokens, as BATCH_CAPACITY says.")
    return warning(
        "deployment_capacity",
        f"The deployment has {has:,} thousand tokens, and BATCH_CAPACITY says {told}.",
        f"BATCH_CAPACITY={has}",
        "docs/settings.md",
    )


# --- what the service may do in our storage ---------------------------------------------------------------------------


def _transport_role(service: str, place: Place) -> Iterator[Finding]:
    wanted = _wanted_roles(place.env)
    if not wanted:
        yield well("transport_role", "The service needs no role in the data account.")
        return
    account = urlsplit(place.env.get("DATA__blobServiceUri", "")).hostname
    if account is None:
        yield not_looked("transport_role", "DATA__blobServiceUri does not tell which account it is.")
        return
    identity = azure.call("GET", service, COGNITIVE_VERSION).get("identity") or {}
    work = place.env.get("WORK_CONTAINER") or "work"
    scope = _resource(place, "Microsoft.Storage/storageAccounts", account)
    principal = identity.get("principalId")
    assigned: list[dict[str, Any]] = []
    if principal:
        query = {"$filter": f"principalId eq '{principal}'"}
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
        assigned = azure.call("GET", path, ROLES_VERSION, query).get("value", [])
    yield judge_role(assigned, wanted, f"{scope}/blobServices/default/containers/{work}", principal)


def _wanted_roles(env: Mapping[str, str]) -> dict[str, str]:
    """Give the roles of which the service needs one, by id; none where bytes come by upload or by a signed address."""
    transport = env.get("TRANSPORT", "").strip().lower()
    if transport == "blob":
        return MAY_READ_AND_WRITE
    by_identity = env.get("IMPORT_URL", "").strip().lower() == "identity"
    return MAY_READ if transport in ("import", "auto") and by_identity else {}


def judge_role(
    assigned: list[dict[str, Any]], wanted: Mapping[str, str], container: str, principal: str | None
) -> Finding:
    """Judge whether one of the wanted roles reaches a container: it is assigned there or above."""
    first = next(iter(wanted.values()))
    if not principal:
        return failure(
            "transport_role",
            "The Azure OpenAI resource has no system-assigned identity: it cannot read the data account.",
            f"Switch the identity on, and give it {first} on the data account; or TRANSPORT=upload.",
            "docs/transports.md",
        )
    for each in assigned:
        told = each["properties"]
        role = told["roleDefinitionId"].rpartition("/")[2].lower()
        above = told["scope"].rstrip("/").lower()
        if role in wanted and f"{container.lower()}/".startswith(f"{above}/"):
            return well("transport_role", f"The service has {wanted[role]} on the data account.")
    return failure(
        "transport_role",
        f"The service has none of the roles {', '.join(wanted.values())} on the data account.",
        f"Give it {first} there; or TRANSPORT=upload.",
        "docs/transports.md",
    )


# --- what sign-in leaves open -----------------------------------------------------------------------------------------


def _sign_in(place: Place) -> Iterator[Finding]:
    assert place.resource is not None
    told = azure.call("GET", f"{azure.site(*place.resource)}/config/authsettingsV2", azure.SITES_VERSION)
    yield judge_sign_in(told.get("properties") or {})


def judge_sign_in(told: Mapping[str, Any]) -> Finding:
    """Judge whether blob events get past App Service Authentication."""
    if not (told.get("platform") or {}).get("enabled"):
        return well("sign_in", "App Service Authentication is off.")
    left_open = (told.get("globalValidation") or {}).get("excludedPaths") or []
    if any(fnmatch(WEBHOOK, pattern) for pattern in left_open):
        return well("sign_in", f"App Service Authentication is on, and leaves {WEBHOOK} open.")
    return failure(
        "sign_in",
        f"App Service Authentication guards {WEBHOOK}: blob events are answered with 401, and files wait for the sweep.",
        "Add /runtime/webhooks/* to globalValidation.excludedPaths of authsettingsV2.",
        "docs/deploy.md",
    )
