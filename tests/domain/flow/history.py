"""The life of a snapshot in a world, round by round, with every rule checked on the way."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from domain.contracts import Pace, from_wire, to_wire
from domain.direct.throttle import Throttle
from domain.flow.machine import CALLS_PER_ROUND, Flow
from domain.flow.progress import progress
from domain.flow.state import Call, ShardState, ShardStep
from tests.domain.flow.world import PAGE_FILES, World

BEGIN = 1_790_000_000.0
ROUNDS_PER_FILE = 1000  # far above what any history took; reaching it means that something turns in circles
STATUS_LIMIT_BYTES = 16 * 1024


class History:
    """A snapshot's life in a world, round by round, as `run_files` lives it, with every rule checked on the way."""

    def __init__(self, world: World, pace: Pace) -> None:
        self.world, self.pace, self.now = world, pace, BEGIN
        self.flow = self._fresh_flow(0)
        self.collected: set[tuple[str, str]] = set()
        self.left: Counter[str] = Counter()

    def _fresh_flow(self, number: int) -> Flow:
        files = sum(map(len, self.world.pages))
        return Flow(
            snapshot_id=f"snapshot-{number}", pace=self.pace, files_total=files, pages=len(self.world.pages)
        )

    def live(self, *, wiped_after: int | None = None) -> None:
        most_rounds = ROUNDS_PER_FILE * (1 + len(self.world.files))
        while not self.flow.finished:
            self.world.rounds += 1
            assert self.world.rounds < most_rounds, to_wire(self.flow)
            try:
                self.round()
            except RuntimeError as failed:
                if "its list of files cannot be read" not in str(failed):
                    raise
                self.begin_anew()
            if self.world.rounds == wiped_after:
                self.begin_anew()

    def begin_anew(self) -> None:
        """The snapshot failed, or the task hub was wiped: another snapshot takes over what is left."""
        self.world.next_snapshot()
        self.flow = self._fresh_flow(self.world.rounds)
        self.collected.clear()
        self.left.clear()

    def round(self) -> None:
        wire = on_the_wire(self.flow)
        calls = self.flow.next_calls(self.now)
        assert calls == self.flow.next_calls(self.now), "the same state asks for something else"
        assert msgspec.json.encode(self.flow) == wire, "looking changed the state"
        self.check_calls(calls)
        if not calls:
            self.sleep_until(self.flow.wake_at(self.now))
            return
        answers = [self.world.answer(call, self.now) for call in calls]
        self.now += self.world.seconds(0.01, 30)
        self.flow = from_wire(
            msgspec.json.decode(wire), Flow
        )  # what a replay, or the next generation, begins with
        if self.world.happens(self.world.mood.abandoned):
            self.sleep_until(self.flow.set_back(self.now))
            return
        before = self.files_in_flow()
        self.flow.absorb(calls, answers, self.now)
        self.note_collections(calls, answers)
        self.check_state(before)

    def sleep_until(self, when: float) -> None:
        assert when > self.now, "a wait that is over already"
        wakes = datetime.fromtimestamp(when, UTC) + timedelta(microseconds=1)
        self.now = wakes.timestamp()

    def check_calls(self, calls: list[Call]) -> None:
        pace, kinds = self.pace, Counter(call.activity for call in calls)
        assert len(calls) <= CALLS_PER_ROUND
        assert len({(call.activity, call.key, call.shard) for call in calls}) == len(calls)
        assert kinds["poll_batches"] <= 1
        assert kinds["list_files"] <= 1
        assert kinds["share_limit"] <= 1
        for activity in ("submit_batch", "collect_batch", "prepare_file", "write_outputs", "archive_input"):
            assert kinds[activity] <= pace.micro_batch_size
        active = [shard for shard in self.flow.shards if shard.step is ShardStep.ACTIVE]
        sent_to = Counter(call.input["shard"]["model"] for call in calls if call.activity == "send_slice")
        for model, slices in sent_to.items():
            throttle = self.flow.throttles.get(model, Throttle())
            assert slices <= min(pace.micro_batch_size, int(throttle.width)), "more slices than calls"
        places = min(self.flow.allowance.places, pace.max_active_batches)  # dead snapshots may have left more
        assert kinds["submit_batch"] <= max(0, places - len(active))
        submitted = {(call.key, call.shard) for call in calls if call.activity == "submit_batch"}
        assert not submitted & {identity(shard) for shard in active}
        asked = {(call.key, call.shard) for call in calls if call.activity == "cancel_batch"}
        overdue = {identity(shard) for shard in active if self.is_overdue(shard)}
        assert overdue <= asked or len(calls) == CALLS_PER_ROUND
        again = {(call.key, call.shard) for call in calls if call.activity == "collect_batch"}
        assert not again & self.collected, "a shard is collected again after success"

    def is_overdue(self, shard: ShardState) -> bool:
        old = self.now - shard.submitted_at >= self.pace.deadline_seconds
        return old and not shard.cancel_asked and self.now >= shard.not_before

    def note_collections(self, calls: list[Call], answers: list[Any]) -> None:
        for call, answer in zip(calls, answers, strict=True):
            if call.activity == "collect_batch" and answer.get("ok") and not answer["ok"]["again"]:
                self.collected.add((call.key, call.shard))

    def files_in_flow(self) -> set[str]:
        return {file.key for file in self.flow.files} | {file.key for file in self.flow.backlog}

    def check_state(self, before: set[str]) -> None:
        flow = self.flow
        self.left.update(before - self.files_in_flow())
        totals = flow.totals
        assert sum(self.left.values()) == totals.done + totals.rejected + totals.held + totals.gone
        assert max(self.left.values(), default=0) <= 1, "a file left twice"
        assert {shard.key for shard in flow.shards} <= {file.key for file in flow.files}
        assert len({identity(shard) for shard in flow.shards}) == len(flow.shards)
        assert len(flow.backlog) <= PAGE_FILES
        shown = progress(flow)
        assert len(json.dumps(shown, ensure_ascii=False).encode("utf-16-le")) <= STATUS_LIMIT_BYTES
        assert 0 <= shown["files_done"] <= shown["files_total"]
        assert 0 <= shown["requests_done"] <= shown["requests_total"]
        assert all(0 <= file["done"] <= file["requests"] for file in shown["files"])


def on_the_wire(flow: Flow) -> bytes:
    """The JSON that the next generation begins with, after it came back the same from there."""
    wire = msgspec.json.encode(flow)
    again = from_wire(msgspec.json.decode(wire), Flow)
    assert again == flow
    assert msgspec.json.encode(again) == wire
    return wire


def identity(shard: ShardState) -> tuple[str, str]:
    return shard.key, shard.shard.shard


def check_end(history: History) -> None:
    """Every file left once, by the door it says, and every batch was made once."""
    flow, world = history.flow, history.world
    assert from_wire(json.loads(json.dumps(to_wire(flow), allow_nan=False)), Flow) == flow
    assert not history.files_in_flow()
    report = flow.report()
    assert report.files == report.done + report.rejected + report.held + report.gone
    assert set(world.creations.values()) <= {1}, "a batch was made twice"
    for key in history.left:
        file = world.files[key]
        assert file.archived or file.gone or file.held or world.mood.fault
    if not world.mood.fault:
        assert report.gone <= sum(file.gone for file in world.files.values())
        done = [file for file in world.files.values() if file.archived and file.listed.key in history.left]
        assert report.done + report.rejected == len(done)
        assert report.tally.total == sum(file.requests for file in done)
