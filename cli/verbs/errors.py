"""`errors`: what failed, and why."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click
import msgspec

from cli.deliveries import Delivery, deliveries_of, newest, nothing_of
from cli.faults import Ending
from cli.options import account_known, output_option, place_options
from cli.output import Column, Output, count, note
from cli.places import Place
from cli.reach import services_of_place
from cli.retrying import last_retry
from domain.error_codes import OF_FILES, OF_LINES, OF_REQUESTS, OF_ROWS, OF_WAITING, ErrorCode
from domain.service.request_lines import split_lines

if TYPE_CHECKING:
    from adapters.services import Services

ROWS_SHOWN = 20
SHOWN_TEXT = 200  # characters
KNOWN: dict[str, ErrorCode] = {**OF_WAITING, **OF_LINES, **OF_ROWS, **OF_REQUESTS, **OF_FILES}

DIGEST = (
    Column("code", "Code"),
    Column("rows", "Rows", is_number=True),
    Column("files", "Files", is_number=True),
    Column("meaning", "What it means, and what to do"),
)
ROWS = (
    Column("place", "Where"),
    Column("code", "Code"),
    Column("message", "Message"),
)

_decode = msgspec.json.Decoder(dict[str, Any]).decode


@click.command(
    epilog="""\b
Examples:
  aoai-batch errors tickets.csv
  aoai-batch errors catalogue/ --code content_filter --limit 100
  aoai-batch errors tickets.csv --json | jq -r '[.line, .code, .message] | @tsv'
  aoai-batch errors catalogue/ --digest --json

Exit code: 0 when nothing failed, 3 when something did."""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--code", "codes", multiple=True, help="Only errors with this code; may be said several times.")
@click.option("--digest", is_flag=True, help="Only the counts.")
@click.option(
    "--limit", type=click.IntRange(1), help=f"Rows to show. [default: {ROWS_SHOWN}, or all as JSON lines]"
)
@output_option
@place_options
def command(
    *,
    place: Place,
    paths: tuple[str, ...],
    codes: tuple[str, ...],
    digest: bool,
    limit: int | None,
    as_json: bool | None,
) -> int:
    """Say what failed of input files, or of all below a folder: counts by code with what to do, then the rows.

    Of a file that ran several times, the last run. As JSON lines these are the error records as they are in storage, with the request.
    """
    services, out = services_of_place(account_known(place)), Output(as_json)
    found: list[Delivery] = []
    for path in paths:
        found += newest(deliveries_of(path, services))
        if not found:
            raise nothing_of(path, services)
    if digest or not out.is_json:
        _show_digest(out, found, codes)
    if not digest:
        _show_rows(out, _records(found, codes, services), limit)
    if not out.is_json:
        _tell_retries(found, services)
    return Ending.SOME_FAILED if any(each.failed for each in found) else Ending.WELL


def _show_digest(out: Output, found: list[Delivery], codes: tuple[str, ...]) -> None:
    rows: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for each in found:
        for code, number in each.metadata.error_codes.items():
            rows[code] += number
            files[code] += 1
    told = [(code, number) for code, number in rows.most_common() if not codes or code in codes]
    if out.is_json:
        for code, number in told:
            known = KNOWN.get(code)
            meaning = {"meaning": known.meaning, "advice": known.advice} if known else {}
            out.record({"code": code, "rows": number, "files": files[code], **meaning})
        return
    if not told:
        out.line("Nothing failed.")
        return
    out.table(
        DIGEST,
        (
            {"code": code, "rows": count(number), "files": count(files[code]), "meaning": _meaning(code)}
            for code, number in told
        ),
    )


def _meaning(code: str) -> str:
    known = KNOWN.get(code)
    return f"{known.meaning} {known.advice}" if known else "The service's own code: see the message."


def _records(found: list[Delivery], codes: tuple[str, ...], services: "Services") -> Iterator[bytes]:
    """Give the error records of files, in their order."""
    for each in found:
        if each.metadata.errors:
            for line in split_lines(services.storage.error.chunks(each.metadata.errors)):
                if line and (not codes or _decode(line).get("code") in codes):
                    yield line


def _show_rows(out: Output, records: Iterator[bytes], limit: int | None) -> None:
    if out.is_json:
        for line in islice(records, limit):
            out.record(msgspec.Raw(line))
        return
    shown = [_decode(line) for line in islice(records, limit or ROWS_SHOWN)]
    if not shown:
        return
    out.line()
    out.table(ROWS, map(_row, shown))
    if next(records, None) is not None:
        out.line(f"… and more: --limit {(limit or ROWS_SHOWN) * 10}, or --json for all")


def _row(record: dict[str, Any]) -> dict[str, str]:
    number = record.get("line")
    place = f":{number}" if number is not None else f" row {record['row']}" if "row" in record else ""
    message = " ".join(str(record.get("message", "")).split())
    return {
        "place": f"{record.get('file')}{place}",
        "code": str(record.get("code")),
        "message": message if len(message) <= SHOWN_TEXT else f"{message[:SHOWN_TEXT]}…",
    }


def _tell_retries(found: list[Delivery], services: "Services") -> None:
    for each in found:
        if each.metadata.retry and (last := last_retry(each, services)) is not each:
            note(f"{each.file} was retried: aoai-batch errors {last.file}")
    retriable = [each.file for each in found if each.metadata.retry]
    if len(retriable) == 1:
        note(f"Send again what failed: aoai-batch retry {retriable[0]}")
