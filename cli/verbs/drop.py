"""`drop`: bring files into the input container, where the app finds them."""

from pathlib import Path

import click

from cli.app_api import AppApi
from cli.cargo import load
from cli.dropping import Dropped, Quay, target
from cli.faults import Ending
from cli.following import Follower
from cli.options import account_known, output_option, place_options
from cli.output import Column, Output, count, money, note, plural
from cli.places import Place
from cli.quoting import quote_file
from cli.reach import services_of_place
from cli.verbs.quote import refused, show
from cli.verbs.watch import look_seconds
from cli.watching import ending_of, show_files, tell_ends, watch
from domain.quotes import Quote

COLUMNS = (
    Column("file", "Dropped"),
    Column("requests", "Requests", is_number=True),
    Column("invalid", "Invalid", is_number=True),
    Column("cost", "Cost, about", is_number=True),
)


@click.command(
    epilog="""\b
Examples:
  aoai-batch drop tickets.csv --watch                follow it to its end
  aoai-batch drop samples/catalogue --to shop        becomes shop/catalogue/…
  aoai-batch drop big.jsonl --dry-run                the same as quote

Exit code: 0; 2 when something was refused, and then nothing is dropped; with --watch as `watch`."""
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--to", "into", default="", metavar="FOLDER", help="Folder of the input container.")
@click.option("--watch", "watched", is_flag=True, help="Follow the files to their end.")
@click.option("--replace", is_flag=True, help="Replace files of the same name.")
@click.option("--strict", is_flag=True, help="Refuse also files with lines that would not be sent.")
@click.option("--dry-run", is_flag=True, help="Say what would be dropped, and drop nothing.")
@output_option
@place_options
def command(
    *,
    place: Place,
    files: tuple[Path, ...],
    into: str,
    watched: bool,
    replace: bool,
    strict: bool,
    dry_run: bool,
    as_json: bool | None,
) -> int:
    """Bring FILES (files or folders) into the input container, with the job specs that lie beside them.

    What `quote` refuses is not dropped: all files are read first, as the app reads them.
    """
    out, services = Output(as_json), services_of_place(account_known(place))
    settings = services.settings
    cargo = load(files, into=target(settings, into))
    quay = Quay(services, cargo)
    quotes = [
        quote_file(
            file,
            path,
            lambda path=path: quay.read_governing(path),  # type: ignore[misc]
            settings,
            job_spec=quay.governing(path),
            prompts=0,
        )
        for file, path in cargo.files
    ]
    if refused(quotes, settings, strict=strict):
        show(out, quotes, settings)
        note("Nothing was dropped.")
        return Ending.REFUSED
    if dry_run:
        show(out, quotes, settings)
        return Ending.WELL
    if not replace:
        quay.refuse_replacing()
    dropped = list(quay.take())
    _tell(out, dropped, quotes, watched=watched)
    if not watched:
        return Ending.WELL
    api = AppApi(place)
    ends = watch(Follower(services, api, dict(dropped)), every=look_seconds(place))
    show_files(out, ends)
    if not out.is_json:
        tell_ends(ends)
    return ending_of(ends)


def _tell(out: Output, dropped: list[Dropped], quotes: list[Quote], *, watched: bool) -> None:
    told = {quote.file: quote for quote in quotes}
    if out.is_json:
        if not watched:
            for path, key in dropped:
                quote = told[path]
                out.record({"file": path, "key": key, "requests": quote.requests, "cost": quote.cost})
        return
    rows = [
        {
            "file": path,
            "requests": count(told[path].requests),
            "invalid": count(told[path].invalid) if told[path].invalid else "",
            "cost": money(told[path].cost),
        }
        for path, _ in dropped
    ]
    if watched:
        note(f"{plural(len(dropped), 'file')} dropped.")
        return
    out.table(COLUMNS, rows)
    folders = sorted({path.rpartition("/")[0] for path, _ in dropped})
    followed = (
        dropped[0].path
        if len(dropped) == 1
        else f"{folders[0]}/"
        if folders == [folders[0]] and folders[0]
        else ""
    )
    note(f"Follow it: aoai-batch watch {followed}".rstrip())
