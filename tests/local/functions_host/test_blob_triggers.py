"""Blob triggers before any blob: paths, sources, connections."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.settings import DATA
from local.functions_host.config import HostConfig
from local.functions_host.errors import AppLoadError
from local.functions_host.functions import AppFunction, TriggerKind
from local.functions_host.triggers.blob import BlobFunctions
from local.functions_host.triggers.blob_path import BlobPath

CONNECTION_STRING = (
    "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:9/a;"
)


@pytest.mark.parametrize(
    ("path", "name", "matches"),
    [
        ("in/{name}", "a.txt", True),
        ("in/{name}", "deep/er/a.txt", True),
        ("in/sub/{name}", "sub/a.txt", True),
        ("in/sub/{name}", "sub/", False),
        ("in/sub/{name}", "other/a.txt", False),
        ("in/{day}/{name}.json", "2026/x.json", True),
        ("in/{day}/{name}.json", "x.json", False),
        ("in/{day}/{name}.json", "2026/x.json.gz", False),
        ("in/fixed.txt", "fixed.txt", True),
        ("in/fixed.txt", "fixedXtxt", False),
        ("in/{{x}}/{name}", "{x}/a", True),
        ("in", "anything", True),
        ("in/{name}", "line\nbreak", True),
    ],
)
def test_a_path_says_which_blobs_are_wanted(path: str, name: str, matches: bool) -> None:
    parsed = BlobPath.parse(path)

    assert parsed.container == "in"
    assert bool(parsed.pattern.fullmatch(name)) is matches


@given(
    st.lists(st.sampled_from(["a", "b/", "{x}", "{y}", "{{", ".txt"]), max_size=6),
    st.text("ab/.t{x", max_size=10),
)
def test_every_wanted_blob_has_the_prefix_that_is_listed(parts: list[str], name: str) -> None:
    path = BlobPath.parse("in/" + "".join(parts))

    if path.pattern.fullmatch(name):
        assert name.startswith(path.prefix)


@pytest.mark.parametrize("path", ["", "/", "{container}/{name}", "in/{name", "in/name}", "in/{a b}"])
def test_malformed_paths_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="the path"):
        BlobPath.parse(path)


def blob_functions(trigger: dict[str, Any], **environment: str) -> BlobFunctions:
    function = AppFunction(
        metadata=SimpleNamespace(name="f"),  # type: ignore[arg-type]
        kind=TriggerKind.BLOB,
        trigger={"path": "in/{name}", "connection": "DATA", **trigger},
    )
    nothing: Any = None
    return BlobFunctions(
        [function],
        invoker=nothing,
        store=nothing,
        config=HostConfig(),
        environment=environment,
        poll_seconds=1,
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"DATA": CONNECTION_STRING},
        {"DATA": "UseDevelopmentStorage=true"},
        {"DATA__blobServiceUri": "https://a.blob.core.windows.net"},
        {"DATA__serviceUri": "https://a.blob.core.windows.net"},
    ],
)
@pytest.mark.parametrize("source", ["EventGrid", "LogsAndContainerScan", None])
def test_connections_are_strings_or_addresses(environment: dict[str, str], source: str | None) -> None:
    assert blob_functions({"source": source}, **environment)


def test_a_function_whose_connection_is_missing_is_left_out_with_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert blob_functions({})
    assert (
        "The 'f' function is in error: its connection 'DATA' needs the setting DATA or DATA__blobServiceUri."
    ) in caplog.text


@pytest.mark.parametrize(
    ("connection", "setting"),
    [
        ("STORAGE", None),
        ("Storage", None),
        ("DATA", "AzureWebJobsDATA"),
        ("DATA", "azurewebjobsdata"),
        ("data", "AzureWebJobsData__blobServiceUri"),
        ("DASHBOARD", "AzureWebJobsDashboard"),
    ],
)
@pytest.mark.parametrize("source", ["EventGrid", "LogsAndContainerScan"])
def test_a_connection_that_is_another_setting_in_azure_is_refused(
    connection: str, setting: str | None, source: str
) -> None:
    environment = {connection: CONNECTION_STRING} | ({setting: CONNECTION_STRING} if setting else {})

    with pytest.raises(AppLoadError, match=r"'f': its connection '\w+' is the setting (?i:azurewebjobs)"):
        blob_functions({"source": source, "connection": connection}, **environment)


def test_the_apps_own_connection_is_no_setting_of_the_host() -> None:
    documented = (
        "Storage",
        "Dashboard",
        "ScriptRoot",
        "SecretStorageType",
        "FeatureFlags",
        "DisableHomepage",
    )
    settings = {f"AzureWebJobs{name}": CONNECTION_STRING for name in documented}

    assert blob_functions({"connection": DATA}, **settings, **{DATA: CONNECTION_STRING})


def test_a_malformed_connection_is_named_but_not_repeated() -> None:
    with pytest.raises(AppLoadError, match="DATA is not a storage connection") as caught:
        blob_functions({}, DATA="AccountKey=c2VjcmV0;nonsense")

    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [({"source": "Guesswork"}, "is not a source of blobs"), ({"path": "in/{"}, "unpaired brace")],
)
def test_sources_and_paths_are_checked_at_load(trigger: dict[str, Any], reason: str) -> None:
    with pytest.raises(AppLoadError, match=reason):
        blob_functions(trigger, DATA=CONNECTION_STRING)
