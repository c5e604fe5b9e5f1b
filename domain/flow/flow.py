"""The state of one snapshot's work, and what the steps ask of it.

    file:   PREPARE -> RUN -> WRITE -> ARCHIVE -> left
               any step -> HOLD -> left                  set aside, tried again by a later snapshot
    shard:  SUBMIT -> ACTIVE -> COLLECT -> left, or children in SUBMIT
            SEND -------------> COLLECT -> left, or children in SEND      live calls, slice by slice

All moves are in `state.NEXT_OF_FILE` and `state.NEXT_OF_SHARD`. What to do next is decided by the steps (`steps/`),
which `machine` asks in turn.
"""

from collections.abc import Sequence

import msgspec

from domain.contracts import (
    Fault,
    FileWants,
    ListedFile,
    Settled,
    SnapshotReport,
    SnapshotSettings,
    TakenFiles,
)
from domain.direct.throttle import Throttle
from domain.flow.pacing import Pauses, PollClock, QuotaGauge, exhausted, fault_delay, later
from domain.flow.sharing import Allowance
from domain.flow.state import (
    NOTHING_WANTED,
    Call,
    FileEnd,
    FileState,
    FileStep,
    Finished,
    ShardState,
    ShardStep,
    Totals,
)

# With so many shards to submit no file is admitted; a file comes with all of its shards.
WAITING_SHARDS = 500
RECENT_FILES = 12
# Reasons for which a step failed that are counted apart; the rest count as one.
MOST_REASONS = 8


