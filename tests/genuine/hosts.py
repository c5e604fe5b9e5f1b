"""Two kinds of hosts with one face: what both show is what one may count on in Azure."""

import sqlite3
import uuid
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Self
from xml.etree import ElementTree as ET

import pytest
import requests
from azure.storage.blob import AccountSasPermissions, ResourceTypes, Services, generate_account_sas

from local.azurite import Azurite
from local.azurite.server import HOST_ACCOUNT_KEY, HOST_ACCOUNT_NAME
from local.genuine_engine import DURABLE, EngineMissingError, genuine_engine
from tests.genuine.genuine_host import GenuineHost
from tests.local.functions_host.running_host import RunningHost


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

    def lose_messages(self) -> None:
        """Throw away what is on its way to the instances, while no host runs."""
        if self.kind is Kind.EMBEDDED:
            with closing(sqlite3.connect(self.state / "state.sqlite3")) as database, database:
                database.execute("DELETE FROM inbox")
            return
        token = generate_account_sas(
            HOST_ACCOUNT_NAME,
            HOST_ACCOUNT_KEY,
            ResourceTypes(service=True, container=True, object=True),
            AccountSasPermissions(read=True, write=True, delete=True, list=True),
            datetime.now(UTC) + timedelta(hours=1),
            services=Services(queue=True),
        )
        account = f"http://127.0.0.1:{self.azurite.queue_port}/{HOST_ACCOUNT_NAME}"
        listed = requests.get(f"{account}?comp=list&prefix={self.name}-control&{token}", timeout=30)
        names = ET.fromstring(listed.text.partition("?>")[2]).iterfind("Queues/Queue/Name")
        queues = [str(name.text) for name in names]
        assert queues, listed.text
        for queue in queues:
            assert requests.delete(f"{account}/{queue}/messages?{token}", timeout=30).status_code == 204


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
