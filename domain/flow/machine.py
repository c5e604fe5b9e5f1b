"""What to do next: the rules by which a snapshot's files go from prepared to finished.

A pure state machine. `next_calls` looks and changes nothing; `absorb` takes the answers of those calls; `wake_at` says
until when nothing can be done. The orchestrator only carries calls out and answers in.

    file:   PREPARE ─► RUN ─► WRITE ─► ARCHIVE ─► gone
               └────────┴───────┴───────┴─► HOLD ─► gone          set aside, tried again by a later snapshot
    shard:  SUBMIT ─► ACTIVE ─► COLLECT ─► gone, or children in SUBMIT
            SEND ─────────────► COLLECT ─► gone, or children in SEND      live calls, slice by slice
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from domain.contracts import (
    Answer,
    BatchNews,
    Cancelled,
    CancelRequest,
    CollectedShard,
    EndedBatch,
    Fault,
    FileWork,
    ListedFile,
    OpenShard,
    Pace,
    PageOfFiles,
    PageRequest,
    Pause,
    PollAnswer,
    PollRequest,
    PreparedFile,
    ShardWork,
    SliceDone,
    SliceWork,
    SnapshotReport,
    Submitted,
    WrittenOutputs,
    from_wire,
    to_wire,
)
from domain.direct.throttle import Throttle
from domain.flow.pacing import (
    FAULT_LONGEST_SECONDS,
    WHOLE_RESOURCE,
    Pauses,
    PollClock,
    QuotaGauge,
    exhausted,
    fault_delay,
)
from domain.flow.sharing import STALE_LEAST_SECONDS, STALE_POLLS, Allowance, Share, ShareRequest
from domain.flow.state import Call, FileState, FileStep, Finished, ShardState, ShardStep, Totals
from domain.flow.turns import by_turns, light
from domain.service.batch_states import KNOWN
from domain.shards import answer_bytes
from domain.tokens import quota_tokens

PATIENCE_POLLS = (
    20  # looks at a batch in an unknown state before it is cancelled, and after a cancel before giving up
)
PATIENCE_LOOKS_FOR_LOST = 5  # a batch may be hidden for a while: just made, or behind a node that lags
RESEND_SECONDS = 5.0  # before live calls that failed on the service's side are made again; doubling
SMALL_SHARDS_REQUESTS = 500  # shards that have no more left together are sent at the same time
WAITING_SHARDS = 500  # with so many to submit no file is let in; a file comes with all of its shards
CALLS_PER_ROUND = 200  # four history events each: one round stays below the 1,000 events of a generation


class Flow(msgspec.Struct, kw_only=True):
    """The state of one snapshot's work; small, and carried from generation to generation."""

    snapshot_id: str
    pace: Pace
    files_total: int
    pages: int
    next_page: int = 0
    backlog: list[ListedFile] = []
    files: list[FileState] = []
    shards: list[ShardState] = []
    poll: PollClock = msgspec.field(default_factory=PollClock)
    pauses: Pauses = msgspec.field(default_factory=Pauses)
    gauges: dict[str, QuotaGauge] = {}  # by deployment
    throttles: dict[str, Throttle] = {}  # by deployment, of live calls
    totals: Totals = msgspec.field(default_factory=Totals)
    recent: list[Finished] = []
    allowance: Allowance = msgspec.field(default_factory=Allowance)
    list_tries: int = 0
    list_not_before: float = 0.0
    setbacks: int = 0

    @property
    def finished(self) -> bool:
        """Whether every file of the snapshot has left the flow."""
        return self.next_page >= self.pages and not (self.backlog or self.files or self.shards)

    # --- what to do next ---------------------------------------------------------------------------------------------

    def next_calls(self, now: float) -> list[Call]:
        """Give the calls that can be made now, in a fixed order; they are independent of each other."""
        calls = [
            *self._poll(now),
            *self._cancels(now),  # after the poll, whose view may be older than the answer to a cancel
            *self._submissions(now),
            *self._slices(now),
            *self._collections(now),
            *self._file_calls(FileStep.PREPARE, "prepare_file", now),
            *self._file_calls(FileStep.WRITE, "write_outputs", now),
            *self._file_calls(FileStep.ARCHIVE, "archive_input", now),
            *self._file_calls(FileStep.HOLD, "hold_file", now),
            *self._listing(now),
        ]
        calls = [*self._sharing(calls, now), *calls]
        return calls[:CALLS_PER_ROUND]  # the others are found again by the next round

    def wake_at(self, now: float) -> float:
        """Give the next time (epoch seconds) at which something may be done, when nothing can be now.

        Raises RuntimeError when there is nothing to wait for: a defect, better seen than slept over.
        """
        times = [file.not_before for file in self.files] + [shard.not_before for shard in self.shards]
        times += [self.poll.next_at] if self._active() else []
        waiting = [s.step for s in self.shards]
        times += self.pauses.wake_times() if {ShardStep.SUBMIT, ShardStep.SEND} & set(waiting) else []
        if ShardStep.SEND in waiting:
            times += [throttle.next_slice_at for throttle in self.throttles.values()]
            times += [s.submitted_at + self.pace.deadline_seconds for s in self.shards if s.submitted_at]
        times.append(self.list_not_before)
        times += [self.allowance.next_at] if self._is_unsettled(self._held(now), self._wanted(now)) else []
        ahead = [time for time in times if time > now]
        if not ahead:
            raise RuntimeError(
                f"{self.snapshot_id}: files are left, but nothing to do and nothing to wait for."
            )
        return min(ahead)

    def _active(self) -> list[ShardState]:
        return [s for s in self.shards if s.step is ShardStep.ACTIVE]

    def _is_overdue(self, s: ShardState, now: float) -> bool:
        """Tell whether a shard that was begun is older than the deadline."""
        begun = s.batch_id is not None or s.submitted_at > 0
        return begun and now - s.submitted_at >= self.pace.deadline_seconds

    def _cancels(self, now: float) -> Iterable[Call]:
        for s in self._active():
            too_long = self._is_overdue(s, now) or s.odd_polls >= PATIENCE_POLLS
            if s.batch_id and too_long and not s.cancel_asked and now >= s.not_before:
                yield Call("cancel_batch", to_wire(CancelRequest(batch_id=s.batch_id)), s.key, s.shard.shard)

    def _poll(self, now: float) -> Iterable[Call]:
        known = {s.batch_id: s.status for s in self._active() if s.batch_id}
        if known and now >= self.poll.next_at:
            yield Call("poll_batches", to_wire(PollRequest(known=known)))

    def _submissions(self, now: float) -> Iterable[Call]:
        waiting = [s for s in self.shards if s.step is ShardStep.SUBMIT and now >= s.not_before]
        begun = [s for s in waiting if s.begun]
        served = Counter(s.key for s in self.shards if s.begun or s.step is ShardStep.ACTIVE)
        turns = begun + by_turns([s for s in waiting if not s.begun], lambda s: s.key, served)
        places = min(self.allowance.places, self.pace.max_active_batches)
        room = min(self.pace.micro_batch_size, places - len(self._active()))
        welcome = self._welcome(turns, now, room, fresh=places - self._held(now))
        for s in light(welcome, lambda s: s.shard.size, most=room):
            work = ShardWork(snapshot_id=self.snapshot_id, key=s.key, shard=s.shard, begun=s.begun)
            yield Call("submit_batch", to_wire(work), s.key, s.shard.shard)

    def _held(self, now: float) -> int:
        """Count the places in use: batches, and shards on their way to one."""
        return len(self._active()) + sum(self._is_under_way(s, now) for s in self.shards)

    def _is_under_way(self, s: ShardState, now: float) -> bool:
        return s.step is ShardStep.SUBMIT and s.begun and self.pauses.width(s.shard.model, now, 1) > 0

    def _welcome(
        self, shards: Iterable[ShardState], now: float, room: int, *, fresh: int
    ) -> Iterable[ShardState]:
        """Pick the shards that their deployments take, as far as we know; at most `fresh` that are not begun."""
        taken: Counter[str] = Counter()
        tokens: Counter[str] = Counter()
        full: set[str] = set()
        for s in shards:
            model = s.shard.model
            if model in full or taken[model] >= self.pauses.width(model, now, room):
                continue
            if not s.begun and fresh <= 0:
                return  # those that are begun come first
            tokens[model] += quota_tokens(s.shard.size)
            if self._fits(model, tokens[model]) or (not taken[model] and not self._is_used(model)):
                taken[model] += 1
                fresh -= not s.begun
                yield s
            else:
                full.add(model)

    def _sharing(self, calls: list[Call], now: float) -> Iterable[Call]:
        """Agree with the other snapshots: when there is no room, and besides whenever the batches are looked at."""
        names = Counter(call.activity for call in calls)
        fresh = sum(call.activity == "submit_batch" and not call.input["begun"] for call in calls)
        active, wanted = self._held(now) + fresh, self._wanted(now) - fresh
        told, stale = self.allowance, STALE_POLLS * max(self.pace.poll_max_seconds, STALE_LEAST_SECONDS)
        due = now >= told.next_at and self._is_unsettled(active, wanted)
        keeps_up = wanted > 0 or told.places > active or now - told.looked_at > stale / STALE_POLLS
        if due or (names["poll_batches"] and keeps_up):
            request = ShareRequest(
                snapshot_id=self.snapshot_id,
                active=active,
                wanted=wanted,
                limit=self.pace.max_active_batches,
                reserve=self.pace.micro_batch_size,
                stale_seconds=stale,
            )
            yield Call("share_limit", to_wire(request))

    def _is_unsettled(self, active: int, wanted: int) -> bool:
        """Tell whether there is no room for what is wanted, or room that nobody wants and no poll will give back."""
        places = self.allowance.places
        idle = not active and any(s.step is ShardStep.SEND for s in self.shards)
        return places <= active if wanted > 0 else idle and places > 0

    def _wanted(self, now: float) -> int:
        """Count the batches that would be submitted if there were room: one for each file that is not prepared yet."""
        left = self.totals.done + self.totals.rejected + self.totals.held + self.totals.gone
        unprepared = sum(f.step is FileStep.PREPARE for f in self.files)
        ready = sum(s.step is ShardStep.SUBMIT and not self._is_under_way(s, now) for s in self.shards)
        return ready + unprepared + max(0, self.files_total - left - len(self.files))

    def _fits(self, model: str, tokens: int) -> bool:
        gauge = self.gauges.get(model)
        return gauge is None or gauge.has_room(tokens)

    def _is_used(self, model: str) -> bool:
        """Tell whether a deployment has a batch of ours; one that has none is asked, whatever the gauge says."""
        return any(s.shard.model == model for s in self._active())

    def _slices(self, now: float) -> Iterable[Call]:
        """Send a slice of one shard to each deployment, which keeps it busy, or slices of a few small ones."""
        for model, ready in self._sendable(now).items():
            throttle = self.throttles.get(model, Throttle())
            most = self.pauses.width(model, now, min(self.pace.micro_batch_size, int(throttle.width)))
            team = list(
                light(ready, lambda s: s.shard.requests - s.done, most=most, heaviest=SMALL_SHARDS_REQUESTS)
            )
            for s in team:
                share = throttle.shared_by(len(team))
                work = SliceWork(snapshot_id=self.snapshot_id, key=s.key, shard=s.shard, throttle=share)
                yield Call("send_slice", to_wire(work), s.key, s.shard.shard)

    def _sendable(self, now: float) -> dict[str, list[ShardState]]:
        """Give the shards that may be sent now, by deployment."""
        found: dict[str, list[ShardState]] = {}
        for s in self.shards:
            if s.step is ShardStep.SEND and now >= s.not_before:
                throttle = self.throttles.get(s.shard.model)
                # Past the deadline it is called whatever the pace, to come to its end.
                if self._is_overdue(s, now) or not throttle or now >= throttle.next_slice_at:
                    found.setdefault(s.shard.model, []).append(s)
        return found

    def _collections(self, now: float) -> Iterable[Call]:
        ended = [s for s in self.shards if s.step is ShardStep.COLLECT and now >= s.not_before]
        for s in light(ended, _bytes_to_collect, most=self.pace.micro_batch_size):
            batch = EndedBatch(
                snapshot_id=self.snapshot_id,
                key=s.key,
                shard=s.shard,
                status=s.status,
                output_file_id=s.output_file_id,
                error_file_id=s.error_file_id,
                refused=s.refused,
                tries=s.tries,
                overdue=self._is_overdue(s, now),
            )
            yield Call("collect_batch", to_wire(batch), s.key, s.shard.shard)

    def _file_calls(self, step: FileStep, activity: str, now: float) -> Iterable[Call]:
        ready = [f for f in self.files if f.step is step and now >= f.not_before]
        for f in light(ready, lambda f: f.size, most=self.pace.micro_batch_size):
            work = FileWork(
                snapshot_id=self.snapshot_id,
                key=f.key,
                fresh=f.fresh,
                spec=f.spec if step is FileStep.PREPARE else None,
                reason=f.hold_reason,
                needs_settings=f.needs_settings,
            )
            yield Call(activity, to_wire(work), f.key)

    def _listing(self, now: float) -> Iterable[Call]:
        if self.next_page < self.pages and not self.backlog and now >= self.list_not_before:
            page = PageRequest(snapshot_id=self.snapshot_id, page=self.next_page)
            yield Call("list_files", to_wire(page))

    # --- what became of it -------------------------------------------------------------------------------------------

    def absorb(self, calls: list[Call], answers: list[Any], now: float) -> None:
        """Take the answers to `calls`, in the same order."""
        self.setbacks = 0
        for call, wire in zip(calls, answers, strict=True):
            answer = from_wire(wire, Answer)
            take = getattr(self, f"_take_{call.activity}")
            take(call, answer.ok, answer.fault, now)
        self._learn_pace(calls, answers)
        self._settle(now)
        self._admit()

    def report(self) -> SnapshotReport:
        """Sum up."""
        totals = self.totals
        return SnapshotReport(
            snapshot_id=self.snapshot_id,
            files=self.files_total,
            done=totals.done,
            rejected=totals.rejected,
            held=totals.held,
            gone=totals.gone,
            tally=totals.tally,
        )

    def set_back(self, now: float) -> float:
        """Note that a whole round was lost to a surprise; give the time to begin it again from the same state."""
        self.setbacks += 1
        return now + fault_delay(self.setbacks, Fault(code="setback", message="A round was abandoned."))

    def _file(self, key: str) -> FileState:
        return next(f for f in self.files if f.key == key)

    def _shard(self, call: Call) -> ShardState:
        return next(s for s in self.shards if s.key == call.key and s.shard.shard == call.shard)

    def _delayed(self, item: FileState | ShardState, fault: Fault, now: float) -> bool:
        """Note a fault and wait; False when the item has had its chances."""
        item.tries += 1
        item.not_before = now + fault_delay(item.tries, fault)
        return not exhausted(item.tries, fault)

    def _take_share_limit(self, call: Call, ok: Any, fault: Fault | None, now: float) -> None:
        told = self.allowance
        if fault is None:
            told.agreed(from_wire(ok, Share).places, now, self.pace)
            return
        told.tries += 1
        told.next_at = now + fault_delay(told.tries, fault)
        alone = exhausted(told.tries, fault)  # better too many batches than none for ever
        told.places = self.pace.max_active_batches if alone else from_wire(call.input, ShareRequest).active

    def _take_list_files(self, _call: Call, ok: Any, fault: Fault | None, now: float) -> None:
        if fault:
            self.list_tries += 1
            if exhausted(self.list_tries, fault):
                raise RuntimeError(f"{self.snapshot_id}: its list of files cannot be read: {fault.message}")
            self.list_not_before = now + fault_delay(self.list_tries, fault)
            return
        self.backlog = list(from_wire(ok, PageOfFiles).files)
        self.next_page += 1
        self.list_tries, self.list_not_before = 0, 0.0

    def _take_prepare_file(self, call: Call, ok: Any, fault: Fault | None, now: float) -> None:
        file = self._file(call.key)
        if fault:
            self._hold_if_exhausted(file, fault, now)
            return
        prepared = from_wire(ok, PreparedFile)
        if prepared.gone:
            self._leave(file, "gone")
        elif prepared.wait_seconds is not None:
            file.not_before = now + prepared.wait_seconds
        elif reason := prepared.held or self._over_budget(prepared.cost):
            file.step, file.hold_reason, file.needs_settings = FileStep.HOLD, reason, True
        else:
            self.totals.cost += prepared.cost
            file.step, file.tries, file.not_before = FileStep.RUN, 0, 0.0
            file.requests, file.ended = prepared.requests, prepared.ended
            self.shards += [self._shard_state(file.key, shard) for shard in prepared.shards]
            if any(shard.batch_id for shard in prepared.shards):
                self.poll.after_submission(now, self.pace)

    def _over_budget(self, cost: float) -> str | None:
        """Say why a file of such an estimated cost has to wait for another snapshot, None when it need not."""
        limit, spent = self.pace.max_cost, self.totals.cost
        if limit is None or spent + cost <= limit:
            return None
        return (
            f"The file would cost about {cost:.2f}; with {spent:.2f} for the files before it, the snapshot would exceed "
            f"MAX_COST_PER_SNAPSHOT ({limit:g})."
        )

    def _shard_state(self, key: str, shard: OpenShard) -> ShardState:
        waiting = ShardStep.SEND if shard.engine == "direct" else ShardStep.SUBMIT
        return ShardState(
            key=key,
            shard=shard,
            step=waiting if shard.batch_id is None else ShardStep.ACTIVE,
            batch_id=shard.batch_id,
            submitted_at=shard.submitted_at or 0.0,
        )

    def _take_submit_batch(self, call: Call, ok: Any, fault: Fault | None, now: float) -> None:
        s = self._shard(call)
        s.begun = True
        if fault:
            self._set_aside_if_exhausted(s, fault, now)
            return
        submitted = from_wire(ok, Submitted)
        if submitted.batch_id:
            s.step, s.batch_id, s.tries, s.not_before = ShardStep.ACTIVE, submitted.batch_id, 0, 0.0
            s.submitted_at = submitted.submitted_at or now
            self.poll.after_submission(now, self.pace)
            self.pauses.succeeded(s.shard.model, now, self.pace.micro_batch_size)
            if submitted.enqueued_tokens is not None and submitted.enqueued_limit:
                self.gauges[s.shard.model] = QuotaGauge(submitted.enqueued_tokens, submitted.enqueued_limit)
        elif submitted.refused:
            self._refuse(s, submitted.refused)
        elif submitted.paused:
            self._pause(s, submitted.paused, now)
        else:
            s.not_before = now + (submitted.wait_seconds or 1.0)

    def _take_send_slice(self, call: Call, ok: Any, fault: Fault | None, now: float) -> None:
        s = self._shard(call)
        s.begun = True
        if fault:
            self._set_aside_if_exhausted(s, fault, now)
            return
        sent, model = from_wire(ok, SliceDone), s.shard.model
        moved = sent.done > s.done
        s.tries, s.done, s.submitted_at = 0, sent.done, sent.begun_at or s.submitted_at
        if sent.paused:
            self._pause(s, sent.paused, now)
            return
        if moved:
            self.pauses.succeeded(model, now, self.pace.micro_batch_size)
        if sent.ended or self._is_overdue(s, now):
            s.step, s.not_before = ShardStep.COLLECT, 0.0
            s.status = "completed" if sent.ended else "cancelled"
        else:
            s.not_before = now + sent.wait_seconds

    def _learn_pace(self, calls: Iterable[Call], answers: Iterable[Any]) -> None:
        """Put together what slices that were sent at the same time have learned about their deployments."""
        sent: dict[str, list[tuple[Throttle, Throttle | None]]] = {}
        for call, wire in zip(calls, answers, strict=True):
            if call.activity == "send_slice":
                work, ok = from_wire(call.input, SliceWork), from_wire(wire, Answer).ok
                left = from_wire(ok, SliceDone).throttle if ok else None
                sent.setdefault(work.shard.model, []).append((work.throttle or Throttle(), left))
        for model, paces in sent.items():
            if known := [left for _, left in paces if left]:
                self.throttles[model] = Throttle.together(paces[0][0], known, len(paces))

    def _set_aside_if_exhausted(self, s: ShardState, fault: Fault, now: float) -> None:
        """Wait with a shard, or leave it as it is in `work/`: a later snapshot finds it there with its file."""
        if not self._delayed(s, fault, now):
            self.shards.remove(s)
            self._file(s.key).hold_reason = f"{fault.code}: {fault.message}"

    def _refuse(self, s: ShardState, reason: Fault) -> None:
        """Give a shard up before it became a batch; collecting writes that down for each of its requests."""
        s.step, s.refused, s.status, s.tries, s.not_before = ShardStep.COLLECT, reason, "refused", 0, 0.0

    def _pause(self, s: ShardState, why: Pause, now: float) -> None:
        """Put a shard back to the end of the queue; set its file aside when the pause has lasted too long."""
        since = min(self.pauses.begin(why, now).since, s.failing_since or now)
        self.shards.remove(s)
        if now - since >= self.pace.deadline_seconds:
            self._file(s.key).hold_reason = why.message
        else:
            self.shards.append(s)

    def _take_poll_batches(self, _call: Call, ok: Any, fault: Fault | None, now: float) -> None:
        news = from_wire(ok, PollAnswer).news if not fault else {}
        progress = False
        for s in self._active():
            if fault and not s.cancel_asked:
                continue  # a poll that failed has seen nothing; only the wait for a cancellation has a limit by count
            progress = self._hear(s, news.get(s.batch_id or ""), now, looked=fault is None) or progress
        self.poll.after_poll(now, self.pace, progress=progress, fault=fault)

    def _hear(self, s: ShardState, told: BatchNews | None, now: float, *, looked: bool) -> bool:
        """Take what is new about one batch; True when that is progress. `looked`: nothing new is news as well."""
        before = s.status
        if told:
            s.status, s.done = told.status, told.done
        odd = told is not None and (told.lost or not told.known)
        s.odd_polls = s.odd_polls + 1 if s.cancel_asked or odd or s.odd_polls else 0
        if told and not odd and not s.cancel_asked:
            s.odd_polls = 0
        is_lost = told is not None and told.lost
        lost = is_lost and s.odd_polls >= PATIENCE_LOOKS_FOR_LOST
        # Nothing left to cancel, and seen after that in a state nobody has heard of: that state is an end. The refusal
        # alone says nothing: of a batch unseen since a crash it means that results are ready, or about to be.
        odd_end = looked and s.cancel_refused and s.status not in KNOWN and not is_lost
        gave_up = s.cancel_asked and s.odd_polls >= PATIENCE_POLLS
        if (told and told.ended) or lost or odd_end or gave_up:
            s.step, s.tries, s.not_before = ShardStep.COLLECT, 0, 0.0
            if told:
                s.output_file_id, s.error_file_id = told.output_file_id, told.error_file_id
            self._make_room(s.shard, now)
        return s.status != before or s.step is not ShardStep.ACTIVE

    def _make_room(self, shard: OpenShard, now: float) -> None:
        """Count an ended batch out of its deployment's queue."""
        self.pauses.room_made(shard.model, now)
        gauge = self.gauges.get(shard.model)
        if gauge:
            gauge.enqueued = max(0, gauge.enqueued - quota_tokens(shard.size))

    def _take_cancel_batch(self, call: Call, ok: Any, fault: Fault | None, now: float) -> None:
        s = self._shard(call)
        if s.step is not ShardStep.ACTIVE or (fault and self._delayed(s, fault, now)):
            return  # it ended by itself in the same round, or is asked again after a while
        nothing_left = not fault and from_wire(ok, Cancelled).refused
        s.cancel_asked, s.cancel_refused = True, nothing_left
        s.odd_polls, s.tries, s.not_before = 0, 0, 0.0

    def _take_collect_batch(self, call: Call, ok: Any, fault: Fault | None, now: float) -> None:
        s, file = self._shard(call), self._file(call.key)
        if fault:
            self._set_aside_if_exhausted(s, fault, now)
            return
        collected = from_wire(ok, CollectedShard)
        if collected.again:
            fresh = ShardState(key=s.key, shard=s.shard, begun=True, failing_since=s.failing_since or now)
            self.shards[self.shards.index(s)] = fresh
            self._pause(fresh, collected.again, now)
            return
        self.shards.remove(s)
        self.pauses.room_made(
            WHOLE_RESOURCE, now
        )  # its files in the service are deleted: they have a quota too
        file.ended += collected.tally.total
        for child in collected.children:
            state = self._shard_state(file.key, child)
            if state.step is ShardStep.SEND:  # a batch gives the service time by itself
                state.not_before = now + min(
                    RESEND_SECONDS * 2.0 ** (child.attempt - 2), FAULT_LONGEST_SECONDS
                )
            self.shards.append(state)

    def _take_write_outputs(self, call: Call, ok: Any, fault: Fault | None, now: float) -> None:
        file = self._file(call.key)
        if fault:
            self._hold_if_exhausted(file, fault, now)
            return
        written = from_wire(ok, WrittenOutputs)
        if written.gone:
            self._leave(file, "gone")
            return
        self.totals.tally.add(written.tally)
        file.step, file.tries, file.not_before = FileStep.ARCHIVE, 0, 0.0
        file.ended, file.rejected = file.requests, written.rejected

    def _take_archive_input(self, call: Call, _ok: Any, fault: Fault | None, now: float) -> None:
        file = self._file(call.key)
        if fault:
            self._hold_if_exhausted(file, fault, now)
        else:
            self._leave(file, "rejected" if file.rejected else "done")

    def _take_hold_file(self, call: Call, _ok: Any, fault: Fault | None, now: float) -> None:
        file = self._file(call.key)
        if fault and self._delayed(file, fault, now):
            return
        self._leave(file, "held")

    def _hold_if_exhausted(self, file: FileState, fault: Fault, now: float) -> None:
        if not self._delayed(file, fault, now):
            file.step, file.tries, file.not_before = FileStep.HOLD, 0, 0.0
            file.hold_reason = f"{fault.code}: {fault.message}"

    def _leave(self, file: FileState, state: str) -> None:
        self.files.remove(file)
        setattr(self.totals, state, getattr(self.totals, state) + 1)
        self.recent = [*self.recent[-11:], Finished(path=file.path, state=state, requests=file.requests)]

    def _settle(self, now: float) -> None:
        """Move on the files whose last shard has ended; leave alone those that wait for nothing else."""
        open_keys = {s.key for s in self.shards}
        for file in self.files:
            if file.step is FileStep.RUN and file.key not in open_keys:
                file.step = FileStep.HOLD if file.hold_reason else FileStep.WRITE
                file.not_before = min(file.not_before, now)

    def _admit(self) -> None:
        """Let files in from the backlog while there is room ahead of the submissions; more would only be state."""
        sending = sum(s.step is ShardStep.SEND for s in self.shards)
        waiting = [s.key for s in self.shards if s.step is ShardStep.SUBMIT]
        ahead = len(set(waiting)) + sum(f.step is FileStep.PREPARE for f in self.files)
        micro, most = self.pace.micro_batch_size, self.pace.max_active_batches
        room = min(
            2 * micro - ahead,
            most + micro - ahead - len(self._active()) - sending,
            most + 5 * micro - len(self.files),  # files that cannot be finished hold new ones up
            WAITING_SHARDS - len(waiting),
        )
        admitted, self.backlog = self.backlog[: max(room, 0)], self.backlog[max(room, 0) :]
        self.files += [
            FileState(
                key=listed.key, path=listed.path, size=listed.size, fresh=listed.fresh, spec=listed.spec
            )
            for listed in admitted
        ]


def _bytes_to_collect(s: ShardState) -> int:
    """Give what collecting a shard moves: its requests and, on the temporary disk, their answers."""
    return max(s.shard.size, s.shard.requests * answer_bytes())