class Flow(msgspec.Struct, kw_only=True):
    """The state of one snapshot's work; small, and carried from generation to generation."""

    snapshot_id: str
    settings: SnapshotSettings
    files_total: int
    pages: int
    pooled: bool = False  # as `TakenFiles.pooled`
    # Which part of the snapshot this is, when its files are worked on by several orchestrations; "": all of it.
    part: str = ""
    next_page: int = 0
    backlog: list[ListedFile] = []
    early: list[str] = []  # keys of files that left a pool while there were pages to be read
    files: list[FileState] = []
    shards: list[ShardState] = []
    in_flight: list[Call] = []  # empty whenever a generation ends
    poll: PollClock = msgspec.field(default_factory=PollClock)
    pauses: Pauses = msgspec.field(default_factory=Pauses)
    gauges: dict[str, QuotaGauge] = {}  # by deployment
    throttles: dict[str, Throttle] = {}  # by deployment, of live calls
    totals: Totals = msgspec.field(default_factory=Totals)
    recent: list[Finished] = []
    allowance: Allowance = msgspec.field(default_factory=Allowance)
    list_tries: int = 0
    list_not_before: float = 0.0
    wants: dict[str, FileWants] = {}  # of files in the backlog, by key
    unwanted: bool = False  # people have asked for the whole snapshot's cancellation
    folders: dict[str, int] = {}  # the priority that people gave to folders
    asked_seen: float = 0.0  # as `Asked.seen`

    @classmethod
    def of(cls, snapshot_id: str, taken: TakenFiles) -> "Flow":
        """Begin with the files that a snapshot took."""
        return cls(
            snapshot_id=snapshot_id,
            settings=taken.settings,
            files_total=taken.files,
            pages=taken.pages,
            pooled=taken.pooled,
        )

    # --- what there is -----------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether every file of the snapshot has left the flow."""
        return self.next_page >= self.pages and not (
            self.backlog or self.files or self.shards or self.in_flight
        )

    def file(self, key: str) -> FileState:
        """Give a file by its key."""
        return next(f for f in self.files if f.key == key)

    def shard_of(self, call: Call) -> ShardState:
        """Give the shard that a call is about."""
        return next(s for s in self.shards if s.identity == (call.key, call.shard))

    def shards_in(self, step: ShardStep) -> list[ShardState]:
        """Give the shards at a step, in their order."""
        return [s for s in self.shards if s.step is step]

    def calls_of(self, activity: str) -> list[Call]:
        """Give the calls of an activity that are under way."""
        return [call for call in self.in_flight if call.activity == activity]

    def busy(self) -> set[tuple[str, str]]:
        """Give the identities of the files and shards that a call is under way for."""
        return {(call.key, call.shard) for call in self.in_flight}

    def is_busy(self, key: str) -> bool:
        """Tell whether a call about a file as a whole is under way."""
        return any(call.key == key and not call.shard for call in self.in_flight)

    def is_overdue(self, s: ShardState, now: float) -> bool:
        """Tell whether a shard that was begun is older than the deadline."""
        return self.overdue_at(s) <= now

    def overdue_at(self, s: ShardState) -> float:
        """Give the time at which a shard is older than the deadline; infinity for one that was not begun."""
        begun = s.batch_id is not None or s.submitted_at > 0
        return s.submitted_at + self.settings.deadline_seconds if begun else float("inf")

    # --- what changes it ---------------------------------------------------------------------------------------------

    def delay(self, item: FileState | ShardState, fault: Fault, now: float) -> bool:
        """Note a fault and wait; False when the item has had its chances.

        The wait grows with every fault in a row. Each reason has its own chances: a refusal after a day of bad connections is
        the first one.
        """
        item.tries += 1
        item.not_before = later(now, fault_delay(item.tries, fault))
        reason = fault.code if fault.code in item.reasons or len(item.reasons) < MOST_REASONS else ""
        item.reasons[reason] = item.reasons.get(reason, 0) + 1
        return not exhausted(item.reasons[reason], fault)

    def delay_or_hold(self, file: FileState, fault: Fault, now: float) -> None:
        """Note a fault of a step that works on a file; set the file aside when it has had its chances."""
        if not self.delay(file, fault, now):
            file.hold(f"{fault.code}: {fault.message}", needs_version=fault.final)

    def delay_or_drop(self, s: ShardState, fault: Fault, now: float) -> None:
        """Note a fault of a step that works on a shard; leave the shard in `work/` when it has had its chances.

        Its file is set aside once its other shards have ended; a later snapshot finds the shard there.
        """
        if not self.delay(s, fault, now):
            self.drop(s, f"{fault.code}: {fault.message}", needs_version=fault.final)

    def drop(
        self,
        s: ShardState,
        reason: str,
        *,
        needs_settings: bool = False,
        needs_version: bool = False,
        again_soon: bool = False,
    ) -> None:
        """Leave a shard as it is in `work/`, and have its file set aside for a reason that people read."""
        s.move(ShardStep.LEFT)
        self.shards.remove(s)
        file = self.file(s.key)
        file.hold_reason, file.needs_settings, file.needs_version = reason, needs_settings, needs_version
        file.again_soon = again_soon

    def leave(self, file: FileState, end: FileEnd) -> None:
        """Let a file leave the flow."""
        file.move(FileStep.LEFT)
        self.files.remove(file)
        # Of a pool whose outputs were written as a whole, what was through before is among them.
        through = file.delivered if end in ("held", "gone") else Settled()
        self.totals.count("done", through.files)
        self.totals.tally.add(through.tally)
        self.totals.count(end, file.count - through.files)
        left = Finished(path=file.path, state=end, requests=file.requests)
        self.recent = [*self.recent[-RECENT_FILES + 1 :], left]

    def await_turn(self, files: Sequence[ListedFile]) -> None:
        """Put files into the backlog; those that are at work already are known."""
        known = {file.key for file in self.files} | {listed.key for listed in self.backlog} | set(self.early)
        self.backlog += [listed for listed in files if listed.key not in known]

    def let_leave(self, pool: FileState, members: int, alone: Sequence[ListedFile]) -> None:
        """Have files of a pool go on alone; those that are in neither were at their end already."""
        self.totals.gone += max(0, pool.members - members - len(alone))
        pool.members = members
        self.await_turn(alone)
        if self.next_page < self.pages:
            # One that left an earlier snapshot's pool may be on a page of its own as well.
            self.early += [listed.key for listed in alone]

    def settle(self, now: float) -> None:
        """Move on the files whose last shard has ended, and admit files from the backlog."""
        open_keys = {s.key for s in self.shards}
        for file in self.files:
            if file.step is FileStep.RUN and file.key not in open_keys:
                if file.hold_reason and file.settled:
                    continue  # what is through of a pool is delivered first
                if file.hold_reason:
                    file.hold(
                        file.hold_reason,
                        needs_settings=file.needs_settings,
                        needs_version=file.needs_version,
                        again_soon=file.again_soon,
                    )
                else:
                    file.move(FileStep.WRITE)
        self._admit(now)

    def _admit(self, now: float) -> None:
        """Admit files from the backlog while there is room ahead of the submissions; more would only be state.

        What is paused is ahead of nothing: it must not keep those behind it from going to other deployments.
        """
        if not self.backlog:
            return
        active, sending = len(self.shards_in(ShardStep.ACTIVE)), len(self.shards_in(ShardStep.SEND))
        waiting = self.shards_in(ShardStep.SUBMIT)
        paused = {s.key for s in waiting if self.pauses.over_at(s.reaches) > now}
        ahead = len({s.key for s in waiting} - paused) + sum(f.step is FileStep.PREPARE for f in self.files)
        most, unfinished = self.settings.max_active_batches, len(self.files) - len(paused)
        taken = 0
        for listed in [*self.backlog]:
            lead = self._lead(listed)
            room = min(
                2 * lead - ahead,
                most + lead - ahead - active - sending,
                # Files that cannot be finished hold new ones up.
                most + 5 * lead - unfinished,
                WAITING_SHARDS - len(waiting),
            )
            if taken >= room:
                return
            wants = self.wants.pop(listed.key, NOTHING_WANTED)
            unwanted = wants.unwanted or self.unwanted
            file = FileState.admitted(listed, msgspec.structs.replace(wants, unwanted=unwanted))
            self.files.append(file)
            del self.backlog[0]
            # What people want to wait takes no room.
            taken += file.step is FileStep.PREPARE

    def _lead(self, listed: ListedFile) -> int:
        """Give the files like this one that are a micro-batch: of small ones as many as its activities take."""
        is_small = listed.size <= self.settings.light_bytes
        return self.settings.micro_batch_size * (self.settings.files_per_call if is_small else 1)

    # --- the end, and parts ------------------------------------------------------------------------------------------

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
