"""Bicep files, read by a parser of the language: what they declare, and what their resources say.

The compiler says whether they are right (test_templates.py), but is not everywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

_LANGUAGE = Language(tree_sitter_bicep.language())
_DECLARATIONS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
}


@dataclass(frozen=True)
class Expression:
    """Anything that is more than a literal, as it is written."""

    text: str


@dataclass(frozen=True)
class Declaration:
    """`kind` is the keyword, `type` a resource's type or a module's file, `value` the body or the default."""

    kind: str
    name: str
    type: str
    value: Any
    existing: bool


class BicepFile:
    """One file. Raises ValueError where it breaks the syntax."""

    def __init__(self, path: Path) -> None:
        self.path, self.text = path, path.read_text(encoding="utf-8")
        self.root = Parser(_LANGUAGE).parse(self.text.encode()).root_node
        broken = [node for node in _walk(self.root) if node.type == "ERROR" or node.is_missing]
        if broken:
            raise ValueError(f"{path.name}, line {broken[0].start_point.row + 1}: {_text(broken[0])[:80]}")

    @cached_property
    def declarations(self) -> list[Declaration]:
        """Everything the file declares, in order."""
        return [_declaration(node) for node in self.root.children if node.type in _DECLARATIONS]

    def of_kind(self, kind: str) -> dict[str, Declaration]:
        """Give the declarations of one kind by name."""
        return {declared.name: declared for declared in self.declarations if declared.kind == kind}

    def required(self) -> set[str]:
        """Name the parameters without a default."""
        return {name for name, declared in self.of_kind("param").items() if declared.value is None}


def _declaration(node: Node) -> Declaration:
    named = node.named_children
    name = next(_text(child) for child in named if child.type == "identifier")
    kind = _DECLARATIONS[node.type]
    strings = [_text(child).strip("'") for child in named if child.type == "string"]
    has_type = kind in ("resource", "module")
    body = named[-1] if named[-1].type not in ("type", "identifier") else None
    value = None if body is None else _value(body)
    return Declaration(
        kind, name, strings[0] if has_type else "", value, existing=" existing = " in _text(node)
    )


def _value(node: Node) -> Any:
    """Turn a literal into what it says, anything else into an Expression; of loops and conditions take the body."""
    children, text = node.named_children, _text(node)
    value: Any = Expression(text)
    if node.type in ("for_statement", "if_statement"):
        value = _value(children[-1])
    elif node.type == "object":
        pairs = [pair.named_children for pair in children if pair.type == "object_property"]
        value = {_text(pair[0]).strip("'"): _value(pair[-1]) for pair in pairs}
    elif node.type == "array":
        value = [_value(item) for item in children if item.type != "comment"]
    elif node.type == "string" and not any(child.type == "interpolation" for child in children):
        value = text.strip("'")
    elif node.type == "boolean":
        value = text == "true"
    elif node.type == "number":
        value = int(text)
    return value


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _text(node: Node) -> str:
    return (node.text or b"").decode()
