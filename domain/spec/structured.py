"""Structured answers: the JSON Schema that a job spec asks answers to fit, and answers held against it.

The service promises to keep to a schema under `strict: true` only; without it, and with a cut answer, it may not.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from domain.errors import SpecMistake
from domain.json_depth import is_too_deep
from domain.service.answer_repair import with_whole_characters
from domain.service.endpoints import ENDPOINTS, Endpoint, SchemaPlace

if TYPE_CHECKING:
    import jsonschema_rs

MAX_SHOWN_CHARS = 300
MAX_REFERENCES = 8  # one behind the other
_MANY_DIGITS = re.compile(r"\d{19}")  # as a whole number beyond 64 bits has
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def answer_schema(endpoint: Endpoint, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the schema that a spec's parameters ask answers to fit; None where they ask for none."""
    found = _at(endpoint.schema.path, parameters) if endpoint.schema else None
    return found if isinstance(found, dict) else None


def _at(path: Iterable[str], parameters: Mapping[str, Any]) -> Any:
    """Follow keys into parameters; None where one is missing."""
    found: Any = parameters
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def columns_of(schema: dict[str, Any]) -> list[str]:
    """Name the top-level properties of the answers, in the schema's order; none where the answer is no object."""
    top: Any = schema
    for _ in range(MAX_REFERENCES):
        if not isinstance(top, dict) or "properties" in top or not isinstance(top.get("$ref"), str):
            break
        top = pointed(schema, top["$ref"])
    properties = top.get("properties") if isinstance(top, dict) else None
    return list(properties) if isinstance(properties, dict) else []


def pointed(root: Mapping[str, Any], pointer: str) -> Any:
    """Follow a reference within a schema; None where it leads nowhere."""
    part: Any = root
    for step in pointer.removeprefix("#").strip("/").split("/") if pointer != "#" else ():
        name = step.replace("~1", "/").replace("~0", "~")
        part = part.get(name) if isinstance(part, Mapping) else None
    return part


def schema_mistakes(endpoint: Endpoint, parameters: dict[str, Any]) -> list[SpecMistake]:
    """Find what is wrong with the wish for structured answers in a spec's parameters."""
    place = endpoint.schema
    if place is None:
        return []
    typed = _at(place.typed, parameters)
    if not isinstance(typed, dict) or typed.get("type") != "json_schema":
        return _misplaced(endpoint.urls[0], place, parameters)
    *outer, last = place.path
    path, value = ".".join(("parameters", *outer)), _at(outer, parameters)
    if not isinstance(value, dict):
        return [SpecMistake(path, "missing: an object with `name` and `schema`")]
    mistakes = [] if value.get("name") else [SpecMistake(f"{path}.name", "missing: the service asks for one")]
    if parameters.get("n", 1) != 1:
        mistakes.append(
            SpecMistake("parameters.n", "answers with a schema become columns: there can be one only")
        )
    return mistakes + _mistakes_in_schema(f"{path}.{last}", value.get(last))


def _misplaced(url: str, place: SchemaPlace, parameters: dict[str, Any]) -> list[SpecMistake]:
    """Point out another endpoint's word for the same thing, which the service would refuse in every row."""
    others = [other.schema for other in ENDPOINTS.values() if other.schema and other.schema != place]
    return [
        SpecMistake(f"parameters.{'.'.join(other.typed)}", f"{url} takes this as `{'.'.join(place.typed)}`")
        for other in others
        if _at(other.typed, parameters) is not None
    ]


def _mistakes_in_schema(path: str, schema: object) -> list[SpecMistake]:
    if not isinstance(schema, dict):
        return [SpecMistake(path, "missing: a JSON Schema")]
    if (elsewhere := _reference_elsewhere(schema)) is not None:
        return [SpecMistake(path, f"`$ref` may only point into the schema itself, found {elsewhere!r}")]
    try:
        _validator(schema)
    except ValueError as error:
        within = "".join(
            f"[{key}]" if isinstance(key, int) else f".{key}" for key in getattr(error, "instance_path", ())
        )
        return [SpecMistake(path + within, f"no valid JSON Schema: {_first_line(error)}")]
    return []


def _reference_elsewhere(schema: object) -> str | None:
    """Find a reference that leaves the schema: nothing is ever fetched."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            targets = [part.get(key) for key in _REFERENCES]
            waiting += part.values()
        else:
            targets = []
            waiting += part if isinstance(part, list) else []
        for target in targets:
            if isinstance(target, str) and not target.startswith("#"):
                return target
    return None


class AnswerChecker:
    """Holds answers against one schema. Raises ValueError when the schema itself is wrong or reaches for others."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._validator = _validator(schema)

    def reason_against(self, content: object) -> str | None:
        """Say why an answer's text does not fit; None when it does.

        `content` is the text, None where the service gave none.
        """
        if not isinstance(content, str):
            return "The answer has no text."
        try:
            return self._misfit(parsed(content))
        except msgspec.DecodeError:
            begins = content[:MAX_SHOWN_CHARS] + "…" * (len(content) > MAX_SHOWN_CHARS)
            return f"The answer is not JSON: {begins}" if content else "The answer is not JSON: it is empty."
        except RecursionError:
            return "The answer is nested too deeply."

    def wide_in(self, content: str) -> set[str]:
        """Name the properties of an answer that fits, below which a whole number is beyond 64 bits."""
        if not _MANY_DIGITS.search(content):
            return set()
        answer = parsed(content)
        found = answer.items() if isinstance(answer, dict) else ()
        return {name for name, value in found if _is_wide(value)}

    def _misfit(self, answer: object) -> str | None:
        if self._validator.is_valid(answer):
            return None
        try:
            error = next(self._validator.iter_errors(answer))
        except ValueError:  # it shows answers of 255 levels at most
            return "The answer does not fit the schema, and is nested too deeply to be shown."
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error.instance_path)
        return f"The answer does not fit the schema at ${where}: {_first_line(error)}"


def parsed(content: str) -> Any:
    """Read a structured answer's text. Raises msgspec.DecodeError, RecursionError where it is nested too deeply."""
    return msgspec.json.decode(json_of(content))


def json_of(content: str) -> bytes:
    """Give a structured answer's text as JSON that every reader takes: half a character stands as U+FFFD.

    Raises RecursionError where it is nested too deeply.
    """
    text = with_whole_characters(content).encode()
    if is_too_deep(text):
        raise RecursionError
    return text


def _is_wide(value: object) -> bool:
    """Tell whether there is a whole number beyond 64 bits in a value, however deep."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, int) and not -(2**63) <= part < 2**63:
            return True
    return False


def _validator(schema: dict[str, Any]) -> "jsonschema_rs.Validator":
    import jsonschema_rs  # noqa: PLC0415 - only where answers have a schema

    return jsonschema_rs.validator_for(schema, retriever=_refuse_to_fetch)


def _refuse_to_fetch(uri: str) -> NoReturn:
    raise ValueError(f"nothing is fetched, not even {uri}")


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "message", error)).partition("\n")[0]
    return text if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + "…"
