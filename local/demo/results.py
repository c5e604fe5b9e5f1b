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

from local.demo.storage import Account

RESULT_CONTAINERS = ("processed", "error")
EXAMPLES = (("processed", "_output.jsonl"), ("error", "_error.jsonl"), ("processed", "_metadata.json"))
LONGEST_TEXT = 160
MOST_LINES = 40
DEEPEST = 6  # levels: down to the text of an answer, not to the details of its content filters


def show_results(console: Console, account: Account) -> None:
    """Print the trees of processed/ and error/, then the first example of each kind of file."""
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


def show_example(console: Console, name: str, content: str) -> None:
    """Print a metadata file, or the first record of a file of records; long texts and long ends are cut."""
    is_lines = name.endswith(".jsonl")
    shown = json.loads(content.split("\n", 1)[0] if is_lines else content)
    text = JSON.from_data(cropped(shown), indent=2, ensure_ascii=False).text
    text.no_wrap, text.overflow = False, "fold"
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        text = Text("\n").join(
            [*lines[:MOST_LINES], Text(f"... {len(lines) - MOST_LINES} more lines", style="dim")]
        )
    console.print(
        f"{name}, first record:" if is_lines else f"{name}:", markup=False, highlight=False, soft_wrap=True
    )
    console.print(Panel(text, border_style="dim"))


def cropped(value: Any, depth: int = DEEPEST) -> Any:
    """Return a JSON value with its long texts cut, and with what lies deeper than `depth` levels left out."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}..."
    if not isinstance(value, list | dict) or not value:
        return value
    if depth == 0:
        return "..."
    if isinstance(value, list):
        return [cropped(item, depth - 1) for item in value]
    return {name: cropped(item, depth - 1) for name, item in value.items()}
