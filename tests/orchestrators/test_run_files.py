"""The orchestrator on a virtual engine: hours in milliseconds, with turns, timers and events counted."""

from typing import Any

import pytest

from domain.contracts import Answer, Pause, SnapshotSettings, Submitted, TakenFiles, to_wire
from domain.flow import flow as flows
from domain.flow.flow import Flow
from domain.flow.progress import summed
from domain.flow.state import Call
from domain.flow.steps import pause as pausing
from orchestrators import run_files
from tests.domain.flow.world import Mood, World
from tests.orchestrators.virtual_engine import BEGIN, VirtualEngine

HANDLES = {"run_files": run_files.run_files.build().get_user_function()}
SNAPSHOT = "snapshot-20261127T120000.000Z"
MOST_EVENTS = 1000
UNDEPLOYED = "undeployed"
NOT_DEPLOYED = Pause(
    model=UNDEPLOYED,
    kind="configuration",
    message="No such deployment.",
    reach=f"{UNDEPLOYED} /v1",
)


class Run:
    """One snapshot's files, worked on in a world."""

    def __init__(
        self,
        files: int,
        *,
        mood: Mood | None = None,
        settings: SnapshotSettings | None = None,
        seconds: float = 0.2,
        slow: dict[tuple[str, str], float] | None = None,
        dies: frozenset[tuple[str, str]] = frozenset(),
        undeployed: frozenset[str] = frozenset(),
    ) -> None:
        self.world = World(mood or Mood(longest_hours=0.05), files=files, most_shards=1, seed=1)
        self.seconds, self.slow, self.dies, self.undeployed = seconds, slow or {}, dies, undeployed
        self.ended_at: dict[str, float] = {}
        self.engine = VirtualEngine(HANDLES, self.carry_out)
        taken = TakenFiles(
            files=files,
            pages=len(self.world.pages),
            settings=settings or SnapshotSettings(micro_batch_size=10),
        )
        self.engine.start("run_files", to_wire(Flow.of(SNAPSHOT, taken)), f"{SNAPSHOT}-files")
        self.engine.run()

    def carry_out(self, name: str, given: Any, now: float) -> tuple[float, Any]:
        key = given.get("key", "")
        seconds = self.slow.get((name, key), self.seconds)
        if (name, key) in self.dies:
            return seconds, RuntimeError("The worker died.")
        if name == "submit_batch" and given["shard"]["model"] == UNDEPLOYED:
            return seconds, to_wire(Answer(ok=to_wire(Submitted(paused=NOT_DEPLOYED))))
        answer = self.world.answer(Call(name, given, key), now)
        if name == "prepare_file" and key in self.undeployed:
            for shard in answer["ok"]["shards"]:
                shard["model"] = UNDEPLOYED
        if name == "archive_input":
            self.ended_at[key] = now + seconds
        return seconds, answer

    @property
    def report(self) -> Any:
        return self.engine.output(f"{SNAPSHOT}-files")

    def last_of(self, *but: str) -> float:
        return max(at for key, at in self.ended_at.items() if key not in but) - BEGIN


FILES = 120


@pytest.fixture(scope="module")
def alone() -> Run:
    return Run(FILES)


def test_every_file_is_done_and_no_history_grows_beyond_its_bound(alone: Run) -> None:
    assert alone.report["done"] == FILES
    assert alone.engine.longest_history <= MOST_EVENTS / 2


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mood": Mood(longest_hours=24)},
        {"slow": {("prepare_file", "key-3"): 1500.0, ("collect_batch", "key-7"): 700.0}},
        {"dies": frozenset({("prepare_file", "key-3")})},
        {"settings": SnapshotSettings(micro_batch_size=2, max_active_batches=3)},
    ],
)
def test_it_stirs_by_the_time_that_its_status_tells(changes: dict[str, Any]) -> None:
    run = Run(30, **changes)
    assert run.engine.latest_stir <= 1.0


