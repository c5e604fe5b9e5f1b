"""What crosses a durable boundary: the input and the answer of each activity, as plain JSON.

Names of things travel, never contents. Instances live for days: a new field gets a default, an old one goes only when
nothing in flight carries it. What lies in the state of a flow by the hundred leaves its defaults out. Times are epoch seconds.
"""

import threading
from typing import Any, Literal, TypeVar

import msgspec

from domain.direct.throttle import Throttle
from domain.records import SpecBlob
from domain.service.endpoints import Engine
from domain.service.outcomes import Tally
from domain.service.regrouping import PauseKind

Contract = TypeVar("Contract")


def to_wire(contract: object) -> Any:
    """Turn a contract into what the durable extension can carry."""
    return msgspec.to_builtins(contract)


def from_wire(wire: object, kind: type[Contract]) -> Contract:
    """Read a contract back. Raises msgspec.ValidationError with the path of the first thing that does not fit."""
    return msgspec.convert(wire, prepared_type(kind))


_preparing = threading.Lock()
_prepared: set[object] = set()


def prepared_type(kind: type[Contract]) -> type[Contract]:
    """Give a type back once msgspec knows it; every type that is not named by a decoder at import goes through here.

    Two threads that make msgspec meet a type for the first time at the same moment end the process: "Segmentation fault"
    (seen with 0.22). A worker that has just started, with many activities at once, does that.
    """
    if kind not in _prepared:
        with _preparing:
            msgspec.json.Decoder(kind)
            _prepared.add(kind)
    return kind


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An activity that could not do its step this time."""

    code: str
    message: str
    passing: bool = True  # False: trying again soon is pointless
    retry_after: float | None = None  # seconds, when the service named them
    final: bool = False  # it is not tried again by this version of the app


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every activity gives back: its own answer, or the fault that kept it from one."""

    ok: Any = None
    fault: Fault | None = None


class NamedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a group: the name of its activity, and its input."""

    activity: str
    input: Any


class CallGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Input of `carry_out_group`: calls to be made one after the other, with those that follow from each one's answer.

    No call begins later than after so many seconds.
    """

    calls: list[list[NamedCall]]
    seconds: float


class GroupAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `carry_out_group`: those of each call and of what followed; none for a call that has not begun."""

    answers: list[list[Answer]]


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What people have asked for, as a look found it: file keys; for `cancel` also ids of snapshots.

    `priority`: by file key, or by folder with its closing slash; the higher, the earlier. `seen`: a later look need not tell
    again what is older; epoch seconds by the storage's clock.
    """

    cancel: list[str] = []
    hold: list[str] = []
    approve: list[str] = []
    priority: dict[str, int] = {}
    seen: float = 0.0


class SnapshotSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that a running snapshot goes by, read once so that a changed setting does not change its past."""

    micro_batch_size: int = 10
    max_active_batches: int = 500
    poll_min_seconds: float = 60.0
    poll_max_seconds: float = 900.0
    deadline_seconds: float = 48 * 3600.0
    # For so long a file waits in its snapshot for people to set its deployment right, where the service says what is wrong with
    # it; then it is set aside.
    misconfigured_seconds: float = 900.0
    max_cost: float | None = None  # estimated, of all files of the snapshot together
    # So many calls about small files share an activity: 1, as where nothing was said, is an activity for each call.
    files_per_call: int = 1
    bytes_per_call: int = 20_000_000  # that they may move together
    seconds_per_call: float = 10.0  # after which those that have not begun are given back

    @property
    def light_bytes(self) -> int:
        """The most bytes that a call moves which shares an activity with others; -1 where none does."""
        return self.bytes_per_call // self.files_per_call if self.files_per_call > 1 else -1


WokenBy = Literal["event", "sweep", "http", ""]


class SnapshotRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Input of `process_snapshot`."""

    snapshot_id: str
    settled_at: float = 0.0  # when the window is over; files that arrive later belong to the next one
    woken_by: WokenBy = ""  # what started it, for people who look


class TakenFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `take_snapshot`: the manifest's size."""

    files: int
    pages: int
    settings: SnapshotSettings = msgspec.field(name="pace")
    pooled: bool = False  # the pages are those of `PageRequest.pooled`


class PageRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Input of `list_files`. `pooled`: of the list in which files that share batches are one entry."""

    snapshot_id: str
    page: int
    pooled: bool = False


class PageOfFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `list_files`. `asked`: what people want of these files."""

    files: list["ListedFile"]
    asked: Asked | None = None


class ListedFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file of the manifest; or a pool: small files that share batches, and are one to the flow."""

    key: str
    path: str
    size: int  # bytes
    members: int = 0  # of a pool: its files; else 0
    pool: str = ""  # the key of the pool that the file is in
    fresh: bool = False  # claimed by this snapshot just now: no work on it has begun
    spec: SpecBlob | None = None  # the job spec that governs it; None: the settings do
    waited: bool = False  # it was set aside until settings, its job spec or its deployment change


class FileWants(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What people have asked for about one file."""

    unwanted: bool = False  # its cancellation
    held: bool = False  # that it waits
    approved: bool = False  # that it goes beyond a budget
    priority: int | None = None  # the higher, the earlier; None: nothing about this file alone


class FileWork(msgspec.Struct, frozen=True, kw_only=True):
    """Input of the activities that work on one input file as a whole."""

    snapshot_id: str
    key: str
    fresh: bool = False
    spec: SpecBlob | None = None  # for `prepare_file`, and for `hold_file`
    reason: str | None = None  # why the file is set aside, for `hold_file`
    needs_settings: bool = False  # it is set aside until settings change: a budget, a deployment
    needs_version: bool = False  # it is set aside until another version of the app is there
    unwanted: bool = False  # it is prepared to be ended; no budget stops that
    approved: bool = False  # it may go beyond a budget
    waits: bool = False  # people want it to wait, if nothing of it has begun
    again_soon: bool = False  # it is tried again after a minute, and then ever more rarely
    waited: bool = False  # as in the manifest
    pooled: bool = False  # it is a pool
    # Of a pool that is prepared: what the snapshot's budget has left, in dollars.
    most_cost: float | None = None


class OpenShard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A shard that still has work to do, and where it stands."""

    shard: str
    blob: str
    requests: int
    size: int
    model: str
    url: str
    attempt: int = 1
    batch_id: str | None = None
    submitted_at: float | None = None
    engine: Engine = "batch"
    inputs_per_request: int = 1  # rows that may share a live call
    direct_deployment: str | None = None  # takes, live, what a batch has not answered by the deadline
    structured: bool = False  # its answers are held against the file's job spec: a schema, rules
    pooled: bool = False  # its requests are those of several files (`domain.pooling`)
    start: int | None = None  # as in `domain.records.PlannedShard`


class PreparedFile(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `prepare_file`. `wait_seconds`: not ready yet, look again then. `held`: why other settings are needed."""

    requests: int = 0
    ended: int = 0  # requests that have their outcome already: invalid lines, shards collected before a crash
    shards: list[OpenShard] = []
    gone: bool = False  # replaced or deleted before its turn came; nothing to do
    wait_seconds: float | None = None
    held: str | None = None
    cost: float = 0.0  # estimated, of what has not been begun; 0 where no prices are known
    # Of a pool: how many files it has now, those that left it and go on alone, and what people want of these.
    members: int = 0
    alone: list[ListedFile] = []
    asked: Asked | None = None


class ShardWork(msgspec.Struct, frozen=True, kw_only=True):
    """Input of `submit_batch`."""

    snapshot_id: str
    key: str
    shard: OpenShard
    begun: bool = False  # an earlier try got somewhere: there is a ledger to go on from
    unwanted: bool = False  # no batch is made of it; one that was made is found
    asked_since: float = 0.0  # as `Asked.seen`


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `submit_batch`: one of a batch, a wait, a pause of the deployment, or a final no."""

    batch_id: str | None = None
    submitted_at: float | None = None
    enqueued_tokens: int | None = None  # of the deployment, as the service estimates them
    enqueued_limit: int | None = None
    others_look: bool = (
        False  # batches of others are waited for on this host: their looks show this one as well
    )
    wait_seconds: float | None = None  # this shard only: its file is not processed yet, an answer was lost
    paused: "Pause | None" = None
    refused: Fault | None = None
    asked: Asked | None = None  # where it is paused


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """No further submissions for now, as far as the evidence goes.

    `reach`: which shards it stops, one of what `service.reach` gives. Without one: all of a deployment's batches, or all batches
    (`model` None).
    """

    model: str | None
    kind: PauseKind
    message: str
    reach: str = ""
    certain: bool = False  # the service has said itself that the deployment is not there, or does not do this


class SliceWork(msgspec.Struct, frozen=True, kw_only=True):
    """Input of `send_slice`."""

    snapshot_id: str
    key: str
    shard: OpenShard
    throttle: Throttle | None = None  # of the deployment, as the last slice left it
    unwanted: bool = False  # nothing more of it is sent
    asked_since: float = 0.0  # as `Asked.seen`


class SliceDone(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `send_slice`: how far the shard has come, and when it may go on."""

    begun_at: float | None = None  # of the shard's first slice
    done: int = 0  # requests that have their answer, or will never have one
    ended: bool = False  # nothing is left to send
    wait_seconds: float = 0.0  # this shard only: another process is sending it
    paused: Pause | None = None
    throttle: Throttle | None = None
    asked: Asked | None = None


class ShareRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Input of `share_limit`: what a snapshot has (with what it is about to submit) and would like besides."""

    snapshot_id: str
    active: int
    wanted: int
    limit: int
    reserve: int
    stale_seconds: float  # a record that is older belongs to a snapshot that is not alive
    asked_since: float = 0.0  # as `Asked.seen`


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `share_limit`: how many batches the snapshot may have alive, those it has included."""

    places: int
    asked: Asked | None = None


class PollRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Input of `poll_batches`: id -> the status known so far; `share`: agree with the other snapshots as well.

    `max_age`: how old news may be, seconds; another snapshot may have looked lately. `asked_since`: as `Asked.seen`.
    """

    known: dict[str, str]
    share: ShareRequest | None = None
    max_age: float = 0.0
    asked_since: float = 0.0


class BatchNews(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What changed about one batch."""

    status: str
    ended: bool = False
    known: bool = True
    output_file_id: str | None = None
    error_file_id: str | None = None
    done: int = 0  # requests the service has finished
    lost: bool = False  # a list of all batches, read to its end, does not have it


class PollAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `poll_batches`: news by batch id, batches without news left out; what was agreed, where it was asked.

    `complaint`: why some batches could not be looked at, for people; `unseen` are their ids.
    """

    news: dict[str, BatchNews]
    unseen: list[str] = []
    share: Share | None = None
    complaint: str = ""
    asked: Asked | None = None


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Input of `cancel_batch`."""

    batch_id: str


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `cancel_batch`. `refused`: the service says there is nothing left to cancel."""

    refused: bool = False


class EndedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Input of `collect_batch`: a shard whose batch has ended, or that will never have one (`refused`)."""

    snapshot_id: str
    key: str
    shard: OpenShard
    batch_id: str | None = None  # of the batch that has ended; the shard's own may be that of an earlier one
    status: str = "refused"
    output_file_id: str | None = None
    error_file_id: str | None = None
    refused: Fault | None = None
    tries: int = 0  # times this step has failed before
    done: int = 0  # requests that the batch had finished when it was last seen
    overdue: bool = False  # older than the deadline when it ended
    unwanted: bool = False  # people have asked for its cancellation: nothing of it is tried again


class CollectedShard(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `collect_batch`: counts, and what goes on."""

    tally: Tally = msgspec.field(default_factory=Tally)
    children: list[OpenShard] = []
    again: Pause | None = None  # the batch failed as a whole without doing anything; submit the shard anew
    cost: float = 0.0  # of the tally's tokens, in US dollars; 0 without a price
    settled: int = 0  # of a pool: files of the shard that have no request in its children


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `deliver_settled`: the files of a pool that this snapshot has brought to their end so far, not by this call alone."""

    files: int = 0
    tally: Tally = msgspec.field(default_factory=Tally)


class WrittenOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `write_outputs`."""

    tally: Tally = msgspec.field(default_factory=Tally)
    rejected: bool = False
    gone: bool = False  # another snapshot has brought the file to its end
    # Of a pool: how many files it has now, and those that left it with all that was collected of them.
    members: int = 0
    alone: list[ListedFile] = []


class RetryWork(msgspec.Struct, frozen=True, kw_only=True):
    """Input of `write_retry`: the failed rows of a file that have some error codes are to be dropped again."""

    run: str
    key: str  # of the file whose failed rows they are
    codes: list[str]
    target: str  # in the input container
    retry: str  # blobs of the error container: its retry file, its errors
    errors: str
    metadata: str  # of the processed container


class SnapshotReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a snapshot: input of `write_snapshot_report`, and the orchestration's output."""

    snapshot_id: str
    files: int = 0
    done: int = 0
    rejected: int = 0
    held: int = 0
    gone: int = 0
    tally: Tally = msgspec.field(default_factory=Tally)
