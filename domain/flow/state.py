"""What a flow carries from round to round: where each file and each shard stands, and what it wants done."""

from enum import StrEnum
from typing import Any

import msgspec

from domain.contracts import Fault, OpenShard
from domain.records import SpecBlob
from domain.service.outcomes import Tally


class FileStep(StrEnum):
    """Where an input file stands."""

    PREPARE = "prepare"
    RUN = "run"
    WRITE = "write"
    ARCHIVE = "archive"
    HOLD = "hold"


class ShardStep(StrEnum):
    """Where a shard stands."""

    SUBMIT = "submit"
    SEND = "send"
    ACTIVE = "active"
    COLLECT = "collect"


class FileState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One input file that is being worked on."""

    key: str
    path: str
    size: int = 0  # bytes
    fresh: bool = False
    spec: SpecBlob | None = None
    step: FileStep = FileStep.PREPARE
    requests: int = 0
    ended: int = 0  # requests that have their outcome
    not_before: float = 0.0
    tries: int = 0
    rejected: bool = False
    hold_reason: str | None = None
    needs_settings: bool = False


class ShardState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One shard that is being worked on."""

    key: str
    shard: OpenShard
    step: ShardStep = ShardStep.SUBMIT
    not_before: float = 0.0
    tries: int = 0
    batch_id: str | None = None
    submitted_at: float = 0.0
    status: str = "submitted"
    done: int = 0
    odd_polls: int = 0
    cancel_asked: bool = False
    cancel_refused: bool = False
    output_file_id: str | None = None
    error_file_id: str | None = None
    refused: Fault | None = None
    begun: bool = False  # submitting it has been tried
    failing_since: float = 0.0  # its batches were taken and then failed as a whole


class Finished(msgspec.Struct, kw_only=True):
    """A file that left the flow, for the progress view."""

    path: str
    state: str
    requests: int


class Totals(msgspec.Struct, kw_only=True):
    """What has come out of the snapshot so far."""

    done: int = 0
    rejected: int = 0
    held: int = 0
    gone: int = 0
    tally: Tally = msgspec.field(default_factory=Tally)
    cost: float = 0.0  # estimated, of the files that were let through


class Call(msgspec.Struct, frozen=True):
    """One activity to call. `key` and `shard` say whom its answer is about."""

    activity: str
    input: Any
    key: str = ""
    shard: str = ""
