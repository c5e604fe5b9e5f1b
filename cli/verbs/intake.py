"""`intake`: pause and resume the taking of new files."""

from typing import TYPE_CHECKING

import click

from cli.acting import who
from cli.app_api import AppApi, SilentAppError
from cli.faults import CommandError
from cli.options import account_known, output_option, place_options
from cli.output import Output, note
from cli.places import Place
from cli.reach import services_of_place
from domain.errors import ConfigurationError

if TYPE_CHECKING:
    from adapters.services import Services

MESSAGES = {
    "paused": "No new file is taken; what is being worked on goes on.",
    "on": "New files are taken.",
}


@click.command(
    epilog="""\b
Examples:
  aoai-batch intake                           whether new files are taken
  aoai-batch intake pause
  aoai-batch intake resume && aoai-batch run  what waits is taken now, not by the next sweep
  aoai-batch intake --json | jq -r .intake"""
)
@click.argument("action", required=False, type=click.Choice(["pause", "resume"]))
@output_option
@place_options
def command(*, place: Place, action: str | None, as_json: bool | None) -> int:
    """Have the app take no new files until the intake is resumed, or say whether it takes them. What was taken goes on."""
    state = _by_app(AppApi(place), action)
    if state is None:
        state = _by_records(services_of_place(account_known(place)), action)
    out = Output(as_json)
    if out.is_json:
        out.record({"intake": state, "message": MESSAGES[state]})
    else:
        out.line(f"{state}: {MESSAGES[state]}")
    return 0


def _by_app(api: AppApi, action: str | None) -> str | None:
    """Ask the app; None where it does not answer."""
    if not api.is_known:
        return None
    try:
        told = api.act(f"intake/{action}") if action else api.get("files")
    except SilentAppError as error:
        note(f"{error} The records are asked instead.")
        return None
    if not isinstance(told, dict) or told.get("intake") not in MESSAGES:
        raise CommandError("The app does not tell about its intake.", "Is it of an earlier version?")
    return str(told["intake"])


def _by_records(services: "Services", action: str | None) -> str:
    wishes = services.work.wishes
    try:
        if action == "pause":
            wishes.pause_intake(who(), services.clock())
        elif action == "resume":
            wishes.resume_intake()
        return "paused" if wishes.intake_paused() else "on"
    except ConfigurationError as error:
        raise CommandError(
            f"The records may not be used ({error})",
            "Name the app (--app): it asks for no rights on the records.",
        ) from error
