"""What the service says about a batch, in every spelling it was ever published in."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.service.batch_states import ENDED, BatchState, BatchView, ValidationFault, read_batch, read_faults

BATCH: dict[str, Any] = {
    "id": "batch_1",
    "status": "in_progress",
    "input_file_id": "file-in",
    "output_file_id": None,
    "error_file_id": None,
    "request_counts": {"total": 3, "completed": 2, "failed": 1},
    "errors": None,
}


def test_all_that_a_batch_says_is_read() -> None:
    account = "https://account.blob.core.windows.net/work"
    said = {
        **BATCH,
        "output_file_id": "file-o",
        "error_file_id": "file-e",
        "input_blob": f"{account}/in.jsonl?sig=one?two",
        "output_blob": f"{account}/out.jsonl",
        "error_blob": f"{account}/err.jsonl?",
        "errors": {"data": [{"code": "x", "message": "y", "line": 3}]},
    }
    assert read_batch(said) == BatchView(
        batch_id="batch_1",
        status="in_progress",
        input_file_id="file-in",
        output_file_id="file-o",
        error_file_id="file-e",
        input_blob=f"{account}/in.jsonl",
        output_blob=f"{account}/out.jsonl",
        error_blob=f"{account}/err.jsonl",
        total=3,
        completed=2,
        failed=1,
        faults=[ValidationFault("x", "y", 3)],
    )


def test_a_batch_that_says_nothing_has_nothing() -> None:
    assert read_batch({}) == BatchView(batch_id="", status="unknown")


@pytest.mark.parametrize("state", BatchState)
def test_a_documented_state_is_known_in_any_case(state: BatchState) -> None:
    for spelling in (state.value, state.value.upper(), state.value.title(), state.value.replace("_", " ")):
        view = read_batch({**BATCH, "status": spelling})
        assert view.status == state
        assert view.known
        assert view.ended is (state in ENDED)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("canceled", "cancelled"),
        ("Canceled", "cancelled"),
        ("InProgress", "in_progress"),
        ("NotStarted", "validating"),
        (None, "unknown"),
        ("", "unknown"),
        (" Completed ", "completed"),
        (7, "7"),
    ],
)
def test_other_spellings_are_understood_or_kept(said: Any, meant: str) -> None:
    assert read_batch({**BATCH, "status": said}).status == meant


@pytest.mark.parametrize(
    ("files", "ended"),
    [
        ({}, False),
        ({"output_file_id": "file-o"}, True),
        ({"error_file_id": "file-e"}, True),
        ({"output_file_id": ""}, False),
    ],
)
def test_a_state_nobody_has_heard_of_is_an_end_when_it_shows_result_files(
    files: dict[str, str], ended: bool
) -> None:
    view = read_batch({**BATCH, "status": "archived", **files})
    assert not view.known
    assert view.ended is ended


def test_a_running_batch_is_not_ended_by_a_file_it_shows_early() -> None:
    assert not read_batch({**BATCH, "output_file_id": "file-o"}).ended


@pytest.mark.parametrize(
    "bare",
    [
        {"id": "batch_1", "status": "Validating"},
        {**BATCH, "request_counts": None, "input_file_id": "", "output_file_id": "", "error_file_id": ""},
        {**BATCH, "request_counts": {"total": None, "completed": None, "failed": None}},
        {**BATCH, "request_counts": [], "errors": {"data": None}},
        {
            **BATCH,
            "created_at": "2024-07-18T14:00:00Z",
            "endpoint": None,
            "errors": {"object": "list", "data": []},
        },
    ],
)
def test_a_batch_that_says_little_is_read_all_the_same(bare: dict[str, Any]) -> None:
    view = read_batch(bare)
    assert view.batch_id == "batch_1"
    assert view.input_file_id in ("file-in", None)
    assert view.output_file_id is view.error_file_id is view.input_blob is None
    assert view.faults == []


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        (
            {
                "object": "list",
                "data": [{"code": "empty_file", "message": "Empty.", "line": None, "param": None}],
            },
            [ValidationFault("empty_file", "Empty.")],
        ),
        ({"data": {"code": "x", "message": "y", "line": "12"}}, [ValidationFault("x", "y", 12)]),
        ([{"code": "x", "message": "y", "line": 3}], [ValidationFault("x", "y", 3)]),
        ({"code": "x", "message": "y"}, []),
        ({"data": [{"message": None}, "odd", None]}, [ValidationFault("unknown", "")]),
        ({"data": [{"code": "x", "line": "first"}]}, [ValidationFault("x", "")]),
        ({"data": "odd"}, []),
        ("odd", []),
        (None, []),
    ],
)
def test_reasons_are_read_from_a_list_or_a_single_item(errors: Any, expected: list[ValidationFault]) -> None:
    assert read_faults(errors) == expected
    assert read_batch({**BATCH, "errors": errors}).faults == expected


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "code", "line", "total"]), inner)
    ),
    max_leaves=8,
)


@given(st.fixed_dictionaries(dict.fromkeys(BATCH, anything)))
def test_no_batch_is_too_odd_to_be_read(batch: dict[str, Any]) -> None:
    view = read_batch(batch)
    assert isinstance(view.status, str)
    assert all(isinstance(count, int) for count in (view.total, view.completed, view.failed))
