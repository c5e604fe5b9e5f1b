"""What becomes of the requests of a batch that failed as a whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.service.batch_states import ValidationFault
from domain.service.regrouping import MAX_SHARDS_AFTER_SPLITS, regroup


def fault(code: str, line: int | None = None, message: str = "Because.") -> ValidationFault:
    return ValidationFault(code, message, line)


@pytest.mark.parametrize(
    ("faults", "pause"),
    [
        ([fault("token_limit_exceeded")], "quota"),
        ([fault("empty_file"), fault("token_limit_exceeded", 3)], "quota"),
        ([fault("model_not_found")], "configuration"),
        ([fault("invalid_request", message="The deployment's SKU is no batch SKU.")], "configuration"),
    ],
)
def test_what_has_nothing_to_do_with_the_requests_is_waited_for(
    faults: list[ValidationFault], pause: str
) -> None:
    found = regroup(faults, requests=10, shards=1)
    assert (found.pause, found.halve, found.bad_lines) == (pause, False, {})
    assert found.reason == faults[0]


def test_the_lines_that_are_named_are_cut_out() -> None:
    bad = [fault("invalid_json_line", 2), fault("duplicate_custom_id", 1), fault("invalid_request", 10)]
    found = regroup(bad, requests=10, shards=1)
    assert found.bad_lines == {2: bad[0], 1: bad[1], 10: bad[2]}
    assert not found.halve
    assert found.reason == bad[0]


@pytest.mark.parametrize("line", [0, -1, 11, None])
def test_a_line_the_shard_does_not_have_leads_to_halves(line: int | None) -> None:
    found = regroup([fault("invalid_json_line", line)], requests=10, shards=1)
    assert found.halve
    assert found.bad_lines == {}
    assert found.reason.line == line


def test_two_requests_are_halved_for_a_reason_that_the_service_did_not_give() -> None:
    found = regroup([], requests=2, shards=1)
    assert found.halve
    assert found.reason.code == "batch_failed"


@pytest.mark.parametrize(
    ("faults", "requests", "shards"),
    [
        ([fault("empty_file")], 10, 1),
        ([fault("url_mismatch")], 10, 1),
        ([fault("invalid_request")], 1, 1),
        ([], 1, 1),
        ([fault("invalid_request")], 10, MAX_SHARDS_AFTER_SPLITS),
        ([fault("invalid_json_line", 2)], 10, MAX_SHARDS_AFTER_SPLITS),
    ],
)
def test_what_splitting_cannot_help_fails_with_its_reason(
    faults: list[ValidationFault], requests: int, shards: int
) -> None:
    found = regroup(faults, requests=requests, shards=shards)
    assert (found.pause, found.halve, found.bad_lines) == (None, False, {})
    assert found.reason.code
    assert found.reason.message


codes = st.sampled_from(["token_limit_exceeded", "invalid_json_line", "empty_file", "model_not_found", "odd"])


@given(
    faults=st.lists(
        st.builds(ValidationFault, codes, st.text(max_size=9), st.none() | st.integers(-1, 6)), max_size=5
    ),
    requests=st.integers(1, 5),
    shards=st.integers(1, 2 * MAX_SHARDS_AFTER_SPLITS),
)
def test_one_way_on_at_most_and_every_way_leads_to_an_end(
    faults: list[ValidationFault], requests: int, shards: int
) -> None:
    found = regroup(faults, requests=requests, shards=shards)
    assert sum([found.pause is not None, bool(found.bad_lines), found.halve]) <= 1
    assert not found.halve or requests > 1
    assert shards < MAX_SHARDS_AFTER_SPLITS or not (found.halve or found.bad_lines)
    assert all(1 <= number <= requests for number in found.bad_lines)
