"""Options that several verbs have."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from cli.faults import CommandError, Ending
from cli.places import Place, Wanted, find_place

Function = TypeVar("Function", bound=Callable[..., Any])


def place_options(function: Function) -> Function:
    """Add what says which app is meant; the verb gets a `Place`."""

    def with_place(
        account: str | None,
        app: str | None,
        environment: str | None,
        client_id: str | None,
        given: tuple[str, ...],
        **others: Any,
    ) -> Any:
        settings = dict(map(setting, given))
        wanted = Wanted(
            account=account, app=app, environment=environment, client_id=client_id, settings=settings
        )
        return function(place=find_place(wanted), **others)

    with_place.__doc__ = function.__doc__
    decorated: Any = with_place
    for option in (
        click.option(
            "--set",
            "given",
            multiple=True,
            metavar="NAME=VALUE",
            help="An app setting that is not known here.",
        ),
        click.option("--env", "environment", metavar="NAME", help="An azd environment, or a place of `use`."),
        click.option(
            "--client-id",
            metavar="ID",
            help="The app registration to sign in with, where the app wants that.",
        ),
        click.option("--app", metavar="NAME|URL", help="The Function App."),
        click.option("--account", metavar="NAME|URL", help="The storage account with the files."),
    ):
        decorated = option(decorated)
    result: Function = decorated
    return result


def output_option(function: Function) -> Function:
    """Add `--json` and `--table`; without one of them a terminal gets tables and a pipe JSON lines."""
    option = click.option(
        "--json/--table",
        "as_json",
        default=None,
        help="JSON lines, or tables for people. [default: what the output is]",
    )
    return option(function)


def setting(text: str) -> tuple[str, str]:
    """Read `NAME=VALUE`. Raises CommandError for anything else."""
    name, is_set, value = text.partition("=")
    if not is_set or not name:
        raise CommandError(f"--set {text}: is not NAME=VALUE.", ending=Ending.REFUSED)
    return name, value


def account_known(place: Place) -> Place:
    """Give the place back. Raises CommandError where it is not known where its files lie."""
    if not place.has_account:
        from cli.places import HOW_TO_NAME_ONE, NOWHERE  # noqa: PLC0415 - rarely needed

        where = (
            "No app is known here."
            if place.label == NOWHERE.label
            else f"{place.label} names no storage account."
        )
        raise CommandError(where, HOW_TO_NAME_ONE, ending=Ending.REFUSED)
    return place
