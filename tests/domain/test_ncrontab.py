"""The schedules that the app takes are those that a host takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import SettingsError
from domain.ncrontab import mistake_in
from domain.settings import Settings, read_at_import
from local.functions_host.triggers.schedule import Schedule

PARTS = st.from_regex(r"(\*|[0-9]{1,2}(-[0-9]{1,2})?)(/[0-9]{1,2})?", fullmatch=True)
FIELDS = st.lists(PARTS, min_size=1, max_size=2).map(",".join)


@given(st.tuples(FIELDS, FIELDS, FIELDS, FIELDS | st.just("*"), FIELDS | st.just("*"), st.just("*")))
def test_what_the_app_takes_runs_on_the_embedded_host(fields: tuple[str, ...]) -> None:
    schedule = " ".join(fields)
    if mistake_in(schedule) is None:
        Schedule(schedule).next_after(0)


@pytest.mark.parametrize(
    "schedule",
    [
        "0 * * * * *",
        "*/2 * * * * *",
        "0 0 0 1 1 *",
        "0 30 9 * Jan-Mar Mon-Fri",
        "0 0 8,12,17 * * *",
        "5/15 * * * * *",
    ],
)
def test_schedules_of_the_documentation_are_right(schedule: str) -> None:
    assert mistake_in(schedule) is None


@pytest.mark.parametrize(
    ("schedule", "mistake"),
    [
        ("*/5 * * * *", "six fields"),
        ("00:05:00", "six fields"),
        ("0 0 * * * * *", "six fields"),
        ("60 * * * * *", "is no second"),
        ("0 60 * * * *", "is no minute"),
        ("0 0 24 * * *", "is no hour"),
        ("0 0 0 0 * *", "is no day"),
        ("0 0 0 * 13 *", "is no month"),
        ("0 0 0 * * 7", "is no day of the week"),
        ("0 0 0 L * *", "is no day"),
        ("0 0 0 ? * *", "is no day"),
        ("0 0 0 * * 1#2", "is no day of the week"),
        ("*/0 * * * * *", "is no second"),
        ("30-10 * * * * *", "is no second"),
        ("0 0 0 * foo *", "is no month"),
        ("0 0 0 30 2 *", "never comes true"),
        ("0 0 0 31 4,6,9,11 *", "never comes true"),
    ],
)
def test_a_wrong_schedule_is_refused_and_the_sweep_goes_on_with_its_own(schedule: str, mistake: str) -> None:
    assert mistake in str(mistake_in(schedule))
    told = {"SWEEP_SCHEDULE": schedule}
    with pytest.raises(SettingsError, match="SWEEP_SCHEDULE: .*" + mistake):
        Settings.from_env({"DATA": "x", "AZURE_OPENAI_ENDPOINT": "https://e", **told})
    assert read_at_import(told, "sweep_schedule") == "0 * * * * *"
