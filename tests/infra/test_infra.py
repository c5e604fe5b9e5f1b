"""The infrastructure as far as it can be checked without Azure: syntax, names, roles, secrets, settings."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from domain.settings import SECRETS, Settings
from tests.infra.bicep import BicepFile, Declaration, Expression

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
FILES = {path.name: BicepFile(path) for path in sorted(INFRA.glob("*.bicep"))}
MAIN = FILES["main.bicep"]

# Built-in roles ("Azure built-in roles", read 2026-11), by the names variables have here.
ROLES = {
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageBlobDataContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "storageBlobDelegator": "db58b8e5-c6ad-4a2a-8342-4190687cbf4a",
    "storageQueueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "cognitiveServicesOpenAiContributor": "a001fd3d-188f-4b5d-821b-7da978bf7442",
    "storageQueueDataMessageSender": "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a",
    "azureServiceBusDataSender": "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
}
HOST_SETTINGS = frozenset(
    {
        "AzureWebJobsStorage__blobServiceUri",
        "AzureWebJobsStorage__queueServiceUri",
        "AzureWebJobsStorage__tableServiceUri",
        "AzureWebJobsStorage__credential",
        "AzureWebJobsStorage__clientId",
        "AZURE_CLIENT_ID",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "PYTHON_THREADPOOL_THREAD_COUNT",
    }
)
REFUSED_ON_FLEX = re.compile(
    r"FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|FUNCTIONS_WORKER_PROCESS_COUNT"
    r"|SCM_DO_BUILD_DURING_DEPLOYMENT|ENABLE_ORYX_BUILD|WEBSITE_RUN_FROM_PACKAGE|WEBSITE_CONTENT\w*"
)
GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def resources(type_name: str, *, existing: bool = False) -> dict[str, Declaration]:
    """The declared resources of a type, by file and name."""
    return {
        f"{file.path.stem}.{name}": declared
        for file in FILES.values()
        for name, declared in file.of_kind("resource").items()
        if declared.type.split("@")[0] == type_name and declared.existing is existing
    }


# --- the language ----------------------------------------------------------------------------------------------------


MODULES = [module for file in FILES.values() for module in file.of_kind("module").values()]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_gets_the_parameters_it_has(module: Declaration) -> None:
    called = FILES[module.type]
    assert set(module.value["params"]) == set(called.of_kind("param"))
    assert called.required() == set(called.of_kind("param"))


def test_outputs_that_are_used_exist() -> None:
    for name, output in re.findall(r"(\w+)\.outputs\.(\w+)", MAIN.text):
        assert output in FILES[MAIN.of_kind("module")[name].type].of_kind("output")


def test_the_parameter_file_fits() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    assert set(given) == set(MAIN.of_kind("param"))
    text = json.dumps({name: value for name, value in given.items() if name in MAIN.required()})
    from_the_tool = {"AZURE_ENV_NAME", "AZURE_LOCATION"}
    without_default = set(re.findall(r"\$\{(\w+)\}", text))
    assert without_default <= from_the_tool


def test_the_developer_cli_finds_the_app() -> None:
    (service, told), *others = yaml.safe_load((ROOT / "azure.yaml").read_text())["services"].items()
    assert others == []
    assert (ROOT / told["project"] / "host.json").is_file()
    assert f"'azd-service-name': '{service}'" in FILES["app.bicep"].text


# --- who may do what -------------------------------------------------------------------------------------------------


def test_roles_have_the_ids_they_are_known_by() -> None:
    for file in FILES.values():
        ids = {name: each.value for name, each in file.of_kind("var").items() if name in ROLES}
        assert ids == {name: ROLES[name] for name in ids}
        assert set(GUID.findall(file.text)) == set(ids.values())


# --- no secrets ------------------------------------------------------------------------------------------------------


def test_nothing_can_be_opened_with_a_key() -> None:
    accounts = resources("Microsoft.Storage/storageAccounts")
    assert set(accounts) == {"app.hostAccount", "data.account"}
    for account in accounts.values():
        properties = account.value["properties"]
        assert properties["allowSharedKeyAccess"] is properties["allowBlobPublicAccess"] is False
    (openai,) = resources("Microsoft.CognitiveServices/accounts").values()
    (insights,) = resources("Microsoft.Insights/components").values()
    assert openai.value["properties"]["disableLocalAuth"] is True
    assert insights.value["properties"]["DisableLocalAuth"] is True


def test_the_only_key_is_the_webhook_s_and_it_is_no_output() -> None:
    text = "".join(file.text for file in FILES.values())
    assert re.findall(r"list\w+\(.*?\)(?:\.\w+)*", text) == [
        "listKeys('${app.id}/host/default', '2025-03-01').systemKeys.blobs_extension"
    ]
    assert not re.search(r"AccountKey=|SharedAccessSignature", text)
    outputs = [each for file in FILES.values() for each in file.of_kind("output").values()]
    assert not [each for each in outputs if "listKeys" in str(each.value)]


# --- the app ---------------------------------------------------------------------------------------------------------


def app_settings() -> dict[str, Any]:
    text = FILES["app.bicep"].of_kind("resource")["appSettings"].value["properties"].text
    pairs = re.findall(r"^\s+(\w+): (.*?)(?: //.*)?$", text, re.MULTILINE)
    return {name: value.strip("'") if value.startswith("'") else Expression(value) for name, value in pairs}


def test_every_app_setting_is_one_of_ours_or_the_host_s() -> None:
    known = {field.encode_name for field in msgspec.structs.fields(Settings)}
    told = set(app_settings())
    assert len(told) > len(HOST_SETTINGS)
    assert told - known == HOST_SETTINGS
    assert not told & SECRETS
    assert not [name for name in told if REFUSED_ON_FLEX.fullmatch(name)]


def test_the_app_starts_with_these_settings() -> None:
    given = {
        name: "https://a.example" if isinstance(value, Expression) else value
        for name, value in app_settings().items()
    } | {"BATCH_CAPACITY": "1"}
    settings = Settings.from_env(given)
    assert settings.data is None
    assert (settings.storage_kind, settings.blob_trigger_source) == ("hierarchical", "EventGrid")


def test_the_containers_are_those_the_app_looks_for() -> None:
    settings = Settings(azure_openai_endpoint="https://a.example")
    expected = [
        settings.input_container,
        settings.processed_container,
        settings.error_container,
        settings.work_container,
    ]
    assert FILES["data.bicep"].of_kind("var")["containers"].value == expected
    (lifecycle,) = resources("Microsoft.Storage/storageAccounts/managementPolicies").values()
    (rule,) = lifecycle.value["properties"]["policy"]["rules"]
    assert rule["definition"]["filters"]["prefixMatch"] == [f"{name}/" for name in expected[1:3]]


def test_the_data_account_has_directories_and_the_host_s_has_none() -> None:
    accounts = resources("Microsoft.Storage/storageAccounts")
    assert accounts["data.account"].value["properties"]["isHnsEnabled"] is True
    assert accounts["app.hostAccount"].value["properties"]["isHnsEnabled"] is False


def test_the_subscription_sends_complete_files_to_the_function_that_waits_for_them() -> None:
    subscriptions = resources("Microsoft.EventGrid/systemTopics/eventSubscriptions")
    assert set(subscriptions) == {"subscription.subscription", "notify.toWebhook", "notify.toQueue"}
    told = subscriptions["subscription.subscription"].value["properties"]
    called = re.search(r"Host\.Functions\.(\w+)&", told["destination"]["properties"]["endpointUrl"].text)
    assert called
    assert (ROOT / "triggers" / f"{called.group(1)}.py").is_file()
    assert told["filter"]["includedEventTypes"] == ["Microsoft.Storage.BlobCreated"]
    assert told["filter"]["subjectBeginsWith"] == "/blobServices/default/containers/input/"
    (api,) = told["filter"]["advancedFilters"]
    assert api["key"] == "data.api"
    assert set(api["values"]) == {"PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose"}
    kept = told["deadLetterWithResourceIdentity"]["deadLetterDestination"]["properties"]["blobContainerName"]
    assert FILES["app.bicep"].of_kind("var")["deadLetterContainer"].value == kept
