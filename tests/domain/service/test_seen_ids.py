"""The compact set of ids behaves like a set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.service import seen_ids
from domain.service.seen_ids import FIRST_SLOTS, HashTable, SeenIds


@given(st.lists(st.lists(st.text(max_size=4), max_size=4)), st.integers(0, 5))
def test_it_answers_as_a_set_does(together: list[list[str]], few: int) -> None:
    seen, model = SeenIds(), set[str]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seen_ids, "FEW", few)
        for ids in together:
            assert [custom_id in seen for custom_id in ids] == [custom_id in model for custom_id in ids]
            are_new = len(set(ids)) == len(ids) and model.isdisjoint(ids)
            assert seen.add_all(ids) == are_new
            model.update(ids if are_new else ())
            for custom_id in ids:
                assert seen.add(custom_id) == (custom_id not in model)
                model.add(custom_id)
    assert all(custom_id in seen for custom_id in model)


def test_it_keeps_everything_while_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_ids, "FEW", FIRST_SLOTS)
    seen = SeenIds()
    ids = [f"row-{number}" for number in range(3 * FIRST_SLOTS)]
    assert all(seen.add(custom_id) for custom_id in ids)
    assert not any(seen.add(custom_id) for custom_id in ids)
    assert "row--1" not in seen


def test_its_table_is_never_more_than_half_full_and_grows_no_sooner() -> None:
    table = HashTable()
    sizes = []
    for number in range(1, FIRST_SLOTS + 1):
        table.update([number])
        sizes.append(len(table._slots))
    half = FIRST_SLOTS // 2
    assert sizes == [FIRST_SLOTS] * (half - 1) + [2 * FIRST_SLOTS] * half + [4 * FIRST_SLOTS]
