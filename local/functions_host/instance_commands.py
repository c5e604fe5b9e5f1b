"""What clients can do to orchestration instances: start, raise events, pause, end, restart, purge."""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterable

from local.functions_host import history
from local.functions_host.commit import TurnCommit
from local.functions_host.errors import (
    InstanceExistsError,
    InstanceFinishedError,
    InstanceNotFinalError,
    InstanceNotFoundError,
    InstanceStateError,
    InvalidRequestError,
)
from local.functions_host.functions import App
from local.functions_host.history import Event, RuntimeStatus
from local.functions_host.storage.database import Database
from local.functions_host.storage.orchestrations import Instance, Message, OrchestrationStore

MAX_INSTANCE_ID_LENGTH = 256
_FORBIDDEN_IN_IDS = re.compile(r"[/\\?#\x00-\x1f\x7f-\x9f]")


class InstanceCommands:
    """Commands are written to the store before they return, and carried out by the instance's next turn."""

    def __init__(
        self,
        *,
        app: App,
        database: Database,
        store: OrchestrationStore,
        commit: TurnCommit,
        default_version: str,
        wake: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._database = database
        self._store = store
        self._commit = commit
        self._default_version = default_version
        self._wake = wake
        self._clock = clock

    def start(
        self, name: str, *, instance_id: str | None, raw_input: str | None, version: str | None = None
    ) -> str:
        """Start an orchestration, in place of a finished one of the same id, and return its id.

        A name that no orchestrator has is found out by the instance's first turn, as in Azure. Raises InvalidRequestError for
        a bad id, InstanceExistsError for an unfinished one.
        """
        function = self._app.orchestrator(name)
        instance_id = uuid.uuid4().hex if instance_id is None else instance_id
        _check_instance_id(instance_id)
        existing = self._store.find(instance_id)
        if existing is not None and not existing.status.is_final:
            raise InstanceExistsError(
                f"An Orchestration instance with the status {existing.status} already exists."
            )
        now = self._clock()
        instance = Instance(
            instance_id=instance_id,
            execution_id=uuid.uuid4().hex,
            name=name if function is None else function.durable_name,
            version=self._default_version if version is None else version,
            raw_input=raw_input,
            created_at=now,
            updated_at=now,
        )
        with self._database.transaction():
            self._commit.start(instance, replaces=existing is not None)
        self._wake(instance_id)
        return instance_id

    def restart(self, instance_id: str, *, with_new_id: bool) -> str:
        """Start an orchestration again with its name, version and input; return the id of the new one."""
        instance = self._store.find(instance_id)
        if instance is None:
            raise InvalidRequestError("InstanceId does not match a valid orchestration instance.")
        return self.start(
            instance.name,
            instance_id=None if with_new_id else instance_id,
            raw_input=instance.raw_input,
            version=instance.version,
        )

    def raise_event(self, instance_id: str, name: str, payload: str) -> None:
        """Send an event; `payload` is JSON text."""
        self._post(instance_id, history.event_raised(self._clock(), name, payload))

    def terminate(self, instance_id: str, reason: str) -> None:
        """End an instance at its next turn, whatever it is waiting for."""
        self._post(instance_id, history.execution_terminated(self._clock(), reason))

    def suspend(self, instance_id: str, reason: str) -> None:
        """Pause an instance at its next turn. Raises InstanceStateError for one that is paused."""
        if self._existing(instance_id).status is RuntimeStatus.SUSPENDED:
            raise InstanceStateError(_not_possible("suspend", instance_id, RuntimeStatus.SUSPENDED))
        self._post(instance_id, history.execution_suspended(self._clock(), reason))

    def resume(self, instance_id: str, reason: str) -> None:
        """Let a paused instance go on. Raises InstanceStateError for one that is under way."""
        status = self._existing(instance_id).status
        if status in (RuntimeStatus.PENDING, RuntimeStatus.RUNNING):
            raise InstanceStateError(_not_possible("resume", instance_id, status))
        self._post(instance_id, history.execution_resumed(self._clock(), reason))

    def purge_one(self, instance_id: str) -> int:
        """Delete an instance; return how many. Raises InstanceNotFinalError for one that has not finished."""
        instance = self._store.find(instance_id)
        if instance is not None and not instance.status.is_final:
            raise InstanceNotFinalError(
                f"Only orchestrations in a terminal state can be purged, but the orchestration with instance ID {instance_id} "
                f"has status {instance.status}"
            )
        return self.purge([] if instance is None else [instance])

    def purge(self, instances: Iterable[Instance]) -> int:
        """Delete those instances that have finished; return how many."""
        finished = [instance for instance in instances if instance.status.is_final]
        with self._database.transaction():
            for instance in finished:
                self._store.forget(instance.instance_id)
        return len(finished)

    def _existing(self, instance_id: str) -> Instance:
        instance = self._store.find(instance_id)
        if instance is None:
            raise InstanceNotFoundError(f"No instance with ID '{instance_id}' found.")
        return instance

    def _post(self, instance_id: str, event: Event) -> None:
        if self._existing(instance_id).status.is_final:
            raise InstanceFinishedError(f"The instance with ID '{instance_id}' has finished.")
        message = Message(instance_id=instance_id, event=event, visible_at=self._clock())
        with self._database.transaction():
            self._store.post([message])
        self._wake(instance_id)


def _not_possible(operation: str, instance_id: str, status: RuntimeStatus) -> str:
    return f"Cannot {operation} the orchestration instance {instance_id} because instance is in the {status} state."


def check_json(text: str) -> str:
    """Return `text` if it is JSON. Raises InvalidRequestError."""
    try:
        json.loads(text)
    except ValueError as error:
        raise InvalidRequestError(f"The request body is not valid JSON: {error}") from error
    return text


def _check_instance_id(instance_id: str) -> None:
    if not instance_id or len(instance_id) > MAX_INSTANCE_ID_LENGTH:
        raise InvalidRequestError(f"Instance IDs have 1 to {MAX_INSTANCE_ID_LENGTH} characters.")
    if instance_id.startswith("@"):
        raise InvalidRequestError("Instance IDs must not start with an @ sign.")
    if _FORBIDDEN_IN_IDS.search(instance_id):
        raise InvalidRequestError("Instance IDs must not contain /, \\, #, ?, or control characters.")
