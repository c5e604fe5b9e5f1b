"""What the pipeline writes down in `work/`, so that a crash, a second host or a wiped task hub finds it again."""

from collections.abc import Iterable

import msgspec

from domain.estimates import Estimate
from domain.lineage import Origin
from domain.service.endpoints import Engine
from domain.service.outcomes import Tally
from domain.service.transports import TransportName
from domain.spec.job_spec import JobSpec


class SpecBlob(msgspec.Struct, frozen=True, kw_only=True):
    """A job spec in the input container, in one version."""

    path: str
    etag: str


class InputFile(msgspec.Struct, frozen=True, kw_only=True):
    """One blob of the input container, in one version."""

    path: str
    etag: str
    size: int  # bytes
    modified: float  # epoch seconds
    spec: SpecBlob | None = None  # the job spec that governs it
    content_md5: str = ""  # in hexadecimal, as storage tells it; empty: it does not
    appends: bool = False  # an append blob
    archived: bool = False  # in the archive tier
    leased: bool = False
    origin: Origin = Origin()  # what its metadata say of the run whose failed rows it holds


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Who works on an input file. Lies as metadata on the frozen copy of the file, which is made in the same call."""

    snapshot_id: str  # the owner now
    timestamp: str  # the first owner's: names the output folders forever
    path: str
    etag: str
    held_until: float = 0.0  # epoch seconds; a file that was set aside is taken again after this
    held_for: str = ""  # why, in a sentence
    held_by: str = ""  # the digest of the settings that hold it; others set it free
    content_md5: str = ""  # of the content that was taken, in hexadecimal, where storage has it
    done_at: float = 0.0  # epoch seconds; delivered and archived, and the input file cannot be removed
    done_code: str = ""  # why it cannot, in storage's word
    # What it was set aside beside: the basis of its plan (`domain.basis`), and its input file. Another one sets it free.
    held_beside: str = ""
    given_up: bool = False  # by a person: it is delivered without the answers that cannot be read
    holds: int = 0  # times in a row that it was set aside to be tried again soon
    pool: str = ""  # the key of the pool that the file is in; one that is not there is none
    members: int = 0  # of a pool: its files
    pool_bytes: int = 0  # of a pool: those of its files
    origin: Origin = Origin()  # of a retry: the run whose failed rows it holds


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A file that storage did not let us take, or take over. Lies as metadata on a blob of its own. Times are epoch seconds."""

    path: str
    code: str  # storage's word for why
    reason: str
    since: float
    tries: int = 1
    next_at: float = 0.0  # it is tried again then


class PlannedShard(msgspec.Struct, frozen=True, kw_only=True):
    """One shard made from (part of) an input file."""

    shard: str
    blob: str  # in the work container; the frozen input itself where that is valid as it is
    requests: int
    size: int  # bytes
    # Its first byte in the frozen input, where it is a part of that as it is; `blob` is written only for who wants one.
    start: int | None = None
    engine: Engine | None = None  # None: the plan's
    model: str | None = None  # None: the plan's
    url: str | None = None  # None: the plan's


class Plan(msgspec.Struct, kw_only=True):
    """What preparing an input file found; written once, complete."""

    path: str = ""
    etag: str = ""
    timestamp: str = ""
    origin: Origin = Origin()  # of a retry: the run whose failed rows it holds
    model: str | None = None
    url: str | None = None
    size: int = 0  # bytes of the input file
    requests: int = 0  # lines that are or were meant to be requests, invalid ones included
    invalid: int = 0
    rejected: str | None = None  # why the whole file was refused
    rejected_code: str | None = None
    spec: JobSpec | None = None  # of a table; None: the file holds ready-made requests
    estimate: Estimate = msgspec.field(default_factory=Estimate)
    shards: list[PlannedShard] = []
    engine: Engine = "batch"
    inputs_per_request: int = 1  # rows that may share a live call
    folder: str | None = (
        None  # of the job spec, with its closing slash, where all results below it become one
    )
    direct_deployment: str | None = None  # takes, live, what a batch has not answered by the deadline
    basis: str = ""  # `domain.basis`; empty: it is made anew, unless something of it was sent
    number: int = 0  # of the plans of this file that were taken back before
    output_tokens: int | None = None  # the most that a request may be answered with; None: no limit is known
    members: int = 0  # of a pool: the files that its shards were made of
    alone: list[str] = []  # of a pool: keys of files that left it before anything was sent
    taken_out: list[str] = []  # of a pool: keys of files that left it with what was collected of them
    # Of a pool: files that were given to people before the others, by key; with the snapshot that did it.
    delivered: dict[str, str] = {}


