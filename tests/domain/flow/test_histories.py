"""Thousands of generated lives of a snapshot: whatever goes wrong, and in whatever order, the rules hold to the end."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contracts import SnapshotSettings
from tests.domain.flow.history import History, check_end
from tests.domain.flow.world import Mood, World

pytestmark = pytest.mark.lives

SET_APART = ("longest_hours", "died")
chances = st.sampled_from([0.0, 0.0, 0.1, 0.5])
moods = st.builds(
    Mood,
    storm_rounds=st.sampled_from([0, 30, 400]),
    **{field.name: chances for field in fields(Mood) if field.type is float and field.name not in SET_APART},
    died=st.sampled_from([0.0, 0.1, 0.3]),
    room=st.sampled_from([None, None, 1, 3]),
    token_limit=st.sampled_from([None, None, 500, 3000]),
)
snapshot_settings = st.builds(
    SnapshotSettings,
    micro_batch_size=st.sampled_from([1, 2, 10]),
    max_active_batches=st.sampled_from([1, 3, 500]),
    poll_min_seconds=st.sampled_from([1.0, 60.0]),
    poll_max_seconds=st.just(900.0),
    deadline_seconds=st.sampled_from([1800.0, 6 * 3600.0]),
    files_per_call=st.sampled_from([1, 1, 2, 3, 20]),
    # A shard of nine requests is not small any more.
    bytes_per_call=st.sampled_from([6_000, 20_000_000]),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    files, most_shards, seed = draw(st.integers(1, 12)), draw(st.integers(1, 4)), draw(st.integers(0, 2**32))
    return World(draw(moods), files=files, most_shards=most_shards, seed=seed)


@given(world=worlds(), settings=snapshot_settings, wiped_after=st.none() | st.integers(1, 40))
def test_every_history_ends_and_every_rule_holds_on_the_way(
    world: World, settings: SnapshotSettings, wiped_after: int | None
) -> None:
    history = History(world, settings)
    history.live(wiped_after=wiped_after)
    check_end(history)


@given(
    settings=snapshot_settings,
    files=st.integers(1, 12),
    most_shards=st.integers(1, 4),
    seed=st.integers(0, 2**32),
)
def test_in_fair_weather_every_file_is_done(
    settings: SnapshotSettings, files: int, most_shards: int, seed: int
) -> None:
    history = History(World(Mood(), files=files, most_shards=most_shards, seed=seed), settings)
    history.live()
    check_end(history)
    assert history.report().done == files
