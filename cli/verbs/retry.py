"""`retry`: send again what failed, and nothing else."""

import sys
from typing import TYPE_CHECKING

import click

from cli.app_api import AppApi, SilentAppError
from cli.deliveries import Delivery, deliveries_of, newest, nothing_of
from cli.faults import CommandError, Ending
from cli.following import Follower
from cli.options import account_known, output_option, place_options
from cli.output import Column, Output, count, money, note, plural
from cli.places import Place
from cli.reach import services_of_place
from cli.retrying import (
    Retry,
    ask_app,
    begin_retry,
    estimated_cost,
    last_retry,
    retry_by_records,
    retry_path,
    waiting_retry,
)
from cli.verbs.watch import look_seconds
from cli.watching import ending_of, show_files, watch
from domain.errors import ConflictError

if TYPE_CHECKING:
    from adapters.services import Services

COLUMNS = (
    Column("file", "Retry of"),
    Column("retry", "Dropped as"),
    Column("rows", "Failed rows", is_number=True),
    Column("cost", "Cost, about", is_number=True),
    Column("state", ""),
)


@click.command(
    epilog="""\b
Examples:
  aoai-batch retry tickets.csv                  asks, with rows and cost
  aoai-batch retry catalogue/ --yes --watch
  aoai-batch retry tickets.csv --code 429 --code batch_expired
  aoai-batch retry tickets.csv --yes --watch && aoai-batch results tickets.csv --join

Exit code: 0; 2 when nothing is there to be retried, or nobody said yes; with --watch as `watch`."""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--code", "codes", multiple=True, help="Only rows that ended with this code; may be said several times."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--watch", "watched", is_flag=True, help="Follow the retries to their end.")
@output_option
@place_options
def command(
    *,
    place: Place,
    paths: tuple[str, ...],
    codes: tuple[str, ...],
    yes: bool,
    watched: bool,
    as_json: bool | None,
) -> int:
    """Send again the failed rows of input files, or of all below a folder. What was answered is never asked again.

    The retry file is copied back beside the input; results of both are joined when it is done (`results --join`). A file that was retried
    already is retried from there: only what failed again.
    """
    services, out = services_of_place(account_known(place)), Output(as_json)
    api = AppApi(place)
    wanted = [each for path in paths for each in _to_retry(path, codes, services)]
    fresh = [each for each in wanted if not waiting_retry(each, services)]
    if fresh and not yes:
        _ask(fresh, codes)
    begun = [_begin(each, codes, services, api) for each in wanted]
    if not watched or not out.is_json:
        _tell(out, begun, codes)
    if not watched:
        return Ending.WELL
    followed = [path for retry in begun for path in retry.paths]
    ends = watch(
        Follower(services, api, dict.fromkeys(followed), to_come=frozenset(followed)),
        every=look_seconds(place),
    )
    show_files(out, ends)
    return ending_of(ends)


def _to_retry(path: str, codes: tuple[str, ...], services: "Services") -> list[Delivery]:
    """Find the last runs that left something to be retried. Raises CommandError where nothing is."""
    found = newest(deliveries_of(path, services))
    if not found:
        raise nothing_of(path, services)
    # The retries of a folder's files lie in that folder as well: each chain is followed once.
    ends = {last.key: last for last in (last_retry(each, services) for each in found)}
    wanted = [last for last in ends.values() if last.metadata.retry]
    if codes:
        # Of a file itself: rows with other codes may be retried another time.
        wanted = [
            each for each in found if each.metadata.retry and set(codes) & each.metadata.error_codes.keys()
        ]
    if not wanted and codes:
        raise CommandError(
            f"{path}: no row that could be sent again ended with {', '.join(codes)}.", ending=Ending.REFUSED
        )
    if not wanted:
        failed = sum(last.failed for last in ends.values())
        what = (
            f"{plural(failed, 'row')} failed, and none of them can be sent again as it is: see `aoai-batch errors {path}`."
            if failed
            else "Nothing is left to be retried: every row was answered."
        )
        raise CommandError(f"{path}: {what}", ending=Ending.REFUSED)
    return wanted


def _ask(fresh: list[Delivery], codes: tuple[str, ...]) -> None:
    rows = plural(sum(_failed(each, codes) for each in fresh), "failed row")
    costs = [cost for each in fresh if (cost := estimated_cost(each, _failed(each, codes))) is not None]
    about = f", about {money(sum(costs))}" if costs else ""
    question = f"Send again up to {rows} of {plural(len(fresh), 'file')}{about}?"
    if not sys.stdin.isatty():
        raise CommandError(f"{question} Nobody is there to say yes.", "--yes says it.", ending=Ending.REFUSED)
    if not click.confirm(question, err=True):
        raise CommandError("Nothing was sent.", ending=Ending.REFUSED)


def _failed(delivery: Delivery, codes: tuple[str, ...]) -> int:
    """Count the failed rows, or those with some codes."""
    told = delivery.metadata.error_codes
    return sum(told.get(code, 0) for code in codes) if codes else delivery.failed


def _begin(delivery: Delivery, codes: tuple[str, ...], services: "Services", api: AppApi) -> Retry:
    """Have the app do it, which keeps account of what was retried; where it does not answer, copy the retry file."""
    if api.is_known:
        try:
            return ask_app(delivery, codes, api)
        except SilentAppError as error:
            note(f"{error} It is retried without it.")
    try:
        if done := retry_by_records(delivery, codes, services):
            return done
        if not codes:
            return begin_retry(delivery, services)
    except ConflictError as error:
        raise CommandError(
            f"{retry_path(delivery)} is in the input container already, and is no retry of {delivery.file}.",
            "Wait until it is done, or give it another name.",
            ending=Ending.REFUSED,
        ) from error
    raise CommandError(
        f"{delivery.file}: which of its rows are retried is kept in the records, which cannot be used from here.",
        "Let the app do it (--app NAME), get Storage Blob Data Contributor on the work container, or retry all, without --code.",
        ending=Ending.REFUSED,
    )


def _tell(out: Output, begun: list[Retry], codes: tuple[str, ...]) -> None:
    if out.is_json:
        for retry in begun:
            told = {
                "file": retry.of.file,
                "retry": retry.paths,
                "rows": _failed(retry.of, codes),
                "cost": estimated_cost(retry.of, _failed(retry.of, codes)),
            }
            out.record(told | {"new": retry.is_new})
        return
    rows = [
        {
            "file": retry.of.file,
            "retry": ", ".join(retry.paths),
            "rows": count(_failed(retry.of, codes)),
            "cost": money(estimated_cost(retry.of, _failed(retry.of, codes))),
            "state": "" if retry.is_new else "was there already",
        }
        for retry in begun
    ]
    out.table(COLUMNS, rows)
    note(
        f"Follow it: aoai-batch watch {begun[0].paths[0]}"
        if len(begun) == 1
        else "Follow them: aoai-batch watch"
    )
