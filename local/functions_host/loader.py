"""Import `function_app.py` and index its functions, as strictly as the Python worker does in Azure."""

import importlib
import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from azure.functions import FunctionRegister
from azure.functions.decorators.function_app import Function
from azure.functions.decorators.utils import StringifyEnumJsonEncoder

from local.functions_host.config import resolve_settings
from local.functions_host.errors import AppLoadError, ConfigError
from local.functions_host.functions import App, AppFunction, TriggerKind
from local.functions_host.signatures import check_signature

MODULE = "function_app"


def load_app(folder: Path, environment: Mapping[str, str]) -> App:
    """Load the app in `folder`; settings are resolved from `environment`.

    Raises AppLoadError; its cause is the user code's own error, if there is one.
    """
    if not (folder / f"{MODULE}.py").is_file():
        raise AppLoadError(f"there is no {MODULE}.py in {folder}")
    sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(MODULE)
    except Exception as error:
        raise AppLoadError(f"{MODULE}.py cannot be imported: {type(error).__name__}: {error}") from error
    register = _function_register(module)
    try:
        functions = register.get_functions()
    except ValueError as error:  # no trigger, two triggers, a name used twice
        raise AppLoadError(str(error)) from error
    if not functions:
        raise AppLoadError(f"{MODULE}.py registers no functions")
    app = App(_index(function, environment) for function in functions)
    _check_durable_names(app)
    return app


def _function_register(module: ModuleType) -> FunctionRegister:
    names = [name for name in dir(module) if isinstance(getattr(module, name, None), FunctionRegister)]
    if not names:
        raise AppLoadError(f"{MODULE}.py has no top-level FunctionApp or DFApp")
    if len(names) > 1:
        raise AppLoadError(
            f"{MODULE}.py has more than one top-level FunctionApp or DFApp: {', '.join(names)}"
        )
    register: FunctionRegister = getattr(module, names[0])
    return register


def _index(function: Function, environment: Mapping[str, str]) -> AppFunction:
    name, call = str(function.get_function_name()), function.get_user_function()
    bindings = [_binding(binding, name, environment) for binding in function.get_bindings()]
    kind = _trigger_kind(name, function, bindings)
    inputs = {binding["name"]: binding["type"] for binding in bindings if binding["name"] != "$return"}
    signature = check_signature(name, call, inputs, returns_http=kind is TriggerKind.HTTP)
    clients = tuple(
        parameter for parameter, binding_type in inputs.items() if binding_type == "durableClient"
    )
    user_call = getattr(call, "client_function", call)  # under the durable client's wrapper
    if clients and not inspect.iscoroutinefunction(user_call):
        raise AppLoadError("a function with durable_client_input must be async def", function=name)
    (trigger,) = (binding for binding in bindings if binding["type"] == kind)
    return AppFunction(
        name=name,
        kind=kind,
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        trigger=trigger,
        trigger_parameter=trigger["name"],
        trigger_type=signature.annotations.get(trigger["name"]),
        client_parameters=clients,
        wants_context=signature.wants_context,
        bindings=tuple(bindings),
    )


def _binding(binding: Any, function: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return a binding as in function.json, with settings resolved."""
    document = json.loads(json.dumps(binding.get_dict_repr(), cls=StringifyEnumJsonEncoder))
    try:
        return {
            key: resolve_settings(value, environment) if isinstance(value, str) else value
            for key, value in document.items()
        }
    except ConfigError as error:
        raise AppLoadError(str(error), function=function) from error


def _trigger_kind(name: str, function: Function, bindings: list[dict[str, Any]]) -> TriggerKind:
    trigger = function.get_trigger()
    assert trigger is not None  # get_functions refuses functions without one
    trigger_type = trigger.type
    if trigger_type not in list(TriggerKind):
        raise AppLoadError(f"{trigger_type} is not supported by this host", function=name)
    if function.http_type != "function":
        raise AppLoadError(f"{function.http_type} apps are not supported by this host", function=name)
    if function.get_setting("retry_policy") is not None:
        raise AppLoadError("retry policies of functions are not supported by this host", function=name)
    for binding in bindings:
        supported = binding["type"] in (trigger_type, "durableClient") or (
            binding["type"] == "http" and trigger_type == TriggerKind.HTTP
        )
        if not supported:
            raise AppLoadError(f"{binding['type']} bindings are not supported by this host", function=name)
    return TriggerKind(trigger_type)


def _check_durable_names(app: App) -> None:
    for kind in (TriggerKind.ORCHESTRATOR, TriggerKind.ACTIVITY):
        seen: set[str] = set()
        for function in app.of_kind(kind):
            if function.durable_name.lower() in seen:
                raise AppLoadError(f"{function.durable_name!r} is registered twice", function=function.name)
            seen.add(function.durable_name.lower())
