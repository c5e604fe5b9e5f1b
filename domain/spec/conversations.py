"""A whole conversation that lies in a column: `messages: "{{ messages }}"`."""

from collections.abc import Mapping
from typing import Any

import msgspec

from domain.errors import RowTemplateError
from domain.templates.fields import MAX_IMAGE_CHARS, FieldTemplate
from domain.templates.functions import TooMuchWorkError, Work

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
# Other words for who speaks, where data sets say `from` and `value`.
_SPEAKERS = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}

# Each is looked at for nulls.
VALUE_COST = 64

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


class ConversationTemplate(FieldTemplate):
    """A template that is one expression, whose value is a list of messages, or the JSON text of one."""

    def __init__(self, path: str, source: str) -> None:
        super().__init__(path, source, MAX_IMAGE_CHARS)
        self.parts = None  # its value has to be looked at

    def encoded(self, values: Mapping[str, Any], work: Work | None = None) -> bytes:
        """Give the messages of a row as JSON. Raises RowTemplateError (`bad_conversation`) for what are none."""
        work = work or Work(self.most_work)
        text = self.render(values, work)
        try:
            # What it may become, before it does.
            work.charge(VALUE_COST * (text.count(",") + text.count("[") + text.count("{")))
            turns = _decode(text) if text.strip() else None
        except TooMuchWorkError as error:
            raise self._bad("has more values than one row may have") from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._bad("is neither a list of messages nor the JSON of one") from error
        if not isinstance(turns, list) or not turns:
            raise self._bad("is empty" if not turns else "is no list of messages")
        return _encode([self._message(number, turn) for number, turn in enumerate(turns)])

    def _message(self, number: int, turn: object) -> dict[str, Any]:
        if not isinstance(turn, dict):
            raise self._bad(f"has a message {number} that is no object with `role` and `content`")
        found = {
            name: _without_nulls(value)
            for name, value in turn.items()
            if value is not None or name == "content"
        }
        if "role" not in found and "from" in found:
            found = {"role": found.pop("from"), "content": found.pop("value", None), **found}
        role = found.get("role")
        role = _SPEAKERS.get(role.lower(), role) if isinstance(role, str) else role
        if role not in ROLES:
            raise self._bad(f"has a message {number} whose `role` is {role!r}; there are {', '.join(ROLES)}")
        if found.get("content") is None and len(found) < 3:
            raise self._bad(f"has a message {number} without `content`")
        return found | {"role": role}

    def _bad(self, message: str) -> RowTemplateError:
        return RowTemplateError(f"{self.path}: the conversation {message}", code="bad_conversation")


def _without_nulls(value: Any) -> Any:
    """Leave out what is null within: tables with types give all messages the same keys, and the service takes no nulls."""
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value
