"""`doctor`: what may be wrong."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from cli.faults import CommandError, Ending
from cli.options import output_option, place_options
from cli.output import Column, Output, note
from cli.places import REPOSITORY, Place
from cli.reach import services_of_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.checks import Seen
    from domain.findings import Finding

COLUMNS = (
    Column("verdict", ""),
    Column("check", "Check"),
    Column("by", "Seen by"),
    Column("found", "Found"),
    Column("do", "What to do"),
)
MARKS = {"ok": "ok", "warn": "WARN", "fail": "FAIL", "not looked": "-"}


@click.command(
    epilog="""\b
Examples:
  aoai-batch doctor
  aoai-batch doctor --write                     also uploads a line to the service, and deletes it
  aoai-batch doctor --json | jq -r 'select(.verdict == "fail") | .do'

Exit code: 0, or 1 when something keeps the app from its work."""
)
@click.option("--write", is_flag=True, help="Also upload a line to the service, and delete it.")
@click.option("--all", "everything", is_flag=True, help="Show also what is well.")
@output_option
@place_options
def command(*, place: Place, write: bool, everything: bool, as_json: bool | None) -> int:
    """Look for what may be wrong with the app, its storage, its service and its settings. Changes nothing, and spends nothing.

    Each check has an id, a verdict (ok, warn, fail, not looked), what was found, and what to do. What the app sees itself comes
    from the app, where it answers; what looks worse from here is told beside it.
    """
    # Slow to import, and not needed for the help.
    from steps.doctor.secrets import without_values  # noqa: PLC0415 - see above

    out = Output(as_json)
    seen = []
    as_app, place = place.knows_settings, _with_settings(place)
    for found in _examine(place, as_app=as_app, write=write):
        each = found._replace(finding=without_values(found.finding, place.env))
        seen.append(each)
        if out.is_json:
            out.record(each.record)
    if not out.is_json:
        _show(out, seen, everything=everything)
    return Ending.FAULT if any(each.finding.verdict == "fail" for each in seen) else Ending.WELL


def _examine(place: Place, *, as_app: bool, write: bool) -> "Iterator[Seen]":
    # Slow to import, and not needed for the help.
    from cli.checks import Seen, ask_app, checkout_checks, merged, place_check  # noqa: PLC0415 - see above

    yield Seen(place_check(place), "here")
    yield from (Seen(finding, "here") for finding in checkout_checks(REPOSITORY))
    app, of_app = ask_app(place)
    yield Seen(app, "here")
    yield from merged(_from_here(place, as_app=as_app, write=write), of_app, as_app=as_app)


def _from_here(place: Place, *, as_app: bool, write: bool) -> "Iterator[Finding]":
    """Make the checks that need the account, the service and Azure Resource Manager."""
    # Slow to import, and not needed for the help.
    from cli.azure_checks import azure_checks  # noqa: PLC0415 - see above
    from domain.errors import SettingsError  # noqa: PLC0415 - see above
    from domain.findings import failure  # noqa: PLC0415 - see above
    from steps.doctor.examination import examine  # noqa: PLC0415 - see above
    from steps.doctor.settings import settings_checks  # noqa: PLC0415 - see above

    try:
        services = services_of_place(place)
    except SettingsError:
        yield from settings_checks(place.env)
        return
    try:
        yield from examine(
            services,
            place.env if place.knows_settings else None,
            as_app=as_app,
            has_account=place.has_account,
            has_service=place.has_service,
            write=write,
        )
        yield from azure_checks(place)
    except CommandError as error:
        yield failure("doctor", str(error), "See the message.")


def _with_settings(place: Place) -> Place:
    """Give a place with the app's settings as they are in Azure, to those who may read them there."""
    if place.knows_settings or place.resource is None:
        return place
    from cli.azure import app_settings  # noqa: PLC0415 - rarely needed

    try:
        return replace(place, env=app_settings(*place.resource), knows_settings=True)
    except CommandError as error:
        note(f"The app's settings cannot be read in Azure: {error}")
        return place


def _show(out: Output, seen: "list[Seen]", *, everything: bool) -> None:
    out.table(COLUMNS, (_row(each) for each in seen if everything or each.finding.verdict != "ok"))
    well = sum(each.finding.verdict == "ok" for each in seen)
    by_app = sum(each.by == "app" for each in seen)
    told = f"{well} of {len(seen)} checks are well{'' if everything else '; --all shows them'}."
    note(f"{told} {by_app} were made by the app." if by_app else told)


def _row(seen: "Seen") -> dict[str, str]:
    finding = seen.finding
    return {
        "verdict": MARKS[finding.verdict],
        "check": finding.check,
        "by": seen.by,
        "found": " ".join(finding.found.split()),
        "do": f"{finding.do} ({finding.page})" if finding.page and finding.do else finding.do,
    }
