"""The answers, one type for each. Times are UTC, ISO 8601; money is US dollars by PRICES; sizes are bytes."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain.contracts import SnapshotReport, WokenBy
from domain.findings import Finding, Verdict

FileStateName = Literal[
    "waiting",
    "preparing",
    "submitting",
    "sending",
    "in_progress",
    "collecting",
    "writing",
    "working",
    "done",
    "rejected",
    "held",
    "gone",
]
OutputName = Literal["results", "errors", "retry", "metadata", "input", "joined_results", "joined_errors"]
Cursor = Annotated[
    str | None, Meta(description="What `after` has to say for the next page; null at the end.")
]


def _nothing() -> msgspec.Raw:
    return msgspec.Raw(b"null")


class CodeCount(msgspec.Struct, frozen=True, kw_only=True):
    """An error code among the failed requests, and what can be done about it."""

    code: str
    rows: int
    files: int
    meaning: str = ""
    advice: str = ""


class RunningFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file as a running snapshot shows it. A long path is cut at its beginning."""

    path: str
    state: FileStateName
    requests: int
    done: int
    key: str | None = None
    cost: Annotated[
        float, Meta(description="Of the answers that were collected, in US dollars; 0 without a price.")
    ] = 0.0
    asked: Annotated[
        str | msgspec.UnsetType, Meta(description="What people have asked for: `cancel`, `hold`, `priority`.")
    ] = msgspec.UNSET


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where the work on a snapshot stands; before it begins, a message alone."""

    files_total: int = 0
    files_done: Annotated[int, Meta(description="That have left, whatever their end.")] = 0
    files_rejected: int = 0
    files_held: int = 0
    files_working: int = 0
    active_batches: int = 0
    requests_total: int = 0
    requests_done: int = 0
    requests_failed: int = 0
    batches_by_status: Annotated[
        dict[str, int], Meta(description="Batches alive, in the service's words.")
    ] = {}
    enqueued_tokens: Annotated[
        int, Meta(description="Of the batches alive, estimated as the service does for its quota.")
    ] = 0
    estimated_cost: Annotated[float, Meta(description="Of the files let through so far.")] = 0.0
    tokens_in_work: Annotated[
        int,
        Meta(description="Used for files that are still in work, as far as their batches were collected."),
    ] = 0
    cost_in_work: Annotated[
        float,
        Meta(description="Spent on the same, in US dollars."),
    ] = 0.0
    message: Annotated[str | None, Meta(description="What it waits for, and until when.")] = None
    files: list[RunningFile] = []


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot: the files that were taken together."""

    id: str
    status: Annotated[str, Meta(description="Durable Functions' runtime status.")]
    created_at: str | None
    updated_at: str | None
    progress: Progress | None
    report: Annotated[SnapshotReport | None, Meta(description="There when it has ended.")]
    outcomes: Annotated[
        dict[str, int], Meta(description="Requests per outcome, of the files that have ended.")
    ] = {}
    failure: Annotated[str | None, Meta(description="Why it has failed as a whole.")] = None
    woken_by: Annotated[
        WokenBy,
        Meta(description="What started it: an event, the sweep, or a call; empty where it is not known."),
    ] = ""


class ExpectedEnd(msgspec.Struct, frozen=True, kw_only=True):
    """Between which moments it may end, by how long took what has ended."""

    earliest: str
    latest: str


_Ends = Annotated[
    ExpectedEnd | None,
    Meta(description="Null where nothing has ended yet, it waits, or it takes longer than all that have."),
]


class SnapshotDetails(Snapshot, frozen=True, kw_only=True):
    """A snapshot, with what its finished files add up to."""

    finished_files: Annotated[int, Meta(description="Files that the sums below are over.")] = 0
    digest: Annotated[list[CodeCount], Meta(description="Why requests failed, the most frequent first.")] = []
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: Annotated[int, Meta(description="A part of the input tokens.")] = 0
    cost: Annotated[float | None, Meta(description="Spent; null without a price.")] = None
    estimated_cost: Annotated[float | None, Meta(description="Estimated for the same files.")] = None
    batches: int = 0
    ends: _Ends = None


