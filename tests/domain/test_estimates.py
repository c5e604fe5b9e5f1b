"""Requests are estimated together as they are one by one."""

from hypothesis import given
from hypothesis import strategies as st

from domain.estimates import TokenMeter
from domain.service.endpoints import BY_URL


@given(st.lists(st.text(max_size=300).map(str.encode)), st.sampled_from(sorted(BY_URL)), st.booleans())
def test_requests_are_estimated_together_as_they_are_one_by_one(
    lines: list[bytes], url: str, counts: bool
) -> None:
    together, singly = TokenMeter(BY_URL[url], counts=counts), TokenMeter(BY_URL[url], counts=counts)
    together.add_all(lines)
    for line in lines:
        before = singly.estimate.input_tokens
        singly.add(line)
        assert singly.estimate.input_tokens > before or not counts
    assert together.estimate == singly.estimate
