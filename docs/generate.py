"""Write the reference pages that come from the code: `python docs/generate.py`. A test fails while they are out of date."""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402

from domain import error_codes  # noqa: E402
from domain.api import openapi  # noqa: E402
from domain.flow.state import NEXT_OF_FILE, NEXT_OF_SHARD, FileStep, ShardStep  # noqa: E402
from domain.results import metadata  # noqa: E402
from domain.settings import SECRETS, Settings, describe  # noqa: E402
from domain.spec import json_schema  # noqa: E402

# Only for identity connections. Even empty they would make the host's blob binding sign in by identity.
IDENTITY_ONLY = frozenset(
    {
        "DATA__blobServiceUri",
        "DATA__queueServiceUri",
        "DATA__dfsServiceUri",
        "DATA__credential",
        "DATA__clientId",
    }
)
INTRODUCTION = (
    "App settings in Azure, `Values` of `local.settings.json` on a laptop, or plain environment variables. An empty "
    "value counts as not given. Every mistake is reported at once, by name, when the app first needs its settings."
)
LOCAL_VALUES = {
    "FUNCTIONS_WORKER_RUNTIME": "python",
    "PYTHON_THREADPOOL_THREAD_COUNT": "24",  # host.json lets in 16 activities and 4 orchestrators; the default may be 5
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "DATA": "UseDevelopmentStorage=true",
    "AZURE_OPENAI_ENDPOINT": "https://your-resource.openai.azure.com",
}


def settings_page() -> str:
    """Give the table of all settings."""
    rows = [
        "# Settings",
        "",
        INTRODUCTION,
        "",
        "| name | default | meaning |",
        "|---|---|---|",
    ]
    rows += [
        f"| `{field.encode_name}` | {_default(field)} | {describe(field)} |"
        for field in msgspec.structs.fields(Settings)
    ]
    return "\n".join(rows) + "\n"


def _default(field: Any) -> str:
    if field.required:
        return "*required*"
    if field.default in (None, ""):
        return ""
    return f"`{_text(field.default)}`"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def template() -> str:
    """Give `local.settings.json.template`: every setting a laptop may want, with its default."""
    values = dict(LOCAL_VALUES)
    for field in msgspec.structs.fields(Settings):
        name = field.encode_name
        if name not in IDENTITY_ONLY and name not in values:
            values[name] = (
                "" if name in SECRETS or field.required or field.default is None else _text(field.default)
            )
    return json.dumps({"IsEncrypted": False, "Values": values}, indent=2) + "\n"


def states_page() -> str:
    """Draw the moves that the flow allows."""
    return "\n".join(
        [
            "# Where files and shards can go",
            "",
            "Made from `domain/flow/state.py`, which checks every move. A shard that leaves `collect` may have children,",
            "in `submit` or `send`: requests that get another attempt.",
            "",
            "## An input file",
            "",
            *_diagram(FileStep.PREPARE, NEXT_OF_FILE),
            "",
            "## A shard",
            "",
            *_diagram(ShardStep.SUBMIT, NEXT_OF_SHARD, ShardStep.SEND),
            "",
        ]
    )


CODES = (
    (
        "A file is rejected",
        "Nothing of it is sent. The message names the line and the key to set.",
        error_codes.OF_FILES,
    ),
    (
        "A row costs itself",
        "The other rows go on. When all rows have the same mistake, the file is rejected with it.",
        error_codes.OF_ROWS,
    ),
    ("A line of a ready-made file costs itself", "The other lines go on.", error_codes.OF_LINES),
    (
        "A request has no answer",
        "Other codes in this place are the service's own, such as `content_filter`, or the status of the batch or of the call.",
        error_codes.OF_REQUESTS,
    ),
    (
        "A file waits, or is held",
        "Nothing is lost, and nothing has to be dropped again.",
        error_codes.OF_WAITING,
    ),
)


def errors_page() -> str:
    """Give the tables of all codes."""
    introduction = (
        "Made from `domain/error_codes.py`. The code of an error record, of a rejected file's metadata or of a waiting file "
        "stays the same; its message is for people."
    )
    lines = ["# Errors: code, meaning, what to do", "", introduction]
    for title, about, codes in CODES:
        lines += ["", f"## {title}", "", about, "", "| code | meaning | what to do |", "|---|---|---|"]
        lines += [f"| `{code}` | {found.meaning} | {found.advice} |" for code, found in sorted(codes.items())]
    lines += ["", "## In the log", "", "| code | meaning |", "|---|---|"]
    lines += [f"| `{code}` | {meaning} |" for code, meaning in sorted(error_codes.WITHIN.items())]
    return "\n".join(lines) + "\n"


def _diagram(first: Any, moves: Any, *also_first: Any) -> list[str]:
    """Write a state diagram in Mermaid's language."""
    arrows = [f"    [*] --> {step}" for step in (first, *also_first)]
    arrows += [f"    {step} --> {after}" for step in moves for after in type(step) if after in moves[step]]
    return ["```mermaid", "stateDiagram-v2", *(arrow.replace("left", "[*]") for arrow in arrows), "```"]


def pages() -> dict[Path, str]:
    """Give every generated file with its content."""
    return {
        ROOT / "docs" / "settings.md": settings_page(),
        ROOT / "docs" / "states.md": states_page(),
        ROOT / "docs" / "errors.md": errors_page(),
        ROOT / "docs" / "metadata.schema.json": json.dumps(metadata.schema(), indent=2) + "\n",
        ROOT / "docs" / "job-spec.schema.json": json.dumps(json_schema.schema(), indent=2) + "\n",
        ROOT / "docs" / "openapi.json": json.dumps(openapi.document(), indent=2) + "\n",
        ROOT / "local.settings.json.template": template(),
    }


if __name__ == "__main__":
    for path, content in pages().items():
        path.write_text(content, encoding="utf-8")
        print(f"{path.relative_to(ROOT)} written")
