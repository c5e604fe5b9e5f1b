"""Show what came out: the tree of the result containers, and one result, one error and one metadata file from within."""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.json import JSON
from rich.panel import Panel
from rich.text import Text
from rich.tree import Tree

from local.demo.storage import Account, records_in

RESULT_CONTAINERS = ("processed", "error")
EXAMPLES = (  # container and end of the path
    ("input", "catalogue/_batch.yaml"),
    ("processed", "/products_output.jsonl"),
    ("error", "/products_error.jsonl"),
    ("processed", "/reviews_output.parquet"),
    ("processed", "/triage_metadata.json"),
)
LONGEST_TEXT = 160
LONGEST_LIST = 3
MOST_LINES = 40
DEEPEST = 6  # levels: down to the text of an answer, not to the details of its content filters


def show_results(console: Console, account: Account) -> None:
    """Print the trees of processed/ and error/, then some files from within."""
    for container in RESULT_CONTAINERS:
        console.print(container_tree(container, account.sizes(container)))
    for container, ending in EXAMPLES:
        path = next((path for path in account.paths(container) if path.endswith(ending)), None)
        if path is not None:
            show_example(console, f"{container}/{path}", account.read(container, path))


def container_tree(container: str, sizes: Mapping[str, int]) -> Tree:
    """Return the blobs of a container, path to size in bytes, as a tree of its folders."""
    root = Tree(Text(f"{container}/", style="bold"))
    folders = {PurePosixPath(): root}
    for path, size in sorted(sizes.items()):
        blob = PurePosixPath(path)
        for folder in reversed(blob.parents):
            if folder not in folders:
                folders[folder] = folders[folder.parent].add(Text(f"{folder.name}/"))
        folders[blob.parent].add(Text.assemble(blob.name, (f"  {decimal(size)}", "dim")))
    return root


def show_example(console: Console, name: str, content: bytes) -> None:
    """Print a job spec, a metadata file, or the first record of a file of records; long texts and ends are cut."""
    title = f"{name}:"
    if name.endswith(".yaml"):
        text = Text(content.decode().rstrip("\n"))
    elif name.endswith(".json"):
        text = json_text(json.loads(content))
    else:
        records = records_in(name, content)
        title, text = f"{name}, the first of {len(records)} records:", json_text(records[0])
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        text = Text("\n").join(
            [*lines[:MOST_LINES], Text(f"... {len(lines) - MOST_LINES} more lines", style="dim")]
        )
    text.no_wrap, text.overflow = False, "fold"
    console.print(title, markup=False, highlight=False, soft_wrap=True)
    console.print(Panel(text, border_style="dim"))


def json_text(value: Any) -> Text:
    """Return a value as JSON for people; what JSON has no word for, such as a date, as text."""
    return JSON.from_data(cropped(value), indent=2, ensure_ascii=False, default=str).text


def cropped(value: Any, depth: int = DEEPEST) -> Any:
    """Return a JSON value with its long texts and lists cut, and with what lies deeper than `depth` levels left out."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}..."
    if not isinstance(value, list | dict) or not value:
        return value
    if depth == 0:
        return "..."
    if isinstance(value, list):
        shown = [cropped(item, depth - 1) for item in value[:LONGEST_LIST]]
        more = len(value) - len(shown)
        return [*shown, f"... {more} more"] if more else shown
    return {name: cropped(item, depth - 1) for name, item in value.items()}
