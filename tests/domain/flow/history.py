"""The life of a snapshot in a world: calls begin and end one by one, with every rule checked on the way."""

import json
from collections import Counter
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import msgspec

from domain.contracts import (
    Answer,
    GroupAnswer,
    SnapshotReport,
    SnapshotSettings,
    TakenFiles,
    from_wire,
    to_wire,
)
from domain.direct.throttle import Throttle
from domain.flow.flow import Flow
from domain.flow.generation import Generation
from domain.flow.grouping import goes_on, stops_others
from domain.flow.machine import answers_of, end_group
from domain.flow.pacing import EARLY_SECONDS, SHORTEST_WAIT_SECONDS
from domain.flow.parts import merged, split
from domain.flow.progress import progress
from domain.flow.state import Call, ShardStep
from domain.flow.step import SLOW_SECONDS
from domain.flow.steps.send import SMALL_SHARDS_REQUESTS
from tests.domain.flow.world import PAGE_FILES, World

BEGIN = 1_790_000_000.0
# Far above what any history took; reaching it means that something turns in circles.
LOOKS_PER_FILE = 3000
STATUS_LIMIT_BYTES = 16 * 1024
MOST_EVENTS = 1000


@dataclass
class Pending:
    """An activity under way: when it ends, and with what, where its effect was at its beginning."""

    group: list[Call]
    ends: float
    result: Any = None
    done: bool = False


@dataclass
class Life:
    """One orchestration: its flow, its generation, and what is under way."""

    flow: Flow
    generation: Generation
    pending: list[Pending] = field(default_factory=list)
    timer: float | None = None
    drains: bool = False  # its rest goes on elsewhere
    events: int = 0

    @property
    def next_event(self) -> float:
        times = [call.ends for call in self.pending] + ([self.timer] if self.timer is not None else [])
        return min(times)


