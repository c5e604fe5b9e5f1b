"""What the service remembers of a file and of a batch."""

from __future__ import annotations

import msgspec

from local.azure_openai.errors import ErrorItem
from local.azure_openai.plan import BatchRule

TERMINAL = frozenset({"completed", "failed", "expired", "cancelled"})


class FileRecord(msgspec.Struct, kw_only=True):
    """A file of the files API. Times are epoch seconds."""

    id: str
    purpose: str
    filename: str
    created_at: float
    status: str = "processed"
    ready_at: float = 0.0  # until then a processed file is shown as pending
    bytes: int | None = None
    sha256: str = ""
    expires_at: int | None = None
    status_details: str | None = None

    def status_at(self, now: float) -> str:
        """The status as it is shown now."""
        return "pending" if self.status == "processed" and now < self.ready_at else self.status


class BatchRecord(msgspec.Struct, kw_only=True):
    """A batch. Times are epoch seconds; `duration` is in seconds of our clock."""

    id: str
    endpoint: str
    completion_window: str
    created_at: float
    status: str = "validating"
    filename: str = ""  # of the input file or blob
    deployment: str = ""
    content: str = ""  # SHA-256 of the input's bytes
    tokens: int = 0  # enqueued, estimated
    metadata: dict[str, str] | None = None
    output_expiry_seconds: int | None = None
    quota_refused: bool = False
    rule: BatchRule | None = None

    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    input_blob: str | None = None
    output_folder: str = ""
    output_blob: str = ""
    error_blob: str = ""
    input_etag: str = ""

    duration: float = 0.0
    times: dict[str, float] = msgspec.field(default_factory=dict)  # status -> when it began
    total: int = 0
    completed: int = 0
    failed: int = 0
    failures_ahead: int = 0  # of the rows still to be answered
    errors: list[ErrorItem] | None = None
    is_over: bool = False
    ended_at: float = 0.0

    def enter(self, status: str, now: float) -> None:
        """Take a status on."""
        self.status = status
        self.times[status] = now

    def counts_at(self, now: float) -> tuple[int, int]:
        """The completed and the failed requests as they are shown now; they advance evenly while in progress."""
        if self.is_over or self.status != "in_progress":
            return self.completed, self.failed
        progress = self.progress_at(now)
        return int((self.total - self.failures_ahead) * progress), int(self.failures_ahead * progress)

    def progress_at(self, now: float) -> float:
        """The share of the work that is done, 0 to 1."""
        begun = self.times.get("in_progress")
        if begun is None:
            return 0.0
        return min(1.0, (now - begun) / self.duration) if self.duration > 0 else 1.0
