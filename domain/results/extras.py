"""Columns of the results that a job spec asks for beside the answer: how a row ended, what it used, what it cost."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from domain.results.columns import MARKS
from domain.service.bodies import token_count
from domain.service.endpoints import INPUT_COUNTS, OUTPUT_COUNTS, cached_count
from domain.spec.job_spec import Extra, Output
from domain.tokens import Prices, cost

COLUMNS: Mapping[Extra, tuple[str, ...]] = {
    "error": ("outcome", "error_code", "error"),
    "usage": ("input_tokens", "output_tokens"),
    "cost": ("cost",),
}

Kind = Literal["text", "texts", "count", "amount"]
_KINDS: Mapping[str, Kind] = {
    MARKS: "texts",
    "input_tokens": "count",
    "output_tokens": "count",
    "cost": "amount",
}

_decode = msgspec.json.Decoder().decode


class Ended(msgspec.Struct, frozen=True):
    """How a row ended; of an answer only the outcome."""

    outcome: str = "ok"
    code: str | None = None
    message: str | None = None


def kind_of(column: str) -> Kind:
    """Say what a column holds that stands behind those of every result."""
    return _KINDS.get(column, "text")


def extra_columns(output: Output) -> tuple[str, ...]:
    """Name the columns that a spec's output has more; where failed rows are among the results, they say why."""
    wanted = {"error", *output.extra} if output.failed == "inline" else {*output.extra}
    return tuple(column for extra, columns in COLUMNS.items() if extra in wanted for column in columns)


def extra_values(ended: Ended, usage: msgspec.Raw, *, prices: Prices, deployment: str) -> dict[str, Any]:
    """Give the values of all such columns."""
    counts = _decode(usage)
    input_tokens, output_tokens = token_count(counts, INPUT_COUNTS), token_count(counts, OUTPUT_COUNTS)
    return {
        "outcome": ended.outcome,
        "error_code": ended.code,
        "error": ended.message,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cost": cost(prices, deployment, input_tokens, output_tokens, cached_tokens=cached_count(counts)),
    }
