"""The OpenAPI document, made from the routes and the types of their answers."""

import re
from typing import Any

import msgspec

from domain.api.problems import Problem
from domain.api.routes import ROUTES, Parameter, Route
from domain.version import VERSION

OPENAPI_VERSION = "3.1.0"
_REFERENCE = "#/components/schemas/{name}"
_ABOUT = (
    "See and steer the batch pipeline. Every GET has an `ETag` and answers 304 to `If-None-Match`. What cannot be answered is "
    "a problem (RFC 9457)."
)
# Which any call may end with.
_ALWAYS = (400, 401, 403, 500, 503)


def document() -> dict[str, Any]:
    """Give the document."""
    types = [answer for route in ROUTES for answer in route.answers]
    types += [route.body for route in ROUTES if route.body]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REFERENCE)
    problem = schemas[-1]
    of_type = dict(zip(map(str, types), schemas, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        operation = _operation(route, [of_type[str(answer)] for answer in route.answers], problem)
        if route.body:
            content = {"application/json": {"schema": of_type[str(route.body)]}}
            operation["requestBody"] = {"required": False, "content": content}
        paths.setdefault(f"/{route.path}", {})[route.method.lower()] = operation
    return {
        "openapi": OPENAPI_VERSION,
        "info": {"title": "Batch pipeline", "version": VERSION, "description": _ABOUT},
        "security": [{"key": []}, {"signed_in": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "signed_in": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "With ACCESS=entra: a token for the app registration.",
                },
            },
        },
    }


def _operation(route: Route, answers: list[Any], problem: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"description": route.about}
    if answers:
        schema = answers[0] if len(answers) == 1 else {"oneOf": answers}
        given["content"] = {"application/json": {"schema": schema}}
    if route.status == 302:
        given["headers"] = {"Location": {"schema": {"type": "string", "format": "uri"}}}
    refusal = {"description": "A problem.", "content": {"application/problem+json": {"schema": problem}}}
    responses = {str(route.status): given}
    if route.method == "GET" and route.status == 200:
        responses["304"] = {"description": "As `If-None-Match` has it."}
    responses |= {str(status): refusal for status in sorted({*_ALWAYS, *route.problems})}
    operation: dict[str, Any] = {
        "operationId": route.function,
        "summary": route.about,
        "parameters": [*_path_parameters(route), *(_parameter(given) for given in route.query)],
        "responses": responses,
    }
    if route.method == "POST":
        operation["parameters"].append(_WRITING_HEADER)
    if route.is_open:
        operation["security"] = [{}]
    return operation


_WRITING_HEADER = {
    "name": "X-Requested-With",
    "in": "header",
    "required": False,
    "description": "Any text. A form of another site cannot send it; required where a browser or ACCESS=entra is involved.",
    "schema": {"type": "string"},
}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]


def _parameter(given: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if given.values:
        schema["enum"] = list(given.values)
    if given.most:
        schema = {"type": "integer", "minimum": 1, "maximum": given.most}
    return {
        "name": given.name,
        "in": "query",
        "required": False,
        "description": given.about,
        "schema": schema,
    }
