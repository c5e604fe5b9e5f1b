"""`use`: choose which app the command is about, and keep it."""

import json
import os
from pathlib import Path
from typing import Any

import click

from cli.faults import CommandError, Ending
from cli.options import output_option, setting
from cli.output import Column, Output, note
from cli.places import (
    NOWHERE,
    Wanted,
    config_path,
    environments_of_azd,
    find_place,
    read_config,
    read_local_settings,
)

COLUMNS = (
    Column("current", ""),
    Column("name", "Name"),
    Column("where", "Where"),
)


@click.command(
    epilog="""\b
Examples:
  aoai-batch use                                          which places there are, and which one counts here
  aoai-batch use prod --account stbatch --app func-batch
  aoai-batch use lab --settings ~/lab/local.settings.json --set INPUT_CONTAINER=drops
  aoai-batch use prod                                     choose one that is known
  aoai-batch use prod --remove"""
)
@click.argument("name", required=False)
@click.option("--account", metavar="NAME|URL", help="The storage account with the files.")
@click.option("--app", metavar="NAME|URL", help="The Function App.")
@click.option("--client-id", metavar="ID", help="The app registration to sign in with.")
@click.option("--settings", type=click.Path(path_type=Path, dir_okay=False), help="A local.settings.json.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="An app setting.")
@click.option("--remove", is_flag=True, help="Forget the place.")
@output_option
def command(
    *,
    name: str | None,
    account: str | None,
    app: str | None,
    client_id: str | None,
    settings: Path | None,
    given: tuple[str, ...],
    remove: bool,
    as_json: bool | None,
) -> int:
    """Choose the place NAME, or describe and choose it.

    It counts where nothing nearer names an app: no option, no variable, no azd environment, no local.settings.json.

    Keys do not belong here: sign in with `az login`, or name a `local.settings.json`, which stays where it is.
    """
    config = read_config(os.environ)
    known: dict[str, Any] = config.setdefault("places", {})
    if name is None:
        _list(Output(as_json), config)
        return Ending.WELL
    if remove:
        if known.pop(name, None) is None:
            raise CommandError(f"There is no place called {name!r}.", ending=Ending.REFUSED)
        if config.get("current") == name:
            del config["current"]
        _write(config)
        return Ending.WELL
    told = _told({"account": account, "app": app, "client_id": client_id}, settings, given)
    if told:
        known[name] = told
    if name not in known:
        raise CommandError(
            f"There is no place called {name!r}.",
            "Describe it: --account, --app, --settings.",
            ending=Ending.REFUSED,
        )
    config["current"] = name
    _write(config)
    counts = find_place(Wanted())
    if counts.label != f"the place {name}":
        note(f"Chosen. Here, {counts.label} counts before it.")
    return Ending.WELL


def _told(names: dict[str, str | None], settings: Path | None, given: tuple[str, ...]) -> dict[str, Any]:
    told: dict[str, Any] = {key: value for key, value in names.items() if value}
    if any("?" in value for value in told.values()):
        raise CommandError(
            "An address with a signature or a key is a secret.", "Give it without.", ending=Ending.REFUSED
        )
    if settings is not None:
        read_local_settings(settings)
        told["settings"] = str(settings.resolve())
    if values := dict(map(setting, given)):
        from domain.settings import SECRETS  # noqa: PLC0415 - rarely needed

        if secrets := SECRETS & values.keys():
            raise CommandError(
                f"{', '.join(sorted(secrets))}: a secret does not belong into {config_path(os.environ)}.",
                "Name a local.settings.json: --settings.",
                ending=Ending.REFUSED,
            )
        told["set"] = values
    return told


def _list(out: Output, config: dict[str, Any]) -> None:
    current = find_place(Wanted())
    rows = [
        {"name": name, "where": _where(told), "label": f"the place {name}"}
        for name, told in sorted(config["places"].items())
    ]
    rows += [
        {"name": name, "where": "azd environment", "label": f"the azd environment {name}"}
        for name in environments_of_azd(Path.cwd())
    ]
    if current.label != NOWHERE.label and all(row["label"] != current.label for row in rows):
        rows.append({"name": "", "where": current.label, "label": current.label})
    if out.is_json:
        for row in rows:
            out.record(
                {"name": row["name"] or None, "where": row["where"], "current": row["label"] == current.label}
            )
        return
    out.table(COLUMNS, [{**row, "current": "*" if row["label"] == current.label else ""} for row in rows])
    if not rows:
        note("No app is known here. `aoai-batch use NAME --account … --app …` keeps one.")


def _where(told: dict[str, Any]) -> str:
    return ", ".join(str(told[key]) for key in ("account", "app", "settings") if key in told)


def _write(config: dict[str, Any]) -> None:
    """Write the file of places. Texts of JSON are texts of TOML as well."""
    lines = [f"current = {json.dumps(config['current'])}"] if "current" in config else []
    for name, told in sorted(config["places"].items()):
        lines += ["", f"[places.{json.dumps(name)}]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in told.items() if key != "set"]
        if told.get("set"):
            lines += [f"[places.{json.dumps(name)}.set]"]
            lines += [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in told["set"].items()]
    path = config_path(os.environ)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
