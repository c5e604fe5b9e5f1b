"""The templates as the Bicep compiler understands them, and what a deployment of them would make.

`main.snapshot.json` is the compiler's own prediction for `main.bicepparam`. The compiler holds it to the templates; where it is not
at hand, the other tests here still read the snapshot. To renew it: BICEP_SNAPSHOT=Overwrite with this file's tests.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
SNAPSHOT = Path(__file__).with_name("main.snapshot.json")
PACKED = ROOT.parent / "shared" / "bicep"
PLACE = [
    *("--subscription-id", "22222222-2222-4222-8222-222222222222"),
    *("--tenant-id", "33333333-3333-4333-8333-333333333333"),
    *("--location", "swedencentral", "--deployment-name", "test"),
]
RESOURCES: list[dict[str, Any]] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))["predictedResources"]
PERSON = "11111111-1111-4111-8111-111111111111"
ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "db58b8e5-c6ad-4a2a-8342-4190687cbf4a": "Storage Blob Delegator",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "a001fd3d-188f-4b5d-821b-7da978bf7442": "Cognitive Services OpenAI Contributor",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
    "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39": "Azure Service Bus Data Sender",
}


@pytest.fixture(scope="session")
def bicep(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The compiler: on the path, or unpacked from beside the repository."""
    found = shutil.which("bicep")
    if found:
        return found
    if not (PACKED / "unpack.py").is_file():
        pytest.skip("the Bicep compiler is not here")
    folder = tmp_path_factory.mktemp("bicep")
    subprocess.run([sys.executable, PACKED / "unpack.py", folder], check=True, capture_output=True)
    return str(folder / "bicep")


