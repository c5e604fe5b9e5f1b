"""What the engine did, one JSON line per turn, for those who count: `--trace FILE`.

{"instance", "function", "execution", "events": history events after the turn, "activities": calls it scheduled,
"timers": how many it made, "continued": whether the execution ends with a new one, "input_bytes": size of the execution's raw input,
"seconds": how long the turn took}. Every turn is one replay of the execution's events so far.
"""

import json
from pathlib import Path

from local.functions_host.storage.orchestrations import Turn
from local.functions_host.turn import TurnOutcome


class TurnTrace:
    """Appends to one file; a line is there as soon as its turn is over."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", buffering=1, encoding="utf-8")
        self._events: dict[str, tuple[str, int]] = {}

    def note(self, turn: Turn, outcome: TurnOutcome, seconds: float) -> None:
        """Write down one turn."""
        instance = turn.instance
        known = self._events.get(instance.instance_id)
        before = known[1] if known and known[0] == instance.execution_id else _count(turn.history)
        events = before + len(outcome.events)
        self._events[instance.instance_id] = (instance.execution_id, events)
        line = {
            "instance": instance.instance_id,
            "function": instance.name,
            "execution": instance.execution_id,
            "events": events,
            "activities": [call.name for call in outcome.activities],
            "timers": len(outcome.timers),
            "continued": outcome.new_input is not None,
            "input_bytes": len((instance.raw_input or "").encode()),
            "seconds": round(seconds, 6),
        }
        self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _count(history: str) -> int:
    """Count the events of an execution that an earlier host began."""
    return len(json.loads(f"[{history}]"))
