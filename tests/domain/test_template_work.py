"""Templates pay for what they do: nothing that grows with a value is free, whoever writes it."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from domain.errors import RowTemplateError
from domain.service.request_lines import MAX_LINE_BYTES
from domain.spec.conversations import ConversationTemplate
from domain.spec.job_spec import JobSpec, Message
from domain.spec.request_template import RequestTemplate
from domain.templates import functions
from domain.templates.fields import FieldTemplate
from domain.templates.functions import FUNCTIONS, METHODS, OPERATIONS, TESTS, TooMuchWorkError, Work

PLENTY = 20_000_000
TEXT = "ab " * 4_000
VALUES: list[Any] = [
    TEXT,
    "é" * 10_000,
    list(range(5_000)),
    [[0] * 100] * 50,
    ["ab"] * 5_000,
    dict.fromkeys(map(str, range(5_000)), 0),
    [{"a": 0}] * 5_000,
]
ARGUMENTS: list[Any] = [1, "a", "b" * 6_000, ["ab"] * 3_000, "lt", "in", None]
CALLS: dict[str, Callable[..., object]] = {
    **FUNCTIONS,
    **{f"method {name}": function for name, function in METHODS.items()},
    **OPERATIONS,
}
# Look at one entry, at a length, or at a number: the same for values of any size.
CONSTANT = frozenset(
    {"abs", "round", "first", "last", "length", "count", "d", "default", "op range", "method get", "op slice"}
)
# Give back what they were given, are bounded by themselves, or go through numbers alone.
NOT_LOOKED_AT = frozenset(
    {"default", "boolean", "killwords", "maxsplit", "count", "weight", "precision", "length"}
)


class Seen(Work):
    """A budget without end that tells what was spent."""

    __slots__ = ()

    @property
    def spent(self) -> int:
        return PLENTY - self.left


def size(value: object) -> int:
    return len(value) if isinstance(value, (str, list, dict)) else 0


def spent(function: Callable[..., object], *arguments: Any) -> int | None:
    """What a call pays for; None for one that such values cannot be given to."""
    work = Seen(PLENTY)
    try:
        found = function(work, *arguments)
        if inspect.isgenerator(found):
            list(found)
    except TooMuchWorkError:
        return PLENTY
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, KeyError):
        return None
    return work.spent


def parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())[2:]


@pytest.mark.parametrize("name", CALLS)
def test_what_a_call_pays_grows_with_all_that_it_is_given(name: str) -> None:
    function, tried = CALLS[name], 0
    further = parameters(function)
    if name in ("op concat", "op compare", "op range"):
        lists = [["eq", value] for value in VALUES] if name == "op compare" else [[value] for value in VALUES]
    else:
        lists = [[]]
        for place, parameter in enumerate(further):
            fill: list[Any] = [1 if other.name in NOT_LOOKED_AT else "a" for other in further[:place]]
            lists += [[*fill, argument] for argument in ARGUMENTS]
            assert parameter.kind is not inspect.Parameter.VAR_POSITIONAL
    for value in VALUES:
        for arguments in lists:
            paid = spent(function, value, *arguments)
            if paid is None:
                continue
            tried += 1
            looked_at = 0 if name in CONSTANT else size(value)
            names = [parameter.name for parameter in further]
            looked_at += sum(
                size(argument)
                for argument, parameter in zip(arguments, names, strict=False)
                if parameter not in NOT_LOOKED_AT
            )
            assert paid >= looked_at, (arguments and str(arguments)[:50], str(value)[:50])
    assert tried or name in ("abs", "round", "op range", "op slice")


@pytest.mark.parametrize("operator", ["eq", "ne", "lt", "lteq", "gt", "gteq", "in", "notin"])
def test_a_comparison_pays_for_both_sides_however_deep(operator: str) -> None:
    compare = OPERATIONS["op compare"]
    for value in VALUES:
        paid = spent(compare, value, operator, value)
        assert paid is None or paid >= 2 * size(value)
    nested = [[0] * 1000] * 100
    assert (spent(compare, nested, "eq", nested) or 0) > 2 * 100 * 1000


@pytest.mark.parametrize(
    "search",
    [
        lambda work, text, searched: OPERATIONS["op compare"](work, searched, "in", text),
        lambda work, text, searched: OPERATIONS["op compare"](work, searched, "notin", text),
        lambda work, text, searched: FUNCTIONS["replace"](work, text, searched, ""),
        FUNCTIONS["split"],
    ],
)
def test_a_search_in_a_short_text_pays_for_each_place(search: Callable[..., object]) -> None:
    """Python compares at each place there: 15,000 times up to 7,500 characters."""
    text, searched = "a" * 29_000, "a" * 7000 + "b" + "a" * 7000
    paid = spent(search, text, searched)
    assert paid is not None
    assert paid >= (len(text) - len(searched)) * len(searched) // functions.COMPARED_AT_ONCE


def test_values_are_paid_for_while_they_are_counted() -> None:
    """Not after all of a value of many megabytes was gone through."""
    work = Work(1000)
    with pytest.raises(functions.TooMuchWorkError):
        functions.charge_size(work, [[0] * 10] * 10_000_000)
    assert work.left > -10 * functions.ENTRY_COST * 10_000_000 - 1000


@pytest.mark.parametrize("name", TESTS)
def test_a_test_looks_at_no_more_than_a_number(name: str) -> None:
    """No test is paid for: so none may depend on how large a value is."""

    class Alone(list[int]):
        def __iter__(self) -> Any:
            raise AssertionError("looked at")

        __len__ = __eq__ = __contains__ = __getitem__ = __iter__  # type: ignore[assignment]
        __hash__ = None

    arguments = [2] if name == "divisibleby" else []
    try:
        TESTS[name](Alone([1]), *arguments)
    except TypeError:
        assert name in ("divisibleby", "even", "odd")


@pytest.mark.parametrize(
    "body",
    [
        "{% if row.nothing is defined %}{% endif %}",
        "{{ row.d[row.big] | default('') }}",
        "{{ '' }}",
        "{% set x = j %}",
        "{% for k in '' %}{% endfor %}",
        "{% for k in range(0) %}{% else %}{% endfor %}",
        "{% if ((j * 7 + 3) // 2 % 3) is even %}{% endif %}",
        "{% if '7' | int %}{% endif %}",
    ],
)
def test_every_turn_of_a_loop_is_paid_for(body: str) -> None:
    template = FieldTemplate(
        "x", "{% for i in range(100) %}{% for j in range(100) %}" + body + "{% endfor %}{% endfor %}"
    )
    work = Seen(PLENTY)
    template.render({"d": {}, "big": "x" * 1000}, work)
    assert work.spent > 10_000 * 2 * 40


def request_template(messages: list[str]) -> RequestTemplate:
    spec = JobSpec(
        endpoint="/v1/chat/completions",
        deployment="gpt",
        messages=[Message(role="user", content=message) for message in messages],
    )
    return RequestTemplate(spec)


def test_all_templates_of_a_row_share_what_a_row_may_cost() -> None:
    one = "{{ (text | upper | lower | upper | lower | upper | lower | upper)[:1] }}"
    row = {"text": "x" * 300_000}
    assert request_template([one]).request(0, row)
    with pytest.raises(RowTemplateError, match="more work than one row may cost"):
        request_template([one] * 20).request(0, row)


def test_a_text_that_is_named_often_is_not_put_together_beyond_the_longest_line() -> None:
    text = "x" * 900_000
    times = MAX_LINE_BYTES // len(text) + 2
    with pytest.raises(RowTemplateError) as raised:
        request_template(["{{ text }}"] * times * 3).request(0, {"text": text})
    assert raised.value.code == "row_too_long"


def test_a_conversation_of_many_values_is_refused_before_it_is_made() -> None:
    template = ConversationTemplate("messages", "{{ messages }}")
    many = '[{"role": "user", "content": [' + "[]," * 1_000_000 + "0]}]"
    with pytest.raises(RowTemplateError, match="more values than one row may have") as raised:
        template.encoded({"messages": many})
    assert raised.value.code == "bad_conversation"


def test_a_missing_column_is_told_among_any_number_of_long_names() -> None:
    template = FieldTemplate("input", "{{ tite }}")
    row = {"title": 1, **{f"{number}" + "x" * 100_000: 0 for number in range(50)}}
    with pytest.raises(RowTemplateError, match="Did you mean 'title'") as raised:
        template.render(row)
    assert len(str(raised.value)) < 10_000
    assert "31 more" in str(raised.value)