class Snapshots(msgspec.Struct, frozen=True, kw_only=True):
    """A page of snapshots, newest first."""

    items: list[Snapshot]
    next: Cursor
    snapshots: Annotated[list[Snapshot], Meta(description="The same, under the name of earlier versions.")]


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot that was asked for."""

    id: str
    status_url: str


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A file in a list. `working`: where exactly, its own page tells."""

    key: str
    path: str
    state: FileStateName
    snapshot: str | None = None
    size_bytes: int | None = None
    requests: int = 0
    done: Annotated[int, Meta(description="Requests that have their outcome.")] = 0
    failed: Annotated[int, Meta(description="Requests that did not end well.")] = 0
    outcomes: dict[str, int] = {}
    error_codes: dict[str, int] = {}
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: Annotated[int, Meta(description="A part of the input tokens.")] = 0
    cost: float | None = None
    estimated_cost: float | None = None
    started_at: str | None = None
    finished_at: str | None = None
    batches: int = 0
    outputs: list[OutputName] = []
    results: Annotated[str | None, Meta(description="Where they lie in the processed container.")] = None
    errors: Annotated[str | None, Meta(description="Where they lie in the error container.")] = None
    reason: Annotated[str, Meta(description="Why it waits, is held or was rejected.")] = ""
    code: Annotated[str, Meta(description="The reason's code, where it has one.")] = ""
    until: Annotated[str | None, Meta(description="A held file is tried again then.")] = None
    job_spec: str | None = None
    retry_of: str | None = None


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """A page of files."""

    items: list[FileEntry]
    next: Cursor


class WaitingFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is not taken for now."""

    key: str
    file: str
    reason: str
    code: str | msgspec.UnsetType = msgspec.UNSET
    job_spec: str | msgspec.UnsetType = msgspec.UNSET


class HeldFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was set aside."""

    key: str
    file: str
    until: Annotated[str | None, Meta(description="Null where people have asked that it waits.")]
    reason: str


class KeptFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is delivered and archived, whose input storage does not let go."""

    file: str
    since: str
    code: str
    reason: str


class PassedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is no input."""

    file: str
    code: str
    reason: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What people have asked for about a file (`key`), a snapshot (`id`) or a folder, and is not over."""

    asked: Literal["cancel", "hold", "approve", "priority"]
    key: str | msgspec.UnsetType = msgspec.UNSET
    file: str | msgspec.UnsetType = msgspec.UNSET
    id: str | msgspec.UnsetType = msgspec.UNSET
    folder: str | msgspec.UnsetType = msgspec.UNSET
    priority: int | msgspec.UnsetType = msgspec.UNSET
    since: str
    by: str | None


class Accepted(Asked, frozen=True, kw_only=True):
    """What was asked for just now, or before."""

    seen_within_seconds: Annotated[
        float | None, Meta(description="The longest wait for the next look; null: the next snapshot sees it.")
    ]
    message: str


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """Failed rows of a file that are dropped again."""

    key: str
    file: str
    asked: Literal["retry"]
    codes: list[str]
    files: Annotated[list[str], Meta(description="As which they lie, or lay, in the input container.")]
    is_new: Annotated[bool, Meta(description="False where all of that had been dropped before.")]
    message: str


class RefusedRetry(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose failed rows could not be dropped again now, and why."""

    key: str
    file: str
    reason: str


class RetriedFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Failed rows of a snapshot's files that are dropped again."""

    id: str
    files: list[Retried]
    refused: Annotated[
        list[RefusedRetry] | msgspec.UnsetType,
        Meta(description="Such as those in whose retry's place another file lies; ask again."),
    ] = msgspec.UNSET
    next: Annotated[int | None, Meta(description="What `after` has to be in the next call; null at the end.")]


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """Whether new files are taken."""

    intake: Literal["on", "paused"]
    message: str


class FilesAtRest(msgspec.Struct, frozen=True, kw_only=True):
    """The files that are not being worked on."""

    waiting: list[WaitingFile]
    held: list[HeldFile]
    done: list[KeptFile]
    passed_over: list[PassedFile]
    asked: Annotated[
        list[Asked], Meta(description="What people have asked for and is not over, the last first.")
    ]
    intake: Literal["on", "paused"]


class BatchOfFile(msgspec.Struct, frozen=True, kw_only=True):
    """One batch that worked on a shard."""

    batch_id: str
    status: str
    transport: str
    submitted_at: str
    ended_at: str | None


class LiveOfFile(msgspec.Struct, frozen=True, kw_only=True):
    """A shard that was sent as live calls."""

    deployment: str
    status: str
    started_at: str
    ended_at: str | None


