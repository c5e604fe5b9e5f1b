"""Timer functions: schedules, status over restarts, runs by hand."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.functions_host.cli import STATE_FILE
from local.functions_host.triggers.schedule import Schedule
from tests.local.functions_host.conftest import MakeHost


def test_timer_functions_run_when_due_at_startup_late_and_by_hand(
    make_host: MakeHost, tmp_path: Path
) -> None:
    record = tmp_path / "record.jsonl"
    record.touch()
    host = make_host("timers", RECORD=str(record), YEARLY="0 0 0 1 1 *").start()

    def runs(function: str) -> list[Any]:
        lines = [json.loads(line) for line in record.read_text().splitlines()]
        return [(past_due, status) for name, past_due, status in lines if name == function]

    host.wait_for(lambda: len(runs("every_second")) >= 2)  # it raises, and is run again all the same
    assert runs("every_second")[0] == (False, {})  # a schedule that short has no status
    assert [past_due for past_due, _ in runs("at_startup")] == [False]
    assert host.post("/admin/functions/yearly").status_code == 202
    host.wait_for(lambda: runs("yearly"))
    [(past_due, status)] = runs("yearly")
    assert not past_due
    assert status["Next"].endswith("-01-01T00:00:00.000000Z")
    assert runs("unmonitored") == []

    host.stop()
    with closing(sqlite3.connect(host.state / STATE_FILE)) as connection:
        functions = connection.execute("SELECT function FROM timer_status ORDER BY function").fetchall()
        connection.execute("UPDATE timer_status SET next = 1000000 WHERE function = 'yearly'")
        connection.commit()
    assert functions == [("at_startup",), ("yearly",)]
    host.start()
    host.wait_for(lambda: len(runs("yearly")) == 2)
    assert runs("yearly")[1][0]  # past due


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("0 */5 * * * *", "2026-11-24T10:03:07", "2026-11-24T10:05:00"),
        ("30 * * * * *", "2026-11-24T10:03:30", "2026-11-24T10:04:30"),
        ("0 30 9 * * 1-5", "2026-11-27T09:30:00", "2026-11-30T09:30:00"),
        ("0 0 0 * * Sun", "2026-11-24T00:00:00", "2026-11-29T00:00:00"),
        ("0 0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("10/20 0 0 1 JUL *", "2026-07-01T00:00:11", "2026-07-01T00:00:30"),
    ],
)
def test_schedules_are_ncrontab_with_seconds_in_utc(expression: str, after: str, due: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC).timestamp()

    assert (
        Schedule(expression).next_after(moment) == datetime.fromisoformat(due).replace(tzinfo=UTC).timestamp()
    )


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("00:05:00", "is a time span"),
        ("*/5 * * * *", "needs six fields"),
        ("60 * * * * *", "not an NCRONTAB expression"),
        ("x * * * * *", "not an NCRONTAB expression"),
        ("0 0 0 L * *", "has no L"),
        ("0 0 0 * * 1#2", "has no L"),
        ("0 0 0 1 * 1", "together with a day of the week"),
        ("0 0 0 30 2 *", "not an NCRONTAB expression"),
    ],
)
def test_other_schedules_are_refused(expression: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Schedule(expression)


FIELDS = st.tuples(
    st.sampled_from(["*", "0", "15", "*/7", "10-20", "5,50"]),
    st.sampled_from(["*", "0", "59", "*/10"]),
    st.sampled_from(["*", "0", "23", "8-18"]),
)


@given(FIELDS, st.integers(1_600_000_000, 2_000_000_000))
def test_the_next_moment_is_later_and_there_is_none_before_it(
    fields: tuple[str, str, str], moment: int
) -> None:
    schedule = Schedule(f"{' '.join(fields)} * * *")
    due = schedule.next_after(moment)

    assert moment < due <= moment + 2 * 86400
    assert schedule.next_after(due - 1) == due
    assert schedule.next_after((moment + due) // 2) in (due, schedule.next_after(due))
