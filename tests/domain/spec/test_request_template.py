"""Rows into requests: what a template may do, what it may never do, and what becomes of each value."""

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InputFileError, RowTemplateError
from domain.spec.job_spec import JobSpec, Message, Output, Part
from domain.spec.request_template import USUAL_CHARS, RequestTemplate, completed
from domain.spec.text_column import may_be_nothing, refuse_nothing, text_column
from domain.templates import sandbox
from domain.templates.fields import MAX_TEXT_CHARS, Column, FieldTemplate, template_mistake
from domain.templates.functions import FUNCTIONS, MAX_PIECES, MAX_RANGE, METHODS, TooMuchWorkError, Work
from domain.templates.row_text import text_of

CHARACTERS = st.characters(codec="utf-8")
WORDS = (
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "for",
    "in",
    "if",
    "set",
    "x",
    "|",
    "(",
    ")",
    "[",
    "]",
    ".",
    "'",
    "*",
    "~",
    "1",
)
ROW: dict[str, Any] = {
    "title": "Über uns",
    "First Name": "Ada",
    "tags": ["a", "b"],
    "place": {"city": "Bonn", "zip": None},
    "count": 3,
    "price": 2.5,
    "fine": True,
    "none": None,
}


def render(source: str, **values: Any) -> str:
    return FieldTemplate("input", source).render({**ROW, **values})


def failure(source: str, **values: Any) -> RowTemplateError:
    with pytest.raises(RowTemplateError) as caught:
        render(source, **values)
    assert str(caught.value).startswith("input: ")
    return caught.value


def spec(**changes: Any) -> JobSpec:
    return JobSpec(**{"endpoint": "/v1/chat/completions", "deployment": "gpt", **changes})


def body(made: JobSpec, values: dict[str, Any], number: int = 0) -> dict[str, Any]:
    line = RequestTemplate(made).request(number, values)
    assert b"\n" not in line
    request = json.loads(line)
    assert list(request) == ["custom_id", "method", "url", "body"]
    assert (request["custom_id"], request["method"]) == (f"row-{number}", "POST")
    assert request["url"] == made.endpoint
    assert request["body"].pop("model") == made.deployment
    return request["body"]  # type: ignore[no-any-return]


def rendered_or_not(template: FieldTemplate, values: dict[str, Any]) -> str:
    """Render; any other exception than the row's own fails the test."""
    try:
        return template.render(values)
    except RowTemplateError as error:
        return error.code


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-12345678901234567890, "-12345678901234567890"),
        (2.0, "2.0"),
        (float("nan"), ""),
        (0.1, "0.1"),
        (Decimal("12.30"), "12.30"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E+999999"), "1E+999999"),
        (Decimal("NaN"), "NaN"),
        ("as it is {{ x }}", "as it is {{ x }}"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC), "2026-01-02T03:04:05.006000+00:00"),
        (time(3, 4), "03:04:00"),
        (["a", 1, None], '["a",1,null]'),
        ({"a": {"b": Decimal("1.5")}}, '{"a":{"b":1.5}}'),
        (b"\x89PNG", "iVBORw=="),
    ],
)
def test_a_value_reads_the_same_alone_and_in_a_template(value: object, text: str) -> None:
    assert text_of(value) == text
    assert render("<{{ it }}>", it=value) == f"<{text}>"
    assert render("{% if 1 %}<{{ it }}>{% endif %}", it=value) == f"<{text}>"
    assert render("{{ '<' ~ it ~ '>' }}", it=value) == f"<{text}>"


NAN, INFINITY = float("nan"), float("inf")


def test_a_missing_number_reads_as_nothing() -> None:
    values = {"n": NAN, "o": {"n": NAN}, "l": [1.5, NAN]}
    assert render("[{{ n }}]", **values) == "[]"
    assert render("{% if n %}there{% else %}not{% endif %}", **values) == "not"
    assert render("{% if row.n or o.n or l[1] %}there{% else %}not{% endif %}", **values) == "not"
    assert render("{{ o }}{{ l }}{{ n | tojson }}", **values) == '{"n":null}[1.5,null]null'
    assert render("{{ n is none }}", **values) == "true"
    assert (
        body(spec(messages=[Message(role="user", content="[{{ n }}]")]), values)["messages"][0]["content"]
        == "[]"
    )


