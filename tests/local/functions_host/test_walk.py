"""The walk by itself: numbers, decisions, determinism, in histories of any shape."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.functions_host import history
from local.functions_host.commit import fires_at
from local.functions_host.decisions import (
    Action,
    ActionType,
    ScheduleActivity,
    SetTimer,
    StartSubOrchestration,
)
from local.functions_host.errors import NonDeterministicError, NotSupportedError
from local.functions_host.history import Event
from local.functions_host.walk import WalkResult, walk

DAY = 86_400
NOW = 1_800_000_000.0
START = [
    history.orchestrator_started(NOW),
    history.execution_started(
        NOW, name="x", version="", raw_input=None, instance_id="i", execution_id="e", parent=None
    ),
]


def activity(name: str = "work") -> Action:
    return {"actionType": ActionType.CALL_ACTIVITY, "functionName": name, "input": "1"}


def retried(attempts: int, milliseconds: int = 1000) -> Action:
    options = {"firstRetryIntervalInMilliseconds": milliseconds, "maxNumberOfAttempts": attempts}
    return {**activity(), "actionType": ActionType.CALL_ACTIVITY_WITH_RETRY, "retryOptions": options}


def timer(*, cancelled: bool = False) -> Action:
    return {
        "actionType": ActionType.CREATE_TIMER,
        "fireAt": history.wire_time(NOW + 60),
        "isCanceled": cancelled,
    }


def wait_for(name: str) -> Action:
    return {"actionType": ActionType.WAIT_FOR_EXTERNAL_EVENT, "externalEventName": name}


def when(kind: ActionType, *children: Action) -> Action:
    return {"actionType": kind, "compoundActions": list(children)}


def continue_as_new() -> Action:
    return {"actionType": ActionType.CONTINUE_AS_NEW, "input": "2"}


def recorded(result: WalkResult) -> list[Event]:
    """The decisions of a walk as history events."""
    events = []
    for decision in result.decisions:
        match decision:
            case ScheduleActivity():
                events.append(history.task_scheduled(NOW, decision.id, decision.name))
            case SetTimer():
                events.append(history.timer_created(NOW, decision.id, decision.fire_at))
            case StartSubOrchestration():
                raise AssertionError("not part of these walks")
    return events


def completed(number: int) -> Event:
    return history.task_completed(NOW, number, "null")


def failed(number: int) -> Event:
    return history.task_failed(NOW, number, "reason", "details")


def fired(number: int) -> Event:
    return history.timer_fired(NOW, number, history.wire_time(NOW))


def raised(name: str) -> Event:
    return history.event_raised(NOW, name, "1")


def ids(result: WalkResult) -> list[int]:
    return [decision.id for decision in result.decisions]


def test_actions_are_begun_one_after_another() -> None:
    actions = [activity("a"), activity("b")]
    first = walk(START, actions)
    second = walk([*START, *recorded(first), completed(0)], actions)

    assert first.decisions == (ScheduleActivity(id=0, name="a", input="1"),)
    assert second.decisions == (ScheduleActivity(id=1, name="b", input="1"),)


def test_all_children_of_a_when_all_are_begun_and_awaited_even_after_a_failure() -> None:
    actions = [when(ActionType.WHEN_ALL, activity(), activity(), activity()), activity("after")]
    begun = walk(START, actions)
    past = [*START, *recorded(begun), completed(2), failed(0)]

    assert ids(begun) == [0, 1, 2]
    assert walk(past, actions).decisions == ()
    assert ids(walk([*past, completed(1)], actions)) == [3]


def test_one_child_is_enough_for_a_when_any() -> None:
    actions = [when(ActionType.WHEN_ANY, activity(), timer()), activity("after")]
    begun = walk(START, actions)

    assert ids(walk([*START, *recorded(begun), completed(0)], actions)) == [2]


def test_compound_actions_without_children_are_passed() -> None:
    actions = [when(ActionType.WHEN_ALL), when(ActionType.WHEN_ANY), activity()]

    assert ids(walk(START, actions)) == [0]


def test_open_tasks_keep_an_execution_from_finishing() -> None:
    actions = [when(ActionType.WHEN_ANY, activity(), timer())]
    begun = walk(START, actions)
    past = [*START, *recorded(begun), completed(0)]

    assert not walk(past, actions).is_finished
    assert walk([*past, fired(1)], actions).is_finished


def test_a_timer_cancelled_later_is_not_waited_for_and_its_firing_is_ignored() -> None:
    begun = walk(START, [when(ActionType.WHEN_ANY, activity(), timer())])
    actions = [when(ActionType.WHEN_ANY, activity(), timer(cancelled=True))]
    past = [*START, *recorded(begun), completed(0)]

    assert walk(past, actions).is_finished
    assert walk([*past, fired(1)], actions).is_finished


def test_duplicate_completions_are_ignored() -> None:
    actions = [activity(), activity()]
    begun = walk(START, actions)
    past = [*START, *recorded(begun), completed(0), completed(0), failed(0), completed(7)]

    assert ids(walk(past, actions)) == [1]


def test_a_timer_beyond_six_days_goes_on_in_steps_until_its_time_has_come() -> None:
    due = NOW + 8.5 * DAY
    long = {"actionType": ActionType.CREATE_TIMER, "fireAt": history.wire_time(due), "isCanceled": False}
    events, moment, steps = list(START), NOW, []
    while not (result := walk(events, [long])).is_finished:
        [decision] = result.decisions
        assert isinstance(decision, SetTimer)
        steps.append(history.moment_of(decision.fire_at) - moment)
        moment = max(moment, fires_at(decision.fire_at, moment + 0.01)) + 0.3
        events += [
            history.timer_created(moment, decision.id, decision.fire_at),
            history.orchestrator_started(moment),
            history.timer_fired(moment, decision.id, decision.fire_at),
        ]

    assert steps[:2] == [3 * DAY, pytest.approx(5.5 * DAY, abs=1)]
    assert all(step < 1 for step in steps[2:])
    assert moment >= due


def test_a_retried_call_takes_numbers_for_attempts_and_timers_and_one_timer_more() -> None:
    actions = [retried(2, milliseconds=1500), activity("after")]
    past = list(START)
    numbers = []
    for answer in (failed(0), fired(1), failed(2), fired(3)):
        result = walk(past, actions)
        numbers.append((ids(result), type(result.decisions[0]).__name__))
        past += [*recorded(result), answer]

    assert numbers == [
        ([0], "ScheduleActivity"),
        ([1], "SetTimer"),
        ([2], "ScheduleActivity"),
        ([3], "SetTimer"),
    ]
    assert ids(walk(past, actions)) == [4]


def test_a_retry_waits_its_interval_on_the_orchestrations_clock() -> None:
    begun = walk(START, [retried(2, milliseconds=1500)])
    later = history.orchestrator_started(NOW + 10)
    (decision,) = walk(
        [*START, *recorded(begun), later, failed(0)], [retried(2, milliseconds=1500)]
    ).decisions

    assert decision == SetTimer(id=1, fire_at=history.wire_time(NOW + 11.5), is_cancelled=False)


def test_waiting_for_events_takes_no_numbers() -> None:
    actions = [wait_for("go"), activity()]

    assert ids(walk([*START, raised("go")], actions)) == [0]


def test_early_events_are_kept_in_order_whatever_their_case() -> None:
    actions = [activity(), wait_for("Go"), wait_for("gO"), activity()]
    begun = walk(START, actions)
    past = [*START, raised("GO"), *recorded(begun), completed(0)]

    assert walk(past, actions).decisions == ()
    assert ids(walk([*past, raised("go")], actions)) == [1]


def test_the_latest_waiter_is_served_first() -> None:
    race = when(ActionType.WHEN_ANY, wait_for("go"), activity())
    actions = [race, wait_for("go"), activity("after")]
    begun = walk(START, actions)
    past = [*START, *recorded(begun), completed(0), raised("go")]

    assert ids(walk(past, actions)) == [1]  # the second wait got it, not the first one still open


def test_continuing_as_new_carries_later_events_and_drops_earlier_ones() -> None:
    actions = [activity(), continue_as_new()]
    begun = walk(START, actions)
    late = raised("late")
    result = walk([*START, *recorded(begun), raised("early"), completed(0), late], actions)

    assert result.is_finished
    assert result.new_input == "2"
    assert result.carried_events == (late,)


def test_while_suspended_nothing_is_begun_and_nothing_is_lost() -> None:
    actions = [activity(), wait_for("go"), activity()]
    begun = walk(START, actions)
    suspended = [
        *START,
        *recorded(begun),
        history.execution_suspended(NOW, ""),
        completed(0),
        raised("go"),
    ]

    assert walk(suspended, actions).is_suspended
    assert walk(suspended, actions).decisions == ()
    resumed = walk([*suspended, history.execution_resumed(NOW, "")], actions)
    assert ids(resumed) == [1]
    assert not resumed.is_suspended


@pytest.mark.parametrize(
    ("now_decides", "words"),
    [
        ([activity("other")], "was an activity old, .* an activity other"),
        ([timer()], "was an activity old, .* a timer"),
        ([wait_for("go")], "was an activity old, .* nothing"),
        ([], "was an activity old, .* nothing"),
    ],
)
def test_changed_code_is_found_out(now_decides: list[Action], words: str) -> None:
    past = [*START, *recorded(walk(START, [activity("old")]))]

    with pytest.raises(NonDeterministicError, match=words):
        walk(past, now_decides)


def test_names_are_compared_without_case() -> None:
    past = [*START, *recorded(walk(START, [activity("Old")]))]

    assert walk(past, [activity("oLD")]).decisions == ()


@pytest.mark.parametrize("kind", [ActionType.CALL_ENTITY, ActionType.SIGNAL_ENTITY, ActionType.CALL_HTTP])
def test_actions_of_other_kinds_are_refused_by_name(kind: ActionType) -> None:
    with pytest.raises(NotSupportedError, match=kind.name.lower()):
        walk(START, [{"actionType": kind}])


LEAVES = st.sampled_from([activity(), timer(), retried(1), retried(3), wait_for("go")])
TREES = st.recursive(
    LEAVES,
    lambda children: st.builds(
        lambda kind, parts: when(kind, *parts),
        st.sampled_from([ActionType.WHEN_ALL, ActionType.WHEN_ANY]),
        st.lists(children, max_size=4),
    ),
    max_leaves=8,
)


@given(st.lists(TREES, max_size=5), st.integers())
def test_any_program_ends_with_each_decision_taken_once_in_order(actions: list[Action], seed: int) -> None:
    dice = random.Random(seed)
    past: list[Event] = list(START)
    open_tasks: dict[int, list[Any]] = {}
    numbers: list[int] = []
    waits = sum(str(action).count("externalEventName") for action in actions)
    result = walk(past, actions)
    while True:
        for decision in result.decisions:
            is_timer = isinstance(decision, SetTimer)
            open_tasks[decision.id] = [fired] if is_timer else [completed, failed]
        numbers += ids(result)
        past += recorded(result)
        if not open_tasks and not waits:
            break
        if open_tasks and (not waits or dice.random() < 0.7):
            number = dice.choice(sorted(open_tasks))
            past.append(dice.choice(open_tasks.pop(number))(number))
        else:
            past.append(raised("go"))
            waits -= 1
        result = walk(past, actions)

    assert numbers == list(range(result.next_id))
    assert result.is_finished
