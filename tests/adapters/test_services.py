"""The container of services: wired at once, opened part by part."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from adapters.services import Services, services, services_of
from domain.errors import SettingsError
from domain.settings import Settings
from tests.conftest import Containers


@pytest.fixture
def fresh() -> Iterator[None]:
    services.cache_clear()
    yield
    services.cache_clear()


@pytest.fixture
def settings(containers: Containers) -> Settings:
    return Settings(
        azure_openai_endpoint="http://127.0.0.1:9",
        azure_openai_api_key="key",
        data=containers.connection_string,
        input_container=containers.input,
        processed_container=containers.processed,
        error_container=containers.error,
        work_container=containers.work,
    )


def test_each_part_is_opened_when_it_is_asked_for_and_kept(settings: Settings) -> None:
    opened: list[str] = []
    real = services_of(settings)

    def opening(name: str) -> Any:
        opened.append(name)
        return getattr(real, name)()

    ours: Services = replace(
        real,
        open_storage=lambda: opening("open_storage"),
        open_batch_api=lambda: opening("open_batch_api"),
    )
    assert opened == []
    assert ours.batch_api is ours.batch_api
    assert opened == ["open_batch_api"]
    assert ours.work is ours.work
    assert ours.storage is ours.storage
    assert opened == ["open_batch_api", "open_storage"]
    ours.batch_api.close()
    ours.storage.close()


def test_our_files_bear_the_mark_of_the_account_and_the_container(settings: Settings) -> None:
    ours = services_of(settings)
    swapped = {"work_container": settings.input_container, "input_container": settings.work_container}
    others = services_of(msgspec.structs.replace(settings, **swapped))
    assert ours.file_prefix.startswith("batch-pipeline-")
    assert ours.file_prefix == services_of(settings).file_prefix != others.file_prefix


def test_mistakes_in_the_settings_are_told_at_each_use_until_they_are_fixed(
    fresh: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATA", "DATA__blobServiceUri", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for _ in range(2):
        with pytest.raises(SettingsError, match="AZURE_OPENAI_ENDPOINT: missing"):
            services()
    monkeypatch.setenv("DATA", settings.data or "")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:9")
    assert services() is services()


def test_a_connection_under_its_former_name_is_used_and_told_once(
    fresh: None, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("DATA", raising=False)
    monkeypatch.setenv("STORAGE", settings.data or "")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:9")
    for _ in range(2):
        assert services().settings.data == settings.data
    (told,) = caplog.messages
    assert "STORAGE is now DATA" in told