@pytest.mark.parametrize("value", [INFINITY, -INFINITY])
def test_an_infinite_number_is_not_written_by_itself(value: float) -> None:
    assert render("[{{ n }}|{{ o.n }}]", n=value, o={"n": value}) == "[|]"
    made = spec(messages=[Message(role="user", content="[{{ n }}]")])
    assert body(made, {"n": value})["messages"][0]["content"] == "[]"
    assert render('{{ "endless" if n > 1e308 or n < -1e308 else n }}', n=value) == "endless"


def test_a_value_of_a_type_no_format_knows_is_that_row_s_error() -> None:
    assert failure("{{ it }}", it=object()).code == "template_error"


# --- the language -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("only text", "only text"),
        ('{{ row["First Name"] }} {{ row.title }}', "Ada Über uns"),
        ("{{ place.city }}{{ place['city'] }}{{ place.zip }}", "BonnBonn"),
        ("{{ tags[0] }}{{ tags[-1] }}{{ tags[1:] }}", 'ab["b"]'),
        ("{{ title[:4] }}", "Über"),
        ("{{ title | upper }} {{ title.lower() }}", "ÜBER UNS über uns"),
        ("{{ title.split()[0] }}", "Über"),
        ("{{ tags | join(', ') }}", "a, b"),
        ("{{ missing | default('-') }}{{ row.missing | d('+') }}{{ none | default('x', true) }}", "-+x"),
        ("{{ 'yes' if missing is defined else 'no' }}{{ 'z' if none is none }}", "noz"),
        ("{{ 'z' if none }}", ""),
        ("{{ count is odd }}{{ count is divisibleby(3) }}{{ count is even }}", "truetruefalse"),
        (
            "{{ fine is true }} {{ fine is boolean }} {{ fine is integer }} {{ fine is false }}",
            "true true false false",
        ),
        ("{{ title is string }}{{ tags is sequence }}{{ place is mapping }}{{ price is float }}", "true" * 4),
        (
            "{{ count is number }}{{ missing is undefined }}{{ title is undefined }}{{ count is integer }}",
            "truetruefalsetrue",
        ),
        (
            "{% for tag in tags %}{{ loop.index }}{{ tag }}{% if not loop.last %};{% endif %}{% endfor %}",
            "1a;2b",
        ),
        ("{% for tag in tags if tag != 'a' %}{{ tag }}{% else %}none{% endfor %}", "b"),
        ("{% for key, value in place.items() %}{{ key }}={{ value }} {% endfor %}", "city=Bonn zip= "),
        ("{% for i in range(3) %}{{ i }}{% endfor %}", "012"),
        ("{% for x in none or [] %}{% endfor %}", ""),
        ("{% set short = title | truncate(6) %}{{ short }}", "Über uns"),
        ("{{ count + 1 }} {{ count * price }} {{ 7 // 2 }} {{ 7 % 2 }} {{ -count }}", "4 7.5 3 1 -3"),
        ("{{ 1 < count <= 3 }} {{ count in [1, 3] }} {{ 'b' not in title }}", "true true false"),
        ("{{ tags | tojson }}", '["a","b"]'),
        ("{{ '12.7' | int }} {{ 'x' | int(5) }} {{ '1.5' | float }} {{ 2.567 | round(1) }}", "12 5 1.5 2.6"),
        ("{{ [] | length }}{{ tags | first }}{{ tags | last }}{{ tags | length }}", "0ab2"),
        ("{{ title.replace('uns', 'alle') }}", "Über alle"),
        ("{{ place.get('city') }}{{ place.get('x', '?') }}", "Bonn?"),
        ("{{ '{{' }} stays", "{{ stays"),
        ("{# a remark #}x", "x"),
        ("{% raw %}{{ title }}{% endraw %}", "{{ title }}"),
        ("<b>{{ title }}</b> & \"'", "<b>Über uns</b> & \"'"),
    ],
)
def test_what_templates_can_do(source: str, text: str) -> None:
    assert render(source) == text


def test_truncating_keeps_whole_words() -> None:
    assert render("{{ it | truncate(9) }}", it="one two three four five") == "one..."
    assert render("{{ it | truncate(9, killwords=true, end='…') }}", it="one two three four") == "one two …"