class History:
    """A snapshot's life in a world, as `run_files` lives it."""

    def __init__(self, world: World, settings: SnapshotSettings) -> None:
        self.world, self.settings, self.now = world, settings, BEGIN
        self.collected: set[tuple[str, str]] = set()
        self.left: Counter[str] = Counter()
        self.refused_at: dict[tuple[str, str, str], float] = {}
        self.parts = 0
        self.turns_at_a_time = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """The first snapshot; or it failed, or the task hub was wiped, and another takes over what is left."""
        self.world.next_snapshot()
        files = sum(listed.members or 1 for page in self.world.pages for listed in page)
        taken = TakenFiles(files=files, pages=len(self.world.pages), settings=self.settings)
        self.flow = Flow.of(f"snapshot-{self.world.rounds}", taken)
        self.lives = [Life(self.flow, Generation(self.now))]
        self.reports: list[SnapshotReport] = []
        self.collected.clear()
        self.left.clear()
        self.refused_at.clear()

    def live(self, *, wiped_after: int | None = None) -> None:
        most_looks = LOOKS_PER_FILE * (1 + len(self.world.files))
        while self.lives:
            self.world.rounds += 1
            assert self.world.rounds < most_looks, [to_wire(life.flow) for life in self.lives]
            try:
                self.look()
            except RuntimeError as failed:
                if "its list of files cannot be read" not in str(failed):
                    raise
                self.begin_anew()
            if self.world.rounds == wiped_after:
                self.begin_anew()

    def look(self) -> None:
        """Let the next thing happen: whatever ends first, in whichever orchestration."""
        waiting = [life for life in self.lives if life.pending or life.timer is not None]
        if len(waiting) == len(self.lives):
            life = min(waiting, key=lambda life: life.next_event)
            self.now = max(self.now, life.next_event)
        else:
            life = next(life for life in self.lives if life not in waiting)
        self._wake(life)
        self._go_on(life)

    def _wake(self, life: Life) -> None:
        over = [pending for pending in life.pending if pending.ends <= self.now]
        life.pending = [pending for pending in life.pending if pending.ends > self.now]
        if life.timer is not None and life.timer <= self.now:
            life.timer = None
        for pending in over:
            before = files_in(life.flow)
            result = pending.result if pending.done else self._carry_out(pending.group)
            answers = answers_of(pending.group, result)
            end_group(life.flow, pending.group, answers, self.now)
            self.note_collections(pending.group, answers)
            self.note_refusals(pending.group, answers)
            self.left.update(before - files_in(life.flow))
            life.events += 2
        self.check_state(life.flow)

    def _carry_out(self, group: list[Call]) -> Any:
        answers: list[list[Any]] = []
        is_over = False
        for call in group:
            # Its time is over at some point after the first.
            is_over = is_over or (bool(answers) and self.world.happens(self.world.mood.slow))
            chain = [] if is_over else self._carry_out_chain([call, *call.then])
            if isinstance(chain, RuntimeError):
                return chain
            answers.append(chain)
            is_over = is_over or stops_others([call, *call.then][len(chain) - 1].activity, chain[-1])
        if self.world.happens(self.world.mood.died / 2):
            return RuntimeError("The worker died.")
        alone = len(group) == 1 and not group[0].then
        return to_wire(answers[0][0] if alone else Answer(ok=to_wire(GroupAnswer(answers=answers))))

    def _carry_out_chain(self, chain: list[Call]) -> Any:
        done: list[Answer] = []
        for call in chain:
            if self.world.happens(self.world.mood.died / 2):
                return RuntimeError("The worker died.")
            done.append(from_wire(self.world.answer(call, self.now), Answer))
            if not goes_on(call.activity, done[-1]):
                break
        return done

    def _go_on(self, life: Life) -> None:
        flow = life.flow
        if life.drains:
            if not flow.in_flight:
                flow.part += "-2"
                self._next_generation(life)
                life.drains = False
            return
        if flow.finished:
            self.lives.remove(life)
            self.reports.append(flow.report())
            return
        for group in life.generation.begin_calls(flow, self.now):
            for call in group:
                self.check_call(flow, call)
            self._begin(life, group)
        life.events += 4
        self.check_under_way(flow)
        if self.world.rounds % 7 == 0 and life.generation.calls_left:
            assert not self._could_begin(flow), "what may begin was left behind"
        if life.generation.is_over(flow):
            self._next_generation(life)
        elif life.generation.is_stuck(flow, self.now):
            self._split(life)
        else:
            wake_at = life.generation.wake_at(flow, self.now)
            if wake_at is not None:
                self._set_timer(life, wake_at)

    def _could_begin(self, flow: Flow) -> list[Call]:
        copy = msgspec.msgpack.decode(msgspec.msgpack.encode(flow), type=Flow)
        groups = Generation(self.now).begin_calls(copy, self.now)
        # Once a shard did not fit its deployment's queue, smaller ones of the same deployment wait for the next look.
        return [
            call for group in groups for call in group if call.activity != "submit_batch" or not flow.gauges
        ]

    def _begin(self, life: Life, group: list[Call]) -> None:
        assert len(group) <= self.settings.files_per_call
        slow = self.world.happens(self.world.mood.slow)
        longest = 600 if slow else 0.5 if self.world.seconds(0, 1) < 0.5 else SLOW_SECONDS - 1
        pending = Pending(group, self.now + self.world.seconds(0.01, longest))
        if self.world.seconds(0, 1) < 0.5:
            pending.result, pending.done = self._carry_out(group), True
        life.pending.append(pending)
        life.events += 2

    def _set_timer(self, life: Life, wake_at: float) -> None:
        assert wake_at - self.now >= 1.0, "a timer for less than a second ahead"
        # The engine's timers count whole seconds and come up to a second early.
        fires = ceil(wake_at) - self.world.seconds(0.0, 1.0)
        life.timer = fires if life.timer is None else min(life.timer, fires)

    def _next_generation(self, life: Life) -> None:
        assert life.events <= MOST_EVENTS, "a history that grows"
        assert not life.flow.in_flight
        life.flow = from_wire(msgspec.json.decode(on_the_wire(life.flow)), Flow)
        life.generation, life.timer, life.events = Generation(self.now), None, 0
        if len(self.lives) == 1:
            self.flow = life.flow

    def _split(self, life: Life) -> None:
        rest = split(life.flow, f"{life.flow.part}-1")
        life.drains, life.timer = True, None
        life.pending = [pending for pending in life.pending if pending.group[0].key]
        assert life.pending or not life.flow.in_flight
        self.parts += 1
        self.lives.append(Life(from_wire(msgspec.json.decode(on_the_wire(rest)), Flow), Generation(self.now)))

    @property
    def is_unsure(self) -> bool:
        mood = self.world.mood
        return bool(mood.pooled and (mood.fault or mood.died))

    # --- rules -------------------------------------------------------------------------------------------------------

    def check_call(self, flow: Flow, call: Call) -> None:
        assert sum(other.identity == call.identity for other in flow.in_flight) == 1, "begun twice"
        if call.activity == "collect_batch":
            assert (call.key, call.shard) not in self.collected, "a shard is collected again after success"
        if call.activity == "submit_batch":
            assert flow.shard_of(call).step is ShardStep.SUBMIT
        since = self.now - self.refused_at.pop(call.identity, 0.0)
        assert since >= SHORTEST_WAIT_SECONDS - EARLY_SECONDS, "it spins"
        if call.shard and flow.file(call.key).wants.unwanted:
            assert call.activity == "cancel_batch" or call.input["unwanted"], "an unwanted file goes on"
        about = [
            other
            for other in flow.in_flight
            if other.key and (other.key, other.shard) == (call.key, call.shard)
        ]
        assert not call.key or len(about) == 1, "two calls about the same thing"

    def check_under_way(self, flow: Flow) -> None:
        settings, kinds = self.settings, Counter(call.activity for call in flow.in_flight)
        assert max(kinds["poll_batches"], kinds["list_files"], kinds["share_limit"]) <= 1
        for activity in ("submit_batch", "collect_batch", "prepare_file", "write_outputs", "archive_input"):
            assert kinds[activity] <= 2 * settings.micro_batch_size * settings.files_per_call
        sent = [
            call for call in flow.in_flight if call.activity == "send_slice" and not call.input["unwanted"]
        ]
        for model in {call.input["shard"]["model"] for call in sent}:
            slices = [call for call in sent if call.input["shard"]["model"] == model]
            begun_now = [call for call in slices if call.begun_at == self.now]
            throttle = flow.throttles.get(model, Throttle())
            assert len(begun_now) <= throttle.width, "more slices than calls"
            heavy = [call.weight for call in slices if call.weight > SMALL_SHARDS_REQUESTS // 8]
            assert len(heavy) <= 1 or sum(heavy) <= SMALL_SHARDS_REQUESTS
        active = [shard for shard in flow.shards if shard.step is ShardStep.ACTIVE]
        # Dead snapshots may have left more.
        places = min(flow.allowance.places, settings.max_active_batches)
        submitted = [c for c in flow.in_flight if c.activity == "submit_batch" and not c.input["unwanted"]]
        begun_now = [c for c in submitted if c.begun_at == self.now]
        assert not begun_now or len(active) + len(submitted) <= places

    def note_collections(self, group: list[Call], answers: list[list[Answer]]) -> None:
        for call, told in zip(group, answers, strict=True):
            ok = told[0].ok if told else None
            if call.activity == "collect_batch" and ok and not ok["again"]:
                self.collected.add((call.key, call.shard))

    def note_refusals(self, group: list[Call], answers: list[list[Answer]]) -> None:
        """Note when a call came to nothing: the next one like it is to wait, but where room was made for it."""
        for call, told in zip(group, answers, strict=True):
            if not (told and call.key):
                continue
            ok = told[0].ok if isinstance(told[0].ok, dict) else {}
            if ok.get("batch_id"):
                # What went through ends the pause of the others.
                self.refused_at.clear()
            paused = ok.get("paused")
            if told[0].fault or (paused and paused["kind"] != "quota"):
                self.refused_at[call.identity] = self.now

    def check_state(self, flow: Flow) -> None:
        # A file that left its pool, and was then to be held and could not be marked so, is told of again by the pool's next owner.
        known = self.left if not self.is_unsure else self.left.keys() & self.world.listed_first
        assert max((self.left[key] for key in known), default=0) <= 1, "a file left twice"
        assert {shard.key for shard in flow.shards} <= {file.key for file in flow.files}
        assert len({shard.identity for shard in flow.shards}) == len(flow.shards)
        parted = sum(len(file.alone) + len(file.taken_out) for file in self.world.files.values())
        assert len(flow.backlog) <= PAGE_FILES + parted
        shown = progress(flow)
        assert len(json.dumps(shown, ensure_ascii=False).encode("utf-16-le")) <= STATUS_LIMIT_BYTES
        assert 0 <= shown["files_done"] <= shown["files_total"]
        assert 0 <= shown["requests_done"] <= shown["requests_total"]
        assert all(0 <= file["done"] <= file["requests"] for file in shown["files"])

    def report(self) -> SnapshotReport:
        return merged(self.reports)


def files_in(flow: Flow) -> set[str]:
    return {file.key for file in flow.files} | {file.key for file in flow.backlog}


def on_the_wire(flow: Flow) -> bytes:
    """The JSON that the next generation begins with, after it came back the same from there."""
    wire = msgspec.json.encode(flow)
    again = from_wire(msgspec.json.decode(wire), Flow)
    assert again == flow
    assert msgspec.json.encode(again) == wire
    return wire


def check_end(history: History) -> None:
    """Every file left once, by the door it says, and every batch was made once."""
    world, report = history.world, history.report()
    assert not history.lives
    ends = report.done + report.rejected + report.held + report.gone
    assert report.files == ends or (history.is_unsure and report.files < ends)
    assert world.mood.pooled or report.files == sum(history.left.values())
    assert set(world.creations.values()) <= {1}, "a batch was made twice"
    for key in history.left:
        file = world.files[key]
        assert file.archived or file.gone or file.held or world.mood.fault or world.mood.died
    if not (world.mood.fault or world.mood.died):
        assert report.gone <= sum(file.count for file in world.files.values() if file.gone)
        done = [file for file in world.files.values() if file.archived and file.listed.key in history.left]
        early = [file.delivered for file in world.files.values() if file.held]
        assert report.done + report.rejected == sum(file.count for file in done) + sum(early)
        assert report.tally.total == sum(file.requests - len(file.taken_out) for file in done)
