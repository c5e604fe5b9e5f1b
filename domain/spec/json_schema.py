"""The JSON Schema of a job spec as people write it: an editor that knows it completes the keys and marks mistakes.

It is made from the types in `domain.spec.job_spec`; what those hold only after reading (short names, the service's spelling of
pictures) is added here. `parse_spec` is stricter: it also reads the templates and knows what contradicts what.
"""

from typing import Any

import msgspec

from domain.service.endpoints import not_parameters
from domain.spec.job_spec import MAX_MESSAGES, MAX_PARTS, PART_TYPES, SHORT_NAMES, JobSpec


def schema() -> dict[str, Any]:
    """Give the schema, as published in `docs/job-spec.schema.json`."""
    made: dict[str, Any] = msgspec.json.schema(JobSpec)
    definitions = made["$defs"]
    for definition in definitions.values():
        definition["additionalProperties"] = False
    _complete_top(definitions["JobSpec"])
    _complete_messages(definitions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Job spec", **made}


def _complete_top(top: dict[str, Any]) -> None:
    del top["required"]  # the settings say what is left out
    properties = top["properties"]
    properties["endpoint"]["enum"] += SHORT_NAMES
    for key in ("engine", "on_deadline", "direct_deployment"):
        del properties[key]["default"]  # likewise
    properties["quote"] = {"anyOf": [properties["quote"], {"const": False}]}
    properties["parameters"]["propertyNames"] = {"not": {"enum": not_parameters()}}
    _list_in(properties["messages"]).update(minItems=1, maxItems=MAX_MESSAGES)


def _complete_messages(definitions: dict[str, Any]) -> None:
    _list_in(definitions["Message"]["properties"]["content"]).update(minItems=1, maxItems=MAX_PARTS)
    part = definitions["Part"]["properties"]
    part["type"] = {"enum": list(PART_TYPES), "description": "As the service spells it; may be left out."}
    part["image_url"]["anyOf"].append(
        {
            "type": "object",
            "properties": {"url": {"type": "string"}, "detail": part["detail"]},
            "required": ["url"],
            "additionalProperties": False,
        }
    )


def _list_in(either: dict[str, Any]) -> dict[str, Any]:
    """Give the list among the types that a key may have."""
    return next(choice for choice in either["anyOf"] if choice.get("type") == "array")
