"""`migrate`: from the Azure OpenAI Batch accelerator, or an Azure ML batch endpoint, to this app."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.faults import CommandError, Ending
from cli.migration import Line, Migration, migrated, read_configuration
from cli.migration_aml import job_spec_of, read_deployment
from cli.options import output_option
from cli.output import Column, Output, note, plural
from cli.places import Place
from cli.reach import services_of_place
from domain import names
from domain.service.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from steps.intake.takeover import TakenOver

SETTINGS, JOB_SPEC = "local.settings.json", names.JOB_SPEC_NAMES[0]
DEPLOYMENTS = (".yml", ".yaml")

LINES = (Column("theirs", "Theirs"), Column("ours", "Here"), Column("remark", ""))
FILES = (Column("file", "Input file"), Column("fate", "Becomes"), Column("told", "Because"))
FATES = {
    "new": "sent by the app",
    "adopt": "collected from its batch",
    "delivered": "deleted: its results are there",
    "claimed": "left alone: the app has it",
    "unclear": "left alone: see for yourself",
}


@click.command(
    epilog="""\b
Examples:
  aoai-batch migrate config/app_config.json                        writes local.settings.json, without keys
  aoai-batch migrate config/app_config.json --with-keys -o -
  aoai-batch migrate config/app_config.json --take-over            what an interrupted run has left; changes nothing
  aoai-batch migrate config/app_config.json --take-over --apply    and has the app go on with it
  aoai-batch migrate deployment.yml -o bills/_batch.yaml           an Azure ML batch deployment, as a job spec

Exit code: 0; 2 when something is not filled in, or cannot be taken over without a look of yours."""
)
@click.argument("source", metavar="APP_CONFIG|DEPLOYMENT", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "-o", "--output", "target", metavar="FILE|-", help=f"Where it goes. [default: {SETTINGS}, or {JOB_SPEC}]"
)
@click.option(
    "--task", type=click.Choice(list(ENDPOINTS)), help="Of a deployment. [default: by the model's name]"
)
@click.option("--with-keys", is_flag=True, help="Copy the keys of storage and service, too.")
@click.option("--replace", is_flag=True, help="Replace the file.")
@click.option(
    "--take-over",
    "taken",
    is_flag=True,
    help="Look at the containers and the service instead of writing settings.",
)
@click.option(
    "--apply",
    "applied",
    is_flag=True,
    help="With --take-over: do it. Stop the accelerator and this app before.",
)
@output_option
def command(
    *,
    source: Path,
    target: str | None,
    task: str | None,
    with_keys: bool,
    replace: bool,
    taken: bool,
    applied: bool,
    as_json: bool | None,
) -> int:
    """Turn the accelerator's three configuration files into settings of this app, and take over its containers as they are.

    APP_CONFIG names the other two. Keys are named, and copied only with --with-keys. Where the accelerator was stopped in the middle, --take-over
    finds input files that have a batch already, so that it is collected and not paid again, and those whose results are there.

    Of the DEPLOYMENT of an Azure ML batch endpoint (YAML) a job spec is made.
    """
    out = Output(as_json)
    if source.suffix.lower() in DEPLOYMENTS:
        spec, lines = job_spec_of(read_deployment(source), task=task)
        if _written(spec, target or JOB_SPEC, replace=replace):
            _tell(out, lines)
            note(
                f"{target or JOB_SPEC} is written. Put it into the folder of the tables. Then: aoai-batch quote FOLDER"
            )
        return Ending.WELL
    found = migrated(*read_configuration(source), with_keys=with_keys or taken)
    if taken:
        return _take_over(found, out, applied=applied)
    content = json.dumps({"IsEncrypted": False, "Values": found.values}, indent=2, ensure_ascii=False) + "\n"
    if _written(content, target or SETTINGS, replace=replace):
        _tell(out, found.lines)
        note(
            f"{target or SETTINGS} is written. Create the container {found.values['WORK_CONTAINER']} beside the others. Then: aoai-batch "
            "doctor, and aoai-batch migrate … --take-over, if the accelerator was stopped in the middle."
        )
    return Ending.WELL


def _written(content: str, target: str, *, replace: bool) -> bool:
    """Write a file, or to the output; True for a file. Raises CommandError where it is there already."""
    if target == "-":
        sys.stdout.write(content)
        return False
    path = Path(target)
    if path.exists() and not replace:
        raise CommandError(f"{path} is there already.", "--replace replaces it.", ending=Ending.REFUSED)
    path.write_text(content, encoding="utf-8")
    return True


def _tell(out: Output, lines: list[Line]) -> None:
    if out.is_json:
        for line in lines:
            out.record({"theirs": line.theirs, "ours": line.ours or None, "remark": line.remark or None})
        return
    out.table(
        LINES, ({"theirs": line.theirs, "ours": line.ours or "-", "remark": line.remark} for line in lines)
    )


def _take_over(migration: Migration, out: Output, *, applied: bool) -> int:
    from steps.intake.takeover import survey_takeover, take_over  # noqa: PLC0415 - slow to import

    place = Place(label="the accelerator's configuration", env=migration.values, knows_settings=True)
    services = services_of_place(place)
    found = survey_takeover(services)
    if applied:
        take_over(found, services, names.requested_snapshot_id(datetime.fromtimestamp(time.time(), UTC)))
    if out.is_json:
        for each in found:
            out.record(each)
    else:
        _show(out, found, applied=applied)
    return Ending.REFUSED if any(each.fate == "unclear" for each in found) else Ending.WELL


def _show(out: Output, found: "list[TakenOver]", *, applied: bool) -> None:
    out.table(
        FILES, ({"file": each.file, "fate": FATES[each.fate], "told": _because(each)} for each in found)
    )
    if not found:
        out.line("No file is in the input container.")
    again = sum(len(each.other_batches) for each in found)
    if again:
        note(
            f"The accelerator had made {plural(again, 'batch', 'batches')} more than once: cancel what still runs of them."
        )
    left = any(each.fate in ("adopt", "delivered") for each in found)
    if left and not applied:
        note("Nothing was changed. --apply does it; stop the accelerator and this app before.")


def _because(each: "TakenOver") -> str:
    told = [f"{each.batch_id}, {each.batch_status}"] if each.batch_id else []
    told += [each.results] if each.results else []
    told += [each.reason] if each.reason else []
    return "; ".join(told)
