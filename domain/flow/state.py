"""What a flow carries: where each file and each shard stands, which moves are allowed, and the calls it asks for."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from domain.contracts import Fault, FileWants, ListedFile, OpenShard, Settled
from domain.records import SpecBlob
from domain.service.outcomes import Tally
from domain.service.reach import reaches_to

NOTHING_WANTED = FileWants()
HELD = "It waits, as people have asked; release it, or cancel it."

FileEnd = Literal["done", "rejected", "held", "gone"]


class FileStep(StrEnum):
    """Where an input file stands."""

    PREPARE = "prepare"
    RUN = "run"
    WRITE = "write"
    ARCHIVE = "archive"
    HOLD = "hold"
    LEFT = "left"


class ShardStep(StrEnum):
    """Where a shard stands."""

    SUBMIT = "submit"
    ACTIVE = "active"
    SEND = "send"
    COLLECT = "collect"
    LEFT = "left"


NEXT_OF_FILE: Mapping[FileStep, frozenset[FileStep]] = MappingProxyType(
    {
        FileStep.PREPARE: frozenset({FileStep.RUN, FileStep.HOLD, FileStep.LEFT}),
        FileStep.RUN: frozenset({FileStep.WRITE, FileStep.HOLD}),
        FileStep.WRITE: frozenset({FileStep.ARCHIVE, FileStep.HOLD, FileStep.LEFT}),
        FileStep.ARCHIVE: frozenset({FileStep.HOLD, FileStep.LEFT}),
        FileStep.HOLD: frozenset({FileStep.LEFT}),
        FileStep.LEFT: frozenset(),
    }
)
NEXT_OF_SHARD: Mapping[ShardStep, frozenset[ShardStep]] = MappingProxyType(
    {
        ShardStep.SUBMIT: frozenset({ShardStep.ACTIVE, ShardStep.COLLECT, ShardStep.LEFT}),
        ShardStep.ACTIVE: frozenset({ShardStep.COLLECT}),
        ShardStep.SEND: frozenset({ShardStep.COLLECT, ShardStep.LEFT}),
        ShardStep.COLLECT: frozenset({ShardStep.SUBMIT, ShardStep.LEFT}),
        ShardStep.LEFT: frozenset(),
    }
)


class ForbiddenMoveError(Exception):
    """A file or a shard was to go where it cannot go from where it stands: a defect of the flow."""


class FileState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One input file that is being worked on. Times are epoch seconds."""

    key: str
    path: str
    size: int = 0  # bytes
    fresh: bool = False
    spec: SpecBlob | None = None
    step: FileStep = FileStep.PREPARE
    requests: int = 0
    ended: int = 0  # requests that have their outcome
    tokens: int = 0  # of the answers that were collected, in and out
    cost: float = 0.0  # US dollars; likewise
    not_before: float = 0.0
    tries: int = 0
    reasons: dict[str, int] = {}  # faults of this step, by code
    rejected: bool = False
    hold_reason: str | None = None
    needs_settings: bool = False
    needs_version: bool = False
    again_soon: bool = False
    waited: bool = False
    wants: FileWants = NOTHING_WANTED
    pooled: bool = False  # it is a pool, of so many files
    members: int = 0
    delivered: Settled = Settled()  # of these, the files that have come to their end before the others
    settled: int = 0  # 1: more of them may, 2: and even more since the call about it began

    @property
    def count(self) -> int:
        """The input files that it is."""
        return self.members if self.pooled else 1

    @classmethod
    def admitted(cls, listed: ListedFile, wants: FileWants) -> "FileState":
        """Begin with a file of the manifest, or leave it for later, where people want it to wait."""
        file = cls(
            key=listed.key,
            path=listed.path,
            size=listed.size,
            fresh=listed.fresh,
            spec=listed.spec,
            waited=listed.waited,
            wants=wants,
            pooled=listed.members > 0,
            members=listed.members,
        )
        if wants.held and not wants.unwanted and file.fresh:
            file.hold(HELD)
        return file

    def move(self, step: FileStep) -> None:
        """Go to another step, where everything begins anew. Raises ForbiddenMoveError."""
        if step not in NEXT_OF_FILE[self.step]:
            raise ForbiddenMoveError(f"{self.path}: from {self.step} to {step}")
        self.step, self.tries, self.reasons, self.not_before = step, 0, {}, 0.0

    def hold(
        self,
        reason: str,
        *,
        needs_settings: bool = False,
        needs_version: bool = False,
        again_soon: bool = False,
    ) -> None:
        """Set the file aside, for a reason that people read, and until settings or the app change, where that may help."""
        self.move(FileStep.HOLD)
        self.hold_reason, self.needs_settings, self.needs_version = reason, needs_settings, needs_version
        self.again_soon = again_soon


