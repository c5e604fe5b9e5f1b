"""`init`: a folder to begin with."""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click
import yaml

from cli.faults import CommandError, Ending
from cli.output import note
from domain import names
from domain.errors import InputFileError, JobSpecError, RowTemplateError
from domain.spec.job_spec import SpecDefaults, default_spec, parse_spec
from domain.spec.json_schema import schema
from domain.spec.request_template import RequestTemplate
from domain.spec.text_column import text_column
from formats.rows import Row

SCHEMA = ".batch.schema.json"  # hidden: neither `drop` nor the app takes it for an input file
SAMPLE_ROWS = 100
DEPLOYMENT = "gpt-4o-mini-batch"

SAMPLE = "id,text\n1,The brakes squeal in the rain.\n2,Best lights I ever had.\n"

SPEC = """\
# yaml-language-server: $schema={schema}
# How the rows of the tables and texts in this folder, and below, become requests. All keys: docs/job-spec.md
deployment: {deployment}    # name of the model's deployment; of kind GlobalBatch or DataZoneBatch

# One request for each row.{columns}
messages:
  - role: system
    content: Answer with one word, praise or complaint.    # say here what the model is to do
  - role: user
    content: {text}
parameters:
  temperature: 0
  max_tokens: 100    # of an answer: what it may cost

output:
  columns: {carried}    # carried along to the results
  # format: parquet    # or csv, xlsx; jsonl without this line
"""


@click.command(
    epilog="""\b
Examples:
  aoai-batch init tickets                          a job spec, a sample, and the schema for the editor
  aoai-batch init tickets --from tickets.csv       with the columns of that table
  aoai-batch quote tickets                         what it would take"""
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--from", "table", type=click.Path(path_type=Path, dir_okay=False), help="A table with rows to be sent."
)
@click.option("--deployment", default=DEPLOYMENT, show_default=True, help="Name of the model's deployment.")
def command(*, folder: Path, table: Path | None, deployment: str) -> int:
    """Make FOLDER with a job spec to begin with (`_batch.yaml`), a sample, and the schema by which editors complete and check it.

    With --from the job spec asks about the text of that table, and carries its other columns along; the table is not copied.
    """
    spec = folder / names.JOB_SPEC_NAMES[0]
    if spec.exists():
        raise CommandError(
            f"{spec} is there already.", "Delete it, or choose another folder.", ending=Ending.REFUSED
        )
    text, others = _columns_of(table) if table else ("text", ["id"])
    content = spec_text(text, others, deployment=deployment, told=table is not None)
    folder.mkdir(parents=True, exist_ok=True)
    spec.write_text(content, encoding="utf-8")
    (folder / SCHEMA).write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")
    if table is None:
        (folder / "sample.csv").write_text(SAMPLE, encoding="utf-8")
    note(f"{spec}: say there what the model is to do. Then: aoai-batch quote {folder}")
    return Ending.WELL


def spec_text(text: str, others: Sequence[str], *, deployment: str = DEPLOYMENT, told: bool = False) -> str:
    """Write a job spec that asks about the column `text` and carries the others along."""
    listed = ", ".join(map(reach, (text, *others)))
    return SPEC.format(
        schema=SCHEMA,
        deployment=_written(deployment),
        columns=f" Columns of the table: {_one_line(listed)}" if told else "",
        text=_written(f"{{{{ {reach(text)} }}}}"),
        carried=f"[{', '.join(map(_written, others))}]",
    )


def reach(column: str) -> str:
    """Give the expression by which a template reads a column: its name, or where that is no name, its place in the row."""
    return column if _is_read_as(column) else f"row[{json.dumps(column, ensure_ascii=False)}]"


def _is_read_as(column: str) -> bool:
    """Tell whether a template that has a column's bare name reads the column: some names have meanings of their own."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", column) is None:
        return False
    document = {"deployment": DEPLOYMENT, "messages": [{"role": "user", "content": f"{{{{ {column} }}}}"}]}
    try:
        template = RequestTemplate(parse_spec(json.dumps(document).encode(), names.JOB_SPEC_NAMES[-1]))
        request = json.loads(template.request(0, {column: "its value"}))
    except (JobSpecError, RowTemplateError):
        return False
    return bool(request["body"]["messages"][0]["content"] == "its value")


def _written(value: str) -> str:
    """Write a text as YAML, in quotes, on one line."""
    return yaml.safe_dump(value, default_style='"', width=float("inf"), allow_unicode=True).strip()


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text).split())


def _columns_of(table: Path) -> tuple[str, list[str]]:
    """Give the column that holds the text, and the others. Raises CommandError for what is no table."""
    if not table.is_file():
        raise CommandError(f"There is no file {table}.", ending=Ending.REFUSED)
    # Slow to import, and not needed for the help.
    from cli.quoting import FileSource  # noqa: PLC0415 - see above
    from steps.quote.work import QuoteWork  # noqa: PLC0415 - see above
    from steps.table_rows import open_rows  # noqa: PLC0415 - see above

    spec = default_spec(SpecDefaults(deployment=DEPLOYMENT))
    work = QuoteWork(FileSource(table), table.name)
    source = work.store.blobs.source(names.frozen_input(work.key), work.frozen.size)
    try:
        opened = open_rows(table.name, source, spec)
        rows = [row.values for row in islice(opened.rows, SAMPLE_ROWS) if isinstance(row, Row)]
    except InputFileError as error:
        raise CommandError(f"{table}: {error}", ending=Ending.REFUSED) from error
    columns = list(opened.columns or dict.fromkeys(name for row in rows for name in row))
    if not columns:
        raise CommandError(f"{table} has no columns.", ending=Ending.REFUSED)
    text = _text_column(columns, rows)
    return text, [column for column in columns if column != text]


def _text_column(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Give the column that the app would send; where it is not certain of one, the one with the longest texts."""
    try:
        return text_column(columns, rows)
    except InputFileError:
        return max(columns, key=lambda column: sum(len(str(row.get(column) or "")) for row in rows))
