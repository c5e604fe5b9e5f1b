"""`run`: have the app take what is in the input container now."""

import click

from cli.app_api import AppApi
from cli.faults import CommandError
from cli.options import output_option, place_options
from cli.output import Output, note
from cli.places import Place


@click.command(
    epilog="""\b
Examples:
  aoai-batch run
  aoai-batch run && aoai-batch watch"""
)
@output_option
@place_options
def command(*, place: Place, as_json: bool | None) -> int:
    """Have the app take now what is in the input container, whatever CONTINUOUS_MODE says."""
    started = AppApi(place).post("snapshots")
    if not started:
        raise CommandError(
            f"{place.app_url} has no route api/snapshots.", "Is it the address of this app (--app)?"
        )
    out = Output(as_json)
    if out.is_json:
        out.record({"snapshot": started["id"], "status_url": started["status_url"]})
        return 0
    out.line(started["id"])
    note("Follow it: aoai-batch watch")
    return 0