def test_map_takes_one_key_of_each_entry() -> None:
    entries = [{"name": "a"}, {"name": "b"}]
    assert render("{{ it | map(attribute='name') | join('+') }}", it=entries) == "a+b"
    assert "no 'name'" in str(failure("{{ it | map(attribute='name') }}", it=[{}]))


@pytest.mark.parametrize("name", sorted({*FUNCTIONS, *METHODS}))
def test_every_function_meets_every_kind_of_value_with_a_text_or_with_a_row_s_error(name: str) -> None:
    values = [
        *ROW.values(),
        "",
        [],
        {},
        [None],
        Decimal("1E+999999"),
        float("inf"),
        10**400,
        date(2026, 1, 1),
    ]
    for call in (f"it | {name}" if name in FUNCTIONS else f"it.{name}()", f"it | {name}(it)"):
        if template_mistake(f"{{{{ {call} }}}}"):
            continue
        template = FieldTemplate("input", f"{{{{ {call} }}}}")
        for value in values:
            assert rendered_or_not(template, {"it": value}) != "missing_column"


# --- mistakes in a row ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "{{ titel }}",
        '{{ row["titel"] }}',
        "{{ row.titel }}",
        "{% for x in titel %}{% endfor %}",
        "{{ titel | upper }}",
    ],
)
def test_a_missing_column_is_named_with_its_neighbour_and_all_columns(source: str) -> None:
    error = failure(source)
    assert error.code == "missing_column"
    assert str(error).startswith(
        "input: no column named 'titel'. Did you mean 'title'? Columns: title, First Name,"
    )


def test_of_many_columns_the_first_are_named() -> None:
    with pytest.raises(RowTemplateError, match="c19 and 480 more"):
        FieldTemplate("input", "{{ x }}").render({f"c{number}": 1 for number in range(500)})


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ count ~ 1 + 2 }}", "`+` does not work on"),
        ("{{ title - 1 }}", "`-` does not work on a text and a number"),
        ("{{ tags + tags }}", "`+` does not work on a list and a list"),
        ("{{ '%s' % 1 }}", "`%` does not work on"),
        ("{% for x in count %}{% endfor %}", "expected a list or a text, found a number"),
        ("{{ tags.items() }}", "expected an object, found a list"),
        ("{{ place.missing }}", "an object has no 'missing'"),
        ("{{ title.__class__ }}", "a text has no '__class__'"),
        ("{{ title['__class__'] }}", "a text has no '__class__'"),
        ("{{ place.items }}", "an object has no 'items'"),
        ("{{ tags[7] }}", "a list has no 7"),
        ("{{ title < 3 }}", "not supported"),
        ("{{ title.startswith(3) }}", "first arg must be str"),
        ("{% for a, b in tags %}{% endfor %}", "not enough values"),
    ],
)
def test_other_mistakes_are_that_row_s_error(source: str, reason: str) -> None:
    error = failure(source)
    assert error.code == "template_error"
    assert reason in str(error)


