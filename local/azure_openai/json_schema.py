"""An instance that fits a JSON Schema, the same for the same seed.

Covers what structured outputs may ask for: objects, arrays, strings, numbers, booleans, null, enum, const, anyOf, oneOf,
allOf, references into the document, and the usual bounds. `pattern` and `not` are not looked at.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_DEPTH_LIMIT = 6  # a schema may refer to itself; below this, optional parts are left out and nulls preferred
_WORDS = (
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "iris",
    "juniper",
    "kestrel",
    "linden",
)
_FORMATS = {
    "date-time": "2024-05-17T09:30:00Z",
    "date": "2024-05-17",
    "time": "09:30:00Z",
    "duration": "PT90M",
    "email": "person@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "6f0f4c2e-3d5c-4b7e-9d51-0a8f6a1f2b3c",
}


def instance(schema: dict[str, Any], seed: str) -> Any:
    """A JSON value that fits the schema."""
    return _Instance(schema, seed).of(schema, 0)


class _Instance:
    def __init__(self, root: dict[str, Any], seed: str) -> None:
        self._root = root
        self._draw = random.Random(seed)  # noqa: S311 - answers, not secrets

    def of(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict):  # true: anything goes
            return None
        if "$ref" in schema:
            return self.of(self._resolve(schema["$ref"]), depth + 1)
        if "const" in schema or "enum" in schema:
            return self._draw.choice([schema["const"]] if "const" in schema else schema["enum"])
        for keyword in ("anyOf", "oneOf"):
            if schema.get(keyword):
                return self.of(self._choose(schema[keyword], depth), depth + 1)
        if schema.get("allOf"):
            schema = _merged(schema, [self._resolved(part) for part in schema["allOf"]])
        return self._of_type(schema, depth)

    def _of_type(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type") or ("object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = "null" if "null" in kind and depth > _DEPTH_LIMIT else kind[0]
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return self._string(schema)
            case "integer" | "number":
                return self._number(schema, whole=kind == "integer")
            case "boolean":
                return self._draw.random() < 0.5
            case _:
                return None

    def _resolve(self, reference: str) -> Any:
        target: Any = self._root
        for step in reference.lstrip("#").strip("/").split("/"):
            if step:
                target = target[step.replace("~1", "/").replace("~0", "~")]
        return target

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        resolved: dict[str, Any] = self._resolve(schema["$ref"]) if "$ref" in schema else schema
        return resolved

    def _choose(self, options: list[Any], depth: int) -> Any:
        if depth > _DEPTH_LIMIT:
            return min(
                options, key=lambda option: "$ref" in option or option.get("type") in ("object", "array")
            )
        return self._draw.choice(options)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        required = set(schema.get("required", ()))
        properties = schema.get("properties", {})
        chosen = {
            name: self.of(part, depth + 1)
            for name, part in properties.items()
            if name in required or depth < _DEPTH_LIMIT // 2
        }
        extra = schema.get("additionalProperties", True)
        for name in [name for name in required if name not in properties]:
            chosen[name] = self.of(extra, depth + 1)
        while len(chosen) < schema.get("minProperties", 0):
            chosen[f"key{len(chosen)}"] = self.of(extra, depth + 1)
        return chosen

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        fixed = schema.get("prefixItems", [])
        least = max(schema.get("minItems", 0), len(fixed))
        most = max(least, schema.get("maxItems", least + 2))
        length = least if depth > _DEPTH_LIMIT // 2 else self._draw.randint(least, min(most, least + 2))
        rest = schema.get("items", {"type": "string"})
        if rest is False:
            length = len(fixed)
        return [self.of(fixed[i] if i < len(fixed) else rest, depth + 1) for i in range(length)]

    def _string(self, schema: dict[str, Any]) -> str:
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        text = " ".join(self._draw.choices(_WORDS, k=2))
        while len(text) < schema.get("minLength", 0):
            text += " " + self._draw.choice(_WORDS)
        return text[: schema.get("maxLength", len(text))]

    def _number(self, schema: dict[str, Any], *, whole: bool) -> float:
        step: float = schema.get("multipleOf", 1)
        low = _tightest(max, schema.get("minimum"), _beyond(schema.get("exclusiveMinimum"), +1, whole=whole))
        high = _tightest(min, schema.get("maximum"), _beyond(schema.get("exclusiveMaximum"), -1, whole=whole))
        low = low if low is not None else (0 if high is None else high - 100 * step)
        high = high if high is not None else low + 100 * step
        if whole or "multipleOf" in schema:
            least = math.ceil(low / step)
            drawn: float = self._draw.randint(least, max(least, math.floor(high / step))) * step
            return drawn
        between: float = low + (high - low) / 2 ** self._draw.randint(1, 3)
        return between


def _merged(schema: dict[str, Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {"properties": {}, "required": []}
    for part in [{key: value for key, value in schema.items() if key != "allOf"}, *parts]:
        whole["properties"] |= part.get("properties", {})
        whole["required"] = [*whole["required"], *part.get("required", [])]
        whole |= {key: value for key, value in part.items() if key not in ("properties", "required")}
    return (
        whole if whole["properties"] else {key: value for key, value in whole.items() if key != "properties"}
    )


def _beyond(bound: float | None, direction: int, *, whole: bool) -> float | None:
    if bound is None:
        return None
    if whole:
        return math.floor(bound) + 1 if direction > 0 else math.ceil(bound) - 1
    return bound + direction * 1e-6 * max(1.0, abs(bound))


def _tightest(pick: Callable[[list[float]], float], *bounds: float | None) -> float | None:
    given = [bound for bound in bounds if bound is not None]
    return pick(given) if given else None
