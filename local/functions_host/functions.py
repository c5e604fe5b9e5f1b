"""The functions of a loaded app, and what the host needs to know to call them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from local.functions_host.worker_messages import RpcFunctionMetadata


class TriggerKind(StrEnum):
    """Binding types of the triggers this host knows."""

    HTTP = "httpTrigger"
    BLOB = "blobTrigger"
    TIMER = "timerTrigger"
    ORCHESTRATOR = "orchestrationTrigger"
    ACTIVITY = "activityTrigger"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFunction:
    """One function of the app, checked and ready to be called."""

    metadata: RpcFunctionMetadata
    """The worker's own words."""
    kind: TriggerKind
    trigger: dict[str, Any]
    """The trigger's binding as in function.json, settings resolved."""
    client_parameters: tuple[str, ...] = ()
    """Parameters that get a durable client."""
    bindings: tuple[dict[str, Any], ...] = ()
    """All bindings as in function.json."""

    @property
    def name(self) -> str:
        """The name it is registered under."""
        return self.metadata.name

    @property
    def durable_name(self) -> str:
        """The name an orchestrator or activity is called by."""
        renamed = self.trigger.get("orchestration") or self.trigger.get("activity")
        return str(renamed or self.name)


class App:
    """All functions of an app, by kind and name. Names of durable functions ignore case."""

    def __init__(self, functions: Iterable[AppFunction]) -> None:
        self.functions = tuple(functions)
        self._durable = {
            (function.kind, function.durable_name.lower()): function
            for function in self.functions
            if function.kind in (TriggerKind.ORCHESTRATOR, TriggerKind.ACTIVITY)
        }

    def of_kind(self, kind: TriggerKind) -> tuple[AppFunction, ...]:
        """Return the functions with a trigger of that kind, in the order of registration."""
        return tuple(function for function in self.functions if function.kind is kind)

    def orchestrator(self, name: str) -> AppFunction | None:
        """Return the orchestrator of that name, or None."""
        return self._durable.get((TriggerKind.ORCHESTRATOR, name.lower()))

    def activity(self, name: str) -> AppFunction | None:
        """Return the activity of that name, or None."""
        return self._durable.get((TriggerKind.ACTIVITY, name.lower()))

    def orchestrator_names(self) -> list[str]:
        """Return the names orchestrations can be started by, sorted."""
        return sorted(function.durable_name for function in self.of_kind(TriggerKind.ORCHESTRATOR))
