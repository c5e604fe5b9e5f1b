"""The demo's check finds every request that is lost, doubled or made up, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.demo.accounting import Returned, check_file, check_left_in_input, check_service, requests_in

CUSTOM_IDS = st.sampled_from(["a", "b", "c", None])  # few, so that they repeat; None makes a broken line
LINES = st.lists(CUSTOM_IDS, max_size=12)


def content_of(custom_ids: list[str | None]) -> str:
    lines = [
        "{broken" if custom_id is None else json.dumps({"custom_id": custom_id}) for custom_id in custom_ids
    ]
    return "\n".join(lines)


def answered(custom_ids: list[str | None]) -> Returned:
    """What a pipeline gives back that answers the first request of each custom_id and refuses the other lines."""
    outputs: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for number, custom_id in enumerate(custom_ids, start=1):
        if custom_id is None or custom_id in custom_ids[: number - 1]:
            errors.append({"line": number, "custom_id": custom_id})
        else:
            outputs.append({"custom_id": custom_id})
    return Returned(outputs=outputs, errors=errors)


@given(LINES)
def test_one_record_for_each_line_is_right_in_any_order(custom_ids: list[str | None]) -> None:
    returned = answered(custom_ids)
    backwards = Returned(outputs=returned.outputs[::-1], errors=returned.errors[::-1])
    assert check_file("f", content_of(custom_ids), returned) == []
    assert check_file("f", content_of(custom_ids), backwards) == []


@given(LINES, st.data())
def test_any_record_that_is_missing_is_found(custom_ids: list[str | None], data: st.DataObject) -> None:
    returned = answered(custom_ids)
    records = returned.outputs + returned.errors
    if not records:
        return
    records.remove(lost := data.draw(st.sampled_from(records)))
    rest = Returned(
        outputs=[r for r in records if "line" not in r], errors=[r for r in records if "line" in r]
    )
    assert len(check_file("f", content_of(custom_ids), rest)) == 1, lost


@given(LINES, st.data())
def test_any_record_that_comes_twice_is_found(custom_ids: list[str | None], data: st.DataObject) -> None:
    returned = answered(custom_ids)
    records = returned.outputs + returned.errors
    if not records:
        return
    records.append(data.draw(st.sampled_from(records)))
    more = Returned(
        outputs=[r for r in records if "line" not in r], errors=[r for r in records if "line" in r]
    )
    assert len(check_file("f", content_of(custom_ids), more)) == 1


def test_an_answer_nobody_asked_for_is_found() -> None:
    wrong = check_file("f", '{"custom_id": "a"}', Returned(outputs=[{"custom_id": "a"}, {"custom_id": "z"}]))
    assert wrong == ["f: the output has custom_id z, which the file does not have"]


def test_an_error_for_a_line_the_file_does_not_have_is_found() -> None:
    wrong = check_file(
        "f", '{"custom_id": "a"}', Returned(outputs=[{"custom_id": "a"}], errors=[{"line": 7}])
    )
    assert wrong == ["f: an error names line 7, which the file does not have"]


def test_an_error_without_a_line_stands_for_its_custom_id() -> None:
    assert check_file("f", '{"custom_id": "a"}', Returned(errors=[{"custom_id": "a", "line": None}])) == []


def test_blank_lines_are_no_requests_but_count_as_lines() -> None:
    assert requests_in('\n{"custom_id": "a"}\n \n{"custom_id": "b"}\n[1]\n') == {2: "a", 4: "b", 5: None}


def test_a_file_left_in_the_input_container_is_found() -> None:
    assert check_left_in_input({"a": b""}, ["a", "somebody/else"]) == ["a: still in the input container"]


def counters(answers: dict[str, int], **others: Any) -> dict[str, Any]:
    """What the service tells that has answered these custom_ids so often."""
    again = {name: times for name, times in answers.items() if times > 1}
    told = {"requests_served": sum(answers.values()), "served_more_than_once": again}
    return {"answers": told, **others}


@pytest.mark.parametrize(
    ("counters", "wrong"),
    [
        ({}, []),
        ({"batches_by_content": {"5f0c": ["batch_1"]}, "files": {"batch": []}}, []),
        (
            {"batches_by_content": {"5f0c": ["batch_1", "batch_2"]}},
            ["2 batches were created for the same input"],
        ),
        ({"files": {"batch": ["x.jsonl"], "batch_output": []}}, ["1 files of purpose batch are left"]),
    ],
)
def test_what_the_service_made_twice_or_still_holds_is_found(
    counters: dict[str, Any], wrong: list[str]
) -> None:
    found = check_service(counters, [])
    assert len(found) == len(wrong)
    assert all(part in sentence for part, sentence in zip(wrong, found, strict=True))


def test_rows_of_two_tables_may_have_the_same_custom_id_but_each_is_answered_once() -> None:
    results = [{"custom_id": "row-0"}, {"custom_id": "row-0"}, {"custom_id": "row-1"}]
    assert check_service(counters({"row-0": 2, "row-1": 1}), results) == []
    assert check_service(counters({"row-0": 3}), results) == ["service: row-0 was answered 3 times"]


def test_an_answer_that_was_paid_and_did_not_come_back_is_found() -> None:
    wrong = check_service(counters({"a": 1, "b": 1}), [{"custom_id": "a"}])
    assert wrong == ["service: 2 requests were answered, but 1 results came back"]


def test_live_answers_count_and_none_may_come_twice() -> None:
    live = {"requests_served": 2, "served_more_than_once": {"small: a bell": 2}}
    found = check_service(counters({}, live_answers=live), [{"custom_id": "row-0"}, {"custom_id": "row-1"}])
    assert found == ["service: 'small: a bell' was answered live 2 times"]
