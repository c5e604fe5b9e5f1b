"""What is registered is what the table of routes says, and is closed where it holds anything."""

import ast
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from domain.api.openapi import document
from domain.api.routes import ROUTES, Route
from triggers import access, actions_api, files_api, page, service_api, snapshots_api, uploads_api

MODULES = (actions_api, files_api, service_api, snapshots_api, uploads_api)


def registered(module: Any) -> dict[str, dict[str, Any]]:
    """The HTTP functions of a module, by name: how each is bound."""
    found = {}
    for builder in module.bp._function_builders:
        function = builder._function
        trigger = function.get_trigger()
        if trigger is not None and trigger.type == "httpTrigger":
            found[function.get_function_name()] = trigger.get_dict_repr()
    return found


ALL = {name: bound for module in MODULES for name, bound in registered(module).items()}


def test_each_route_is_a_function_and_each_function_a_route() -> None:
    assert len(ROUTES) == len({route.function for route in ROUTES})
    assert ALL.keys() == {route.function for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.function)
def test_a_function_is_bound_as_its_route_says(route: Route) -> None:
    bound = ALL[route.function]
    assert bound["route"] == route.path
    assert [str(getattr(method, "value", method)) for method in bound["methods"]] == [route.method]


def level(bound: dict[str, Any]) -> str:
    told = bound["authLevel"]
    return str(getattr(told, "value", told)).lower()


def test_every_route_is_closed_but_for_those_that_hold_nothing() -> None:
    open_ones = {name for name, bound in ALL.items() if level(bound) == "anonymous"}
    assert open_ones == {route.function for route in ROUTES if route.is_open} == {"get_health"}
    assert {level(bound) for bound in ALL.values()} == {"anonymous", str(access.LEVEL.value)}
    assert set(registered(page)) == {"get_page"}


def test_every_function_answers_by_its_own_route() -> None:
    """Which checks who calls: none forgets, and none names another one."""
    for module in MODULES:
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.AsyncFunctionDef) and node.decorator_list:
                texts = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
                assert node.name in texts, f"{module.__name__}.{node.name}"
                assert not (texts & ALL.keys()) - {node.name}, node.name


def test_the_document_is_valid_and_names_no_answer_twice() -> None:
    made = document()
    validate(made)
    operations = [operation for path in made["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == len(ROUTES)
