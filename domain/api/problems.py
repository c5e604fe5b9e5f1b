"""What a call is refused with: RFC 9457 problem details."""

from http import HTTPStatus

import msgspec


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A refusal. `code` is stable, `detail` is for people; `error` is the same, for callers of earlier versions."""

    type: str = msgspec.field(default="about:blank")
    title: str
    status: int
    detail: str
    code: str
    error: str
    id: str | None = None
    key: str | None = None


class ProblemError(Exception):
    """A call that is answered with a problem. `id`, `key`: the snapshot or the file that was asked for, as it was written."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        snapshot_id: str | None = None,
        key: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.problem = Problem(
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            code=code,
            error=detail,
            id=snapshot_id,
            key=key,
        )


def bad_parameter(name: str, why: str) -> ProblemError:
    """Refuse a parameter of a call."""
    return ProblemError(400, "bad_parameter", f"{name}: {why}")


def no_snapshot(snapshot_id: str) -> ProblemError:
    """Refuse an id that no snapshot has."""
    return ProblemError(404, "no_snapshot", "There is no snapshot of this id.", snapshot_id=snapshot_id)


def no_file(key: str) -> ProblemError:
    """Refuse a key that no file has that is worked on, waits, or is in a list of finished files that was looked through."""
    return ProblemError(
        404,
        "no_file",
        "No file of this key is known. Of an older one name its snapshot as well: `?snapshot=`.",
        key=key,
    )
