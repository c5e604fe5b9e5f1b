"""What to do with the requests of a batch that failed as a whole: wait, cut lines out, halve, or give up."""

from typing import Literal

import msgspec

from domain.service.batch_states import ValidationFault

# What a deployment waits for: room in its queue, or a person who sets something right.
PauseKind = Literal["quota", "configuration"]

MAX_SHARDS_AFTER_SPLITS = 200  # shards of one file; halving beyond this costs more than it saves

_QUOTA_CODES = frozenset({"token_limit_exceeded"})
_DEPLOYMENT_CODES = frozenset({"model_not_found", "DeploymentNotFound"})
_STORAGE_CODES = frozenset({"input_no_permissions", "output_no_permissions", "input_modified"})
# The same for every part of the shard.
_HOPELESS_CODES = frozenset({"empty_file", "empty_batch", "url_mismatch"})


class Regrouping(msgspec.Struct, frozen=True, kw_only=True):
    """One of: submit the same shard later (`pause`), cut `bad_lines` out, `halve`; none of them: all requests failed."""

    pause: PauseKind | None = None
    bad_lines: dict[int, ValidationFault] = {}  # by line of the shard, from 1
    halve: bool = False
    reason: ValidationFault


def regroup(faults: list[ValidationFault], *, requests: int, shards: int) -> Regrouping:
    """Decide by the service's reasons. `requests` of the failed shard, `shards` that its file has had so far."""
    reason = (
        faults[0]
        if faults
        else ValidationFault("batch_failed", "The batch failed and the service gave no reason.")
    )
    codes = {fault.code for fault in faults}
    if codes & _QUOTA_CODES:
        return Regrouping(pause="quota", reason=reason)
    if codes & (_DEPLOYMENT_CODES | _STORAGE_CODES) or any(
        "sku" in fault.message.lower() for fault in faults
    ):
        return Regrouping(pause="configuration", reason=reason)
    bad_lines = {
        fault.line: fault for fault in faults if fault.line is not None and 1 <= fault.line <= requests
    }
    bounded = shards < MAX_SHARDS_AFTER_SPLITS
    if bad_lines and bounded:
        return Regrouping(bad_lines=bad_lines, reason=reason)
    splittable = requests > 1 and not codes & _HOPELESS_CODES
    return Regrouping(halve=splittable and bounded, reason=reason)
