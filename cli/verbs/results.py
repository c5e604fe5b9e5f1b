"""`results`: take home what came out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.deliveries import Delivery, deliveries_of, newest, nothing_of
from cli.faults import CommandError, Ending
from cli.options import account_known, output_option, place_options
from cli.output import Column, Output, count, note, plural
from cli.places import Place
from cli.reach import services_of_place
from cli.retrying import last_retry
from cli.taking_home import Parcel, bring, parcels, pour

if TYPE_CHECKING:
    from adapters.services import Services

COLUMNS = (
    Column("file", "File"),
    Column("written", "Written"),
    Column("answers", "Answers", is_number=True),
    Column("failed", "Failed", is_number=True),
)


@click.command(
    epilog="""\b
Examples:
  aoai-batch results tickets.csv                      into this folder
  aoai-batch results catalogue/ -o out --all          with errors, retry files and metadata
  aoai-batch results tickets.csv --join -o -          what the retries brought, too, to the output
  aoai-batch results tickets.jsonl -o - | jq -r .response.body.choices[0].message.content"""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-o",
    "--output",
    "target",
    default=".",
    metavar="FOLDER|-",
    help="Where to; `-` is the output. [default: here]",
)
@click.option("--join", is_flag=True, help="Together with what the retries of a file have brought.")
@click.option("--all", "everything", is_flag=True, help="Also errors, retry files and metadata.")
@click.option("--replace", is_flag=True, help="Replace files of the same name.")
@output_option
@place_options
def command(
    *,
    place: Place,
    paths: tuple[str, ...],
    target: str,
    join: bool,
    everything: bool,
    replace: bool,
    as_json: bool | None,
) -> int:
    """Take home the results of input files, or of all below a folder; of a file that ran several times, the last ones.

    Of a single file they keep their names; of several each has a folder of its own, as in storage.
    """
    services = services_of_place(account_known(place))
    found = [delivery for path in paths for delivery in _ended(path, services)]
    if join:
        # A retry is a part of what it is a retry of.
        found = [
            _joined(each, services) for each in found if each.metadata.retry_of is None or each.file in paths
        ]
    flat = len(found) == 1
    loads = [(each, list(parcels(each, services, everything=everything, flat=flat))) for each in found]
    for each, load in loads:
        if not load:
            note(
                f"{each.file} has no results: none of {plural(each.metadata.requests, 'request')} was answered."
            )
    if target == "-":
        _pour([parcel for _, load in loads for parcel in load])
        return _ending(found)
    out = Output(as_json)
    brought = [
        (each, bring(parcel, Path(target), replace=replace)) for each, load in loads for parcel in load
    ]
    _tell(out, brought)
    return _ending(found)


def _ended(path: str, services: "Services") -> list[Delivery]:
    found = newest(deliveries_of(path, services))
    if not found:
        raise nothing_of(path, services)
    return found


def _joined(delivery: Delivery, services: "Services") -> Delivery:
    """Give a delivery with the results and errors that the app has joined with those of its retries, where there are any."""
    last = last_retry(delivery, services)
    if last is delivery:
        note(f"{delivery.file} was not retried: these are its own results.")
        return delivery
    joined = last.metadata.joined
    if joined is None or not (joined.results or joined.errors):
        reason = (joined and joined.reason) or "JOIN_RETRIES was off when it was retried"
        raise CommandError(
            f"{delivery.file} and its retry {last.file} were not joined: {reason}.",
            "Take home each by itself.",
        )
    return delivery.with_files(results=joined.results, errors=joined.errors, failed=joined.failed)


def _pour(loads: Sequence[Parcel]) -> None:
    """Write files to the output. Raises CommandError for several that cannot be read one after the other."""
    if len(loads) > 1 and not all(parcel.blob.endswith(".jsonl") for parcel in loads):
        raise CommandError(
            "Only JSON lines can be written one after the other.",
            "Name one file, or a folder: -o FOLDER.",
            ending=Ending.REFUSED,
        )
    for parcel in loads:
        pour(parcel)


def _tell(out: Output, brought: list[tuple[Delivery, Path]]) -> None:
    if out.is_json:
        for each, path in brought:
            out.record(
                {
                    "file": each.file,
                    "written": str(path),
                    "requests": each.metadata.requests,
                    "failed": each.failed,
                }
            )
        return
    rows = [
        {
            "file": each.file,
            "written": str(path),
            "answers": count(each.metadata.requests - each.failed),
            "failed": count(each.failed) if each.failed else "",
        }
        for each, path in brought
    ]
    out.table(COLUMNS, rows)


def _ending(found: Sequence[Delivery]) -> Ending:
    return Ending.SOME_FAILED if any(each.failed for each in found) else Ending.WELL
