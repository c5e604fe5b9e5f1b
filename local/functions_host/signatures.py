"""The Python worker's rules for parameters, annotations and bindings, with its strictness.

In Azure one offending function leaves the host without *any* function, so nothing here is a warning.
"""

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from azurefunctions.extensions.base import SdkType

from local.functions_host.converters import converter
from local.functions_host.errors import AppLoadError
from local.functions_host.functions import TriggerKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The parameters of a function that passed."""

    annotations: Mapping[str, Any]
    wants_context: bool


def check_signature(
    function: str, call: Callable[..., Any], bindings: Mapping[str, str], *, returns_http: bool
) -> Signature:
    """Check a function against its bindings (parameter name -> binding type, without `$return`).

    Raises AppLoadError naming the function and the first broken rule.
    """
    parameters = set(inspect.signature(call).parameters)
    annotations = _annotations(function, call)
    wants_context = "context" in parameters and "context" not in bindings
    if wants_context:
        _check_context(function, annotations, bindings)
        parameters.remove("context")
    if parameters - set(bindings):
        raise AppLoadError(
            f"parameters without a binding: {_names(parameters - set(bindings))}", function=function
        )
    if set(bindings) - parameters:
        raise AppLoadError(
            f"bindings without a parameter: {_names(set(bindings) - parameters)}", function=function
        )
    for name, binding_type in bindings.items():
        if name in annotations:
            _check_annotation(function, name, annotations[name], binding_type)
    if returns_http and "return" in annotations:
        _check_http_return(function, annotations["return"])
    return Signature(annotations=annotations, wants_context=wants_context)


def is_sdk_type(annotation: Any) -> bool:
    """Whether a parameter gets a client object instead of content (deferred binding)."""
    return isinstance(annotation, type) and issubclass(annotation, SdkType)


def _annotations(function: str, call: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(call)
    except Exception as error:
        raise AppLoadError(f"its annotations cannot be resolved: {error}", function=function) from error


def _check_context(function: str, annotations: Mapping[str, Any], bindings: Mapping[str, str]) -> None:
    if TriggerKind.ORCHESTRATOR in bindings.values():
        (given,) = (name for name, kind in bindings.items() if kind == TriggerKind.ORCHESTRATOR)
        raise AppLoadError(f'context_name must be "context", not {given!r}', function=function)
    annotation = annotations.get("context")
    if "context" in annotations and getattr(annotation, "__name__", None) != "Context":
        raise AppLoadError(
            f"a parameter named context is the invocation's azure.functions.Context, not {annotation!r}",
            function=function,
        )


def _check_annotation(function: str, parameter: str, annotation: Any, binding_type: str) -> None:
    where = f"parameter {parameter!r} ({binding_type})"
    if (
        getattr(annotation, "__name__", None) == "Out"
        or getattr(typing.get_origin(annotation), "__name__", "") == "Out"
    ):
        raise AppLoadError(f"{where} is an input but annotated as azure.functions.Out", function=function)
    if not isinstance(annotation, type) and not _is_typing_generic(annotation):
        raise AppLoadError(
            f"{where} has the non-type annotation {annotation!r}; a plain class is needed", function=function
        )
    if binding_type == TriggerKind.ACTIVITY:
        return
    if binding_type == TriggerKind.BLOB:
        if not is_sdk_type(annotation):
            raise AppLoadError(
                f"{where} is annotated {_name_of(annotation)}; this host supports the client types of "
                "azurefunctions.extensions.bindings.blob (BlobClient) and never loads a blob's content",
                function=function,
            )
        return
    if not isinstance(annotation, type) or not converter(binding_type).check_input_type_annotation(
        annotation
    ):
        raise AppLoadError(f"{where} cannot be annotated {_name_of(annotation)}", function=function)


def _check_http_return(function: str, annotation: Any) -> None:
    if not isinstance(annotation, type) or not converter("http").check_output_type_annotation(annotation):
        raise AppLoadError(
            f"an HTTP function returns azure.functions.HttpResponse or str, not {_name_of(annotation)}",
            function=function,
        )


def _is_typing_generic(annotation: Any) -> bool:
    """Whether this is `typing.Dict[str, int]` and the like; builtin `dict[str, int]` and unions are refused."""
    if isinstance(annotation, types.GenericAlias | types.UnionType):
        return False
    origin = typing.get_origin(annotation)
    return isinstance(origin, type) and origin not in (tuple, collections.abc.Callable)


def _name_of(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else repr(annotation)


def _names(names: set[str]) -> str:
    return ", ".join(sorted(names))
