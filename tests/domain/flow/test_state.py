"""Where files and shards stand, and how they move."""

from collections.abc import Mapping
from typing import get_args

import pytest

from domain.contracts import OpenShard
from domain.flow.state import (
    NEXT_OF_FILE,
    NEXT_OF_SHARD,
    Call,
    FileEnd,
    FileStep,
    ForbiddenMoveError,
    ShardState,
    ShardStep,
    Totals,
)
from tests.domain.flow.stories import NOW, active, file_at, opened, waiting


@pytest.mark.parametrize("to", FileStep)
@pytest.mark.parametrize("of", FileStep)
def test_a_file_moves_where_it_may_and_begins_there_anew(of: FileStep, to: FileStep) -> None:
    file = file_at(of, tries=3, not_before=NOW)
    if to in NEXT_OF_FILE[of]:
        file.move(to)
        assert (file.step, file.tries, file.not_before) == (to, 0, 0.0)
    else:
        with pytest.raises(ForbiddenMoveError, match=f"^in/k.csv: from {of} to {to}$"):
            file.move(to)
        assert (file.step, file.tries, file.not_before) == (of, 3, NOW)


@pytest.mark.parametrize("to", ShardStep)
@pytest.mark.parametrize("of", ShardStep)
def test_a_shard_moves_where_it_may_and_begins_there_anew(of: ShardStep, to: ShardStep) -> None:
    s = waiting(7)
    s.step, s.tries, s.not_before = of, 3, NOW
    if to in NEXT_OF_SHARD[of]:
        s.move(to)
        assert (s.step, s.tries, s.not_before) == (to, 0, 0.0)
    else:
        with pytest.raises(ForbiddenMoveError, match=f"^k/0007: from {of} to {to}$"):
            s.move(to)
        assert (s.step, s.tries, s.not_before) == (of, 3, NOW)


@pytest.mark.parametrize("moves", [NEXT_OF_FILE, NEXT_OF_SHARD])
def test_what_has_left_stays_away_and_from_everywhere_else_there_is_a_way_there(
    moves: Mapping[str, frozenset[str]],
) -> None:
    assert not moves["left"]
    ahead = set(moves) - {"left"}
    while closer := {step for step in ahead if moves[step] - ahead}:
        ahead -= closer
    assert not ahead


def test_a_file_is_set_aside_for_a_reason_and_until_something_changes() -> None:
    file = file_at()
    file.hold("Too dear.")
    assert (file.step, file.hold_reason) == (FileStep.HOLD, "Too dear.")
    assert (file.needs_settings, file.needs_version) == (False, False)
    for needs in ({"needs_settings": True}, {"needs_version": True}):
        file = file_at()
        file.hold("Too dear.", **needs)
        assert {name for name in ("needs_settings", "needs_version") if getattr(file, name)} == set(needs)


@pytest.mark.parametrize(
    ("shard", "step"),
    [
        (opened(), ShardStep.SUBMIT),
        (opened(engine="direct"), ShardStep.SEND),
        (opened(batch_id="b", submitted_at=NOW), ShardStep.ACTIVE),
        (opened(batch_id="b"), ShardStep.ACTIVE),
        (opened(engine="direct", submitted_at=NOW), ShardStep.SEND),
    ],
)
def test_a_shard_begins_where_it_stands_in_storage(shard: OpenShard, step: ShardStep) -> None:
    s = ShardState.opened("k", shard)
    assert (s.step, s.key, s.shard, s.batch_id) == (step, "k", shard, shard.batch_id)
    assert s.submitted_at == (shard.submitted_at or 0.0)


def test_a_call_about_a_shard_carries_its_identity() -> None:
    s = active(7, key="a")
    assert s.identity == ("a", "0007")
    assert Call("poll", {}, *s.identity, weight=3).identity == ("poll", "a", "0007")


def test_every_end_is_counted_by_its_name() -> None:
    totals = Totals()
    for times, end in enumerate(get_args(FileEnd), start=2):
        for _ in range(times):
            totals.count(end)
        assert getattr(totals, end) == times
    assert totals.files == 2 + 3 + 4 + 5