# --- mistakes in the template -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ a", "line 1: unexpected end of template"),
        ("a\n\n{% if %}", "line 3:"),
        ("{{ a | uper }}", "no filter `uper`. Did you mean `upper`?"),
        ("{{ a | xyz }}", "There are abs, capitalize"),
        ("{{ a.stripp() }}", "Did you mean `strip`?"),
        ("{{ a.format(1) }}", "no method `format`"),
        ("{{ a.center(10) }}", "no method `center`"),
        ("{{ a is strange }}", "no test `strange`"),
        ("{{ a is divisibleby }}", "wrong arguments"),
        ("{{ a | upper(1, 2) }}", "`upper`: too many positional arguments"),
        ("{{ a | join(*b) }}", "without `*`"),
        ("{{ lipsum() }}", "only `range` and methods of values can be called"),
        ("{{ cycler('a') }}", "only `range`"),
        ("{{ a()() }}", "only `range`"),
        ("{{ 2 ** 3 }}", "the operator `**` is not available"),
        ("{{ {'a': 1} }}", "an object written out is not available"),
        ("{{ [a] }}", "only constants"),
        ("{{ self }}", 'write `row["self"]`'),
        ("{{ ﬁ }}", "Python would read this name as another"),
        ("{% include 'x' %}", "`{% include %}` is not available"),
        ("{% import 'x' as y %}", "`{% import %}`"),
        ("{% from 'x' import y %}", "`{% from %}`"),
        ("{% extends 'x' %}", "`{% extends %}`"),
        ("{% block x %}{% endblock %}", "`{% block %}`"),
        ("{% macro x() %}{% endmacro %}", "`{% macro %}`"),
        ("{% call x() %}{% endcall %}", "`{% call %}`"),
        ("{% filter upper %}{% endfilter %}", "`{% filter %}`"),
        ("{% set x %}y{% endset %}", "around a block"),
        ("{% set a, b = c %}", "one plain name"),
        ("{% set a.b = c %}", "one plain name"),
        ("{% with %}{% endwith %}", "`{% with %}`"),
        ("{% for x in y recursive %}{% endfor %}", "recursive"),
        ("{% autoescape true %}{% endautoescape %}", "autoescape"),
        ("{% do x %}", "unknown tag 'do'"),
        ("{{ loop.cycle('a') }}", "no method `cycle`"),
    ],
)
def test_a_template_s_mistake_is_found_before_any_row(source: str, reason: str) -> None:
    mistake = template_mistake(source)
    assert mistake is not None
    assert reason in mistake


# --- hostile templates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x' * 1000000000 }}",
        "{{ title * 1000000000000 }}",
        "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
        "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a + a %}" * 60 + "{{ a }}",
        "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a.replace('x', a) %}" * 60 + "{{ a }}",
        "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a | join(a) %}" * 60 + "{{ a }}",
        '{% set a = \'""""""\' %}' + "{% set a = a | tojson %}" * 60 + "{{ a }}",
        "{% set a = 99999999999 %}" + "{% set a = a * a %}" * 60 + "{{ a }}",
        "{% for a in range(10000) %}{% for b in range(10000) %}{% for c in range(10000) %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in range(10000) %}{% for b in range(10000) %}{{ none }}{% endfor %}{% endfor %}",
        "{% for a in range(10000) %}" + "{{ title }}" * 100 + "{% endfor %}",
        "{% for a in range(10000) if a == a %}{% for b in it %}{{ it == it }}{% endfor %}{% endfor %}",
        "{% for a in range(10000) %}{{ it in it }}{% endfor %}",
        "{% for a in range(10000) %}{{ (it[1:])[:0] }}{% endfor %}",
        "{% for a in range(10000) %}{{ it.split('x')[0] }}{% endfor %}",
        "{% for a in range(10000) %}{{ it.strip('y')[:0] }}{% endfor %}",
        "{% for a in range(10000) %}{{ it.strip('x')[:0] }}{% endfor %}",
        "{% for a in range(10000) %}{{ it | trim(it) }}{% endfor %}",
        "{% for a in range(10000) %}{{ it.lstrip(it) }}{% endfor %}",
        "{% for a in range(10000) %}{{ it.rstrip(it) }}{% endfor %}",
        "{{ it.split('x') }}",
        "{% for a in range(100000) %}{% endfor %}",
        "{{ 1.5 | round(1000000000) }}",
    ],
)
def test_no_template_takes_more_than_a_row_may_cost(source: str) -> None:
    """The limits are counted, not timed: every one of these ends by its own count."""
    assert template_mistake(source) is None
    assert failure(source, it="x" * 200_000).code == "template_error"


STRIPS = ("strip", "lstrip", "rstrip")


@given(st.text("ab c\u2003", max_size=12), st.none() | st.text("ab c", max_size=3), st.sampled_from(STRIPS))
def test_stripping_does_what_python_does(text: str, chars: str | None, name: str) -> None:
    expected = getattr(text, name)(chars)
    assert METHODS[name](Work(1000), text, chars) == expected
    assert FUNCTIONS["trim"](Work(1000), text, chars) == text.strip(chars)


@pytest.mark.parametrize("name", STRIPS)
def test_stripping_costs_no_more_than_its_characters_however_many_are_compared(name: str) -> None:
    """Python's own compares each with all others: 16 thousand million times here."""
    text = "".join(map(chr, range(0x4E00, 0x9FFF))) * 40
    assert METHODS[name](Work(20 * len(text)), text, text[::-1]) == ""
    with pytest.raises(TooMuchWorkError):
        METHODS[name](Work(5 * len(text)), text, text)


