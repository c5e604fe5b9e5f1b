"""Two kinds of hosts with one face: what both show is what one may count on in Azure."""

import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

import pytest

from local.azurite import Azurite
from tests.genuine.engine import EngineMissingError, genuine_engine
from tests.genuine.genuine_host import GenuineHost
from tests.local.functions_host.running_host import RunningHost

DURABLE = "AzureFunctionsJobHost__extensions__durableTask__"


class Kind(StrEnum):
    """Which host a story runs on."""

    EMBEDDED = "embedded"
    GENUINE = "genuine"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHub:
    """Where the state of hosts of one kind lies; those that share it work together, or one after the other."""

    kind: Kind
    state: Path
    azurite: Azurite
    name: str = field(default_factory=lambda: f"hub{uuid.uuid4().hex[:12]}")

    def host(self, app: Path, *arguments: str, **environment: str) -> RunningHost:
        """Give a host that was not started; `arguments` are for the genuine one alone."""
        settings = {
            "AzureWebJobsStorage": self.azurite.host_connection_string,
            f"{DURABLE}hubName": self.name,
            **environment,
        }
        if self.kind is Kind.EMBEDDED:
            return RunningHost(app, self.state, settings, ("--blob-poll-seconds", "0.2"))
        # A folder for each log; the state is in the storage account.
        log = self.state / uuid.uuid4().hex[:8]
        return GenuineHost(app, log, settings, arguments, engine=genuine_engine(), host_id=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Makes hosts of one kind, which are killed at the end of a `with` block."""

    kind: Kind
    azurite: Azurite
    folders: pytest.TempPathFactory
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the hosts that run."""
        self._stack.close()

    def hub(self) -> TaskHub:
        """Give a task hub that no other test knows."""
        return TaskHub(kind=self.kind, state=self.folders.mktemp("hub"), azurite=self.azurite)

    def start(
        self, app: Path, *arguments: str, hub: TaskHub | None = None, **environment: str
    ) -> RunningHost:
        """Start a host, on a task hub of its own if none is given."""
        host = (hub or self.hub()).host(app, *arguments, **environment)
        self._stack.callback(lambda: host.kill() if host.is_running else None)
        return host.start()


def skip_without_engine(kind: Kind) -> None:
    """Skip what needs the genuine engine where it is not, and say what is missing."""
    if kind is Kind.GENUINE:
        try:
            genuine_engine()
        except EngineMissingError as error:
            pytest.skip(str(error))
