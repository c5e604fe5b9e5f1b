"""The compact set of ids behaves like a set."""

from hypothesis import given
from hypothesis import strategies as st

from domain.service.seen_ids import FIRST_SLOTS, SeenIds


@given(st.lists(st.text(max_size=4)))
def test_it_answers_as_a_set_does(ids: list[str]) -> None:
    seen, model = SeenIds(), set()
    for custom_id in ids:
        assert (custom_id in seen) == (custom_id in model)
        assert seen.add(custom_id) == (custom_id not in model)
        model.add(custom_id)
    assert all(custom_id in seen for custom_id in ids)


def test_it_keeps_everything_while_it_grows() -> None:
    seen = SeenIds()
    ids = [f"row-{number}" for number in range(3 * FIRST_SLOTS)]
    assert all(seen.add(custom_id) for custom_id in ids)
    assert not any(seen.add(custom_id) for custom_id in ids)
    assert "row--1" not in seen


def test_its_table_is_never_more_than_half_full_and_grows_no_sooner() -> None:
    seen = SeenIds()
    sizes = []
    for number in range(FIRST_SLOTS):
        seen.add(f"row-{number}")
        sizes.append(len(seen._slots))
    half = FIRST_SLOTS // 2
    assert sizes == [FIRST_SLOTS] * (half - 1) + [2 * FIRST_SLOTS] * half + [4 * FIRST_SLOTS]
