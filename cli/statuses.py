"""Where a file stands, in one record."""

import msgspec

RUNNING = frozenset({"Pending", "Running", "ContinuedAsNew", "Suspended"})
ENDED = frozenset({"done", "rejected", "gone"})
RESTING = frozenset({"held", "waits"})


class FileStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where a file stands.

    state     `waiting` to be taken; `waits` for its job spec or for storage; `working`, or the app's own word where it tells;
              `held`, set aside; `done`, `rejected`, `gone`
    done      requests with an outcome; null while nobody tells
    failed    of these, those without a good answer
    reason    why it waits or is held, or was rejected
    """

    file: str
    state: str
    requests: int | None = None
    done: int | None = None
    failed: int | None = None
    cost: float | None = None
    reason: str | None = None
    key: str | None = None
    snapshot: str | None = None
    results: str | None = None
    errors: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more becomes of it by itself for now."""
        return self.state in ENDED or self.state in RESTING
