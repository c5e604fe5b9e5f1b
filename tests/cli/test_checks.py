"""Checks from outside of the app, and what Azure Resource Manager is asked for; Azure itself was never there to try."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from cli import azure
from cli.app_api import AppApi
from cli.azure_checks import (
    MAY_READ,
    MAY_READ_AND_WRITE,
    WEBHOOK,
    azure_checks,
    judge_capacity,
    judge_deployments,
    judge_role,
    judge_sign_in,
)
from cli.checks import checkout_checks, merged, of_app_findings, place_check
from cli.faults import CommandError
from cli.places import NOWHERE, Place
from cli.verbs.doctor import _with_settings
from domain.findings import Finding, Verdict
from tests.cli.command import REPOSITORY, aoai

RESOURCE = ("sub", "group", "func")


def test_the_doctor_says_where_to_begin_when_nothing_is_known(folder: Path) -> None:
    ran = aoai("doctor")
    found = {finding["check"]: finding["verdict"] for finding in ran.records}
    assert (ran.code, found["place"], found["account"]) == (1, "fail", "not looked")
    assert place_check(NOWHERE).do


def test_settings_that_are_wrong_are_told_all_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A demo of the developer's may be up where the app would be.
    monkeypatch.setattr("cli.places.LOCAL_PORT", 1)
    values = {"DATA": "UseDevelopmentStorage=true", "MAX_ATTEMPTS": "many"}
    (folder / "local.settings.json").write_text(json.dumps({"Values": values, "Host": {"LocalHttpPort": 9}}))
    ran = aoai("doctor")
    told = next(finding for finding in ran.records if finding["check"] == "settings")
    assert (ran.code, told["verdict"]) == (1, "fail")
    assert "MAX_ATTEMPTS" in told["found"]
    assert "AZURE_OPENAI_ENDPOINT" in told["found"]


def test_this_checkout_is_fit(tmp_path: Path) -> None:
    assert {finding.verdict for finding in checkout_checks(REPOSITORY)} == {"ok"}
    assert list(checkout_checks(tmp_path)) == []


@pytest.mark.parametrize(
    ("host", "check"),
    [
        ({"extensionBundle": {"version": "[3.*, 4.0.0)"}}, "host_bundle"),
        ({"extensionBundle": {"version": "[4.0.0, 5.0.0)"}}, "host_bundle"),
        ({}, "host_bundle"),
        ({"extensions": {"http": {"routePrefix": "batch"}}}, "host_routes"),
        ({}, "host_timeout"),
        ({"functionTimeout": "00:10:00"}, "host_timeout"),
        ({"functionTimeout": "half an hour"}, "host_timeout"),
    ],
)
def test_a_host_json_that_does_not_fit_is_found(tmp_path: Path, host: dict[str, Any], check: str) -> None:
    (tmp_path / "host.json").write_text(json.dumps(host))
    found = {finding.check: finding for finding in checkout_checks(tmp_path)}
    assert found[check].verdict in ("fail", "warn")
    assert found[check].do


OK, WARN, FAIL, NOT = Verdict.OK, Verdict.WARN, Verdict.FAIL, Verdict.NOT_LOOKED


@pytest.mark.parametrize(
    ("here", "of_app", "as_app", "expected"),
    [
        (OK, None, False, [("here", OK)]),
        (OK, OK, False, [("app", OK)]),
        (OK, FAIL, False, [("app", FAIL)]),
        (NOT, OK, False, [("app", OK)]),
        (NOT, NOT, False, [("app", NOT)]),
        (OK, NOT, False, [("here", OK)]),
        (FAIL, NOT, False, [("here", FAIL)]),
        (WARN, FAIL, False, [("app", FAIL)]),
        (FAIL, OK, False, [("app", OK), ("here", WARN)]),
        (FAIL, OK, True, [("app", OK), ("here", FAIL)]),
        (WARN, OK, True, [("app", OK), ("here", WARN)]),
        (None, WARN, True, [("app", WARN)]),
    ],
)
def test_the_app_knows_better_and_what_looks_worse_from_here_is_told_beside_it(
    here: Verdict | None, of_app: Verdict | None, expected: list[tuple[str, Verdict]], *, as_app: bool
) -> None:
    def of(verdict: Verdict | None) -> list[Finding]:
        return [Finding(check="x", verdict=verdict, found="y")] if verdict else []

    seen = list(merged(of(here), of(of_app), as_app=as_app))
    assert [(each.by, each.finding.verdict) for each in seen] == expected


@pytest.mark.parametrize(
    "told", [{}, [], {"findings": [{"check": "x"}]}, {"findings": [{"verdict": "bad"}]}, "x"]
)
def test_an_examination_of_another_shape_is_a_fault_in_one_line(told: Any) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        of_app_findings(told)


def deployments(**kinds: str) -> list[dict[str, Any]]:
    return [{"name": name, "sku": {"name": kind}} for name, kind in kinds.items()]


@pytest.mark.parametrize(
    ("found", "wanted", "verdict"),
    [
        (deployments(gpt="GlobalBatch"), "gpt", "ok"),
        (deployments(gpt="DataZoneBatch"), None, "ok"),
        (deployments(gpt="GlobalStandard"), "gpt", "fail"),
        (deployments(gpt="GlobalStandard", cheap="GlobalBatch"), "gpt", "fail"),
        (deployments(gpt="GlobalBatch"), "other", "fail"),
        ([], None, "fail"),
    ],
)
def test_deployments_are_judged_by_their_kind(
    found: list[dict[str, Any]], wanted: str | None, verdict: str
) -> None:
    assert judge_deployments(found, wanted).verdict == verdict


@pytest.mark.parametrize(
    ("capacity", "told", "verdict"),
    [
        (100, "100", OK),
        (100, " 100 ", OK),
        (100, "250", WARN),
        (100, None, WARN),
        (100, "many", WARN),
        (None, "100", NOT),
    ],
)
def test_batch_capacity_is_held_against_the_deployment(
    capacity: int | None, told: str | None, verdict: Verdict
) -> None:
    live = {"name": "live", "sku": {"name": "GlobalStandard", "capacity": 7}}
    batch = {"name": "gpt", "sku": {"name": "GlobalBatch", "capacity": capacity}}
    for wanted in ("gpt", None):
        assert judge_capacity([live, batch], wanted, told).verdict is verdict
    assert judge_capacity([live, batch], "live", told).verdict is NOT


CONTAINER = "/subscriptions/sub/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/st/blobServices/default/containers/work"
CONTRIBUTOR, READER = next(iter(MAY_READ_AND_WRITE)), next(iter(MAY_READ))


def assignment(role: str, scope: str) -> dict[str, Any]:
    return {
        "properties": {"roleDefinitionId": f"/x/roleDefinitions/{role}", "scope": scope, "principalId": "p"}
    }


@pytest.mark.parametrize(
    ("role", "scope", "wanted", "verdict"),
    [
        (CONTRIBUTOR, CONTAINER, MAY_READ_AND_WRITE, OK),
        (CONTRIBUTOR, CONTAINER.partition("/blobServices")[0].upper(), MAY_READ_AND_WRITE, OK),
        (CONTRIBUTOR, "/subscriptions/sub/resourceGroups/group/", MAY_READ_AND_WRITE, OK),
        (CONTRIBUTOR, "/subscriptions/sub", MAY_READ, OK),
        (READER, CONTAINER, MAY_READ, OK),
        (READER, CONTAINER, MAY_READ_AND_WRITE, FAIL),
        (CONTRIBUTOR, f"{CONTAINER}2", MAY_READ_AND_WRITE, FAIL),
        (CONTRIBUTOR, CONTAINER.replace("containers/work", "containers/input"), MAY_READ, FAIL),
        (CONTRIBUTOR, "/subscriptions/sub/resourceGroups/grou", MAY_READ, FAIL),
    ],
)
def test_a_role_counts_where_it_is_assigned_and_below(
    role: str, scope: str, wanted: dict[str, str], verdict: Verdict
) -> None:
    assert judge_role([assignment(role, scope)], wanted, CONTAINER, "p").verdict is verdict
    assert judge_role([assignment(role, scope)], wanted, CONTAINER, None).verdict is FAIL


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ({}, OK),
        ({"platform": {"enabled": False}}, OK),
        ({"platform": {"enabled": True}}, FAIL),
        ({"platform": {"enabled": True}, "globalValidation": {"excludedPaths": ["/api/health"]}}, FAIL),
        ({"platform": {"enabled": True}, "globalValidation": {"excludedPaths": None}}, FAIL),
        ({"platform": {"enabled": True}, "globalValidation": {"excludedPaths": ["/runtime/webhooks/*"]}}, OK),
        ({"platform": {"enabled": True}, "globalValidation": {"excludedPaths": [WEBHOOK]}}, OK),
    ],
)
def test_sign_in_has_to_let_blob_events_through(told: dict[str, Any], verdict: Verdict) -> None:
    assert judge_sign_in(told).verdict is verdict


SERVICE = "Microsoft.CognitiveServices/accounts/oai"
IN_AZURE = Place(
    label="azd",
    resource=RESOURCE,
    env={
        "AZURE_OPENAI_ENDPOINT": "https://oai.openai.azure.com",
        "AZURE_OPENAI_DEPLOYMENT": "gpt",
        "DATA__blobServiceUri": "https://st.blob.core.windows.net",
        "TRANSPORT": "blob",
        "BATCH_CAPACITY": "100",
    },
)


@pytest.mark.parametrize("refused", [False, True])
def test_azure_resource_manager_is_asked_for_what_it_alone_knows(
    monkeypatch: pytest.MonkeyPatch, *, refused: bool
) -> None:
    asked: list[tuple[str, Any]] = []
    answers = {
        f"{SERVICE}/deployments": {
            "value": [{"name": "gpt", "sku": {"name": "GlobalBatch", "capacity": 100}}]
        },
        SERVICE: {"identity": {"principalId": "p"}},
        "roleAssignments": {"value": [assignment(CONTRIBUTOR, "/subscriptions/sub")]},
        "authsettingsV2": {"properties": {}},
    }

    def request(method: str, url: str, **how: Any) -> Any:
        asked.append((method, how["params"].get("$filter")))
        told = next(answer for end, answer in answers.items() if url.endswith(end))
        return SimpleNamespace(ok=not refused, status_code=403, json=lambda: told)

    monkeypatch.setattr(requests, "request", request)
    signed_in = SimpleNamespace(get_token=lambda _: SimpleNamespace(token="token"))
    monkeypatch.setattr(azure, "signed_in", lambda: signed_in)
    found = {finding.check: finding.verdict for finding in azure_checks(IN_AZURE)}
    if refused:
        assert found == dict.fromkeys(("deployment", "transport_role", "sign_in"), NOT)
        return
    assert found == dict.fromkeys(("deployment", "deployment_capacity", "transport_role", "sign_in"), OK)
    assert {method for method, _ in asked} == {"GET"}
    assert "principalId eq 'p'" in [filter_ for _, filter_ in asked]


@pytest.mark.parametrize(
    ("env", "verdict"),
    [
        ({"TRANSPORT": "upload"}, OK),
        ({}, OK),
        ({"TRANSPORT": "import"}, OK),
        ({"TRANSPORT": "import", "IMPORT_URL": "identity"}, FAIL),
        ({"TRANSPORT": "Blob"}, FAIL),
        ({"TRANSPORT": "blob", "DATA__blobServiceUri": ""}, NOT),
    ],
)
def test_only_some_transports_want_a_role(
    env: dict[str, str], verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(azure, "call", lambda *_: {"value": []})
    known = {key: value for key, value in IN_AZURE.env.items() if key != "TRANSPORT"}
    place = Place(label="azd", resource=RESOURCE, env=known | env)
    assert {finding.check: finding.verdict for finding in azure_checks(place)}["transport_role"] is verdict


def test_the_command_shows_no_secret_of_the_settings(folder: Path) -> None:
    key = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
    values = {"DATA": "UseDevelopmentStorage=true", "MAX_ATTEMPTS": key, "AZURE_OPENAI_API_KEY": key}
    (folder / "local.settings.json").write_text(json.dumps({"Values": values, "Host": {"LocalHttpPort": 9}}))
    assert key not in aoai("doctor").out


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Azure Resource Manager was asked for, by somebody who is signed in."""
    asked: list[str] = []
    answers = {"listKeys": {"functionKeys": {"default": "the-key"}}, "list": {"properties": {"PRICES": "{}"}}}

    def request(method: str, url: str, **how: Any) -> Any:
        asked.append(f"{method} {url}")
        if url.startswith(azure.ROOT):
            assert how["headers"]["Authorization"] == "Bearer token"
            return SimpleNamespace(ok=True, json=lambda: answers[url.rpartition("/")[2]])
        has_key = how["headers"].get("x-functions-key") == "the-key"
        body: dict[str, Any] | None = {"snapshots": []} if has_key else None
        return SimpleNamespace(ok=has_key, status_code=200 if has_key else 401, text="", json=lambda: body)

    monkeypatch.setattr(requests, "request", request)
    signed_in = SimpleNamespace(get_token=lambda _: SimpleNamespace(token="token"))
    monkeypatch.setattr(azure, "signed_in", lambda: signed_in)
    return asked


def test_an_app_that_wants_a_key_gets_it_from_those_who_may_read_it(manager: list[str]) -> None:
    place = Place(label="azd", app_url="https://func.azurewebsites.net", resource=RESOURCE)
    assert AppApi(place).get("snapshots") == {"snapshots": []}
    assert [call.partition(" ")[0] for call in manager] == ["GET", "POST", "GET"]
    assert "/resourceGroups/group/providers/Microsoft.Web/sites/func/host/default/listKeys" in manager[1]


def test_without_rights_it_is_said_where_the_key_goes(manager: list[str]) -> None:
    place = Place(label="x", app_url="https://func.azurewebsites.net")
    with pytest.raises(CommandError, match="AOAI_BATCH_APP_KEY"):
        AppApi(place).get("snapshots")


def test_the_doctor_reads_the_settings_where_it_may(manager: list[str]) -> None:
    place = _with_settings(Place(label="azd", resource=RESOURCE))
    assert (place.env, place.knows_settings) == ({"PRICES": "{}"}, True)
