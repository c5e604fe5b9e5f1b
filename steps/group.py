"""Carry out several calls about small files, one after the other; each ends by itself.

What comes before its time, or where an answer says that the next ones would fare no better, is given back: no call but the
first has to begin here. Why: docs/decisions/0014-small-files-share-activities.md
"""

import time
from collections.abc import Callable

from adapters.services import Services
from adapters.work.chain import one_chain
from domain.contracts import Answer, CallGroup, GroupAnswer, NamedCall, from_wire
from domain.flow.grouping import goes_on, stops_others
from steps.answering import answer_of
from steps.by_name import STEPS
from steps.deliver.archive import close, ending_together


def carry_out(
    group: CallGroup, services: Services, monotonic: Callable[[], float] = time.monotonic
) -> GroupAnswer:
    """Carry out the calls of a group, and what follows from each."""
    until = monotonic() + group.seconds
    answers: list[list[Answer]] = []
    archived: list[int] = []  # the chains whose file is archived, and not yet at its end
    is_over = False
    with ending_together() as ends:
        for number, chain in enumerate(group.calls):
            with one_chain():
                done = [] if is_over else _carry_out_chain(chain, services)
            answers.append(done)
            archived += [number] * (len(ends) - len(archived))
            is_over = is_over or monotonic() >= until or stops_others(chain[len(done) - 1].activity, done[-1])
    if ends:
        answer = from_wire(answer_of(lambda: close(ends, services)), Answer)
        for number in archived:
            answers[number][-1] = answer
    return GroupAnswer(answers=answers)


def _carry_out_chain(chain: list[NamedCall], services: Services) -> list[Answer]:
    done: list[Answer] = []
    for call in chain:
        kind, step = STEPS[call.activity]
        answer = answer_of(lambda: step(from_wire(call.input, kind), services))  # noqa: B023 - called at once
        done.append(from_wire(answer, Answer))
        if not goes_on(call.activity, done[-1]):
            break
    return done