def run(bicep: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [bicep, *arguments],
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


# --- the compiler ----------------------------------------------------------------------------------------------------


# The first has all the others as its modules.
@pytest.mark.parametrize("name", ["main.bicep", "subscription.bicep"])
def test_every_template_builds_and_lints_without_a_word(bicep: str, name: str) -> None:
    built, linted = run(bicep, "build", INFRA / name, "--stdout"), run(bicep, "lint", INFRA / name)
    assert (built.returncode, built.stderr) == (linted.returncode, linted.stderr) == (0, "")


def test_what_would_be_made_is_what_the_snapshot_says(bicep: str) -> None:
    mode = os.environ.get("BICEP_SNAPSHOT", "Validate")
    ran = run(bicep, "snapshot", SNAPSHOT.with_name("main.bicepparam"), "--mode", mode, *PLACE)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ("param settings = { CONTINUOUS_MODE: ' False ' }", "set EVENTS to false"),
        ("param settings = { SWEEP_SCHEDULE: '00:05:00' }", "needs six fields"),
        ("param settings = { CONTINUOUS_MODE: 'false' }\nparam events = false", "'false'"),
        (
            "param settings = { CONTINUOUS_MODE: 'true', SWEEP_SCHEDULE: '0  */5 * * * *' }",
            "'0  */5 * * * *'",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused_where_they_are_set(
    bicep: str, tmp_path: Path, told: str, outcome: str
) -> None:
    given = SNAPSHOT.with_name("main.bicepparam").read_text(encoding="utf-8")
    given = re.sub(r"^param settings = .*$", told, given, flags=re.MULTILINE)
    shutil.copytree(INFRA, tmp_path, dirs_exist_ok=True)
    main = tmp_path / "main.bicep"
    # The compiler computes nothing that is secret, nor what only a resource needs.
    text = main.read_text(encoding="utf-8").replace("@secure()\n", "")
    main.write_text(text + "\noutput CHECKED object = checkedSettings\n", encoding="utf-8")
    parameters = tmp_path / "main.bicepparam"
    parameters.write_text(given.replace("../../infra/", ""), encoding="utf-8")
    (tmp_path / "bicepconfig.json").unlink()
    ran = run(bicep, "snapshot", parameters, "--mode", "Overwrite", *PLACE)
    if ran.returncode == 0:
        checked = str(json.loads((tmp_path / "main.snapshot.json").read_text())["outputs"]["CHECKED"])
        assert outcome in checked
    else:
        assert outcome in ran.stderr


def predicted(bicep: str, tmp_path: Path, told: str) -> subprocess.CompletedProcess[str]:
    """Have the compiler say what would be made with other parameters besides; it writes `main.snapshot.json` there."""
    shutil.copytree(INFRA, tmp_path, dirs_exist_ok=True)
    given = SNAPSHOT.with_name("main.bicepparam").read_text(encoding="utf-8").replace("../../infra/", "")
    parameters = tmp_path / "main.bicepparam"
    parameters.write_text(given + told, encoding="utf-8")
    return run(bicep, "snapshot", parameters, "--mode", "Overwrite", *PLACE)


def test_where_people_sign_in_the_hosts_webhooks_stay_open(bicep: str, tmp_path: Path) -> None:
    """Behind the sign-in, events of arriving files are answered 401, and no file wakes the app."""
    ran = predicted(bicep, tmp_path, "param access = 'entra'\nparam entraClientId = 'the-client'\n")
    assert ran.returncode == 0, ran.stderr
    resources = json.loads((tmp_path / "main.snapshot.json").read_text())["predictedResources"]
    (sign_in,) = [each for each in resources if each["id"].endswith("/config/authsettingsV2")]
    validation = sign_in["properties"]["globalValidation"]
    assert validation["requireAuthentication"] is True
    assert validation["excludedPaths"] == ["/runtime/webhooks/*", "/api/health"]
    provider = sign_in["properties"]["identityProviders"]["azureActiveDirectory"]
    assert provider["registration"]["clientId"] == "the-client"
    assert "clientSecretSettingName" not in provider["registration"]
    (settings,) = [each for each in resources if each["id"].endswith("/config/appsettings")]
    assert re.search(r"'ACCESS', 'entra'", str(settings["properties"]))


def test_sign_in_without_an_app_registration_is_refused(bicep: str, tmp_path: Path) -> None:
    ran = predicted(bicep, tmp_path, "param access = 'entra'\n")
    assert ran.returncode != 0
    assert "ENTRA_CLIENT_ID" in ran.stdout + ran.stderr


OTHER_GROUP = "/subscriptions/44444444-4444-4444-8444-444444444444/resourceGroups/other/providers"
QUEUES = {
    "StorageQueue": f"{OTHER_GROUP}/Microsoft.Storage/storageAccounts/acct/queueServices/default/queues/done",
    "ServiceBusQueue": f"{OTHER_GROUP}/Microsoft.ServiceBus/namespaces/bus/queues/done",
}
TOLD = {  # what a subscription listens to, as docs/events.md says it
    "file-finished": ("/blobServices/default/containers/processed/", "_metadata.json"),
    "file-has-errors": ("/blobServices/default/containers/error/", "_metadata.json"),
    "snapshot-finished": ("/blobServices/default/containers/work/blobs/snapshots/", "/report.json"),
}


@pytest.mark.parametrize("kind", QUEUES)
def test_a_webhook_and_a_queue_are_told_of_the_three_events(bicep: str, tmp_path: Path, kind: str) -> None:
    ran = predicted(
        bicep,
        tmp_path,
        f"param notifyEndpoint = 'https://example.com/x?code=s'\nparam notifyQueueId = '{QUEUES[kind]}'\n",
    )
    assert ran.returncode == 0, ran.stderr
    # A webhook's address may hold a secret.
    assert "code=" not in (tmp_path / "main.snapshot.json").read_text(encoding="utf-8")
    resources = json.loads((tmp_path / "main.snapshot.json").read_text())["predictedResources"]
    found = {each["name"].split("/")[-1]: each for each in resources if "/eventSubscriptions" in each["type"]}
    assert set(found) == {f"{name}-{to}" for name in TOLD for to in ("webhook", "queue")}
    for name, each in found.items():
        told = each["properties"]
        assert told["eventDeliverySchema"] == "CloudEventSchemaV1_0"
        filtered = told["filter"]
        begins, ends = TOLD[name.rpartition("-")[0]]
        assert (filtered["subjectBeginsWith"], filtered["subjectEndsWith"]) == (begins, ends)
        assert filtered["includedEventTypes"] == ["Microsoft.Storage.BlobCreated"]
        assert filtered["advancedFilters"][0]["key"] == "data.api"
        assert told["retryPolicy"] == {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}
        letters = told["deadLetterWithResourceIdentity"]["deadLetterDestination"]["properties"]
        assert letters["blobContainerName"] == "deadletter"
        if name.endswith("-webhook"):
            assert told["destination"]["endpointType"] == "WebHook"
            assert each["condition"] == "[not(empty(parameters('notifyEndpoint')))]"
            continue
        sent = told["deliveryWithResourceIdentity"]
        assert sent["identity"] == {"type": "SystemAssigned"}
        assert sent["destination"]["endpointType"] == kind
        target = sent["destination"]["properties"]
        assert QUEUES[kind].startswith(target["resourceId"])
        assert target.get("queueName", "done") == "done"
    (granted_there,) = [each for each in resources if each["id"].startswith(f"{QUEUES[kind]}/providers/")]
    role = ROLES[granted_there["properties"]["roleDefinitionId"].split("/")[-1]]
    assert role == {"StorageQueue": "Storage Queue Data Message Sender"}.get(
        kind, "Azure Service Bus Data Sender"
    )
    assert "systemTopics/evgt-" in granted_there["properties"]["principalId"]


def test_what_is_no_queue_is_refused(bicep: str, tmp_path: Path) -> None:
    account = f"{OTHER_GROUP}/Microsoft.Storage/storageAccounts/acct"
    ran = predicted(bicep, tmp_path, f"param notifyQueueId = '{account}'\n")
    assert ran.returncode != 0
    assert "NOTIFY_QUEUE_ID" in ran.stdout + ran.stderr


# --- what would be made ----------------------------------------------------------------------------------------------


def of_type(name: str) -> list[dict[str, Any]]:
    return [each for each in RESOURCES if each["type"] == name]


def granted() -> set[tuple[str, str, str]]:
    """(who, role, on what) of every role assignment; the last one without the names that a token makes."""
    found = set()
    for each in of_type("Microsoft.Authorization/roleAssignments"):
        told = each["properties"]
        reference = re.search(r"providers/[\w.]+/(\w+)/", told["principalId"])
        who = "person" if told["principalId"] == PERSON else reference and reference.group(1)
        scope = each["id"].split("/providers/Microsoft.Authorization/")[0].split("/providers/")[-1]
        what = re.sub(r"-?n555fmnu773g2", "", scope.split("/", 1)[1])
        found.add((str(who), ROLES[told["roleDefinitionId"].split("/")[-1]], what))
    return found


def test_who_may_do_what() -> None:
    data = "storageAccounts/data"
    host = "storageAccounts/host"
    containers = f"{data}/blobServices/default/containers"
    assert granted() == {
        *(
            ("userAssignedIdentities", "Storage Blob Data Contributor", f"{containers}/{name}")
            for name in ("input", "processed", "error", "work")
        ),
        ("userAssignedIdentities", "Storage Queue Data Contributor", data),
        ("userAssignedIdentities", "Storage Blob Delegator", data),
        ("userAssignedIdentities", "Storage Blob Data Owner", host),
        ("userAssignedIdentities", "Storage Queue Data Contributor", host),
        ("userAssignedIdentities", "Storage Table Data Contributor", host),
        ("userAssignedIdentities", "Cognitive Services OpenAI Contributor", "accounts/oai"),
        ("userAssignedIdentities", "Monitoring Metrics Publisher", "components/appi"),
        *(
            ("person", "Storage Blob Data Contributor", f"{containers}/{name}")
            for name in ("input", "processed", "error")
        ),
        ("accounts", "Storage Blob Data Contributor", f"{containers}/work"),
        (
            "systemTopics",
            "Storage Blob Data Contributor",
            f"{host}/blobServices/default/containers/deadletter",
        ),
    }
    assert len(granted()) == len(of_type("Microsoft.Authorization/roleAssignments"))


def test_every_resource_and_every_role_is_known_before_anything_is_made() -> None:
    assert [each["id"] for each in RESOURCES if "[" in each["id"]] == []


def test_what_was_deleted_by_mistake_comes_back() -> None:
    services = of_type("Microsoft.Storage/storageAccounts/blobServices")
    assert len(services) == len(of_type("Microsoft.Storage/storageAccounts"))
    for each in services:
        for kept in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
            assert each["properties"][kept]["enabled"] is True
            assert each["properties"][kept]["days"] >= 7


def test_whatever_has_a_log_sends_it_to_the_workspace() -> None:
    settings = of_type("Microsoft.Insights/diagnosticSettings")
    watched = {each["id"].split("/providers/Microsoft.Insights/diagnosticSettings")[0] for each in settings}
    types = (
        "Microsoft.Storage/storageAccounts/blobServices",
        "Microsoft.CognitiveServices/accounts",
        "Microsoft.EventGrid/systemTopics",
        "Microsoft.Web/sites",
    )
    assert watched == {each["id"] for name in types for each in of_type(name)}
    (workspace,) = of_type("Microsoft.OperationalInsights/workspaces")
    assert {each["properties"]["workspaceId"] for each in settings} == {workspace["id"]}


def test_nothing_is_published_with_a_password() -> None:
    policies = of_type("Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    assert {each["id"].split("/")[-1]: each["properties"]["allow"] for each in policies} == {
        "scm": False,
        "ftp": False,
    }


def test_the_app_runs_on_a_python_that_was_tested() -> None:
    (site,) = of_type("Microsoft.Web/sites")
    assert site["properties"]["functionAppConfig"]["runtime"] == {"name": "python", "version": "3.13"}


def test_by_default_callers_have_keys_and_no_one_signs_in() -> None:
    assert not [each for each in RESOURCES if "authsettings" in each["id"]]


def test_files_are_brought_from_the_page_alone_and_nothing_is_read_that_way() -> None:
    (app,) = (found["name"] for found in RESOURCES if found["type"] == "Microsoft.Web/sites")
    rules = [
        rule
        for found in RESOURCES
        if found["type"] == "Microsoft.Storage/storageAccounts/blobServices"
        for rule in found["properties"].get("cors", {}).get("corsRules", [])
    ]
    assert [(rule["allowedOrigins"], rule["allowedMethods"]) for rule in rules] == [
        ([f"https://{app}.azurewebsites.net"], ["PUT"])
    ]
