"""Settings: typed, bounded, and wrong in one message."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import SettingsError
from domain.settings import SECRETS, Settings, describe, read_at_import

NEEDED = {
    "DATA": "UseDevelopmentStorage=true",
    "AZURE_OPENAI_ENDPOINT": "https://example.openai.azure.com",
}
FIELDS = msgspec.structs.fields(Settings)


def complaint(**env: str) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({**NEEDED, **env})
    return str(caught.value)


def test_two_settings_are_enough() -> None:
    settings = Settings.from_env(NEEDED)
    assert (settings.micro_batch_size, settings.deadline_hours, settings.continuous_mode) == (10, 48.0, True)


def test_an_empty_value_counts_as_not_given() -> None:
    env = {field.encode_name: " " for field in FIELDS} | NEEDED
    assert Settings.from_env(env) == Settings.from_env(NEEDED)


def test_all_mistakes_come_in_one_error() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(
            {
                "AZURE_OPENAI_ENDPOINT": "example.openai.azure.com",
                "MICRO_BATCH_SIZE": "many",
                "ON_INVALID_LINE": "ignore",
                "FILE_EXPIRY_DAYS": "3",
                "WORK_CONTAINER": "input",
                "POLL_MIN_SECONDS": "100",
                "POLL_MAX_SECONDS": "10",
            }
        )
    lines = str(caught.value).split("\n")[1:]
    named = [line.split(":")[0].strip() for line in lines]
    assert named == [
        "AZURE_OPENAI_ENDPOINT",
        "MICRO_BATCH_SIZE",
        "ON_INVALID_LINE",
        "DATA or DATA__blobServiceUri",
        "POLL_MIN_SECONDS",
        "FILE_EXPIRY_DAYS",
        "INPUT_, PROCESSED_, ERROR_ and WORK_CONTAINER",
    ]


def test_a_missing_setting_is_told_with_its_meaning() -> None:
    with pytest.raises(SettingsError, match=r"AZURE_OPENAI_ENDPOINT: missing\. The resource.s root"):
        Settings.from_env({"DATA": "x"})


def test_an_identity_takes_the_place_of_a_connection_string() -> None:
    env = {
        "AZURE_OPENAI_ENDPOINT": NEEDED["AZURE_OPENAI_ENDPOINT"],
        "DATA__blobServiceUri": "https://account.blob.core.windows.net",
        "DATA__clientId": "1234",
    }
    settings = Settings.from_env(env)
    assert settings.data is None
    assert settings.data__blob_service_uri == env["DATA__blobServiceUri"]
    assert settings.data__client_id == "1234"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("POLL_MIN_SECONDS", "0.25", 0.25),
        ("DEADLINE_HOURS", "0.5", 0.5),
        ("SNAPSHOT_WINDOW_SECONDS", "0.1", 0.1),
        ("POLL_MAX_SECONDS", "900", 900.0),
        ("CONTINUOUS_MODE", "false", False),
        ("CONTINUOUS_MODE", "True", True),
        ("CONTINUOUS_MODE", "0", False),
        ("MICRO_BATCH_SIZE", " 50 ", 50),
        ("FILE_EXPIRY_DAYS", "0", 0),
        ("FILE_EXPIRY_DAYS", "30", 30),
        ("AZURE_OPENAI_API_VERSION", "2025-04-01-preview", "2025-04-01-preview"),
    ],
)
def test_values_are_read_as_what_they_mean(name: str, value: str, expected: object) -> None:
    assert getattr(Settings.from_env({**NEEDED, name: value}), name.lower()) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MICRO_BATCH_SIZE", "0"),
        ("MICRO_BATCH_SIZE", "51"),
        ("MICRO_BATCH_SIZE", "2.5"),
        ("MAX_ACTIVE_BATCHES", "-1"),
        ("POLL_MIN_SECONDS", "0"),
        ("POLL_MAX_SECONDS", "inf"),
        ("POLL_MAX_SECONDS", "nan"),
        ("DEADLINE_HOURS", "inf"),
        ("DEADLINE_HOURS", "1e9"),
        ("CONTINUOUS_MODE", "maybe"),
        ("AZURE_OPENAI_API_VERSION", "latest"),
        ("AZURE_OPENAI_API_VERSION", "v10"),
        ("COMPLETION_WINDOW", "48h"),
        ("FILE_EXPIRY_DAYS", "31"),
        ("BLOB_TRIGGER_SOURCE", "Polling"),
        ("INPUT_DIRECTORY", "100%/in"),
        ("INPUT_DIRECTORY", "{name}"),
    ],
)
def test_a_wrong_value_is_shown_beside_its_name(name: str, value: str) -> None:
    told = complaint(**{name: value})
    assert f"{name}: " in told
    assert repr(value) in told or name == "FILE_EXPIRY_DAYS"


@given(mistaken=st.sampled_from([field.encode_name for field in FIELDS if field.encode_name not in SECRETS]))
def test_secrets_are_never_shown_whatever_else_is_wrong(mistaken: str) -> None:
    secret = "AccountKey=hunter2"
    env = {**NEEDED, "DATA": secret, "AZURE_OPENAI_API_KEY": secret, mistaken: "\x00 nonsense \x00"}
    env["WORK_CONTAINER"] = env["INPUT_CONTAINER"] = "same"
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(env)
    assert "hunter2" not in str(caught.value)


def test_every_setting_says_what_it_is_for() -> None:
    for field in FIELDS:
        meaning = describe(field)
        assert meaning.endswith((".", "cron", "`")), f"{field.encode_name}: {meaning}"
        assert field.encode_name.split("__")[0].isupper()


def test_reading_at_import_gives_the_value_or_the_default_and_never_complains() -> None:
    assert read_at_import({"CONTINUOUS_MODE": "false"}, "continuous_mode") is False
    assert read_at_import({"CONTINUOUS_MODE": "maybe"}, "continuous_mode") is True
    assert read_at_import({}, "input_container") == "input"
    assert read_at_import({"SWEEP_SCHEDULE": " "}, "sweep_schedule") == "0 * * * * *"


PRICES = '{"gpt": {"input": 1.0, "output": 2.0}}'


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"ON_DEADLINE": "direct"}, "DIRECT_DEPLOYMENT: missing. ON_DEADLINE is `direct`"),
        ({"PRICES": "1.25"}, "PRICES: Expected `object`, got `float`."),
        ({"PRICES": PRICES.replace("1.0", "-1")}, "PRICES: a price below 0 for gpt."),
        ({"MAX_COST_PER_SNAPSHOT": "5"}, "PRICES: missing. MAX_COST_PER_SNAPSHOT cannot be held"),
        ({"COUNT_TOKENS": "false", "MAX_TOKENS_PER_FILE": "5"}, "COUNT_TOKENS: is false, but"),
        ({"MAX_TOKENS_PER_FILE": "0"}, "MAX_TOKENS_PER_FILE: Expected `int` >= 1"),
        ({"MAX_COST_PER_SNAPSHOT": "nan"}, "MAX_COST_PER_SNAPSHOT"),
        ({"BATCH_ENDPOINT": "chat"}, "BATCH_ENDPOINT: Invalid enum value 'chat'"),
        (
            {"ON_INVALID_LINE": "ignore"},
            "ON_INVALID_LINE: Invalid enum value 'ignore' (is 'ignore'). Allowed: isolate, reject.",
        ),
        ({"TRANSPORT": "uplod"}, "Allowed: upload, import, blob, auto. Did you mean upload?"),
    ],
)
def test_settings_about_tables_and_money_that_do_not_go_together(env: dict[str, str], told: str) -> None:
    assert told in complaint(**env)


def test_settings_about_tables_and_money() -> None:
    settings = Settings.from_env(
        {
            **NEEDED,
            "ON_DEADLINE": "direct",
            "DIRECT_DEPLOYMENT": "live",
            "PRICES": PRICES,
            "MAX_COST_PER_SNAPSHOT": "12.5",
            "MAX_TOKENS_PER_FILE": "1000000",
        }
    )
    assert (settings.max_cost_per_snapshot, settings.max_tokens_per_file) == (12.5, 1_000_000)
    assert settings.price_list["gpt"].output == 2.0
    assert settings.spec_defaults.direct_deployment == "live"
    assert Settings.from_env(NEEDED).price_list == {}