class BatchRecord(msgspec.Struct, kw_only=True):
    """One batch that a shard had."""

    batch_id: str
    input_file_id: str = ""  # empty where the service reads a blob
    input_blob: str | None = None  # URLs, as the service has them
    output_blob: str | None = None
    error_blob: str | None = None
    submitted_at: float  # epoch seconds
    transport: TransportName = TransportName.UPLOAD
    transport_reason: str = ""
    status: str = "submitted"
    output_file_id: str | None = None
    error_file_id: str | None = None
    ended_seen_at: float | None = None  # epoch seconds


class SendingRecord(msgspec.Struct, kw_only=True):
    """A shard that was sent as live calls. What became of each call is in the shard's log."""

    deployment: str
    begun_at: float  # epoch seconds
    status: str = "sending"
    ended_seen_at: float | None = None  # epoch seconds


class Again(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was answered and paid, and is asked for again: the answers that another attempt took the place of."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0

    def add(self, other: "Again") -> None:
        """Add another count to this one."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Counted(msgspec.Struct, kw_only=True):
    """What requests came to."""

    tally: Tally = msgspec.field(default_factory=Tally)
    again: Again = msgspec.field(default_factory=Again)


def summed(parts: Iterable[Counted]) -> Counted:
    """Sum up what several had."""
    total = Counted()
    for part in parts:
        total.tally.add(part.tally)
        total.again.add(part.again)
    return total


class Collected(Counted, kw_only=True):
    """How a shard ended; written once its children, and its outcomes where they are many, lie safely in `work/`."""

    children: list[PlannedShard] = []
    children_attempt: int = 1
    wide: list[str] = []  # properties of structured answers with whole numbers beyond 64 bits
    members: dict[str, Counted] = {}  # of a pool's shard: what each file's requests came to, by its number
    settled: int = 0  # of these, files that have no request in the children
    outcomes: bytes | None = None  # the lines of its outcomes where they are few; None: they lie in a blob
    # Bytes of the blob of the service's own lines, in the order of the requests, where every one is an answer in full:
    # it lies there in place of the outcomes.
    answer_bytes: int | None = None


class BatchRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """The service's no to a batch."""

    code: str
    message: str


class Ledger(msgspec.Struct, kw_only=True):
    """A shard's money book: an intent before each effect, the id after it.

    `submission` counts from 0 and grows when a batch failed as a whole without doing anything and is tried again.
    """

    owner: str  # snapshot id; a taken-over ledger is rewritten first, so that a late writer fails
    attempt: int = 1
    submission: int = 0
    transport: TransportName = TransportName.UPLOAD  # of this submission
    transport_reason: str = ""
    upload_intended_at: float | None = None  # epoch seconds
    input_file_id: str | None = None
    create_intended_at: float | None = None  # epoch seconds
    # Epoch seconds; a batch whose creation got no answer may show up till then.
    create_in_doubt_until: float | None = None
    # Epoch seconds; when the service was searched for a batch of this shard that no ledger knows.
    searched_at: float | None = None
    refusal: BatchRefusal | None = None  # of the creation: it counts when no batch shows up after it
    batch: BatchRecord | None = None
    past_batches: list[BatchRecord] = []
    sending: SendingRecord | None = None  # instead of a batch
    collected: Collected | None = None
