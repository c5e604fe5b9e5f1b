"""Bytes become lines, lines become requests or reasons why not."""

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.service.request_lines import MAX_LINE_BYTES, BadLine, Request, RequestChecker, split_lines

GOOD: dict[str, Any] = {
    "custom_id": "a",
    "method": "POST",
    "url": "/chat/completions",
    "body": {"model": "gpt", "messages": [{"role": "user", "content": "hello"}]},
}
WITHOUT_MODEL = {**GOOD, "body": {"messages": []}}


def line(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}, ensure_ascii=False).encode()


def judged(
    *lines: bytes, default_model: str | None = None, most: int = MAX_LINE_BYTES
) -> list[Request | BadLine | None]:
    checker = RequestChecker(default_model, most)
    return [checker.check(text) for text in lines]


def code_of(*lines: bytes, most: int = MAX_LINE_BYTES) -> str:
    """The code of the last line, which has to be bad."""
    *_, last = judged(*lines, most=most)
    assert isinstance(last, BadLine), last
    assert last.message
    return last.code


# --- lines -----------------------------------------------------------------------------------------------------------

lumpy_bytes = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"", b"{}", b"\xe2\x80\xa8", b"\x00", b"abcdefgh"])
).map(b"".join) | st.binary(max_size=60)


def cut(content: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(content), *(place % (len(content) + 1) for place in places)})
    return [content[start:end] for start, end in pairwise(edges)]


@given(content=lumpy_bytes, places=st.lists(st.integers(0, 1000), max_size=10))
def test_lines_do_not_depend_on_how_the_bytes_arrive(content: bytes, places: list[int]) -> None:
    whole = content.split(b"\n")
    if not whole[-1]:
        whole.pop()
    assert list(split_lines(cut(content, places))) == whole


@given(content=lumpy_bytes, places=st.lists(st.integers(0, 1000), max_size=10), most=st.integers(1, 12))
def test_a_line_that_is_too_long_is_cut_off_one_byte_behind_the_limit(
    content: bytes, places: list[int], most: int
) -> None:
    cut_off = list(split_lines(cut(content, places), most))
    assert cut_off == [text[: most + 1] for text in split_lines([content])]


def test_a_unicode_line_separator_is_no_line_end() -> None:
    text = line(body={"model": "gpt", "messages": [{"role": "user", "content": "one\u2028two\x85three"}]})
    (only,) = split_lines([text])
    (request,) = judged(only)
    assert isinstance(request, Request)


# --- good lines ------------------------------------------------------------------------------------------------------


def test_a_good_line_is_sent_as_it_is() -> None:
    text = b'  {"custom_id" : "a","method":"POST","url":"/v1/responses","body":{"model":"gpt","x":1.10}} '
    assert judged(text) == [Request(1, "a", text, changed=False)]


@pytest.mark.parametrize("text", [b"", b" ", b"\r", b"\t \r", b"\xef\xbb\xbf"])
def test_a_blank_line_is_nothing_but_counts_as_a_line(text: bytes) -> None:
    nothing, request = judged(text, line())
    assert nothing is None
    assert isinstance(request, Request)
    assert request.number == 2


def test_a_byte_order_mark_and_carriage_returns_are_left_out() -> None:
    first, second = judged(b"\xef\xbb\xbf" + line() + b"\r", line(custom_id="b") + b"\r")
    assert first == Request(1, "a", line(), changed=True)
    assert second == Request(2, "b", line(custom_id="b"), changed=True)


def test_a_byte_order_mark_in_the_middle_of_a_file_is_no_json() -> None:
    assert code_of(line(), b"\xef\xbb\xbf" + line(custom_id="b")) == "invalid_json_line"


def test_a_line_without_a_model_gets_the_default_one() -> None:
    body = {"messages": [], "seed": 12345678901234567890123, "x": 0.30000000000000004, "s": "\u2028é\x00"}
    for given_model in ({}, {"model": ""}, {"model": None}):
        (request,) = judged(line(body={**body, **given_model}), default_model="gpt-d")
        assert isinstance(request, Request)
        assert request.changed
        assert json.loads(request.line) == {**GOOD, "body": {**body, "model": "gpt-d"}}


def test_the_first_good_line_decides_for_the_file() -> None:
    checker = RequestChecker("gpt")
    checker.check(b"nonsense")
    checker.check(line(url="/v1/responses", body={"model": "o4"}))
    assert (checker.url, checker.model) == ("/v1/responses", "o4")
    for number, (changes, code) in enumerate(
        [({}, "url_mismatch"), ({"url": "/v1/responses"}, "model_mismatch")]
    ):
        bad = checker.check(line(custom_id=f"other-{number}", **changes))
        assert isinstance(bad, BadLine)
        assert bad.code == code


def test_the_first_good_line_tells_how_long_an_answer_may_be() -> None:
    checker = RequestChecker("gpt")
    assert checker.output_tokens is None
    for number, limit in enumerate((300, 200)):
        checker.check(line(custom_id=f"row-{number}", body={"max_tokens": limit}))
        assert checker.output_tokens == 300