class ShardState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One shard that is being worked on. Times are epoch seconds."""

    key: str
    shard: OpenShard
    step: ShardStep = ShardStep.SUBMIT
    not_before: float = 0.0
    tries: int = 0
    reasons: dict[str, int] = {}  # faults of this step, by code
    batch_id: str | None = None
    submitted_at: float = 0.0
    status: str = "submitted"
    done: int = 0
    odd_polls: int = 0
    lost_since: float = 0.0  # the service has not known the batch since then
    cancel_asked: bool = False
    cancel_refused: bool = False
    output_file_id: str | None = None
    error_file_id: str | None = None
    refused: Fault | None = None
    begun: bool = False  # submitting it has been tried
    failing_since: float = 0.0  # its batches were taken and then failed as a whole
    unwanted: bool = False  # people have asked for its file's cancellation

    @classmethod
    def opened(cls, key: str, shard: OpenShard) -> "ShardState":
        """Begin with a shard as it lies in `work/`: a batch that it has already is adopted."""
        waiting = ShardStep.SEND if shard.engine == "direct" else ShardStep.SUBMIT
        return cls(
            key=key,
            shard=shard,
            step=waiting if shard.batch_id is None else ShardStep.ACTIVE,
            batch_id=shard.batch_id,
            submitted_at=shard.submitted_at or 0.0,
        )

    @property
    def identity(self) -> tuple[str, str]:
        """The file's key and the shard's name: what a call about this shard carries."""
        return self.key, self.shard.shard

    @property
    def reaches(self) -> tuple[str, ...]:
        """The reaches of refusals that stop it."""
        return reaches_to(self.shard.engine, self.shard.model, self.shard.url)

    def move(self, step: ShardStep) -> None:
        """Go to another step, where everything begins anew. Raises ForbiddenMoveError."""
        if step not in NEXT_OF_SHARD[self.step]:
            raise ForbiddenMoveError(f"{self.key}/{self.shard.shard}: from {self.step} to {step}")
        self.step, self.tries, self.reasons, self.not_before = step, 0, {}, 0.0


class Finished(msgspec.Struct, kw_only=True):
    """A file that left the flow, for the progress view."""

    path: str
    state: FileEnd
    requests: int


class Totals(msgspec.Struct, kw_only=True):
    """What has come out of the snapshot so far."""

    done: int = 0
    rejected: int = 0
    held: int = 0
    gone: int = 0
    tally: Tally = msgspec.field(default_factory=Tally)
    cost: float = 0.0  # estimated, of the files that were let through

    @property
    def files(self) -> int:
        """Files that have left the flow."""
        return self.done + self.rejected + self.held + self.gone

    def count(self, end: FileEnd, files: int = 1) -> None:
        """Count files that leave the flow."""
        match end:
            case "done":
                self.done += files
            case "rejected":
                self.rejected += files
            case "held":
                self.held += files
            case "gone":
                self.gone += files


class Call(msgspec.Struct, frozen=True):
    """One activity to call. `key` and `shard` say what its answer is about; empty: the snapshot as a whole."""

    activity: str
    input: Any
    key: str = ""
    shard: str = ""
    weight: int = 0  # of what it moves: bytes, or requests of live calls
    begun_at: float = 0.0  # epoch seconds
    light: bool = False  # it may share an activity with others
    then: list["Call"] = []  # what follows from its answer, with nothing to decide in between

    @property
    def identity(self) -> tuple[str, str, str]:
        """What no other call under way has."""
        return self.activity, self.key, self.shard