@pytest.mark.parametrize(
    "source",
    [
        "{{ '%1000000000d' % 1 }}",
        "{{ '%1000000000d' is odd }}",
        "{{ '%1000000000d' is even }}",
        "{{ '%1000000000d' is divisibleby(1) }}",
        "{{ 7 is divisibleby('x') }}",
        "{{ missing is string }}",
        "{{ '{:1000000000}'.format }}",
        "{{ ''.__class__.__mro__[1].__subclasses__ }}",
        "{{ row.__init__.__globals__ }}",
        "{{ row[' work'] }}",
        "{{ range }}",
        "{{ config }}{{ request }}{{ cycler }}",
        "{% for x in range(3) %}{{ loop.__class__ }}{% endfor %}",
        "{% for x in range(3) %}{{ loop._iterable }}{% endfor %}",
        "{% for x in range(3) %}{{ loop.nextitem }}{% endfor %}",
        "{{ price.real }}",
    ],
)
def test_no_template_reaches_beyond_the_row(source: str) -> None:
    assert template_mistake(source) is None
    failure(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
        "{{ " + "-" * 500 + "1 }}",
        "{{ " + "not " * 5000 + "1 }}",
        "{{ " + "1+" * 20_000 + "1 }}",
        "{{ " + "a.b" + ".b" * 20_000 + " }}",
        "{% if a %}" * 200 + "{% endif %}" * 200,
        "{% for a in b %}" * 30 + "{% endfor %}" * 30,
        "{{ a }}" * 10_000,
        "{{ " + "9" * 5000 + " }}",
        "x" * 100_001,
    ],
)
def test_a_monstrous_template_is_refused_when_it_is_read(source: str) -> None:
    assert template_mistake(source) is not None


def test_long_texts_pass_up_to_the_limit() -> None:
    long = "x" * MAX_TEXT_CHARS
    assert render("{{ it }}", it=long) == long
    assert render("{{ it | trim | upper }}", it=long) == long.upper()
    assert "more than 1,048,576 characters" in str(failure("{{ it }}!", it=long))
    assert render("{{ it[:10] }}", it=long * 3) == "x" * 10


def test_the_limits_leave_room_for_honest_work() -> None:
    assert len(render("{% for i in range(10000) %}{{ i }},{% endfor %}")) == 48_890
    assert MAX_RANGE == 10_000
    words = "word " * (MAX_PIECES // 2)
    assert render("{{ it.split() | length }}", it=words) == str(MAX_PIECES // 2)


@given(st.text(max_size=80) | st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))
def test_any_text_is_a_template_or_a_mistake(source: str) -> None:
    if template_mistake(source) is None:
        assert isinstance(rendered_or_not(FieldTemplate("input", source), {"x": "y"}), str)


# --- the fast way and Jinja's are one ---------------------------------------------------------------------------------

VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(CHARACTERS)
    | st.dates()
    | st.datetimes()
    | st.lists(st.integers() | st.text(CHARACTERS))
    | st.dictionaries(st.text(CHARACTERS), st.none() | st.floats(allow_nan=False))
)
PIECES = st.text(CHARACTERS, max_size=8) | st.sampled_from(
    [
        "{{ a }}",
        "{{ b }}",
        "{{ row.a }}",
        '{{ row["c d"] }}',
        "{{ 'é' }}",
        "{{ 1 }}",
        "{{- a -}}",
        "\n",
        " {# x #}\n",
    ]
)


@given(
    st.lists(PIECES, max_size=8).map("".join),
    st.fixed_dictionaries({"a": VALUES, "b": VALUES, "c d": VALUES}),
)
def test_a_template_of_text_and_columns_reads_as_jinja_would_write_it(
    source: str, values: dict[str, Any]
) -> None:
    if template_mistake(source):
        return
    template = FieldTemplate("messages[0].content", source)
    if template.parts is None:
        return
    by_jinja = "".join(sandbox.pieces(sandbox.compiled(sandbox.checked(source)), values, Work(1 << 40)))
    by_hand = "".join(
        text_of(values[part.name]) if isinstance(part, Column) else part for part in template.parts
    )
    assert by_hand == by_jinja
    made = spec(messages=[Message(role="user", content=source)])
    assert body(made, values)["messages"] == [{"role": "user", "content": by_jinja}]


