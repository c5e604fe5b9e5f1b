"""A job spec's text into plain data: YAML or JSON, without anything in it that could surprise or explode.

YAML is read with the scalars of YAML 1.2 (`no`, `on` and `1:30` are texts, `1e-3` is a number), without tags, anchors,
aliases and merge keys.
"""

import json
from collections import Counter
from typing import Any, NoReturn

from domain.errors import SpecMistake
from domain.spec.sections import Mistakes, shown
from domain.spec.yaml_mistakes import place, yaml_mistake

MAX_SPEC_BYTES = 256 * 1024
_CORE = "tag:yaml.org,2002:"


class DocumentError(Exception):
    """The text is no document, or holds what a job spec cannot hold."""

    def __init__(self, mistakes: list[SpecMistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = mistakes


def read_document(content: bytes, name: str) -> object:
    """Read the text of a job spec by the suffix of its name. Raises DocumentError with line and column."""
    if len(content) > MAX_SPEC_BYTES:
        raise _error(f"has {len(content):,} bytes; a job spec may have {MAX_SPEC_BYTES:,}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _error(f"not UTF-8 at byte {error.start}") from error
    try:
        return _read_json(text) if name.lower().endswith(".json") else _read_yaml(text)
    except RecursionError as error:
        raise _error("nested too deeply") from error


def _error(message: str) -> DocumentError:
    return DocumentError([SpecMistake("", message)])


# --- JSON -------------------------------------------------------------------------------------------------------------


def _read_json(text: str) -> object:
    """Read JSON with the standard library: it tells line and column, and shows keys that are given twice."""
    twice = Mistakes()

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        for key, times in Counter(key for key, _ in found).items():
            if times > 1:
                twice.add("", f"the key {shown(key)} is given twice")
        return dict(found)

    try:
        document: object = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise _error(f"line {error.lineno}, column {error.colno}: not valid JSON: {error.msg}") from error
    except ValueError as error:  # Python reads no number of more than 4,300 digits
        raise _error("a number has too many digits") from error
    if twice.found:
        raise DocumentError(twice.found)
    return document


# --- YAML -------------------------------------------------------------------------------------------------------------


def _read_yaml(text: str) -> object:
    import yaml  # noqa: PLC0415 - only where a job spec is read

    loader: Any = None
    try:
        loader = _loader(text)
        document: object = loader.get_single_data()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _error(f"line {line}: the character {chr(error.character)!r} is not allowed") from error
    except yaml.MarkedYAMLError as error:
        raise _error(yaml_mistake(error, text)) from error
    except ValueError as error:  # Python reads no number of more than 4,300 digits
        raise _error("a number has too many digits") from error
    finally:
        if loader is not None:
            loader.dispose()
    if loader.twice.found:
        raise DocumentError(loader.twice.found)
    return document


def _loader(text: str) -> Any:
    import yaml  # noqa: PLC0415 - only where a job spec is read

    class Loader(yaml.SafeLoader):
        """PyYAML's safe loader, narrowed."""

        yaml_implicit_resolvers = _resolvers()

        def __init__(self, stream: str) -> None:
            super().__init__(stream)
            self.twice = Mistakes()

        def compose_node(self: Any, parent: Any, index: Any) -> Any:
            event = self.peek_event()
            if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
                self._refuse("anchors and aliases are not read; write the value out", event)
            if event.tag is not None:
                self._refuse(f"tags are not read, found {shown(event.tag)}", event)
            return yaml.SafeLoader.compose_node(self, parent, index)

        def _refuse(self, message: str, event: Any) -> NoReturn:
            raise yaml.composer.ComposerError(None, None, message, event.start_mark)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - PyYAML's signature
            seen = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    self.twice.add("", f"{place(key.start_mark)}the key {shown(key.value)} is given twice")
                seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            return super().construct_mapping(node, deep)

    Loader.add_constructor(_CORE + "int", lambda _, node: int(node.value))
    Loader.add_constructor(_CORE + "float", lambda _, node: float(node.value))
    return Loader(text)


def _resolvers() -> dict[Any, Any]:
    """Give the plain scalars of YAML 1.2's core schema: first characters -> tag and pattern."""
    import re  # noqa: PLC0415 - with the rest of YAML

    patterns = (
        ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
        ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+0123456789."),
        ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    )
    resolvers: dict[Any, Any] = {}
    for kind, pattern, starts in patterns:
        for start in starts:
            resolvers.setdefault(start, []).append((_CORE + kind, re.compile(pattern)))
    return resolvers
