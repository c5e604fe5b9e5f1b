"""The environment in which templates run: Jinja's own sandbox, with no globals, no files and every step paid for.

Jinja's sandbox keeps a template from reaching Python's insides; it does not keep one from running forever or filling
memory. `template_syntax` and `template_functions` do that. Imported only where a template is compiled.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import UndefinedError
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from domain.templates.functions import (
    CALL_COST,
    ENTRY_COST,
    FUNCTIONS,
    METHODS,
    OPERATIONS,
    TESTS,
    TooMuchWorkError,
    Work,
    kind_of,
)
from domain.templates.row_text import text_of
from domain.templates.syntax import METHOD, TemplateMistakeError, translate

MAX_SOURCE_CHARS = 100_000
MAX_NUMBER_BITS = 1024
SHOWN_CHARS = 100
FEW_COLUMNS = 50
WORK = " work"  # under which name the budget travels; not one that a template can write
_LOOP = ("depth", "depth0", "first", "index", "index0", "last", "length", "revindex", "revindex0")
_NUMBERS = (int, float, Decimal)


class MissingNameError(UndefinedError):
    """The row has no such column."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no column named {name!r}")
        self.name = name


class Columns(dict[str, Any]):
    """The row as a template sees it under the name `row`."""


class _Missing(StrictUndefined):
    """What is not there: an error once it is used, except by `default` and `is defined`."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = UndefinedError
    ) -> None:
        if (obj is missing or isinstance(obj, Columns)) and hint is None and isinstance(name, str):
            super().__init__(hint, obj, name, _no_column(name))
        else:
            super().__init__(hint, obj, name, exc)


def _no_column(name: str) -> Any:
    """Give what Jinja takes for an exception class: it calls it with a message of its own."""
    return lambda _: MissingNameError(name)


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox, where `.` and `[]` reach into rows and nothing else."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            str(obj)  # raises: what is missing has no parts
        if isinstance(obj, (dict, list, tuple, str)):
            try:
                return _unless_nan(obj[argument])
            except (LookupError, TypeError):
                pass
        shown = argument[:SHOWN_CHARS] if isinstance(argument, str) else argument
        hint = None if isinstance(obj, Columns) else f"{kind_of(obj)} has no {shown!r}"
        return self.undefined(hint=hint, obj=obj, name=shown)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        for value in (left, right):
            if isinstance(value, Undefined):
                str(value)
            if isinstance(value, int) and value.bit_length() > MAX_NUMBER_BITS:
                raise OverflowError("a number became too large")
        if isinstance(left, str) or isinstance(right, str):
            return self._text_operator(context.parent[WORK], operator, left, right)
        if not isinstance(left, (*_NUMBERS, date, timedelta)) or not isinstance(
            right, (*_NUMBERS, date, timedelta)
        ):
            raise TypeError(f"`{operator}` does not work on {kind_of(left)} and {kind_of(right)}")
        return self.binop_table[operator](left, right)

    def _text_operator(self, work: Work, operator: str, left: Any, right: Any) -> str:
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            work.charge(len(left) + len(right))
            return left + right
        if operator == "*" and isinstance(left, str) and isinstance(right, int):
            work.charge(len(left) * max(0, right))
            return left * right
        raise TypeError(
            f"`{operator}` does not work on {kind_of(left)} and {kind_of(right)}; `~` joins anything as text"
        )


def _paid(function: Callable[..., object]) -> Callable[..., object]:
    """Hand a function its budget, and let no missing value reach it."""
    takes_missing = function is FUNCTIONS["default"]

    @pass_context
    def call(context: Context, value: Any, *arguments: Any, **named: Any) -> object:
        if isinstance(value, Undefined):
            if takes_missing:
                return arguments[0] if arguments else named.get("default", "")
            str(value)
        for argument in (*arguments, *named.values()):
            if isinstance(argument, Undefined):
                str(argument)
        work: Work = context.parent[WORK]
        work.charge(CALL_COST)
        return function(work, value, *arguments, **named)

    return call


def _strict(name: str, test: Callable[..., bool]) -> Callable[..., bool]:
    """Let no missing value reach a test, but the two that ask whether it is missing."""

    def call(value: Any, *arguments: Any) -> bool:
        for asked in (value, *arguments):
            if isinstance(asked, Undefined):
                if name in ("defined", "undefined"):
                    return name == "undefined"
                str(asked)
        return test(value, *arguments)

    return call


def _finalized(value: object) -> str:
    if type(value) is str:
        return value
    if isinstance(value, Undefined):
        str(value)
    return text_of(value)


def _environment() -> _Environment:
    environment = _Environment(
        undefined=_Missing, autoescape=False, finalize=_finalized, loader=None, optimized=False, cache_size=0
    )
    environment.globals.clear()
    methods = {METHOD + name: function for name, function in METHODS.items()}
    environment.filters = {
        name: _paid(function) for name, function in {**FUNCTIONS, **methods, **OPERATIONS}.items()
    }
    environment.tests = {name: _strict(name, test) for name, test in TESTS.items()}
    return environment


ENVIRONMENT = _environment()


def checked(source: str) -> nodes.Template:
    """Read a template and hold it against the rules of `template_syntax`. Raises TemplateMistakeError."""
    if len(source) > MAX_SOURCE_CHARS:
        raise TemplateMistakeError(f"a template may have {MAX_SOURCE_CHARS:,} characters at most")
    try:
        return translate(ENVIRONMENT.parse(source))
    except TemplateSyntaxError as error:
        raise TemplateMistakeError(f"line {error.lineno}: {error.message}") from error
    except RecursionError as error:
        raise TemplateMistakeError("nested too deeply") from error
    except ValueError as error:  # Python reads no number of more than 4,300 digits
        raise TemplateMistakeError("a number has too many digits") from error


def compiled(tree: nodes.Template) -> Template:
    """Make a checked template ready to run. Raises TemplateMistakeError."""
    try:
        return ENVIRONMENT.from_string(tree)
    except TemplateSyntaxError as error:
        raise TemplateMistakeError(f"line {error.lineno}: {error.message}") from error
    except (SyntaxError, RecursionError, MemoryError) as error:  # Python's own limits on nesting
        raise TemplateMistakeError("nested too deeply") from error


def _unless_nan(value: Any) -> Any:
    """Give a value, nothing for NaN: it stands for a missing number, and would count as true."""
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124


def pieces(template: Template, values: Mapping[str, Any], work: Work) -> Iterator[str]:
    """Give what runs a template over a row, its text piece by piece. Raises one of FAILURES."""
    if len(values) > FEW_COLUMNS:
        work.charge(ENTRY_COST * len(values))
    if [None for value in values.values() if type(value) is float and value != value]:  # noqa: PLR0124 - NaN
        values = {name: _unless_nan(value) for name, value in values.items()}
    variables = {**values, "row": Columns(values), WORK: work}
    return template.root_render_func(template.new_context(variables, shared=True))


FAILURES = (
    TemplateError,
    TooMuchWorkError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def missing_name(error: Exception) -> str | None:
    """Give the name of the column that a failure is about, None where it is about something else."""
    return error.name if isinstance(error, MissingNameError) else None


def reason_of(error: Exception) -> str:
    """Say why a template failed on a row."""
    if isinstance(error, TooMuchWorkError):
        return "the template takes more work than one row may cost"
    if isinstance(error, RecursionError):
        return "a value is nested too deeply"
    return str(error) or type(error).__name__