# --- requests ---------------------------------------------------------------------------------------------------------


def test_chat() -> None:
    made = spec(
        messages=[
            Message(role="system", content="You are {{ title | upper }}."),
            Message(role="user", content='{{ row["First Name"] }} "says" {{ title }}\n'),
        ],
        parameters={"temperature": 0.5, "stop": ["\n"]},
    )
    assert body(made, ROW, 7) == {
        "messages": [
            {"role": "system", "content": "You are ÜBER UNS."},
            {"role": "user", "content": 'Ada "says" Über uns'},
        ],
        "temperature": 0.5,
        "stop": ["\n"],
    }


PICTURE = [
    Part(text="What is {{ title }}?"),
    Part(image_url="data:image/png;base64,{{ it }}", detail="low"),
    Part(image_url="https://example.com/{{ count }}.png"),
]


def test_pictures_for_chat() -> None:
    made = spec(messages=[Message(role="user", content=PICTURE)])
    assert body(made, {**ROW, "it": b"\x89PNG"})["messages"][0]["content"] == [
        {"type": "text", "text": "What is Über uns?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw==", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/3.png"}},
    ]


def test_pictures_for_responses() -> None:
    made = spec(endpoint="/v1/responses", messages=[Message(role="user", content=PICTURE)])
    assert body(made, {**ROW, "it": b"\x89PNG"})["input"][0]["content"] == [
        {"type": "input_text", "text": "What is Über uns?"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw==", "detail": "low"},
        {"type": "input_image", "image_url": "https://example.com/3.png"},
    ]


def test_a_picture_may_be_longer_than_a_text() -> None:
    made = spec(messages=[Message(role="user", content=[Part(image_url="{{ it }}")])])
    longer = "data:image/png;base64," + "x" * (MAX_TEXT_CHARS + 1)
    assert body(made, {"it": longer})["messages"][0]["content"][0]["image_url"] == {"url": longer}


def test_a_text_that_is_too_long_is_that_row_s_error_on_the_fast_way_too() -> None:
    template = RequestTemplate(spec(messages=[Message(role="user", content="{{ it }}")]))
    template.request(0, {"it": "x" * MAX_TEXT_CHARS})
    with pytest.raises(RowTemplateError, match=r"messages\[0\]\.content: the text has more than"):
        template.request(0, {"it": "x" * (MAX_TEXT_CHARS + 1)})


def test_responses_and_embeddings_take_an_input() -> None:
    assert body(spec(endpoint="/v1/responses", input="{{ title }}"), ROW) == {"input": "Über uns"}
    made = spec(endpoint="/v1/embeddings", input="{{ title }}\n{{ none }}", parameters={"dimensions": 256})
    assert body(made, ROW) == {"input": "Über uns\n", "dimensions": 256}


@pytest.mark.parametrize("source", ["{{ none }}", "{{ none }}{{ none }}", "{{ none | trim }}"])
def test_nothing_to_embed_is_that_row_s_error(source: str) -> None:
    """One empty text makes the service refuse all texts of its request."""
    template = RequestTemplate(spec(endpoint="/v1/embeddings", input=source))
    with pytest.raises(RowTemplateError) as caught:
        template.request(123, ROW)
    assert caught.value.code == "empty_input"
    assert RequestTemplate(spec(endpoint="/v1/embeddings", input="x" + source)).request(1, ROW)
    assert RequestTemplate(spec(messages=[Message(role="user", content=source)])).request(1, ROW)


def test_half_a_character_is_that_row_s_error() -> None:
    for source in ("{{ it }}", "{{ it | trim }}"):
        template = RequestTemplate(spec(messages=[Message(role="user", content=source)]))
        with pytest.raises(RowTemplateError, match="not valid Unicode"):
            template.request(0, {"it": "\ud800"})


def test_an_error_that_quotes_half_a_character_can_be_written_down() -> None:
    error = failure("{{ x }}", **{"\ud800": 1})
    assert "\\ud800" in str(error)
    assert str(error).encode()


def test_one_row_s_error_does_not_spoil_the_next() -> None:
    template = RequestTemplate(spec(messages=[Message(role="user", content="{{ a }}{{ b | int }}")]))
    good = template.request(1, {"a": "x", "b": 1})
    for bad in ({}, {"a": 1}, {"b": 2}):
        with pytest.raises(RowTemplateError, match="no column named"):
            template.request(0, bad)
    assert template.request(1, {"a": "x", "b": 1}) == good


@given(st.dictionaries(st.text(CHARACTERS), VALUES, min_size=1))
def test_every_column_can_be_reached_by_its_name(values: dict[str, Any]) -> None:
    for column, value in values.items():
        made = completed(spec(), [column], [{column: "some text of five words"}])
        assert body(made, values) == {"messages": [{"role": "user", "content": text_of(value)}]}


# --- the column of texts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "rows", "column"),
    [
        (["id", "text", "note"], [], "text"),
        (["id", " Text"], [{"id": "a", " Text": "b"}], " Text"),
        (["id", "body"], [{"id": 1, "body": "hello"}], "body"),
        (["id", "body"], [{"id": "1", "body": "hello"}, {"id": "2", "body": None}], "body"),
        (["id", "body"], [{"id": "1", "body": ""}, {"id": "2", "body": "now"}], "body"),
        (["id", "body", "when"], [{"id": 1, "body": "7 dwarfs", "when": date(2026, 1, 1)}], "body"),
    ],
)
def test_the_column_of_texts_is_found(columns: list[str], rows: list[dict[str, Any]], column: str) -> None:
    assert text_column(columns, rows) == column
    for endpoint, made in (
        ("/v1/embeddings", {"input": "x"}),
        ("/v1/responses", {"input": "x"}),
        ("/v1/completions", {"prompt": "x"}),
        ("/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
    ):
        assert body(completed(spec(endpoint=endpoint), columns, rows), {column: "x"}) == made


@pytest.mark.parametrize(
    ("columns", "rows", "reason"),
    [
        (["a", "b"], [{"a": "x", "b": "y"}], r"2 columns hold texts \(a, b\)"),
        (["a", "b"], [{"a": 1, "b": "2"}], "no column holds texts"),
        (["Text", "TEXT"], [{"Text": "x", "TEXT": "y"}], "2 columns hold texts"),
        ([], [], "There are no columns"),
    ],
)
def test_where_no_column_is_the_one_the_file_is_told_so(
    columns: list[str], rows: list[dict[str, Any]], reason: str
) -> None:
    with pytest.raises(InputFileError, match=reason) as caught:
        RequestTemplate(spec(), columns, rows)
    assert caught.value.code == "no_text_column"


def test_rows_with_columns_of_their_own_are_looked_at_together() -> None:
    made = completed(spec(), None, [{"id": 1}, {"id": 2, "body": "hello"}])
    assert body(made, {"body": "x"})["messages"][0]["content"] == "x"


def test_a_spec_with_a_template_stays_as_it_is() -> None:
    made = spec(messages=[Message(role="user", content="{{ a }}")], output=Output(columns="*"))
    assert completed(made, ["text"]) is made


def test_a_template_knows_its_columns_unless_it_may_look_at_any() -> None:
    def used(text: str) -> frozenset[str] | None:
        messages = [Message(role="user", content=text)]
        spec = JobSpec(endpoint="/v1/chat/completions", deployment="d", messages=messages)
        return RequestTemplate(spec).columns_used

    assert used("{{ a }} and {{ row['b c'] }}") == frozenset({"a", "b c"})
    assert used(
        "{{ a | upper }}{% if row.b is defined and row['row'] %}{{ c ~ d[2:] }}{% endif %}"
    ) == frozenset(["a", "b", "c", "d", "row"])
    assert used("{{ range(3) | join }}") == frozenset()
    for text in (
        "{{ row }}",
        "{{ row[a] }}",
        "{% for x in a %}{{ x }}{% endfor %}",
        "{% set a = b %}{{ a }}",
    ):
        assert used(text) is None
    assert used("{{ row.a }}{{ row | length }}") is None


# --- the short way ----------------------------------------------------------------------------------------------------


class LongWay(RequestTemplate):
    """Makes every request piece by piece."""

    def _pieces_around_text(self) -> None:
        return None


HOSTILE = (
    st.text(max_size=6)
    | st.text(st.characters(), max_size=6)  # with halves of characters
    | st.sampled_from(["", "\0\x1f\x7f\u2028", '"\\', "é" * 70_000, "\ud800"])
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.recursive(
        st.text(max_size=3) | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    )
    | st.builds(object)
)


def told(template: RequestTemplate, number: int, values: dict[str, Any]) -> bytes | tuple[str, str]:
    try:
        return template.request(number, values)
    except RowTemplateError as error:
        return str(error), error.code


@given(
    st.sampled_from(["{{ a }}", "x {{ a }} é", "{{ a }}{{ a }}", "{{ a }}, {{ b }}", "{{ a | upper }}"]),
    st.sampled_from(["/v1/chat/completions", "/v1/embeddings"]),
    st.lists(st.dictionaries(st.sampled_from("ab"), HOSTILE), min_size=1, max_size=3),
)
def test_the_short_way_says_what_the_long_one_says(
    source: str, endpoint: str, rows: list[dict[str, Any]]
) -> None:
    chat = endpoint.endswith("completions")
    made = spec(
        endpoint=endpoint,
        **({"messages": [Message(role="user", content=source)]} if chat else {"input": source}),
    )
    short, long = RequestTemplate(made), LongWay(made)
    for number, values in enumerate(rows):
        assert told(short, number, values) == told(long, number, values)


@pytest.mark.parametrize("characters", [1, USUAL_CHARS - 1, USUAL_CHARS])
@pytest.mark.parametrize("mark", ["a", "\0", "🦜"])
def test_around_a_long_text_the_short_way_says_what_the_long_one_says(characters: int, mark: str) -> None:
    before = Message(role="system", content="x" * 99_000)
    for count in (0, 6, 7, 11):
        made = spec(messages=[*[before] * count, Message(role="user", content="{{ a }}")])
        values = {"a": mark * characters}
        assert told(RequestTemplate(made), 0, values) == told(LongWay(made), 0, values)


@given(
    st.sampled_from(
        ["{{ a }}", "x {{ a }} é", "{{ a }}{{ a }}", "{{ a }}, {{ b }}", "{{ a | upper }}", "no row's"]
    ),
    st.sampled_from(["/v1/chat/completions", "/v1/embeddings"]),
    st.sampled_from([HOSTILE, st.text(max_size=6) | st.integers() | st.none()]).flatmap(
        lambda value: st.lists(st.tuples(value, value), max_size=4)
    ),
    st.sampled_from(["a", "ab"]),
)
def test_requests_that_are_made_together_are_those_that_are_made_one_by_one(
    source: str, endpoint: str, rows: list[tuple[Any, Any]], names: str
) -> None:
    chat = endpoint.endswith("completions")
    made = spec(
        endpoint=endpoint,
        **({"messages": [Message(role="user", content=source)]} if chat else {"input": source}),
    )
    columns = {name: [row["ab".index(name)] for row in rows] for name in names}
    together = RequestTemplate(made).requests(7, len(rows), columns)
    if together is not None:
        alone = [dict(zip(names, row, strict=False)) for row in rows]
        assert together == [told(LongWay(made), number, values) for number, values in enumerate(alone, 7)]


@pytest.mark.parametrize("characters", [0, 1, 170_000, 180_000, 1_100_000])
@pytest.mark.parametrize("mark", ["a", "\0", "🦜"])
def test_long_requests_that_are_made_together_are_those_that_are_made_one_by_one(
    characters: int, mark: str
) -> None:
    made = spec(messages=[Message(role="user", content="{{ a }}{{ a }}")])
    texts = [mark * characters, "usual"]
    together = RequestTemplate(made).requests(0, 2, {"a": texts})
    assert together in (None, [told(LongWay(made), row, {"a": text}) for row, text in enumerate(texts)])
    assert RequestTemplate(made).requests(0, 1, {"a": ["usual"]}) is not None


@pytest.mark.parametrize("text", ["", "  ", "NULL", "\u2003nan\n", None, 7, "text"])
def test_rows_are_made_together_only_where_none_may_be_refused(text: object) -> None:
    try:
        refuse_nothing(text)
    except RowTemplateError:
        assert may_be_nothing(["text", text])
    assert not may_be_nothing(["text"])
