"""Claims and refusals as blob metadata, which is ASCII and at most 8 KB."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from urllib.parse import quote, unquote

from domain.lineage import metadata_of_retry, origin_of
from domain.records import Claim, Refusal

# Of the 8 KB that a blob's metadata may have; the log has all of it. The second one as it is quoted there.
MAX_REASON_CHARS = 300
MAX_QUOTED_REASON_CHARS = 1200
LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()

_TIMESTAMP = re.compile(r"[0-9A-Za-z.+-]*")  # goes into the names of output folders


def claim_metadata(claim: Claim) -> dict[str, str]:
    """Write a claim as blob metadata, which is ASCII and at most 8 KB: base64 keeps the longest path below that."""
    fields = {
        "snapshot": quote(claim.snapshot_id),
        "timestamp": quote(claim.timestamp),
        "path": _packed(claim.path),
        "etag": quote(claim.etag),
        "held_until": str(claim.held_until),
        "held_for": _quoted_reason(claim.held_for),
        "held_by": claim.held_by,
        "content_md5": claim.content_md5,
        "done_at": str(claim.done_at) if claim.done_at else "",
        "done_code": quote(claim.done_code),
        "held_beside": claim.held_beside,
        "given_up": "1" if claim.given_up else "",
        "holds": str(claim.holds) if claim.holds else "",
        "pool": claim.pool,
        "members": str(claim.members) if claim.members else "",
        "pool_bytes": str(claim.pool_bytes) if claim.pool_bytes else "",
        **metadata_of_retry(claim.origin),
    }
    return {name: value for name, value in fields.items() if value}  # an empty value does not come back


def claim_from(metadata: Mapping[str, str]) -> Claim:
    """Read a claim. What cannot be read is left out: without a path nothing says whose the claim is."""
    timestamp = unquote(metadata.get("timestamp", ""))
    return Claim(
        snapshot_id=unquote(metadata.get("snapshot", "")),
        timestamp=timestamp if _TIMESTAMP.fullmatch(timestamp) else "",
        path=_unpacked(metadata.get("path", "")),
        etag=unquote(metadata.get("etag", "")),
        held_until=seconds(metadata.get("held_until", "")),
        held_for=unquote(metadata.get("held_for", "")),
        held_by=metadata.get("held_by", ""),
        content_md5=metadata.get("content_md5", ""),
        done_at=seconds(metadata.get("done_at", "")),
        done_code=unquote(metadata.get("done_code", "")),
        held_beside=metadata.get("held_beside", ""),
        given_up="given_up" in metadata,
        holds=int(seconds(metadata.get("holds", ""))),
        pool=metadata.get("pool", ""),
        members=int(seconds(metadata.get("members", ""))),
        pool_bytes=int(seconds(metadata.get("pool_bytes", ""))),
        origin=origin_of(metadata),
    )


def refusal_metadata(refusal: Refusal) -> dict[str, str]:
    """Write what storage has refused about a file as blob metadata."""
    return {
        "path": _packed(refusal.path),
        "code": quote(refusal.code),
        "reason": _quoted_reason(refusal.reason),
        "since": str(refusal.since),
        "tries": str(refusal.tries),
        "next_at": str(refusal.next_at),
    }


def refusal_from(metadata: Mapping[str, str]) -> Refusal:
    """Read a refusal."""
    return Refusal(
        path=_unpacked(metadata.get("path", "")),
        code=unquote(metadata.get("code", "")),
        reason=unquote(metadata.get("reason", "")),
        since=seconds(metadata.get("since", "")),
        tries=int(seconds(metadata.get("tries", ""))),
        next_at=seconds(metadata.get("next_at", "")),
    )


def _packed(path: str) -> str:
    return urlsafe_b64encode(path.encode()).decode()


def _unpacked(text: str) -> str:
    try:
        return urlsafe_b64decode(text).decode()
    except ValueError:
        return ""


def seconds(text: str) -> float:
    """Read a time or a count; 0 for what is none."""
    try:
        told = float(text)
    except ValueError:
        return 0.0
    return min(max(told, 0.0), LATEST) if isfinite(told) else 0.0


def _quoted_reason(reason: str) -> str:
    """Quote a reason; of one in a script that takes nine bytes for a character there is less."""
    most = MAX_REASON_CHARS
    while len(quoted := quote(reason[:most])) > MAX_QUOTED_REASON_CHARS:
        most -= 20
    return quoted
