"""`audit`: proof that every row came back and was paid once."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from cli.deliveries import deliveries_of, nothing_of
from cli.faults import Ending
from cli.options import account_known, output_option, place_options
from cli.output import Column, Output, count, note, plural
from cli.places import Place
from cli.reach import services_of_place

if TYPE_CHECKING:
    from cli.auditing import Audit, Leftovers

COLUMNS = (
    Column("file", "File"),
    Column("rows", "Rows in", is_number=True),
    Column("results", "Results", is_number=True),
    Column("errors", "Errors", is_number=True),
    Column("batches", "Batches", is_number=True),
    Column("service", "In service", is_number=True),
    Column("verdict", "Proven"),
)


@click.command(
    epilog="""\b
Examples:
  aoai-batch audit                                every file that has come out, and what is left anywhere
  aoai-batch audit catalogue/ --report audit.json
  aoai-batch audit tickets.csv --json

Exit code: 0 when it is proven, 3 when something is not as promised."""
)
@click.argument("path", default="")
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write all of it into a file, to keep."
)
@output_option
@place_options
def command(*, place: Place, path: str, report: Path | None, as_json: bool | None) -> int:
    """Prove that every row came back once and that no shard was paid twice, of the file PATH, of all below a folder, or of everything.

    Reads archived inputs, results and errors again, row by row, and holds the batches in the metadata against the service's own list.
    Without PATH also what is left: stray batches, files in the service, inputs and records of what is done. Changes nothing.
    """
    from cli.auditing import Leftovers, audit, leftovers, view_of  # noqa: PLC0415 - slow to import

    services, out = services_of_place(account_known(place)), Output(as_json)
    deliveries = deliveries_of(path, services)
    if not deliveries and path:
        raise nothing_of(path, services)
    view, silence = (
        view_of(services) if place.has_service else (None, "its address is not known (AZURE_OPENAI_ENDPOINT)")
    )
    audits = [audit(delivery, services, view) for delivery in deliveries]
    left = leftovers(deliveries, services, view) if not path else Leftovers()
    if silence:
        note(f"The service was not looked at: {silence}")
    if report is not None:
        whole = {"files": audits, "left": left if not path else None, "service": silence or "looked at"}
        report.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n")
    _show(out, audits, None if path else left)
    is_well = all(found.proven for found in audits) and not left.any
    return Ending.WELL if is_well else Ending.SOME_FAILED


def _show(out: Output, audits: "list[Audit]", left: "Leftovers | None") -> None:
    if out.is_json:
        for found in audits:
            out.record(found)
        if left is not None:
            out.record({"left": left})
        return
    out.table(COLUMNS, map(_row, audits))
    for found in audits:
        for sentence in found.findings:
            out.line(f"{found.file}: {sentence}", style="red")
        for sentence in found.remarks:
            out.line(f"{found.file}: {sentence}", style="dim")
    if left is not None:
        _show_left(out, left)
    proven = sum(found.proven for found in audits)
    rows = sum(found.rows_in or 0 for found in audits if found.proven)
    out.line(f"\n{proven} of {plural(len(audits), 'file')} proven: {plural(rows, 'row')}, each back once.")


def _show_left(out: Output, left: "Leftovers") -> None:
    for what, items in (
        ("batches of no file in the service", left.strays),
        ("files in the service", left.files),
        ("delivered files in the input container", left.inputs),
        ("files with records and no claim", left.records),
    ):
        if items:
            shown = ", ".join(items[:5]) + " …" * (len(items) > 5)
            out.line(f"{count(len(items))} {what}: {shown}", style="red")
    for remark in left.remarks:
        out.line(remark, style="dim")


def _row(found: "Audit") -> dict[str, str]:
    return {
        "file": found.file,
        "rows": "?" if found.rows_in is None else count(found.rows_in),
        "results": count(found.results),
        "errors": count(found.errors),
        "batches": count(found.batches),
        "service": "" if found.in_service is None else count(found.in_service),
        "verdict": "yes" if found.proven else "no",
    }
