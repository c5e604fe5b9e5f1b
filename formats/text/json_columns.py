"""Columns of JSON rows, which declare none: which there are, and the type that holds all values of each."""

from collections.abc import Collection, Iterable
from typing import Any

import pyarrow as pa

from formats.rows import BadRow, Row

MAX_COLUMNS = 1000  # where all are wanted: rows may have any number of different keys

_EXACT_IN_FLOATS = 2**53
_INT64 = range(-(2**63), 2**63)
# The first that knows all kinds of values of a column is its type.
_TYPES: tuple[tuple[frozenset[str], pa.DataType], ...] = (
    (frozenset(), pa.string()),
    (frozenset({"boolean"}), pa.bool_()),
    (frozenset({"integer", "long"}), pa.int64()),
    (frozenset({"integer", "number"}), pa.float64()),
)


def columns_of_rows(rows: Iterable[Row | BadRow], wanted: Collection[str] | None) -> dict[str, pa.DataType]:
    """Go through rows; give the type of each wanted column, or of all (None) up to MAX_COLUMNS, in the order found.

    Text holds what is not of one type, and as JSON what no other type holds.
    """
    kinds: dict[str, set[str]] = {name: set() for name in wanted or ()}
    for row in rows:
        if isinstance(row, BadRow):
            continue
        for name, value in row.values.items():
            if wanted is None and len(kinds) < MAX_COLUMNS:
                kinds.setdefault(name, set())
            if value is not None and name in kinds:
                kinds[name].add(_kind_of(value))
    return {name: _type_for(found) for name, found in kinds.items()}


def _type_for(kinds: set[str]) -> pa.DataType:
    return next((kind for known, kind in _TYPES if kinds <= known), pa.string())


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, float):
        return "number"
    if not isinstance(value, int) or value not in _INT64:
        return "text"
    return "integer" if abs(value) <= _EXACT_IN_FLOATS else "long"
