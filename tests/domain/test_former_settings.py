"""Settings under former names are read, with a word, and never mixed with today's."""

import msgspec
import pytest

from domain.former_settings import current_names
from domain.settings import DATA, Settings

ENDPOINT = {"AZURE_OPENAI_ENDPOINT": "https://example.openai.azure.com"}
OF_CONNECTION = [
    field.encode_name
    for field in msgspec.structs.fields(Settings)
    if field.encode_name == DATA or field.encode_name.startswith(f"{DATA}__")
]


def former(name: str) -> str:
    return "STORAGE" + name.removeprefix(DATA)


@pytest.mark.parametrize("name", OF_CONNECTION)
def test_each_setting_of_the_connection_is_read_under_its_former_name(name: str) -> None:
    env, warning = current_names({**ENDPOINT, former(name): "value"})

    assert env[name] == "value"
    assert warning is not None
    assert f"{former(name)} is now {name}" in warning


def test_settings_of_former_names_are_the_same_settings() -> None:
    given = {name: f"https://{name.lower().replace('_', '-')}.example" for name in OF_CONNECTION}
    given[DATA] = "AccountName=former;AccountKey=c2VjcmV0"
    env, _ = current_names(ENDPOINT | {former(name): value for name, value in given.items()})

    assert Settings.from_env(env) == Settings.from_env(ENDPOINT | given)


def test_the_warning_holds_no_value() -> None:
    _, warning = current_names({"STORAGE": "AccountKey=c2VjcmV0"})

    assert warning is not None
    assert "c2VjcmV0" not in warning


@pytest.mark.parametrize("today", OF_CONNECTION)
@pytest.mark.parametrize("old", OF_CONNECTION)
def test_one_name_of_today_hides_all_former_ones(today: str, old: str) -> None:
    env, warning = current_names({today: "new", former(old): "old"})

    assert warning is None
    assert {name: env[name] for name in OF_CONNECTION if name in env} == {today: "new"}


@pytest.mark.parametrize(
    "env", [{}, {"STORAGE": " "}, {"STORAGE_KIND": "flat"}, {"DATA": "x", "STORAGE": ""}]
)
def test_nothing_is_said_where_no_former_name_is_used(env: dict[str, str]) -> None:
    assert current_names(env) == (env, None)
