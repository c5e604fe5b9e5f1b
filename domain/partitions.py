"""Columns that lie in the names of folders: `country=de/day=2026-01-31/part-0.parquet`, as Hive, Spark and others write tables."""

import re

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
NULL = "__HIVE_DEFAULT_PARTITION__"


def partition_values(path: str) -> dict[str, str | None]:
    """Give the columns of a file's folders, the outermost first; texts, percent-decoded. Of two alike the inner one counts."""
    found: dict[str, str | None] = {}
    for folder in path.split("/")[:-1]:
        name, is_one, value = folder.partition("=")
        if is_one and name.strip():
            found[_decoded(name)] = None if value == NULL else _decoded(value)
    return found


def _decoded(text: str) -> str:
    return _ESCAPES.sub(
        lambda found: bytes.fromhex(found.group().replace("%", "")).decode("utf-8", "replace"), text
    )
