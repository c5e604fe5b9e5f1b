"""The names of Azure ML batch endpoints are understood, with a word, and only where they are meant for Azure."""

import pytest

from domain.former_settings import current_names
from domain.settings import Settings

AZURE = "https://example.openai.azure.com/"
THEIRS = {
    "OPENAI_API_TYPE": "azure",
    "OPENAI_API_BASE": AZURE,
    "OPENAI_API_KEY": "secret",
    "OPENAI_API_VERSION": "2024-10-21",
    "OPENAI_DEPLOYMENT_NAME": "ada",
}


def test_an_app_starts_with_the_settings_of_a_batch_endpoint() -> None:
    env, warning = current_names({"DATA": "UseDevelopmentStorage=true", **THEIRS})
    settings = Settings.from_env(env)
    assert settings.azure_openai_endpoint == AZURE
    assert (settings.azure_openai_api_key, settings.azure_openai_api_version) == ("secret", "2024-10-21")
    assert settings.azure_openai_deployment == "ada"
    assert warning is not None
    assert "OPENAI_API_BASE as AZURE_OPENAI_ENDPOINT" in warning
    assert "secret" not in warning


def test_an_older_version_than_the_batch_api_is_left_out_with_a_word() -> None:
    env, warning = current_names({**THEIRS, "OPENAI_API_VERSION": "2023-05-15"})
    assert "AZURE_OPENAI_API_VERSION" not in env
    assert warning is not None
    assert "2023-05-15 has no Batch API" in warning


@pytest.mark.parametrize("kind", ["azure_ad", "azuread", "AZURE_AD"])
def test_a_token_is_no_key(kind: str) -> None:
    env, warning = current_names({**THEIRS, "OPENAI_API_TYPE": kind})
    assert "AZURE_OPENAI_API_KEY" not in env
    assert warning is not None
    assert "OPENAI_API_KEY is left out" in warning


@pytest.mark.parametrize(
    "env",
    [
        THEIRS | {"AZURE_OPENAI_ENDPOINT": "https://ours.openai.azure.com"},
        THEIRS | {"OPENAI_API_BASE": ""},
        THEIRS | {"OPENAI_API_BASE": "https://api.openai.com/v1"},
        {"OPENAI_API_KEY": "of OpenAI itself"},
    ],
)
def test_names_that_are_meant_for_others_are_ignored(env: dict[str, str]) -> None:
    assert current_names(env) == (env, None)


def test_our_own_names_come_first() -> None:
    env, _ = current_names({**THEIRS, "AZURE_OPENAI_DEPLOYMENT": "ours", "OPENAI_ENGINE": "theirs"})
    assert env["AZURE_OPENAI_DEPLOYMENT"] == "ours"


def test_former_and_other_names_are_told_together() -> None:
    _, warning = current_names({**THEIRS, "STORAGE": "UseDevelopmentStorage=true"})
    assert warning is not None
    assert "STORAGE is now DATA" in warning
    assert "OPENAI_API_BASE" in warning
