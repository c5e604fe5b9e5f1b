"""The accelerator's three files as settings; they are its templates, filled in."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.settings import Settings
from tests.cli.command import aoai

APP: dict[str, Any] = {
    "AOAI_config": "C:\\Users\\me\\config\\AOAI_config.json",
    "storage_config": "/home/me/config/storage_config.json",
    "local_download_path": "<Local path for file downloads if enabled>",
    "batch_size": 10,
    "download_to_local": False,
    "continuous_mode": True,
    "count_tokens": False,
}
STORAGE: dict[str, Any] = {
    "storage_account_name": "stlake",
    "storage_account_key": "c3RvcmFnZSBrZXk=",
    "input_filesystem_system_name": "in",
    "processed_filesystem_system_name": "out",
    "error_filesystem_system_name": "bad",
    "input_directory": "/",
    "output_directory": "/",
    "error_directory": "/errors/",
}
SERVICE: dict[str, Any] = {
    "aoai_key": "service-key",
    "aoai_api_version": "2024-07-01-preview",
    "aoai_endpoint": "https://name.openai.azure.com/",
    "aoai_deployment_name": "gpt-4o-batch",
    "batch_job_endpoint": "/chat/completions",
    "completion_window": "24h",
}


@pytest.fixture
def config(folder: Path) -> Path:
    return write(folder, APP, STORAGE, SERVICE)


def write(folder: Path, app: Any, storage: Any, service: Any) -> Path:
    (folder / "config").mkdir(exist_ok=True)
    for name, content in (("app_config", app), ("storage_config", storage), ("AOAI_config", service)):
        (folder / "config" / f"{name}.json").write_text(json.dumps(content))
    return folder / "config" / "app_config.json"


def values(folder: Path) -> dict[str, str]:
    whole: dict[str, str] = json.loads((folder / "local.settings.json").read_text())["Values"]
    return whole


def test_everything_finds_its_place_or_a_word(folder: Path, config: Path) -> None:
    ran = aoai("migrate", config, "--json")
    assert ran.code == 0, ran.err
    told = values(folder)
    settings = Settings.from_env(told)
    assert settings.data__blob_service_uri == "https://stlake.blob.core.windows.net"
    assert (settings.input_container, settings.processed_container, settings.error_container) == (
        "in",
        "out",
        "bad",
    )
    assert (settings.input_directory, settings.output_directory, settings.error_directory) == (
        "",
        "",
        "errors",
    )
    assert (settings.azure_openai_endpoint, settings.azure_openai_api_version) == (
        "https://name.openai.azure.com",
        "v1",
    )
    assert (settings.azure_openai_deployment, settings.micro_batch_size) == ("gpt-4o-batch", 10)
    assert settings.continuous_mode
    named = {line["theirs"] for line in ran.records}
    assert named == {*APP, *STORAGE, *SERVICE} - {"AOAI_config", "storage_config"}
    version = next(line for line in ran.records if line["theirs"] == "aoai_api_version")
    assert "2024-07-01-preview" in version["remark"]


def test_keys_are_named_and_copied_only_when_they_are_wanted(folder: Path, config: Path) -> None:
    ran = aoai("migrate", config, "--table")
    text = (folder / "local.settings.json").read_text() + ran.out + ran.err
    assert "service-key" not in text
    assert "c3RvcmFnZSBrZXk=" not in text
    assert "storage_account_key" in ran.out
    assert aoai("migrate", config).code == 2  # the file is there
    assert aoai("migrate", config, "--with-keys", "--replace").code == 0
    settings = Settings.from_env(values(folder))
    assert settings.azure_openai_api_key == "service-key"
    assert "AccountKey=c3RvcmFnZSBrZXk=" in (settings.data or "")


def test_settings_may_go_to_the_output(folder: Path, config: Path) -> None:
    ran = aoai("migrate", config, "-o", "-")
    assert json.loads(ran.out)["Values"]["INPUT_CONTAINER"] == "in"
    assert not (folder / "local.settings.json").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"storage_account_name": "<Azure Data Lake Storage Account Name>"}, "storage_account_name"),
        ({"aoai_endpoint": "<Azure OpenAI endpoint>"}, "aoai_endpoint"),
        ({"input_filesystem_system_name": ""}, "input_filesystem_system_name"),
        ({"aoai_endpoint": "name.openai.azure.com"}, "AZURE_OPENAI_ENDPOINT"),
        ({"batch_job_endpoint": "/embeddings/of/something"}, "BATCH_ENDPOINT"),
    ],
)
def test_what_is_not_filled_in_or_wrong_is_told(folder: Path, change: dict[str, str], told: str) -> None:
    storage = {key: change.get(key, value) for key, value in STORAGE.items()}
    service = {key: change.get(key, value) for key, value in SERVICE.items()}
    ran = aoai("migrate", write(folder, APP, storage, service))
    assert ran.code in (1, 2)
    assert told in ran.err
    assert ran.err.count("\n") == 1
    assert not (folder / "local.settings.json").exists()


@pytest.mark.parametrize(
    ("version", "kept"),
    [
        ("2024-07-01-preview", "v1"),
        ("2024-10-21", "2024-10-21"),
        ("2025-03-01-preview", "2025-03-01-preview"),
        ("v1", "v1"),
    ],
)
def test_a_version_is_kept_unless_it_is_at_its_end(folder: Path, version: str, kept: str) -> None:
    aoai("migrate", write(folder, APP, STORAGE, SERVICE | {"aoai_api_version": version}))
    assert values(folder)["AZURE_OPENAI_API_VERSION"] == kept


def test_a_file_that_is_missing_or_none_is_told(folder: Path, config: Path) -> None:
    (config.parent / "storage_config.json").write_text("[")
    assert "cannot be read" in aoai("migrate", config).err
    (config.parent / "storage_config.json").unlink()
    ran = aoai("migrate", config)
    assert (ran.code, "is not there" in ran.err) == (2, True)


def test_keys_that_no_template_has_are_told(folder: Path) -> None:
    ran = aoai("migrate", write(folder, APP | {"my_own": 1}, STORAGE, SERVICE), "--json")
    line = next(line for line in ran.records if line["theirs"] == "my_own")
    assert line["ours"] is None
    assert line["remark"]
