"""`status`: what is there, and where it stands."""

from typing import Any

import click

from cli.app_api import AppApi
from cli.following import Picture, look, no_file, status_of
from cli.options import account_known, output_option, place_options
from cli.output import Column, Output, note
from cli.places import Place
from cli.reach import services_of_place
from cli.statuses import FileStatus
from cli.watching import rows, show_files

SNAPSHOTS_SHOWN = 5

SNAPSHOTS = (
    Column("snapshot", "Snapshot"),
    Column("status", "Status"),
    Column("files", "Files", is_number=True),
    Column("rows", "Rows", is_number=True),
    Column("batches", "Batches", is_number=True),
    Column("message", "Waits for"),
)


@click.command(
    epilog="""\b
Examples:
  aoai-batch status                     the latest snapshots, and the files in the input container
  aoai-batch status catalogue/          the files of a folder, also those that are done
  aoai-batch status --json | jq -r 'select(.state == "held") | .file'"""
)
@click.argument("path", required=False)
@click.option("--snapshots", "shown", default=SNAPSHOTS_SHOWN, show_default=True, type=click.IntRange(0, 20))
@output_option
@place_options
def command(*, place: Place, path: str | None, shown: int, as_json: bool | None) -> int:
    """Say where things stand: a line for each snapshot and each file; `45/2,087(3)` is done, of all, and of the former failed.

    PATH is that of an input file, or a folder of them.
    """
    services, api, out = services_of_place(account_known(place)), AppApi(place), Output(as_json)
    if path is not None:
        files = status_of(path, services, api)
        if path and not files:
            raise no_file(path)
        show_files(out, files)
        return 0
    picture = look(services, api)
    if picture.is_paused:
        note("The intake is paused: no new file is taken. `aoai-batch intake resume` ends that.")
    if out.is_json:
        for snapshot in picture.snapshots[:shown]:
            out.record({"snapshot": snapshot["id"], **snapshot})
        show_files(out, _in_order(picture))
        return 0
    _show(out, picture, place, shown)
    return 0


def _show(out: Output, picture: Picture, place: Place, shown: int) -> None:
    note(f"From {place.label}.")
    if picture.silence:
        note(picture.silence)
    if picture.snapshots[:shown]:
        out.table(SNAPSHOTS, map(_row, picture.snapshots[:shown]))
        out.line()
    if picture.files:
        show_files(out, _in_order(picture))
    else:
        out.line("No file is in the input container.")


def _in_order(picture: Picture) -> list[FileStatus]:
    return sorted(picture.files.values(), key=lambda file: file.file)


def _row(snapshot: dict[str, Any]) -> dict[str, str]:
    told = {"snapshot": snapshot["id"].removeprefix("snapshot-"), "status": snapshot["status"].lower()}
    progress, report = snapshot.get("progress") or {}, snapshot.get("report") or {}
    if "files" in report:
        return told | _of_report(report)
    if "files_total" in progress:
        return told | _of_progress(progress)
    return told


def _of_report(report: dict[str, Any]) -> dict[str, str]:
    tally = {name: count for name, count in report["tally"].items() if name in _OUTCOMES}
    total = sum(tally.values())
    return {
        "files": f"{report['done'] + report['rejected']}/{report['files']}",
        "rows": rows(total, total, total - tally["ok"]),
    }


def _of_progress(progress: dict[str, Any]) -> dict[str, str]:
    done = progress["files_done"] + progress["files_rejected"]
    return {
        "files": f"{done}/{progress['files_total']}",
        "rows": rows(progress["requests_done"], progress["requests_total"], progress["requests_failed"]),
        "batches": str(progress["active_batches"]),
        "message": progress["message"] or "",
    }


_OUTCOMES = frozenset({"ok", "failed", "invalid", "invalid_output", "expired", "cancelled", "missing"})