class QuickChecker(RequestChecker):
    def _check_by_every_rule(self, line: bytes) -> Request | BadLine | None:
        if self.url is not None:
            raise AssertionError(line)
        return super()._check_by_every_rule(line)


def test_a_line_like_the_one_before_it_needs_no_closer_look() -> None:
    checker = QuickChecker(None)
    checker.check(line())
    for custom_id in ("b", "é"):
        text = line(custom_id=custom_id)
        found = checker.check(text)
        assert isinstance(found, Request)
        assert (found.custom_id, found.line, found.changed) == (custom_id, text, False)


# --- bad lines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"hello",
        line()[:-1],
        line() + b"X",
        line() + line(custom_id="b"),
        b'{"custom_id":"a","body":{"x":NaN}}',
        b'{"custom_id":"a","body":{"x":Infinity}}',
        b'{"custom_id":"a","body":{"x":1e999}}',
        b'{"custom_id":"\\ud800"}',
        b'{"custom_id":"a\x00b"}',
        b"\x00" * 10,
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_json_is_an_invalid_line(text: bytes) -> None:
    assert code_of(text) == "invalid_json_line"


@pytest.mark.parametrize("bom", [b"\xff\xfe", b"\xfe\xff"])
def test_a_file_in_utf_16_is_told_to_be_one(bom: bytes) -> None:
    (bad,) = judged(bom + line().decode().encode("utf-16-le"))
    assert isinstance(bad, BadLine)
    assert bad.code == "invalid_encoding"
    assert "UTF-16" in bad.message


def test_bytes_that_are_no_utf_8_are_told_with_their_place() -> None:
    (bad,) = judged(b'{"custom_id":"\xe9"}')
    assert isinstance(bad, BadLine)
    assert bad.code == "invalid_encoding"
    assert "byte 14" in bad.message


def test_a_line_like_the_one_before_it_has_to_be_utf_8_all_the_same() -> None:
    assert code_of(line(), line(custom_id="b").replace(b"hello", b"hell\xff")) == "invalid_encoding"


def test_an_overlong_line_is_not_even_parsed() -> None:
    assert code_of(line(body={"model": "gpt", "x": "y" * 1000}), most=1000) == "line_too_long"


def test_a_line_may_be_as_long_as_the_limit_and_no_longer() -> None:
    first, second, third = judged(line(), line(custom_id="b"), line(custom_id="cc"), most=len(line()))
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    assert isinstance(third, BadLine)
    assert third.code == "line_too_long"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"custom_id": None}, "missing_custom_id"),
        ({"custom_id": ""}, "invalid_request"),
        ({"custom_id": 7}, "invalid_request"),
        ({"custom_id": ["a"]}, "invalid_request"),
        ({"method": None}, "invalid_request"),
        ({"method": "GET"}, "invalid_request"),
        ({"method": ["POST"]}, "invalid_request"),
        ({"url": None}, "invalid_url"),
        ({"url": "/v1/moderations"}, "invalid_url"),
        ({"url": {"a": "b" * 500}}, "invalid_url"),
        ({"body": None}, "invalid_request"),
        ({"body": "text"}, "invalid_request"),
        ({"body": [1]}, "invalid_request"),
        ({"body": {"model": 5}}, "invalid_request"),
        ({"body": {"model": False}}, "invalid_request"),
        ({"body": {}}, "missing_model"),
        ({"body": {"model": ""}}, "missing_model"),
    ],
)
def test_a_request_that_breaks_a_rule_is_told_which(changes: dict[str, Any], code: str) -> None:
    assert code_of(line(**changes)) == code


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"{", "Not valid JSON: "),
        (b"[" * 100_000, "nested too deeply"),
        (b"null", "found nothing."),
        (b"true", "found true or false."),
        (b"7.5", "found a number."),
        (b'"text"', "found a string."),
        (b"[1]", "found a list."),
        (line(custom_id=None), "`custom_id` is missing"),
        (line(custom_id={"a": 1}), "found an object."),
        (line(method=None), "found nothing."),
        (line(method="GET"), "found 'GET'."),
        (line(method="x" * 78), f"found {'x' * 78!r}."),
        (line(method="x" * 79), f"found '{'x' * 76}...."),
        (line(url="/v1/audio/speech"), "/v1/responses, "),
        (line(url="/v1/audio/speech"), "found '/v1/audio/speech'."),
        (line(body=[1]), "found a list."),
        (line(body={"model": 5}), "found a number."),
        (line(body={}), "AZURE_OPENAI_DEPLOYMENT"),
    ],
)
def test_a_reason_tells_what_was_found(text: bytes, found: str) -> None:
    (bad,) = judged(text)
    assert isinstance(bad, BadLine)
    assert found in bad.message


def test_a_reason_tells_what_the_lines_above_have() -> None:
    _, again, url, model = judged(
        line(),
        line(),
        line(custom_id="b", url="/v1/responses"),
        line(custom_id="c", body={"model": "o4"}),
    )
    for bad, words in (
        (again, ["'a'"]),
        (url, ["'/v1/responses'", "'/chat/completions'"]),
        (model, ["'o4'", "'gpt'"]),
    ):
        assert isinstance(bad, BadLine)
        assert all(word in bad.message for word in words)


