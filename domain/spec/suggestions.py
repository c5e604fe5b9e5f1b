"""Lines of a job spec for messages, ready to be copied: valid YAML, whatever columns are called."""

import re

import msgspec

_PLAIN = re.compile(r"[^'\"\\\x00-\x1f\x7f{}%]+")

_encode = msgspec.json.Encoder().encode


def reach(*names: str) -> str:
    """Give the expression for a column, or for what lies within it: `row['data']['text']`."""
    return "row" + "".join(f"[{_named(name)}]" for name in names)


def text_of(expression: str) -> str:
    """Give a template of one expression, as YAML: `"{{ row['text'] }}"`."""
    template = f"{{{{ {expression} }}}}"
    return _encode(template).decode()


def user_message(expression: str) -> str:
    """Give the whole line that sends one expression."""
    return f"messages: [{{role: user, content: {text_of(expression)}}}]"


def _named(name: str) -> str:
    return f"'{name}'" if _PLAIN.fullmatch(name) else _encode(name).decode()
