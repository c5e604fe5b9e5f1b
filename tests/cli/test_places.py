"""Which app is meant."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cli.faults import CommandError
from cli.places import NOWHERE, Place, Wanted, app_url, find_place, read_dotenv

AZD = 'DATA_ACCOUNT="stazd"\nAPP_NAME="func-azd"\nAZURE_OPENAI_ENDPOINT="https://azd.openai.azure.com"\nPRICES="{\\"gpt\\": {\\"input\\": 1}}"\nAZURE_SUBSCRIPTION_ID=sub\nAZURE_RESOURCE_GROUP=group\nMODEL=gpt\n'


def azd(folder: Path, name: str = "dev", text: str = AZD) -> None:
    (folder / ".azure" / name).mkdir(parents=True)
    (folder / ".azure" / name / ".env").write_text(text)
    (folder / ".azure" / "config.json").write_text(json.dumps({"version": 1, "defaultEnvironment": name}))


def local_settings(folder: Path) -> None:
    values = {
        "STORAGE": "UseDevelopmentStorage=true",
        "AZURE_OPENAI_ENDPOINT": "https://local.openai.azure.com",
    }
    (folder / "local.settings.json").write_text(
        json.dumps({"Values": values, "Host": {"LocalHttpPort": 7072}})
    )


def context(folder: Path) -> None:
    config = folder.parent / "config" / "aoai-batch" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        'current = "prod"\n[places.prod]\naccount = "stprod"\napp = "func-prod"\n[places.prod.set]\nINPUT_CONTAINER = "in"\n'
    )


def demo(folder: Path, pid: int | None = None) -> None:
    address = folder.parent / ".local" / "demo" / "running.json"
    address.parent.mkdir(parents=True)
    told = {
        "pid": pid or os.getpid(),
        "app_url": "http://127.0.0.1:7071",
        "settings": {"DATA": "UseDevelopmentStorage=true"},
    }
    address.write_text(json.dumps(told))


def find(folder: Path, environ: dict[str, str] | None = None, **wanted: Any) -> Place:
    given = {"XDG_CONFIG_HOME": str(folder.parent / "config"), **(environ or {})}
    return find_place(Wanted(**wanted), given, folder / "below" / "it")


def account_of(place: Place) -> str | None:
    return place.env.get("DATA__blobServiceUri") or place.env.get("DATA")


# From the first to the last, each with the account that it names.
SOURCES: list[tuple[Any, dict[str, str], str]] = [
    ({"account": "storder"}, {}, "https://storder.blob.core.windows.net"),
    (
        {},
        {"AOAI_BATCH_CONNECTION_STRING": "UseDevelopmentStorage=true;X=1"},
        "UseDevelopmentStorage=true;X=1",
    ),
    ({}, {"AOAI_BATCH_ACCOUNT": "stvariable"}, "https://stvariable.blob.core.windows.net"),
    (azd, {}, "https://stazd.blob.core.windows.net"),
    (local_settings, {}, "UseDevelopmentStorage=true"),
    (context, {}, "https://stprod.blob.core.windows.net"),
    (demo, {}, "UseDevelopmentStorage=true"),
]


@pytest.mark.parametrize("first", range(len(SOURCES)))
def test_the_first_that_names_an_app_is_taken_whole(folder: Path, first: int) -> None:
    wanted: dict[str, str] = {}
    environ: dict[str, str] = {}
    for source, variables, _ in SOURCES[first:]:
        if callable(source):
            source(folder)
        else:
            wanted |= source
        environ |= variables
    found = find(folder, environ, **wanted)
    assert account_of(found) == SOURCES[first][2]
    services = {"azd": "https://azd.openai.azure.com", "local": "https://local.openai.azure.com"}
    own = services.get({3: "azd", 4: "local"}.get(first, ""))
    assert found.env.get("AZURE_OPENAI_ENDPOINT") == own


def test_nothing_is_known_on_a_fresh_machine(folder: Path) -> None:
    assert find(folder) == NOWHERE
    assert find(folder).settings().input_container == "input"


def test_an_azd_environment_tells_account_app_service_and_resource(folder: Path) -> None:
    azd(folder)
    found = find(folder)
    assert found.app_url == "https://func-azd.azurewebsites.net"
    assert found.resource == ("sub", "group", "func-azd")
    settings = found.settings()
    assert settings.azure_openai_deployment == "gpt"
    assert settings.price_list["gpt"].input == 1


def test_an_azd_environment_before_the_first_up_says_nothing(folder: Path) -> None:
    azd(folder, text='AZURE_ENV_NAME="dev"\nAZURE_LOCATION="westeurope"\n')
    assert find(folder) == NOWHERE


@pytest.mark.parametrize(
    "make", [lambda folder: azd(folder, "other"), context, demo], ids=["azd", "use", "demo"]
)
def test_a_place_can_be_named(folder: Path, make: Any) -> None:
    make(folder)
    name = {"other": "other"}.get("other") if (folder / ".azure").exists() else None
    named = name or ("prod" if (folder.parent / "config").exists() else "demo")
    local_settings(folder)
    assert find(folder, environment=named).label != str(folder / "local.settings.json")
    assert find(folder, {"AOAI_BATCH_ENV": named}) == find(folder, environment=named)


def test_a_name_that_nobody_has_is_told(folder: Path) -> None:
    with pytest.raises(CommandError, match="no place called 'stage'"):
        find(folder, environment="stage")
    with pytest.raises(CommandError, match="make demo"):
        find(folder, environment="demo")


def test_a_demo_that_was_killed_is_none(folder: Path) -> None:
    demo(folder, pid=2**22 + 1)
    assert find(folder) == NOWHERE


def test_settings_that_are_said_besides_win(folder: Path) -> None:
    azd(folder)
    assert find(folder, settings={"INPUT_CONTAINER": "drops"}).settings().input_container == "drops"


def test_former_names_are_understood(folder: Path) -> None:
    local_settings(folder)
    assert find(folder).settings().data == "UseDevelopmentStorage=true"


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"IsEncrypted": true, "Values": {}}'])
def test_local_settings_that_cannot_be_read_are_told(folder: Path, text: str) -> None:
    (folder / "local.settings.json").write_text(text)
    with pytest.raises(CommandError, match=r"local\.settings\.json"):
        find(folder)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("func-prod", "https://func-prod.azurewebsites.net"),
        ("batch.example.com", "https://batch.example.com"),
        ("http://127.0.0.1:7071/", "http://127.0.0.1:7071"),
        ("localhost:7071", "http://localhost:7071"),
        (None, None),
    ],
)
def test_an_app_is_named_by_name_host_or_address(given: str | None, url: str | None) -> None:
    assert app_url(given) == url


def test_lines_of_azd_are_read_as_it_writes_them() -> None:
    text = 'A="x y"\n# no\nB=\'z\'\nexport C=1\nD="a \\"b\\" \\\\"\nnothing\nE=\n'
    assert read_dotenv(text) == {"A": "x y", "B": "z", "C": "1", "D": 'a "b" \\', "E": ""}


def test_the_client_id_of_those_who_sign_in_is_found(folder: Path) -> None:
    azd(folder, text=f"{AZD}ACCESS=entra\nENTRA_CLIENT_ID=of-azd\n")
    assert find(folder).client_id == "of-azd"
    assert find(folder, {"AOAI_BATCH_CLIENT_ID": "of-variable"}).client_id == "of-variable"
    named = find(folder, {"AOAI_BATCH_CLIENT_ID": "of-variable"}, client_id="named")
    assert named.client_id == "named"
    azd(folder, "keys", text=f"{AZD}ACCESS=key\nENTRA_CLIENT_ID=of-azd\n")
    assert find(folder, environment="keys").client_id is None
