"""The genuine Durable engine in the embedded host's place, where it is found."""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import requests

from benchmarks.rig import REPOSITORY, HostProcess, MakeHost
from local.genuine_engine import DURABLE, EngineMissingError, GenuineEngine, free_port, genuine_engine

HUB = "bench"
# How long a queue that was empty may be left alone. As deployed it is ten seconds, against batches of hours; these take minutes.
QUEUE_SECONDS = 1

# The extension's own events, on its standard output.
_EVENT = "MS_DURABLE_FUNCTION_EVENTS_LOGS "


class GenuineHostProcess(HostProcess):
    """The engine with the app: a process of Microsoft's extensions, and the Python worker as its child."""

    def __init__(self, folder: Path, settings: Mapping[str, str], engine: GenuineEngine) -> None:
        short = {
            f"{DURABLE}hubName": HUB,
            f"{DURABLE}storageProvider__maxQueuePollingInterval": f"00:00:{QUEUE_SECONDS:02}",
        }
        super().__init__(folder, {**short, **settings})
        self._engine = engine
        self.engine_log = folder / "engine.log"

    def turns(self) -> list[dict[str, Any]]:
        """Give the turns so far, as `local.functions_host.trace` tells them; sizes and times are left out."""
        return turns_in(self._events())

    def _events(self) -> Iterable[dict[str, Any]]:
        for line in self._said().splitlines():
            if line.startswith(_EVENT) and line.endswith("}"):
                yield json.loads(line.removeprefix(_EVENT))

    def _command(self) -> list[str]:
        port = free_port()
        self.origin = f"http://127.0.0.1:{port}"
        return self._engine.command(REPOSITORY, port=port, host_id=HUB, log=self.engine_log)

    def _listens(self) -> bool:
        try:
            return requests.get(f"{self.origin}/engine", timeout=5).ok
        except requests.ConnectionError:
            return False


def genuine_host() -> MakeHost:
    """Give what starts the app on the engine. Raises EngineMissingError."""
    return partial(GenuineHostProcess, engine=genuine_engine())


def missing() -> str:
    """Say what keeps the engine from running here; empty: nothing does."""
    try:
        genuine_engine()
    except EngineMissingError as error:
        return str(error)
    return ""


def turns_in(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put together what each turn of an orchestrator did from the events about it."""
    found: list[dict[str, Any]] = []
    latest: dict[str, dict[str, Any]] = {}
    for event in events:
        name, execution = event["TaskName"], event.get("ExecutionId", "")
        if name == "OrchestrationExecuted":
            turn = {"instance": event["InstanceId"], "function": event["Name"], "execution": execution}
            latest[execution] = {**turn, "events": 0, "activities": [], "timers": 0, "continued": False}
            found.append(latest[execution])
        elif turn := latest.get(execution, {}):
            _add(turn, name, event)
    return found


def _add(turn: dict[str, Any], name: str, event: Mapping[str, Any]) -> None:
    if name == "SchedulingActivity":
        turn["activities"].append(event["Name"])
    elif name == "CreatingTimer":
        turn["timers"] += 1
    elif name == "AppendedInstanceHistory":
        turn["events"] = event["TotalEventCount"]
    elif name == "OrchestrationCompleted":
        turn["continued"] = event["RuntimeStatus"] == "ContinuedAsNew"
