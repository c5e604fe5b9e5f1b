"""A step that stops its worker is begun again, the third time alone, and then no more by this version of the app."""

from collections.abc import Callable
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest

from adapters.own_process import OwnProcess, OwnProcessError
from adapters.services import Services
from adapters.work import attempts
from domain.contracts import FileWork, PreparedFile, to_wire
from domain.errors import NeedsOwnProcessError, PassingError, PipelineError, SetAsideError
from steps import containment
from steps.containment import ALONE_FROM, MOST_TRIES, Contained
from tests.activities.conftest import MakePipeline

WORK = FileWork(snapshot_id="s", key="k")
ANSWER = PreparedFile(requests=7)


@pytest.fixture
def wired(make_pipeline: MakePipeline) -> Services:
    return make_pipeline().services


class Died(BaseException):
    """The process is gone."""


class Elsewhere(OwnProcess):
    """A process of its own, as far as the step can tell."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer

    def run(self, activity: str, work: object, limit_seconds: float = 0.0) -> Any:
        del limit_seconds
        assert (activity, work) == ("prepare_file", to_wire(WORK))
        return self.answer()


def dies() -> PreparedFile:
    raise Died


def dies_alone() -> Any:
    raise OwnProcessError("It was ended by signal 9.")


def begin(
    services: Services,
    step: Callable[[], PreparedFile],
    *,
    alone: Callable[[], Any] = dies_alone,
    is_done: Callable[[PreparedFile], bool] = lambda _: True,
) -> PreparedFile:
    ours = replace(services, own_process=lambda: Elsewhere(alone))
    contained = Contained("prepare_file", "k", ours, words="it was prepared")
    return contained.run(WORK, PreparedFile, step, is_done=is_done)


def die(services: Services, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Died):
            begin(services, dies)


def test_the_last_try_is_made_alone_and_then_the_file_is_set_aside(wired: Services) -> None:
    die(wired, ALONE_FROM - 1)
    for told in ("It was ended by signal 9.", "again and again while it was prepared", "another version"):
        with pytest.raises(SetAsideError, match=told):
            begin(wired, dies)
    with pytest.raises(SetAsideError):
        begin(wired, lambda: ANSWER)


def test_a_worker_that_is_stopped_while_a_step_runs_alone_is_not_its_fault(wired: Services) -> None:
    die(wired, ALONE_FROM - 1)
    for _ in range(ALONE_FROM, MOST_TRIES):
        with pytest.raises(Died):
            begin(wired, dies, alone=dies)
    assert begin(wired, dies, alone=lambda: {"ok": to_wire(ANSWER)}) == ANSWER


def test_nothing_stops_workers_without_end(wired: Services) -> None:
    die(wired, ALONE_FROM - 1)
    for _ in range(ALONE_FROM, MOST_TRIES + 1):
        with pytest.raises(Died):
            begin(wired, dies, alone=dies)
    with pytest.raises(SetAsideError):
        begin(wired, dies, alone=dies)


def test_what_ends_well_alone_was_not_to_blame(wired: Services) -> None:
    die(wired, ALONE_FROM - 1)
    assert begin(wired, dies, alone=lambda: {"ok": to_wire(ANSWER)}) == ANSWER
    assert begin(wired, lambda: ANSWER) == ANSWER
    die(wired, ALONE_FROM - 2)


def test_a_fault_that_is_answered_is_no_death(wired: Services) -> None:
    def fails() -> PreparedFile:
        raise PipelineError("no")

    for _ in range(2 * MOST_TRIES):
        with pytest.raises(PipelineError):
            begin(wired, fails)
    assert begin(wired, lambda: ANSWER) == ANSWER


@pytest.mark.parametrize(("passing", "kind"), [(True, PassingError), (False, PipelineError)])
def test_a_fault_that_is_answered_alone_is_the_same_fault(
    wired: Services, passing: bool, kind: type[PipelineError]
) -> None:
    die(wired, ALONE_FROM - 1)
    fault = {"code": "busy", "message": "Later.", "passing": passing, "retry_after": 3.0}
    with pytest.raises(kind, match=r"Later\.") as caught:
        begin(wired, dies, alone=lambda: {"fault": fault})
    assert (type(caught.value), caught.value.code) == (kind, "busy")
    die(wired, ALONE_FROM - 1)


def test_a_step_that_is_to_be_begun_again_begins_anew(wired: Services) -> None:
    for _ in range(2 * MOST_TRIES):
        assert begin(wired, lambda: ANSWER, is_done=lambda _: False) == ANSWER


def test_two_that_have_to_run_alone_do_so_in_turn(wired: Services) -> None:
    die(wired, ALONE_FROM - 1)
    with Elsewhere(dies_alone), pytest.raises(PassingError, match="alone") as caught:
        begin(wired, dies)
    assert caught.value.retry_after
    assert begin(wired, dies, alone=lambda: {"ok": to_wire(ANSWER)}) == ANSWER


def test_of_those_that_were_under_way_when_their_worker_was_stopped_one_is_tried_at_a_time(
    wired: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containment, "SUSPECT_WAIT_SECONDS", 0.0)
    die(wired, ALONE_FROM - 2)

    def beside_another() -> PreparedFile:
        with pytest.raises(PassingError, match="one by one") as caught:
            Contained("collect_batch", "other", ours, words="answers were collected").run(
                WORK, PreparedFile, lambda: ANSWER
            )
        assert caught.value.code == NeedsOwnProcessError.code
        raise Died

    ours = replace(wired, own_process=lambda: Elsewhere(dies_alone))
    with pytest.raises(Died):
        Contained("collect_batch", "other", ours, words="answers were collected").run(
            WORK, PreparedFile, dies
        )
    with pytest.raises(Died):
        begin(wired, beside_another)
    # The one that was not begun has no further try noted, and goes on here; the other one runs alone.
    with pytest.raises(Died):
        Contained("collect_batch", "other", ours, words="answers were collected").run(
            WORK, PreparedFile, dies
        )
    assert begin(wired, dies, alone=lambda: {"ok": to_wire(ANSWER)}) == ANSWER


def test_one_that_goes_on_for_long_is_not_waited_for_and_ends_no_turn_but_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(containment, "SUSPECT_WAIT_SECONDS", 0.0)
    now = [0.0]
    suspects = containment.Suspects(lambda: now[0])
    slow = suspects.turn()
    slow.__enter__()
    now[0] = containment.SUSPECT_SECONDS - 1
    with pytest.raises(PassingError), suspects.turn():
        pass
    now[0] = containment.SUSPECT_SECONDS
    with suspects.turn():
        slow.__exit__(None, None, None)
        with pytest.raises(PassingError), suspects.turn():
            pass
    with suspects.turn():
        pass


def test_a_turn_that_ends_soon_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containment, "SUSPECT_WAIT_SECONDS", 60.0)
    suspects = containment.Suspects()
    order: list[str] = []
    with suspects.turn():
        others = [Thread(target=take_turn, args=(suspects, order)) for _ in range(5)]
        for other in others:
            other.start()
        order.append("first")
    for other in others:
        other.join()
    assert order == ["first", *["in", "out"] * 5]


def take_turn(suspects: containment.Suspects, order: list[str]) -> None:
    with suspects.turn():
        order += ["in", "out"]


def test_another_version_of_the_app_has_its_chances_anew(
    wired: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(wired, ALONE_FROM - 1)
    with pytest.raises(SetAsideError):
        begin(wired, dies)
    monkeypatch.setattr(attempts, "app_version", lambda: "another")
    die(wired, ALONE_FROM - 1)


def test_in_a_process_of_its_own_nothing_is_noted(wired: Services) -> None:
    contained = Contained("prepare_file", "k", replace(wired, own_process=None), words="it was prepared")
    for _ in range(2 * MOST_TRIES):
        with pytest.raises(Died):
            contained.run(WORK, PreparedFile, dies)
    assert begin(wired, lambda: ANSWER) == ANSWER