def test_an_overlong_line_is_told_the_limit() -> None:
    (bad,) = judged(b"x" * 1001, most=1000)
    assert isinstance(bad, BadLine)
    assert "1,000 bytes" in bad.message


@pytest.mark.parametrize("text", [b"null", b"true", b"7", b'"text"', b"[1]", b"[" + line() + b"]"])
def test_json_that_is_no_object_is_no_request(text: bytes) -> None:
    assert code_of(text) == "invalid_request"


def test_a_repeated_custom_id_costs_the_repetition_only() -> None:
    first, second, third = judged(line(), line(), line(custom_id="b"))
    assert isinstance(first, Request)
    assert isinstance(second, BadLine)
    assert (second.code, second.custom_id, second.number) == ("duplicate_custom_id", "a", 2)
    assert isinstance(third, Request)


def test_a_bad_line_comes_back_as_it_stood_there() -> None:
    unreadable, refused = line()[:-1], line(method="GET")
    for text, custom_id in ((unreadable, None), (refused, "a")):
        (bad,) = judged(b" " + text + b"\r")
        assert isinstance(bad, BadLine)
        assert (bad.line, bad.custom_id) == (b" " + text, custom_id)


def test_a_custom_id_of_a_bad_line_may_come_again() -> None:
    bad, good = judged(line(method="GET"), line())
    assert isinstance(bad, BadLine)
    assert isinstance(good, Request)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "model"]), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(
    st.lists(st.binary(max_size=30) | json_values.map(lambda value: json.dumps(value).encode()), max_size=6)
)
def test_any_line_is_judged_and_none_raises(lines: list[bytes]) -> None:
    checker = RequestChecker("gpt")
    for number, text in enumerate(lines, 1):
        found = checker.check(text)
        assert found is None or found.number == number
        if isinstance(found, Request):
            assert json.loads(found.line)["custom_id"] == found.custom_id
            assert b"\n" not in found.line


@st.composite
def nearly_good_lines(draw: st.DrawFn) -> bytes:
    """Give the text of a line like the one before it, but for what is drawn: values, order, repetitions, bytes."""
    members = [[name, json.dumps(value)] for name, value in {**GOOD, "custom_id": "b"}.items()]
    for place in draw(st.lists(st.integers(0, 3), max_size=2)):
        members[place][draw(st.integers(0, 1))] = draw(
            st.sampled_from([*GOOD, '"a"', '"POST"', '{"model":"gpt"}', '{"model":"gpt","model":7}'])
            | json_values.map(json.dumps)
        )
    members = draw(st.permutations([*members, *draw(st.lists(st.sampled_from(members), max_size=2))]))
    text = "{" + ",".join(f'"{name}":{value}' for name, value in members) + "}"
    before, after = draw(st.tuples(*[st.sampled_from(["", " ", "\t", "\r", "x", "\ufeff"])] * 2))
    content = bytearray(f"{before}{text}{after}".encode())
    for place in draw(st.lists(st.integers(0, len(content) - 1), max_size=1)):
        content[place] = draw(st.integers(0, 255))
    # A number beyond a float is left to the service on the quick way.
    assume(not re.search(rb"\d[eE]\+?\d\d\d", content))
    return bytes(content)


class ThoroughChecker(RequestChecker):
    def _check_like_the_others(self, line: bytes) -> Request | None:
        del line  # each gets the closer look
        return None


@given(nearly_good_lines())
def test_a_line_like_the_one_before_it_is_judged_as_if_it_were_the_first_of_its_kind(text: bytes) -> None:
    quick, thorough = RequestChecker(None), ThoroughChecker(None)
    assert quick.check(line()) == thorough.check(line())
    assert quick.check(text) == thorough.check(text)
    assert quick.check(text) == thorough.check(text)


@given(
    st.lists(
        nearly_good_lines() | st.integers(0, 3).map(lambda number: line(custom_id=str(number))), max_size=5
    )
)
def test_lines_are_taken_together_when_each_would_be_taken_by_itself(lines: list[bytes]) -> None:
    together, each = QuickChecker(None), QuickChecker(None)
    assert together.check(line()) == each.check(line())
    try:
        found = [each.check(text) for text in lines]
    except (
        AssertionError
    ):  # one takes a closer look: nothing is taken, and checking them one by one begins anew
        assert together.accept(lines) is None
        found = [RequestChecker.check(together, text) for text in [line(custom_id="new")]]
        assert found == [Request(2, "new", line(custom_id="new"), changed=False)]
    else:
        assert together.accept(lines) == list(map(bytes.decode, lines))
        assert [request.line for request in found if isinstance(request, Request)] == lines
        assert together.check(line(custom_id="new")) == each.check(line(custom_id="new"))


def test_nothing_is_taken_before_a_first_line_was_checked() -> None:
    checker = RequestChecker(None)
    assert not checker.accept([line(url="None", body={"model": "None"})])
    assert not checker.accept([line()])
    checker.check(line())
    assert checker.accept([line(custom_id="b")])
    assert not checker.accept([line(custom_id="b")])
