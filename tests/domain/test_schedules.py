"""Schedules that the host would refuse are named; the app falls back on its own, so that the net stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import SettingsError
from domain.schedules import schedule_mistake
from domain.settings import Settings, read_at_import
from local.functions_host.triggers.schedule import Schedule

GOOD = [
    "0 * * * * *",
    "*/15 * * * * *",
    "0 */5 9-17 * * 1-5",
    "0 0 3 1,15 * *",
    "0 30 9 * Jan,Jul *",
    "0 0 0 * * Mon-Fri",
    "0 5/15 * * * *",
]
BAD = [
    "* * * * *",
    "every minute",
    "0 * * * * * *",
    "60 * * * * *",
    "0 60 * * * *",
    "0 0 24 * * *",
    "0 0 0 0 * *",
    "0 0 0 32 * *",
    "0 0 0 * 13 *",
    "0 0 0 * * 8",
    "0 0 0 * * Someday",
    "0 */0 * * * *",
    "0 5-1 * * * *",
    "0 , * * * *",
    "0 * * L * *",
    "0 * * ? * *",
    "00:05:00",
    "@hourly",
    "%SCHEDULE%",
]


@pytest.mark.parametrize("expression", GOOD)
def test_a_schedule_that_the_host_reads_is_taken(expression: str) -> None:
    assert schedule_mistake(expression) is None
    Schedule(expression)
    assert read_at_import({"SWEEP_SCHEDULE": expression}, "sweep_schedule") == expression


@pytest.mark.parametrize("expression", BAD)
def test_a_schedule_that_the_host_refuses_is_named_and_not_gone_by(expression: str) -> None:
    env = {
        "DATA": "UseDevelopmentStorage=true",
        "AZURE_OPENAI_ENDPOINT": "https://example.openai.azure.com",
        "SWEEP_SCHEDULE": expression,
    }
    with pytest.raises(SettingsError, match="SWEEP_SCHEDULE: "):
        Settings.from_env(env)
    assert read_at_import(env, "sweep_schedule") == "0 * * * * *"


FIELD = st.from_regex(r"(\*|[0-9]{1,2}(-[0-9]{1,2})?)(/[0-9]{1,2})?(,[0-9]{1,2})?", fullmatch=True)


@given(st.lists(FIELD, min_size=6, max_size=6).map(" ".join))
def test_what_is_taken_can_be_gone_by(expression: str) -> None:
    """Our own host reads it as well, but for what never comes true, and two kinds of days together."""
    if schedule_mistake(expression) is None:
        refused = ""
        try:
            Schedule(expression)
        except ValueError as error:
            refused = str(error)
        assert not refused or "never comes true" in refused or "is not supported" in refused