def test_waiting_costs_two_turns_a_look_and_no_timer_twice() -> None:
    settings = SnapshotSettings(micro_batch_size=10, poll_min_seconds=60, poll_max_seconds=900)
    run = Run(40, mood=Mood(longest_hours=24), settings=settings)
    assert run.report["done"] == 40
    looks = sum(name == "poll_batches" for _, name, _ in run.engine.calls)
    work = sum(name not in ("poll_batches", "share_limit") for _, name, _ in run.engine.calls)
    assert max(run.engine.timers.values()) == 1, "the same timer twice"
    assert run.engine.turns["run_files"] <= 2 * looks + work + looks / 10


@pytest.mark.parametrize(
    "slow", ["prepare_file", "submit_batch", "collect_batch", "write_outputs", "archive_input"]
)
def test_a_slow_call_keeps_no_other_file_waiting(alone: Run, slow: str) -> None:
    beside = Run(FILES, slow={(slow, "key-3"): 1800.0})
    assert beside.report["done"] == FILES
    assert beside.last_of("key-3") <= 1.3 * alone.last_of()
    assert beside.engine.longest_history <= MOST_EVENTS


def test_calls_that_fail_below_their_activity_cost_their_file_alone(alone: Run) -> None:
    beside = Run(FILES, dies=frozenset({("prepare_file", "key-7")}))
    assert (beside.report["done"], beside.report["held"]) == (FILES - 1, 1)
    assert beside.last_of() <= 1.3 * alone.last_of()


@pytest.mark.parametrize("bad", [3, 100])
def test_a_wrong_deployment_of_some_files_keeps_no_other_file_waiting(bad: int) -> None:
    """Not even where its files came first, and are more than may wait ahead of the submissions."""
    undeployed = frozenset(f"key-{number}" for number in range(bad))
    hour = SnapshotSettings(micro_batch_size=10, deadline_seconds=3600.0)
    good = Run(FILES, settings=hour)
    beside = Run(FILES, settings=hour, undeployed=undeployed)
    assert (beside.report["done"], beside.report["held"]) == (FILES - bad, bad)
    assert beside.last_of(*undeployed) <= 1.3 * good.last_of(*undeployed)


def test_files_of_a_wrong_deployment_are_set_aside_where_they_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pausing, "MOST_MISCONFIGURED", 5)
    monkeypatch.setattr(flows, "WAITING_SHARDS", 15)
    hour = SnapshotSettings(micro_batch_size=10, deadline_seconds=3600.0)
    run = Run(60, settings=hour, undeployed=frozenset(f"key-{number}" for number in range(55)))
    assert (run.report["done"], run.report["held"]) == (5, 55)
    # Those behind them need not wait until the first are given up.
    assert run.last_of() < 3600.0


def test_parts_are_told_so_that_the_progress_can_be_summed_up() -> None:
    run = Run(FILES, slow={("prepare_file", "key-3"): 1800.0})
    assert run.engine.status(f"{SNAPSHOT}-files") == {"parts": ["-1", "-2"]}
    parts = [run.engine.status(f"{SNAPSHOT}-files{part}") for part in ("-1", "-2")]
    whole = summed([run.engine.status(f"{SNAPSHOT}-files"), *parts])
    assert whole
    assert (whole["files_total"], whole["files_done"]) == (FILES, FILES)


def test_a_budget_is_not_shared_by_parts() -> None:
    settings = SnapshotSettings(micro_batch_size=10, max_cost=1.0)
    run = Run(FILES, settings=settings, slow={("prepare_file", "key-3"): 1800.0})
    assert run.report["done"] == FILES
    assert set(run.engine.instances) == {f"{SNAPSHOT}-files"}


@pytest.mark.parametrize("version", ["", "1.0"])  # the first comes as None
def test_an_instance_of_an_older_version_ends_at_once_and_says_what_comes_next(version: str) -> None:
    engine = VirtualEngine(HANDLES, lambda *_: (0.0, None), version=version)
    engine.start("run_files", {}, "old")
    engine.run()
    assert engine.instances["old"].instance.status.name == "FAILED"
    assert "takes the files over" in str(engine.instances["old"].instance.output)
