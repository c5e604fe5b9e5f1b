"""`priority`: have files begin before others."""

from typing import TYPE_CHECKING

import click

from cli.acting import Asked, Asker, meant, tell
from cli.app_api import AppApi
from cli.options import account_known, output_option, place_options
from cli.output import Output
from cli.places import Place
from cli.reach import services_of_place

if TYPE_CHECKING:
    from adapters.services import Services

LEVELS = {"high": 10, "normal": 0, "low": -10}
MOST = 1_000_000


def _number(ctx: click.Context, param: click.Parameter, value: str) -> int:
    """Give the number of a level."""
    if value.lower() in LEVELS:
        return LEVELS[value.lower()]
    digits = value.lstrip("+-")
    is_number = digits.isascii() and digits.isdecimal() and len(value) - len(digits) <= 1
    if not is_number or len(digits) > len(str(MOST)) or int(digits) > MOST:
        told = f"{value!r} is none of {', '.join(LEVELS)}, and no number from -{MOST} to {MOST}."
        raise click.BadParameter(told, ctx, param)
    return int(value)


def _levels(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete a level."""
    del ctx, param
    return [level for level in LEVELS if level.startswith(incomplete)]


@click.command(
    epilog="""\b
Examples:
  aoai-batch priority tickets.csv high
  aoai-batch priority urgent/ high            all files below it, now and later
  aoai-batch priority catalogue/ archive/ low
  aoai-batch priority tickets.csv 25          the higher, the earlier; high is 10, normal 0, low -10
  aoai-batch priority urgent/ normal          as all others again

Exit code: 0 when it was asked for, 2 when it makes no sense."""
)
# Of a line that is not whole click takes each word for a path.
@click.argument("paths", nargs=-1, shell_complete=_levels, metavar="PATH...")
@click.argument("level", callback=_number, shell_complete=_levels, metavar="high|normal|low|NUMBER")
@output_option
@place_options
def command(*, place: Place, paths: tuple[str, ...], level: int, as_json: bool | None) -> int:
    """Have files be taken, prepared and submitted before others, or after them.

    A PATH is that of an input file, or, with a slash at its end, a folder: what is said of a folder counts for all files below it, also for those
    that come later. The nearest folder counts, and what is said of the file itself counts more. What is being worked on goes on.
    """
    if not paths:
        raise click.UsageError("Which file or folder? PATH comes before the level.")
    services, api = services_of_place(account_known(place)), AppApi(place)
    asker = Asker("priority", services, api, priority=level)
    asked = [each for path in paths for each in _ask(path, asker, services, api)]
    return tell(Output(as_json), "priority", asked)


def _ask(path: str, asker: Asker, services: "Services", api: AppApi) -> list[Asked]:
    if path.endswith("/"):
        return [asker.ask_folder(path)]
    files = meant(path, services, api, of_files=lambda file: file.key is not None, verb="put first")
    if all(file.file != path for file in files):
        # A folder without its slash.
        return [asker.ask_folder(f"{path}/")]
    return [asker.ask(file) for file in files if file.file == path]
