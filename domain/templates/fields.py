"""One templated text of a job spec: read once, rendered for every row.

A template that is only text and column names, as most are, never runs in Jinja: it is a list of parts to be put
together, with the same text as Jinja would give.
"""

import difflib
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from domain.errors import RowTemplateError
from domain.templates.row_text import text_of

if TYPE_CHECKING:
    from jinja2 import nodes

    from domain.templates.functions import Work

MAX_TEXT_CHARS = 1024 * 1024
MAX_IMAGE_CHARS = 32 * 1024 * 1024  # the service takes images of 20 MB; base64 makes them a third longer
# What one row may cost beside reading and writing its longest text once, in the units of Work: a fraction of a second.
WORK = 16 * 1024 * 1024
MAX_NAMES_LOOKED_AT = 200  # for one that was meant
MAX_SHOWN_COLUMNS = 20
MAX_SHOWN_CHARS = 300
MAX_NAME_CHARS = 200

_encode = msgspec.json.Encoder().encode


class Column(msgspec.Struct, frozen=True):
    """A place in a template where a column's value goes."""

    name: str


class FieldTemplate:
    """The template of one text.

    `path`: where it stands in the job spec; `parts`: set when it is only text and columns; `columns`: all that it names,
    None where it may look at any.

    Raises TemplateMistakeError (of `domain.templates.syntax`) when it is no template or does what templates may not.
    """

    def __init__(self, path: str, source: str, limit_chars: int = MAX_TEXT_CHARS) -> None:
        from domain.templates import sandbox  # noqa: PLC0415 - jinja2 is slow to import

        self.path = path
        self._limit_chars = limit_chars
        self._sandbox = sandbox
        tree = sandbox.checked(source)
        self.parts = _plain_parts(tree)
        self.columns = _columns_named(tree)
        self._template = sandbox.compiled(tree)

    @property
    def most_work(self) -> int:
        """What a row may cost that this is the longest text of."""
        return WORK + 2 * self._limit_chars

    def render(self, values: Mapping[str, Any], work: "Work | None" = None) -> str:
        """Give the text for a row: column -> value. `work` is what the row may still cost. Raises RowTemplateError."""
        sandbox, made, size = self._sandbox, [], 0
        work = work or sandbox.Work(self.most_work)
        try:
            for piece in sandbox.pieces(self._template, values, work):
                made.append(piece)
                size += len(piece)
                if size > self._limit_chars:
                    self._fail(f"the text has more than {self._limit_chars:,} characters")
        except sandbox.FAILURES as error:
            name = sandbox.missing_name(error)
            if name is not None:
                raise self.missing(name, values) from error
            self._fail(self._about(sandbox.reason_of(error), values))
        return "".join(made)

    def encoded(self, values: Mapping[str, Any], work: "Work | None" = None) -> bytes:
        """Give the text for a row as the inside of a JSON string. Raises like `render`."""
        return _encode(self.render(values, work))[1:-1]

    def missing(self, name: str, values: Mapping[str, Any]) -> RowTemplateError:
        """Say that a row has no such column, and which it has."""
        columns = [column[:MAX_NAME_CHARS] for column in islice(values, MAX_NAMES_LOOKED_AT)]
        name = name[:MAX_NAME_CHARS]
        near = difflib.get_close_matches(name, columns, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return RowTemplateError(
            f"{self.path}: no column named {name!r}.{hint} {column_list(columns, len(values))}",
            code="missing_column",
        )

    def _about(self, reason: str, values: Mapping[str, Any]) -> str:
        """Name the column that is null, where that is the reason."""
        if not reason.startswith("nothing has no"):
            return reason
        named = [name for name in values if self.columns is None or name in self.columns]
        nulls = [name for name in named if values[name] is None]
        return f"column {nulls[0]!r} is null: {reason}" if nulls else reason

    def _fail(self, message: str) -> NoReturn:
        raise RowTemplateError(f"{self.path}: {message[:MAX_SHOWN_CHARS]}")


def template_mistake(source: str) -> str | None:
    """Say what is wrong with a template, None for a good one."""
    from domain.templates.syntax import TemplateMistakeError  # noqa: PLC0415 - jinja2 is slow to import

    try:
        FieldTemplate("", source)
    except TemplateMistakeError as error:
        return str(error)
    return None


def is_one_value(source: str) -> bool:
    """Tell a good template that is one expression and nothing else, so that its value may be more than a text."""
    from jinja2 import nodes  # noqa: PLC0415 - as above

    from domain.templates import sandbox  # noqa: PLC0415 - as above

    body = sandbox.checked(source).body
    found = body[0].nodes if len(body) == 1 and isinstance(body[0], nodes.Output) else []
    return len(found) == 1 and not isinstance(found[0], (nodes.TemplateData, nodes.Const))


def column_list(columns: Sequence[str], count: int | None = None) -> str:
    """Name the columns that there are, the first ones of many; `count` is how many there are where not all are given."""
    count = len(columns) if count is None else count
    if not columns:
        return "There are no columns."
    more = f" and {count - MAX_SHOWN_COLUMNS} more" if count > MAX_SHOWN_COLUMNS else ""
    return f"Columns: {', '.join(columns[:MAX_SHOWN_COLUMNS])}{more}."


def _plain_parts(tree: "nodes.Template") -> tuple[str | Column, ...] | None:
    """Take a template apart that is only text and columns; None for any other."""
    from jinja2 import nodes  # noqa: PLC0415 - as above

    parts: list[str | Column] = []
    for statement in tree.body:
        if not isinstance(statement, nodes.Output):
            return None
        for node in statement.nodes:
            part = _plain_part(node)
            if part is None:
                return None
            parts.append(part)
    return tuple(parts)


def _columns_named(tree: "nodes.Template") -> frozenset[str] | None:
    """Name the columns that a template looks at; None where it takes the row as a whole, or gives names itself."""
    from jinja2 import nodes  # noqa: PLC0415 - as above

    names = [node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"]
    given = [node for node in tree.find_all(nodes.Name) if node.ctx != "load"]
    parts = list(tree.find_all((nodes.Getattr, nodes.Getitem)))
    of_row = [part.name for part in map(_plain_part, parts) if isinstance(part, Column)]
    if given or names.count("row") != len(of_row):
        return None
    return frozenset([*of_row, *(name for name in names if name != "row")])


def _plain_part(node: "nodes.Expr") -> str | Column | None:
    from jinja2 import nodes  # noqa: PLC0415 - as above

    match node:
        case nodes.TemplateData(data=text):
            return text
        case nodes.Const(value=value):
            return text_of(value)
        case nodes.Name(name=name) if name != "row":
            return Column(name)
        case nodes.Getattr(node=nodes.Name(name="row"), attr=name):
            return Column(name)
        case nodes.Getitem(node=nodes.Name(name="row"), arg=nodes.Const(value=str(name))):
            return Column(name)
    return None
