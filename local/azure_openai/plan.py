"""Faults on request: what a plan may say.

A plan is JSON, given by `--plan FILE` or `POST /admin/plan` (which replaces the last one). In each list the first rule
that matches and fires is applied. For example:

    {
      "calls": [
        {"operation": "create_batch", "nth": 1, "connection": "lost"},
        {"operation": "get_batch", "every": 5, "status": 429, "retry_after": "1"},
        {"operation": "content", "filename": "*-output.jsonl", "first": 1, "connection": "half"},
        {"operation": "live", "probability": 0.1, "status": 500, "delay_seconds": 0.2}
      ],
      "batches": [
        {"filename": "bills-*.jsonl", "nth": 2, "ends_as": "expired", "fraction": 0.5},
        {"filename": "odd.jsonl", "ends_as": "archived", "files": false},
        {"filename": "stuck.jsonl", "stuck_in": "in_progress"},
        {"filename": "bad.jsonl", "invalid": [{"code": "invalid_json_line", "message": "Not JSON.", "line": 3}]}
      ],
      "rows": [
        {"custom_id": "row-7", "first": 2, "effect": "error", "status": 429},
        {"text": "*poison*", "effect": "error", "status": 400, "code": "content_filter"},
        {"custom_id": "row-8", "effect": "odd", "answer": "tool_calls"},
        {"custom_id": "row-9", "effect": "odd", "body": {"choices": [{"message": null}]}},
        {"probability": 0.01, "effect": "missing"}
      ],
      "quota": [{"deployment": "gpt-*", "tries": 3}]
    }

Names are matched as shell patterns, case matters. `nth`, `first` and `every` count, from 1, the times the rule's patterns
matched; for rows they count how often this row (custom_id and body) was processed. All conditions that are given must hold.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from local.azure_openai import odd_answers
from local.azure_openai.errors import ErrorItem

OperationName = Literal[
    "upload",
    "import",
    "get_file",
    "list_files",
    "delete_file",
    "content",
    "create_batch",
    "get_batch",
    "list_batches",
    "cancel_batch",
    "live",
]  # fmt: skip - eleven lines would say no more


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What a call, a batch or a row is about; patterns are matched against it."""

    filename: str = ""
    deployment: str = ""
    custom_id: str = ""
    text: str = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a rule applies. A row's `filename` is not looked at; a live call's custom_id is x-ms-client-request-id."""

    filename: str = "*"
    deployment: str = "*"
    custom_id: str = "*"
    text: str = "*"  # against the last user message, or the input to embed
    nth: Annotated[int, Meta(ge=1)] | None = None
    first: Annotated[int, Meta(ge=0)] | None = None
    every: Annotated[int, Meta(ge=1)] | None = None
    probability: Annotated[float, Meta(ge=0, le=1)] | None = None

    def matches(self, subject: Subject) -> bool:
        """Whether every pattern fits."""
        return (
            _fits(self.filename, subject.filename)
            and _fits(self.deployment, subject.deployment)
            and _fits(self.custom_id, subject.custom_id)
            and _fits(self.text, subject.text)
        )

    def fires(self, occurrence: int, chance: float) -> bool:
        """Whether it applies to the given matching occurrence (from 1); `chance` is a draw from 0 to 1."""
        return (
            (self.nth is None or occurrence == self.nth)
            and (self.first is None or occurrence <= self.first)
            and (self.every is None or occurrence % self.every == 0)
            and (self.probability is None or chance < self.probability)
        )


class CallRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to a call.

    `connection`: `reset` before anything is done; `lost`: done, and closed without an answer; `half`: the answer's length
    is promised and half of it delivered; `short`: whole lines, at most half of them, as if that were all. `status`
    answers with that error and does nothing. `delay_seconds` (our clock) comes first.
    """

    operation: OperationName | Literal["*"]
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    code: str = ""
    message: str = "Planned fault."
    retry_after: str = ""  # sent as it is: seconds, a date, nonsense
    connection: Literal["reset", "lost", "half", "short"] | None = None
    delay_seconds: Annotated[float, Meta(ge=0)] = 0.0


class BatchRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of a batch. Chosen when it is created; `duration_seconds` is on the service's clock.

    `ends_as` may be any name, known or not. `stuck_in` names a status that it enters and never leaves, except that it can
    be cancelled, and is then stuck in `cancelling`; a name that is no phase of its own is taken on in place of
    `in_progress`. `invalid` fails validation with those errors.
    """

    ends_as: str = ""
    fraction: Annotated[float, Meta(ge=0, le=1)] | None = None  # of the rows, processed before the end
    files: bool = True  # False: the end leaves no files
    error_file: Literal["empty", "null", "blank"] | None = None  # in place of the setting
    # The output's id, or its blob, although there are results.
    withhold_output: Literal["null", "blank"] | None = None
    # After its end it shows neither counts nor the ids of its files for so long (our clock).
    unsettled_seconds: Annotated[float, Meta(ge=0)] = 0.0
    stuck_in: str = ""
    duration_seconds: Annotated[float, Meta(ge=0)] | None = None
    invalid: list[ErrorItem] | None = None


class RowRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of a row.

    `error`: failed with `status` and `code`; `missing`: in neither file and not counted; `swallowed`: counted as completed,
    yet in neither file; `twice`: its line is in the output
    twice; `length` and `content_filter`: answered with 200, but cut off or withheld (`finish_reason`, or `incomplete`
    for responses); `odd`: answered with 200 as `answer` names it in `local.azure_openai.odd_answers`, else with `body`, else with
    `line` in place of the whole line, in which `@custom_id@` stands for the row's. Live calls are answered oddly as well, with
    `line` as the whole body; other effects are not theirs: see `CallRule`.
    """

    effect: Literal["error", "missing", "swallowed", "twice", "length", "content_filter", "odd"]
    answer: str = ""
    body: Any = msgspec.UNSET
    line: str = ""
    status: Annotated[int, Meta(ge=400, le=599)] = 500
    code: str = ""

    def __post_init__(self) -> None:
        if self.effect != "odd":
            return
        if self.answer not in ("", *odd_answers.NAMES):
            raise ValueError(f"answer: expected one of {', '.join(odd_answers.NAMES)}")
        if not self.answer and not self.line and self.body is msgspec.UNSET:
            raise ValueError("an odd answer needs `answer`, `body` or `line`")


class QuotaRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Enqueued-token quota that is full for so many creations, or so long (our clock, from the plan's arrival)."""

    deployment: str = "*"
    tries: Annotated[int, Meta(ge=1)] | None = None
    seconds: Annotated[float, Meta(ge=0)] | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All faults that are asked for."""

    calls: list[CallRule] = []
    batches: list[BatchRule] = []
    rows: list[RowRule] = []
    quota: list[QuotaRule] = []


def _fits(pattern: str, name: str) -> bool:
    return pattern == "*" or fnmatchcase(name, pattern)
