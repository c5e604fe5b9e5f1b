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

    from domain.findings import Finding

COLUMNS = (
    Column("verdict", ""),
    Column("check", "Check"),
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

    Each check has an id, a verdict (ok, warn, fail, not looked), what was found, and what to do.
    """
    out = Output(as_json)
    findings = []
    for finding in _examine(place, write=write):
        findings.append(finding)
        if out.is_json:
            out.record(finding)
    if not out.is_json:
        _show(out, findings, everything=everything)
    return Ending.FAULT if any(finding.verdict == "fail" for finding in findings) else Ending.WELL


def _examine(place: Place, *, write: bool) -> "Iterator[Finding]":
    # Slow to import, and not needed for the help.
    from cli.checks import app_check, checkout_checks, deployment_check, place_check  # noqa: PLC0415 - see above
    from domain.errors import SettingsError  # noqa: PLC0415 - see above
    from domain.findings import failure  # noqa: PLC0415 - see above
    from steps.doctor.examination import examine  # noqa: PLC0415 - see above
    from steps.doctor.settings import settings_checks  # noqa: PLC0415 - see above

    yield place_check(place)
    yield from checkout_checks(REPOSITORY)
    place, as_app = _with_settings(place), place.knows_settings
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
        yield app_check(place)
        yield deployment_check(place)
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


def _show(out: Output, findings: "list[Finding]", *, everything: bool) -> None:
    shown = [finding for finding in findings if everything or finding.verdict != "ok"]
    out.table(
        COLUMNS,
        (
            {
                "verdict": MARKS[finding.verdict],
                "check": finding.check,
                "found": " ".join(finding.found.split()),
                "do": f"{finding.do} ({finding.page})" if finding.page and finding.do else finding.do,
            }
            for finding in shown
        ),
    )
    well = len(findings) - sum(finding.verdict != "ok" for finding in findings)
    note(f"{well} of {len(findings)} checks are well{'' if everything else '; --all shows them'}.")
