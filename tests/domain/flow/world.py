"""A world for the flow to live in: storage, service and activities in a hundred lines of memory, with moods.

It remembers what was really done, whether or not the flow ever heard of it, and is outraged when something is done that
must not be: a batch made twice, outputs of a file that has open shards.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from domain import names
from domain.contracts import (
    Answer,
    Asked,
    BatchNews,
    Cancelled,
    CollectedShard,
    Fault,
    ListedFile,
    OpenShard,
    PageOfFiles,
    Pause,
    PollAnswer,
    PreparedFile,
    Settled,
    Share,
    ShareRequest,
    SliceDone,
    Submitted,
    WrittenOutputs,
    from_wire,
    to_wire,
)
from domain.direct.throttle import Throttle
from domain.flow.sharing import Holding, places
from domain.flow.state import Call
from domain.service.endpoints import Engine
from domain.service.outcomes import Tally

PAGE_FILES = 5
MAX_ATTEMPTS = 3
MODELS = ("gpt-a", "gpt-b")
ENDS = ("completed", "failed", "expired", "cancelled")
HOUR = 3600.0
TOKENS_PER_REQUEST = 100


@dataclass(frozen=True, kw_only=True)
class Mood:
    """What goes wrong, each as a chance from 0 to 1 while the storm lasts; after it, nothing new does."""

    storm_rounds: int = 0  # looks
    fault: float = 0.0  # an activity answers with a fault, before or after its effect
    lasting: float = 0.0  # such a fault does not pass
    died: float = 0.0  # a call fails below its activity, before or after its effect
    slow: float = 0.0  # a call takes minutes
    wait: float = 0.0
    quota: float = 0.0
    misconfigured: float = 0.0
    refused: float = 0.0
    crowded: float = 0.0  # other snapshots hold places as well
    gone: float = 0.0
    rejected: float = 0.0
    direct: float = 0.0  # a file is sent as live calls
    throttled: float = 0.0  # the service takes no live calls for now
    adopted: float = 0.0  # a shard has a batch from an earlier life
    children: float = 0.0  # collecting leaves requests for another attempt
    again: float = 0.0  # a batch failed as a whole, for quota
    lost: float = 0.0  # the service forgets a batch
    odd: float = 0.0  # a batch ends in, or hangs in, a state nobody knows
    endless: float = 0.0  # a batch never ends by itself
    stubborn: float = 0.0  # cancelling has no effect, or is refused
    people: float = 0.0  # between two looks somebody asks for something about a file
    pooled: float = 0.0  # what is listed is a pool of files; drawn before the storm
    alone: float = 0.0  # a file leaves its pool, when it is prepared or at its end
    ends: tuple[str, ...] = ENDS
    longest_hours: float = 2.0  # of a batch
    room: int | None = None  # batches that a deployment takes at once
    token_limit: int | None = None  # tokens in a deployment's queue, told with each batch that is taken


@dataclass
class Batch:
    batch_id: str
    model: str
    requests: int
    begun: float
    ends: float | None
    end: str
    odd_files: bool = False
    stubborn: bool = False
    lost: bool = False
    cancel_asked: bool = False


@dataclass
class Shard:
    open: OpenShard
    batch: Batch | None = None
    submission: int = 0
    sent: int = 0  # requests that were sent live and have their answer
    begun_at: float | None = None
    children: list["Shard"] = field(default_factory=list)
    collected: CollectedShard | None = None


@dataclass
class File:
    listed: ListedFile
    plan: list[Shard] | None = None
    requests: int = 0
    rejected: bool = False
    gone: bool = False
    archived: bool = False
    held: bool = False
    # Of a pool: the files in it, and those that have left.
    members: list[ListedFile] = field(default_factory=list)
    alone: list[ListedFile] = field(default_factory=list)
    taken_out: list[ListedFile] = field(default_factory=list)  # with one request each, that was collected
    delivered: int = 0  # of the members, those that are at their end

    @property
    def count(self) -> int:
        return len(self.members) if self.members or self.alone or self.taken_out else 1

    @property
    def as_listed(self) -> ListedFile:
        return msgspec.structs.replace(self.listed, members=len(self.members))

    def shards(self) -> list[Shard]:
        found, ahead = [], list(self.plan or [])
        while ahead:
            shard = ahead.pop(0)
            found.append(shard)
            ahead = shard.children + ahead
        return found

    def open_shards(self) -> list[Shard]:
        return [shard for shard in self.shards() if shard.collected is None]


class World:
    def __init__(self, mood: Mood, *, files: int, most_shards: int, seed: int) -> None:
        self.mood, self.rounds, self._most_shards = mood, 0, most_shards
        self._luck = random.Random(seed)
        listed = [ListedFile(key=f"key-{n}", path=f"in/{n}.jsonl", size=100) for n in range(files)]
        self.files = {file.key: File(listed=file) for file in listed}
        for file in self.files.values():
            if self._luck.random() < mood.pooled:
                file.members = [
                    msgspec.structs.replace(file.listed, key=f"{file.listed.key}-{n}")
                    for n in range(self._luck.randint(1, 4))
                ]
        self.listed_first = set(self.files)
        self.next_snapshot()
        self.creations: Counter[str] = Counter()
        self._batches: dict[str, Batch] = {}
        self.asked: list[tuple[float, str, str]] = []  # when, what, about which file

    def next_snapshot(self) -> None:
        """What a later snapshot would find waiting."""
        left = [
            file.as_listed
            for file in self.files.values()
            # A pool that all have left is dropped at once by the next one; here it is not listed.
            if not (file.archived or file.gone or ((file.alone or file.taken_out) and not file.members))
        ]
        self.pages = [left[at : at + PAGE_FILES] for at in range(0, len(left), PAGE_FILES)]

    def happens(self, chance: float) -> bool:
        return self.rounds < self.mood.storm_rounds and self._luck.random() < chance

    def seconds(self, least: float, most: float) -> float:
        return self._luck.uniform(least, most)

    def answer(self, call: Call, now: float) -> Any:
        """Carry a call out, as the activity of that name would, and answer on the wire."""
        if self.happens(self.mood.fault / 2):
            return to_wire(Answer(fault=self._fault()))
        ok = getattr(self, f"_{call.activity}")(call.input, now)
        if self.happens(self.mood.fault / 2):
            return to_wire(Answer(fault=self._fault()))  # done, and yet the answer is a fault
        return to_wire(Answer(ok=to_wire(ok)))

    def _fault(self) -> Fault:
        passing = self._luck.random() >= self.mood.lasting
        after = self._luck.choice([None, None, 7.0, 200.0])
        return Fault(code="mishap", message="Something went wrong.", passing=passing, retry_after=after)

    # --- activities --------------------------------------------------------------------------------------------------

    def _list_files(self, request: dict[str, Any], now: float) -> PageOfFiles:
        return PageOfFiles(files=self.pages[request["page"]], asked=self._newly_asked(0.0, now))

    def _newly_asked(self, since: float, now: float) -> Asked | None:
        """What people have asked for since; sometimes they ask for something more."""
        if self.happens(self.mood.people):
            kind = self._luck.choice(("cancel", "cancel", "hold", "approve", "priority"))
            self.asked.append((now, kind, self._luck.choice(sorted(self.files))))
        new = [(kind, key) for at, kind, key in self.asked if at >= since]
        if not new:
            return None
        return Asked(
            cancel=[key for kind, key in new if kind == "cancel"],
            hold=[key for kind, key in new if kind == "hold"],
            approve=[key for kind, key in new if kind == "approve"],
            priority={key: self._luck.randint(-5, 5) for kind, key in new if kind == "priority"},
            seen=now,
        )

    def _share_limit(self, wire: dict[str, Any], now: float) -> Share:
        share = self._share(wire, now)
        return msgspec.structs.replace(share, asked=self._newly_asked(wire["asked_since"], now))

    def _share(self, wire: dict[str, Any], now: float) -> Share:
        asking = from_wire(wire, ShareRequest)
        crowd = [
            Holding(
                snapshot_id=f"other-{n}",
                held=self._luck.randint(0, asking.limit),
                wanted=self._luck.randint(0, 9),
                at=now,
            )
            for n in range(self._luck.randint(0, 2) if self.happens(self.mood.crowded) else 0)
        ]
        return Share(places=places(asking, crowd))

    def _prepare_file(self, work: dict[str, Any], now: float) -> PreparedFile:
        file = self.files[work["key"]]
        if file.gone or (file.plan is None and self.happens(self.mood.gone)):
            file.gone = True
            return PreparedFile(gone=True)
        if file.plan is None and self.happens(self.mood.wait):
            return PreparedFile(wait_seconds=self.seconds(0.1, 60))
        if file.plan is None:
            self._plan(file, now)
            self._part(file)
        ended = sum(shard.collected.tally.total for shard in file.shards() if shard.collected)
        open_shards = [self._described(shard) for shard in file.open_shards()]
        return PreparedFile(
            requests=file.requests,
            ended=ended,
            shards=open_shards,
            members=len(file.members),
            alone=self._still_there([*file.alone, *file.taken_out]),
        )

    def _part(self, pool: File) -> None:
        """Some of a pool's files go on alone; where all do, nothing is left to be sent."""
        if not pool.members:
            return
        pool.rejected = False
        for listed in [*pool.members]:
            if self.happens(self.mood.alone):
                pool.alone.append(self._left(pool, listed).listed)
        if not pool.members:
            pool.plan, pool.requests = [], 0

    def _left(self, pool: File, listed: ListedFile) -> File:
        pool.members.remove(listed)
        return self.files.setdefault(listed.key, File(listed=listed))

    def _still_there(self, listed: list[ListedFile]) -> list[ListedFile]:
        files = [(one, self.files[one.key]) for one in listed]
        return [one for one, file in files if not (file.archived or file.gone or file.held)]

    def _plan(self, file: File, now: float) -> None:
        file.rejected = self.happens(self.mood.rejected)
        engine: Engine = "direct" if self.happens(self.mood.direct) else "batch"
        file.plan = []
        for number in range(0 if file.rejected else self._luck.randint(1, self._most_shards)):
            model, requests = self._luck.choice(MODELS), self._luck.randint(1, 9)
            shard = self._shard(f"{number:04d}", model, 1, requests, engine)
            if engine == "batch" and self.happens(self.mood.adopted):
                self._begin_batch(file, shard, now - self.seconds(0, HOUR))
            file.plan.append(shard)
        file.requests = sum(shard.open.requests for shard in file.plan)

    def _shard(self, name: str, model: str, attempt: int, requests: int, engine: Engine) -> Shard:
        return Shard(
            OpenShard(
                shard=name,
                blob=f"b/{name}",
                requests=requests,
                size=4 * TOKENS_PER_REQUEST * requests,
                model=model,
                url="/v1",
                attempt=attempt,
                engine=engine,
                direct_deployment=self._luck.choice([None, *MODELS]) if engine == "batch" else None,
            )
        )

    def _described(self, shard: Shard) -> OpenShard:
        known = to_wire(shard.open)
        batch = shard.batch
        if batch:
            known |= {"batch_id": batch.batch_id, "submitted_at": batch.begun}
        elif shard.begun_at:
            known |= {"submitted_at": shard.begun_at}
        return OpenShard(**known)

    def find(self, key: str, name: str) -> Shard:
        return next(shard for shard in self.files[key].shards() if shard.open.shard == name)

    def _submit_batch(self, work: dict[str, Any], now: float) -> Submitted:
        file, shard = self.files[work["key"]], self.find(work["key"], work["shard"]["shard"])
        assert shard.collected is None, "a collected shard is submitted again"
        assert shard.open.engine == "batch", "a shard of live calls is submitted"
        if shard.batch is None:
            if self.happens(self.mood.wait):
                return Submitted(wait_seconds=self.seconds(0.1, 10))
            if work["unwanted"]:
                return Submitted(refused=Fault(code="cancelled", message="As asked.", passing=False))
            if self.happens(self.mood.quota) or self._is_full(shard.open, now):
                pause = Pause(model=shard.open.model, kind="quota", message="No room.")
                return Submitted(paused=pause, asked=self._newly_asked(work["asked_since"], now))
            if self.happens(self.mood.misconfigured):
                return Submitted(paused=Pause(model=None, kind="configuration", message="No role."))
            if self.happens(self.mood.refused):
                return Submitted(refused=Fault(code="refused", message="No.", passing=False))
            self._begin_batch(file, shard, now)
        assert shard.batch
        queued = self._queued(shard.open.model, now) if self.mood.token_limit else None
        return Submitted(
            batch_id=shard.batch.batch_id,
            submitted_at=shard.batch.begun,
            enqueued_tokens=queued,
            enqueued_limit=self.mood.token_limit,
        )

    def _send_slice(self, work: dict[str, Any], now: float) -> SliceDone:
        file, shard = self.files[work["key"]], self.find(work["key"], work["shard"]["shard"])
        assert shard.open.engine == "direct", "a batch's shard is sent as live calls"
        assert shard.collected is None, "a collected shard is sent again"
        done = shard.sent == shard.open.requests
        if work["unwanted"]:
            return SliceDone(begun_at=shard.begun_at, done=shard.sent, ended=done)
        throttle = Throttle(**work["throttle"]) if work["throttle"] else Throttle()
        if self.happens(self.mood.misconfigured):
            pause = Pause(model=shard.open.model, kind="configuration", message="No deployment.")
            return SliceDone(paused=pause, throttle=throttle)
        if shard.begun_at is None:
            shard.begun_at = now
            self.creations[f"{file.listed.key}/{shard.open.shard}/live"] += 1
        if self.happens(self.mood.throttled):
            throttle.blocked_until = now + self.seconds(0.1, 10 * HOUR)
        elif not self.happens(self.mood.endless):
            shard.sent = min(shard.open.requests, shard.sent + self._luck.randint(0, 5))
        wait = self.seconds(0, 60) if self.happens(self.mood.wait) else 0.0
        done = shard.sent == shard.open.requests
        return SliceDone(
            begun_at=shard.begun_at,
            done=shard.sent,
            ended=done,
            wait_seconds=wait,
            throttle=throttle,
            asked=self._newly_asked(work["asked_since"], now),
        )

    def _begin_batch(self, file: File, shard: Shard, begun: float) -> None:
        name = f"{file.listed.key}/{shard.open.shard}/{shard.submission}"
        self.creations[name] += 1
        odd, longest = self.happens(self.mood.odd), self.mood.longest_hours * HOUR
        shard.batch = self._batches[f"batch-{name}"] = Batch(
            batch_id=f"batch-{name}",
            model=shard.open.model,
            requests=shard.open.requests,
            begun=begun,
            ends=None if self.happens(self.mood.endless) else begun + self.seconds(1, longest),
            end="archived" if odd else self._luck.choice(self.mood.ends),
            odd_files=odd and self._luck.random() < 0.5,
            stubborn=self.happens(self.mood.stubborn),
            lost=self.happens(self.mood.lost),
        )

    def _live(self, model: str, now: float) -> list[Batch]:
        of_model = [batch for batch in self._batches.values() if batch.model == model]
        return [batch for batch in of_model if batch.ends is None or now < batch.ends]

    def _queued(self, model: str, now: float) -> int:
        return sum(batch.requests for batch in self._live(model, now)) * TOKENS_PER_REQUEST

    def _is_full(self, shard: OpenShard, now: float) -> bool:
        tokens = self._queued(shard.model, now) + shard.requests * TOKENS_PER_REQUEST
        too_many = self.mood.room is not None and len(self._live(shard.model, now)) >= self.mood.room
        return too_many or (self.mood.token_limit is not None and tokens > self.mood.token_limit)

    def _poll_batches(self, request: dict[str, Any], now: float) -> PollAnswer:
        share = self._share(request["share"], now) if request["share"] else None
        news = {batch_id: self._news(self._batches[batch_id], now) for batch_id in request["known"]}
        return PollAnswer(
            news={
                batch_id: told
                for batch_id, told in news.items()
                if told.ended or told.lost or told.status != request["known"][batch_id]
            },
            share=share,
            asked=self._newly_asked(request["asked_since"], now),
        )

    def _news(self, batch: Batch, now: float) -> BatchNews:
        if batch.lost:
            return BatchNews(status="lost", lost=True)
        if batch.ends is not None and now >= batch.ends:
            known = batch.end != "archived"
            ended = known or batch.odd_files
            out, err = ("file-out", "file-err") if ended else (None, None)
            return BatchNews(
                status=batch.end, ended=ended, known=known, done=1, output_file_id=out, error_file_id=err
            )
        if batch.cancel_asked:
            return BatchNews(status="cancelling")
        return BatchNews(status="validating" if now < batch.begun + 60 else "in_progress", done=1)

    def _cancel_batch(self, request: dict[str, Any], now: float) -> Cancelled:
        batch = self._batches[request["batch_id"]]
        if batch.lost or (batch.ends is not None and now >= batch.ends):
            return Cancelled(refused=True)
        if not batch.stubborn:
            batch.cancel_asked, batch.ends, batch.end = True, now + self.seconds(1, 600), "cancelled"
        return Cancelled()

    def _collect_batch(self, ended: dict[str, Any], _now: float) -> CollectedShard:
        shard = self.find(ended["key"], ended["shard"]["shard"])
        if shard.collected:
            return shard.collected
        if shard.open.engine == "direct":
            assert ended["status"] == "cancelled" or shard.sent == shard.open.requests, "collected too early"
            is_meant = ended["overdue"] or ended["unwanted"]
            assert ended["status"] != "cancelled" or is_meant, "cancelled before the deadline"
        requests, open_shard = shard.open.requests, shard.open
        if ended["status"] == "failed" and not ended["unwanted"] and self.happens(self.mood.again):
            shard.batch, shard.submission = None, shard.submission + 1
            return CollectedShard(again=Pause(model=open_shard.model, kind="quota", message="Full."))
        may_go_on = open_shard.attempt < MAX_ATTEMPTS and not ended["refused"] and not ended["unwanted"]
        if may_go_on and self.happens(self.mood.children):
            passed_on = self._luck.randint(1, requests)
            cut = self._luck.randint(0, passed_on)
            engine, model = open_shard.engine, open_shard.model
            if ended["overdue"] and open_shard.direct_deployment:
                engine, model = "direct", open_shard.direct_deployment
            for number, count in enumerate(count for count in (cut, passed_on - cut) if count):
                name = names.child_shard(open_shard.shard, number)
                child = self._shard(name, model, open_shard.attempt + 1, count, engine)
                shard.children.append(child)
            requests -= passed_on
        children = [child.open for child in shard.children]
        settled = self._luck.randint(0, len(self.files[ended["key"]].members))
        shard.collected = CollectedShard(tally=Tally(ok=requests), children=children, settled=settled)
        return shard.collected

    def _deliver_settled(self, work: dict[str, Any], _now: float) -> Settled:
        file = self.files[work["key"]]
        assert work["pooled"], "a file is delivered by halves"
        assert not file.archived
        assert not file.held
        file.delivered = self._luck.randint(file.delivered, max(file.delivered, len(file.members) - 1))
        return Settled(files=file.delivered, tally=Tally())

    def _write_outputs(self, work: dict[str, Any], _now: float) -> WrittenOutputs:
        file = self.files[work["key"]]
        assert file.plan is not None
        assert not file.open_shards(), "outputs are written while shards are open"
        tally = Tally()
        for shard in file.shards():
            assert shard.collected
            tally.add(shard.collected.tally)
        assert tally.total == file.requests, "requests without an outcome"
        left = len(file.members) - file.delivered
        if left and tally.ok > len(file.taken_out) and self.happens(self.mood.alone):
            self._take_out(file)
        tally.ok -= len(file.taken_out)
        return WrittenOutputs(
            tally=tally,
            rejected=file.rejected,
            members=len(file.members),
            alone=self._still_there(file.taken_out),
        )

    def _take_out(self, pool: File) -> None:
        """A file leaves its pool with one request, which is collected."""
        file = self._left(pool, pool.members[-1])
        shard = self._shard("0000", MODELS[0], 1, 1, "batch")
        shard.collected = CollectedShard(tally=Tally(ok=1))
        file.plan, file.requests = [shard], 1
        pool.taken_out.append(file.listed)

    def _archive_input(self, work: dict[str, Any], _now: float) -> None:
        assert not self.files[work["key"]].open_shards()
        self.files[work["key"]].archived = True

    def _hold_file(self, work: dict[str, Any], _now: float) -> None:
        assert work["reason"], "a file is set aside without a reason"
        self.files[work["key"]].held = True
