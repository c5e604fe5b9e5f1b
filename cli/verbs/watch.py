"""`watch`: follow files to their end."""

import click

from cli.app_api import AppApi
from cli.following import Follower, followed
from cli.options import account_known, output_option, place_options
from cli.output import Output, note
from cli.places import Place
from cli.reach import services_of_place
from cli.watching import ending_of, show_files, watch

LOOK_SECONDS, LOCAL_LOOK_SECONDS = 10.0, 0.5


@click.command(
    epilog="""\b
Examples:
  aoai-batch watch tickets.csv
  aoai-batch watch catalogue/ --timeout 3600 --json
  aoai-batch watch snapshot-20261124T031800.000Z
  aoai-batch watch tickets.csv && aoai-batch results tickets.csv -o out

Exit code: 0 when all rows were answered, 3 when some failed, 4 when files are held or wait for somebody, 1 for a fault."""
)
@click.argument("paths", nargs=-1, metavar="[PATH|SNAPSHOT]...")
@click.option("--every", type=click.FloatRange(0.1, 3600), help="Seconds between two looks.")
@click.option("--timeout", type=click.FloatRange(0), help="Give up after so many seconds.")
@output_option
@place_options
def command(
    *, place: Place, paths: tuple[str, ...], every: float | None, timeout: float | None, as_json: bool | None
) -> int:
    """Follow files to their end; without PATH, all that are in the input container.

    A PATH is that of an input file, or a folder of them. Bars, or lines where there is no terminal, go to the error output; what became of
    each file goes to the output.
    """
    services, api = services_of_place(account_known(place)), AppApi(place)
    keys = followed(paths or ("",), services, api)
    if not keys:
        note("No file is in the input container.")
    out, pause = Output(as_json), every or look_seconds(place)
    files = watch(Follower(services, api, keys), every=pause, timeout=timeout)
    show_files(out, files)
    return ending_of(files)


def look_seconds(place: Place) -> float:
    """Give the usual time between two looks: short where nobody pays for a look."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - as above

    from domain.addresses import is_loopback  # noqa: PLC0415 - with what it belongs to

    is_local = bool(place.app_url) and is_loopback(urlsplit(place.app_url or "").hostname)
    return LOCAL_LOOK_SECONDS if is_local else LOOK_SECONDS