class ShardOfFile(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a file, or of what had to be tried again of it: `0000.0` is a part of `0000`."""

    shard: str
    attempt: int
    requests: int | None = None
    size_bytes: int | None = None
    collected: bool
    outcomes: dict[str, int] = {}
    batches: Annotated[
        list[BatchOfFile],
        Meta(description="One; more only where earlier ones failed as a whole without doing anything."),
    ] = []
    live: LiveOfFile | None = None


class OutputOfFile(msgspec.Struct, frozen=True, kw_only=True):
    """One blob that came out of a file."""

    name: OutputName
    container: str
    path: str
    size_bytes: int | None
    href: Annotated[str, Meta(description="Redirects to a link of ten minutes.")]


class OutputLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where an output can be read for ten minutes, by anyone who has the link."""

    href: str


class FileDetails(FileEntry, frozen=True, kw_only=True):
    """A file from its input to its outputs."""

    etag: str | None = None
    pool: Annotated[
        str,
        Meta(
            description="Key of the pool of small files that it shares batches with, while it is worked on."
        ),
    ] = ""
    shared_with: Annotated[
        int, Meta(description="Other small files whose requests are in the same batches.")
    ] = 0
    engine: str | None = None
    endpoint: str | None = None
    deployment: str | None = None
    is_balanced: Annotated[
        bool | None,
        Meta(description="Whether the outcomes add up to the requests of the input; null before the end."),
    ] = None
    input_state: str | None = None
    digest: list[CodeCount] = []
    asked: Annotated[
        list[Asked], Meta(description="What people have asked for about it and is not over.")
    ] = []
    retried_as: Annotated[
        list[str], Meta(description="Keys of finished files that hold failed rows of this one.")
    ] = []
    shards: list[ShardOfFile] = []
    files: Annotated[list[OutputOfFile], Meta(description="Its outputs, with sizes.")] = []
    ends: _Ends = None


class ErrorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the error file. `truncated`: it is longer than an answer may be; request and answer are left out."""

    file: str = ""
    row: int | None = None
    line: int | None = None
    custom_id: str | None = None
    outcome: str = ""
    code: str = ""
    message: str = ""
    attempts: int = 0
    request: msgspec.Raw = msgspec.field(default_factory=_nothing)
    answer: msgspec.Raw = msgspec.field(default_factory=_nothing)
    truncated: bool = False


class FileErrors(msgspec.Struct, frozen=True, kw_only=True):
    """The failed requests of a file: how many of which kind, and a page of them."""

    key: str
    digest: list[CodeCount]
    items: list[ErrorRow]
    next: Cursor


class BatchEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of the service that bears this app's marks."""

    batch_id: str
    status: str
    created_at: str | None
    total: int
    completed: int
    failed: int
    file_key: str | None
    shard: str | None
    snapshot: str | None
    path: str | None
    stray: Annotated[
        bool | None,
        Meta(description="Whether no record of ours knows it; null where that was not looked up yet."),
    ]


class Batches(msgspec.Struct, frozen=True, kw_only=True):
    """A page of batches, as one list of the service showed them, newest first."""

    items: list[BatchEntry]
    next: Cursor
    looked_at: str
    active: int
    limit: Annotated[int, Meta(description="MAX_ACTIVE_BATCHES.")]
    stray: int


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What may be wrong with the app and what it works on, as this host saw it, at most a minute ago."""

    verdict: Annotated[Verdict, Meta(description="The worst of all: `ok`, `warn` or `fail`.")]
    looked_at: str
    findings: Annotated[list[Finding], Meta(description="The worst first.")]


class DoctorsWord(msgspec.Struct, frozen=True, kw_only=True):
    """What this host's last examination came to."""

    verdict: Verdict
    looked_at: str
    failures: int
    warnings: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on one screen: of the snapshots since `since`."""

    version: str
    since: str
    snapshots_running: int
    snapshots_failed: int
    files_total: int
    files_done: int
    files_waiting: int
    files_held: int
    requests_total: int
    requests_done: int
    requests_failed: int
    outcomes: dict[str, int]
    active_batches: int
    batches_by_status: dict[str, int]
    max_active_batches: int
    batches: Annotated[int, Meta(description="That worked on the finished files.")]
    enqueued_tokens: int
    cost: float | None
    estimated_cost: float | None
    cost_in_work: Annotated[float, Meta(description="Spent on files that are still in work; not in `cost`.")]
    intake: Literal["on", "paused"]
    pauses: list[str]
    digest: list[CodeCount]
    running: list[str]
    actions: Annotated[bool, Meta(description="Whether the page offers actions.")]
    doctor: Annotated[
        DoctorsWord | None,
        Meta(
            description="Of `GET /api/doctor`; null where this host was not asked yet. Nothing is run for it."
        ),
    ] = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The app answers. Nothing else was touched."""

    status: Literal["ok"] = "ok"


class SpecFault(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake of a job spec: where in the document, and what to write instead."""

    where: str
    message: str


class SpecChecked(msgspec.Struct, frozen=True, kw_only=True):
    """All mistakes of a job spec; none of a good one."""

    path: Annotated[str, Meta(description="Its name in the input container.")]
    mistakes: list[SpecFault]


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """A held file that the next snapshot takes."""

    key: str
