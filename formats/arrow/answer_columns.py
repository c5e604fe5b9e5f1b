"""Columns for structured answers: what a JSON Schema promises, as the types of a table."""

from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa

from domain.spec.structured import pointed

Schema = Mapping[str, Any]

DEEPEST = 8  # objects within objects; what is deeper, or refers to itself, stays JSON text

_SCALARS = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "null": pa.string(),
}
_PYTHON_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def column_types(schema: Schema, *, as_json: Collection[str] = ()) -> dict[str, pa.DataType]:
    """Give the type of each property of an answer; nothing where the schema promises no object.

    What has no one type (a choice of types, an open object) becomes JSON text, and so do the properties in `as_json`.
    """
    found = _properties(schema) or _properties(_resolved(schema, schema))
    return {
        name: pa.string() if name in as_json else _type_of(inner, schema, DEEPEST)
        for name, inner in found.items()
    }


def _type_of(part: Any, root: Schema, depth: int) -> pa.DataType:
    part = _resolved(part, root)
    kinds = _kinds(part)
    if not part or depth == 0 or len(kinds) != 1:
        return pa.string()
    (kind,) = kinds
    if kind == "array":
        return pa.list_(_type_of(part.get("items"), root, depth - 1))
    if kind == "object":
        inner = {name: _type_of(value, root, depth - 1) for name, value in _properties(part).items()}
        return pa.struct(list(inner.items())) if inner else pa.string()
    return _SCALARS.get(kind, pa.string())


def _resolved(part: Any, root: Schema) -> Schema:
    """Follow references within the document, and choices that leave one schema beside null."""
    for _ in range(DEEPEST):
        if not isinstance(part, Mapping):
            return {}
        choices = [choice for choice in _choices(part) if _kinds(choice) != {"null"}]
        if isinstance(part.get("$ref"), str):
            part = pointed(root, part["$ref"])
        elif len(choices) == 1:
            part = choices[0]
        elif choices:
            return {}
        else:
            return part
    return {}


def _choices(part: Schema) -> list[Any]:
    found = part.get("anyOf") or part.get("oneOf") or []
    return [choice for choice in found if isinstance(choice, Mapping)] if isinstance(found, list) else []


def _kinds(part: Schema) -> set[str]:
    """Give the JSON types a value may have, null left out where there are others."""
    said = part.get("type")
    if said is None and ("enum" in part or "const" in part):
        values = part["enum"] if isinstance(part.get("enum"), list) else [part.get("const")]
        said = [_PYTHON_KINDS.get(type(value), "object") for value in values]
    elif said is None and "properties" in part:
        said = "object"
    listed = said if isinstance(said, list) else [said]
    kinds = {kind for kind in listed if isinstance(kind, str)}
    return kinds - {"null"} or kinds


def _properties(part: Schema) -> dict[str, Any]:
    found = part.get("properties")
    return dict(found) if isinstance(found, Mapping) else {}
