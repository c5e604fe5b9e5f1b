"""Progress follows what the app tells, and the input container decides when a file is finished."""

import io
from typing import Any

from rich.console import Console

from local.demo.progress import FileProgress, advance, any_going, failures
from local.demo.view import LineView, progress_table, progress_view


def snapshot(*files: dict[str, Any], status: str = "Running") -> dict[str, Any]:
    return {"id": "snapshot-1", "status": status, "progress": {"files": list(files), "message": None}}


def test_a_file_the_app_has_not_seen_is_waiting() -> None:
    files = advance({"a": FileProgress(path="a")}, [], ["a"], 1.0)
    assert files["a"].label == "waiting"


def test_requests_that_are_done_are_shown_while_the_batch_works() -> None:
    for state, label in (("in_progress", "in progress 12/40"), ("sending", "sending 12/40")):
        told = snapshot({"path": "a", "state": state, "requests": 40, "done": 12})
        assert advance({"a": FileProgress(path="a")}, [told], ["a"], 2.0)["a"].label == label


def test_a_file_is_done_when_it_has_left_the_input_container_whatever_the_app_tells() -> None:
    told = snapshot({"path": "a", "state": "writing", "requests": 40, "done": 39})
    files = advance({"a": FileProgress(path="a")}, [told], [], 3.0)
    assert (files["a"].label, files["a"].done) == ("done", 40)


def test_the_clock_of_a_finished_file_stands_still() -> None:
    files = advance({"a": FileProgress(path="a")}, [], [], 3.0)
    assert advance(files, [], [], 9.0)["a"].seconds == 3.0


def test_what_was_told_before_stays_when_the_app_is_silent() -> None:
    told = snapshot({"path": "a", "state": "collecting", "requests": 40})
    files = advance({"a": FileProgress(path="a")}, [told], ["a"], 2.0)
    assert advance(files, [], ["a"], 3.0)["a"].label == "collecting"


def test_a_state_and_fields_nobody_knows_are_shown_as_they_are() -> None:
    odd: list[dict[str, Any]] = [
        {"id": "x"},
        {"progress": None},
        {"progress": {"files": None}},
        snapshot({"path": "a", "state": "dreaming"}),
    ]
    assert advance({"a": FileProgress(path="a")}, odd, ["a"], 1.0)["a"].label == "dreaming"


def test_a_snapshot_that_ended_badly_is_named_with_its_message() -> None:
    failed = snapshot(status="Failed") | {"progress": {"message": "no deployment"}}
    assert failures([snapshot(status="Completed"), failed]) == [
        "snapshot snapshot-1 ended as Failed: no deployment"
    ]


def test_only_running_snapshots_are_waited_for() -> None:
    assert any_going([snapshot(status="Completed"), snapshot(status="Running")])
    assert not any_going([snapshot(status="Completed"), snapshot(status="Failed")])


def test_outside_a_terminal_each_change_is_one_plain_line() -> None:
    written = io.StringIO()
    view = LineView(Console(file=written, width=20))
    waiting = FileProgress(path="support/[tickets].jsonl", seconds=1.0)
    done = FileProgress(path="support/[tickets].jsonl", seconds=12.34, finished=True)
    for file in (waiting, waiting, done, done):
        view.show([file])
    assert written.getvalue().splitlines() == [
        "   1.0 s  support/[tickets].jsonl  waiting",
        "  12.3 s  support/[tickets].jsonl  done",
    ]


def test_a_pipe_gets_lines_and_a_terminal_gets_a_table() -> None:
    with progress_view(Console(file=io.StringIO())) as view:
        assert isinstance(view, LineView)
    terminal = io.StringIO()
    with progress_view(Console(file=terminal, force_terminal=True, width=100)) as view:
        view.show([FileProgress(path="a", state="preparing")])
    assert "preparing" in terminal.getvalue()


def test_the_table_has_a_row_for_each_file() -> None:
    written = io.StringIO()
    files = [FileProgress(path="a", requests=40), FileProgress(path="b", finished=True, seconds=2.0)]
    Console(file=written, width=100).print(progress_table(files))
    rows = [line.split() for line in written.getvalue().splitlines()[1:]]
    assert rows == [["a", "waiting", "40", "0.0", "s"], ["b", "done", "2.0", "s"]]
