"""Orchestration instances: their state, history, messages and activities.

Every message is a history event to be. One with an execution id is for that execution alone and is dropped when the
instance has moved on; one without is for whatever execution the instance is in. A timer is a message that becomes
visible later.
"""

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from local.functions_host.history import Event, EventType, RuntimeStatus
from local.functions_host.storage.database import Database

_BOOKENDS = (EventType.ORCHESTRATOR_STARTED, EventType.ORCHESTRATOR_COMPLETED)
_COLUMNS = (
    "instance_id, execution_id, name, version, status, raw_input, output, custom_status, "
    "created_at, updated_at, parent"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One orchestration instance. JSON values are kept as text, moments in seconds since 1970."""

    instance_id: str
    execution_id: str
    name: str
    version: str
    status: RuntimeStatus = RuntimeStatus.PENDING
    raw_input: str | None = None
    output: str | None = None
    custom_status: str | None = None
    created_at: float
    updated_at: float
    parent: Event | None = None
    """The sub-orchestration task this instance answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An event on its way to an instance."""

    instance_id: str
    event: Event
    visible_at: float
    execution_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Everything one turn of an instance starts from."""

    instance: Instance
    number: int
    """Turns of this execution before this one."""
    history: str
    """The events so far, as the inside of a JSON array."""
    messages: tuple[Event, ...]
    consumed: tuple[int, ...]
    """Row numbers of the messages, and of others that came too late for any execution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityTask:
    """One call of an activity that has not been answered."""

    seq: int
    instance_id: str
    execution_id: str
    task_id: int
    name: str
    input: str | None


class OrchestrationStore:
    """Reads and writes orchestration state. Callers wrap what belongs together in `Database.transaction`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        (last,) = database.row("SELECT coalesce(max(seq), 0) FROM activities")
        self._activity_numbers = itertools.count(last + 1)

    def find(self, instance_id: str) -> Instance | None:
        """Return the instance, or None."""
        row = self._database.row(
            f"SELECT {_COLUMNS} FROM instances WHERE instance_id = ?",  # noqa: S608 - a constant
            (instance_id,),
        )
        return None if row is None else _instance(row)

    def save(self, instance: Instance) -> None:
        """Insert the instance, or overwrite the one with its id."""
        self._database.run(
            f"INSERT OR REPLACE INTO instances ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 - a constant
            (
                instance.instance_id,
                instance.execution_id,
                instance.name,
                instance.version,
                instance.status.value,
                instance.raw_input,
                instance.output,
                instance.custom_status,
                instance.created_at,
                instance.updated_at,
                json.dumps(instance.parent),
            ),
        )

    def forget(self, instance_id: str) -> None:
        """Delete the instance with history and messages. Its running activities are dropped when they answer."""
        for table in ("instances", "history", "inbox"):
            self._database.run(f"DELETE FROM {table} WHERE instance_id = ?", (instance_id,))  # noqa: S608 - constants

    def history(self, instance_id: str) -> list[Event]:
        """Return the events of the current execution."""
        return list(json.loads(f"[{','.join(self._past_turns(instance_id))}]"))

    def append_history(self, turn: Turn, events: Iterable[Event]) -> None:
        """Keep the events of one turn; in every later turn those that came from outside count as played."""
        played = [
            {**event, "IsPlayed": event["EventId"] == -1 and event["EventType"] not in _BOOKENDS}
            for event in events
        ]
        text = _compact(played)[1:-1]
        self._database.run(
            "INSERT INTO history VALUES (?,?,?)", (turn.instance.instance_id, turn.number, text)
        )

    def post(self, messages: Iterable[Message]) -> None:
        """Put messages into their instances' inboxes."""
        self._database.run_many(
            "INSERT INTO inbox (instance_id, execution_id, visible_at, event) VALUES (?,?,?,?)",
            (
                (message.instance_id, message.execution_id, message.visible_at, _compact(message.event))
                for message in messages
            ),
        )

    def next_turn(self, instance_id: str, now: float) -> Turn | None:
        """Collect all visible messages of an instance; None if there are none it can still use."""
        instance = self.find(instance_id)
        if instance is None or instance.status.is_final:
            self._database.run("DELETE FROM inbox WHERE instance_id = ?", (instance_id,))
            return None
        rows = self._database.rows(
            "SELECT seq, execution_id, event FROM inbox WHERE instance_id = ? AND visible_at <= ? ORDER BY visible_at, seq",
            (instance_id, now),
        )
        messages = [event for _, execution_id, event in rows if execution_id in (None, instance.execution_id)]
        consumed = tuple(seq for seq, _, _ in rows)
        if not messages:
            self._delete_messages(consumed)
            return None
        past = self._past_turns(instance_id)
        return Turn(
            instance=instance,
            number=len(past),
            history=",".join(past),
            messages=tuple(json.loads(event) for event in messages),
            consumed=consumed,
        )

    def consume(self, turn: Turn) -> None:
        """Delete the messages that a turn has worked off."""
        self._delete_messages(turn.consumed)

    def clear_inbox(self, instance_id: str) -> None:
        """Drop all messages of an instance that has finished."""
        self._database.run("DELETE FROM inbox WHERE instance_id = ?", (instance_id,))

    def end_execution(self, instance: Instance) -> None:
        """Drop history and messages of an execution that another one follows; cancelled timers are among them."""
        self._database.run("DELETE FROM history WHERE instance_id = ?", (instance.instance_id,))
        self._database.run(
            "DELETE FROM inbox WHERE instance_id = ? AND execution_id = ?",
            (instance.instance_id, instance.execution_id),
        )

    def wake_times(self) -> list[tuple[str, float]]:
        """Return every moment at which a message becomes visible, with its instance."""
        return self._database.rows("SELECT DISTINCT instance_id, visible_at FROM inbox")

    def add_activities(
        self, instance: Instance, calls: Iterable[tuple[int, str, str | None]]
    ) -> list[ActivityTask]:
        """Keep calls of activities (task id, name, input) until they are answered."""
        tasks = [
            ActivityTask(
                seq=next(self._activity_numbers),
                instance_id=instance.instance_id,
                execution_id=instance.execution_id,
                task_id=task_id,
                name=name,
                input=task_input,
            )
            for task_id, name, task_input in calls
        ]
        self._database.run_many(
            "INSERT INTO activities (seq, instance_id, execution_id, task_id, name, input) VALUES (?,?,?,?,?,?)",
            (
                (task.seq, task.instance_id, task.execution_id, task.task_id, task.name, task.input)
                for task in tasks
            ),
        )
        return tasks

    def open_activities(self) -> list[ActivityTask]:
        """Return all activities without an answer, oldest first."""
        rows = self._database.rows(
            "SELECT seq, instance_id, execution_id, task_id, name, input FROM activities ORDER BY seq"
        )
        names = ("seq", "instance_id", "execution_id", "task_id", "name", "input")
        return [ActivityTask(**dict(zip(names, row, strict=True))) for row in rows]

    def answer_activities(self, answers: Sequence[tuple[ActivityTask, Event]], now: float) -> None:
        """Replace calls of activities by their answers, in one step."""
        with self._database.transaction():
            self._database.run_many(
                "DELETE FROM activities WHERE seq = ?", ((task.seq,) for task, _ in answers)
            )
            self.post(
                Message(
                    instance_id=task.instance_id, execution_id=task.execution_id, event=event, visible_at=now
                )
                for task, event in answers
            )

    def _past_turns(self, instance_id: str) -> list[str]:
        """Return the events of each turn so far, as the inside of a JSON array."""
        rows = self._database.rows(
            "SELECT events FROM history WHERE instance_id = ? ORDER BY turn", (instance_id,)
        )
        return [events for (events,) in rows]

    def _delete_messages(self, numbers: Iterable[int]) -> None:
        self._database.run_many("DELETE FROM inbox WHERE seq = ?", ((seq,) for seq in numbers))


def _instance(row: tuple[object, ...]) -> Instance:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    parent, status = json.loads(str(values.pop("parent"))), RuntimeStatus(str(values.pop("status")))
    return replace(Instance(**values), parent=parent, status=status)  # type: ignore[arg-type]  # rows are untyped


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
