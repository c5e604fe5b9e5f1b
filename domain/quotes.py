"""What a file would take: requests, tokens, money, the first mistakes, the first prompts."""

from typing import Any, Literal

import msgspec

Verdict = Literal["ready", "rejected", "held", "waits"]


class QuoteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which input file is to be quoted, and how many of its requests are to be shown.

    Of one that is not there yet: `content`, its beginning or all of it; `size`, its length in bytes; `specs`, the job specs
    that are to come with it, by name.
    """

    path: str
    prompts: int = 3
    content: bytes | None = None
    size: int = 0
    specs: dict[str, bytes] = {}


class Mistake(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line or a row that would not become a request."""

    line: int | None
    row: int | None = None
    custom_id: str | None = None
    code: str
    message: str


class Quote(msgspec.Struct, kw_only=True):
    """What a file would take. Tokens are estimates; `cost` is in US dollars, null where a price is not known.

    verdict   `ready`; `rejected` as a whole; `held`, because of a budget; `waits`, until its job spec is mended
    invalid   requests that would not be sent, a part of `requests`
    mistakes  the first of those
    prompts   the first requests, as they would be sent
    read_bytes  of a file of which a beginning was read: so much; the figures are for all of it, by proportion
    """

    file: str
    verdict: Verdict = "ready"
    code: str | None = None
    reason: str | None = None
    size_bytes: int = 0
    job_spec: str | None = None
    deployment: str | None = None
    endpoint: str | None = None
    engine: str = "batch"
    requests: int = 0
    invalid: int = 0
    shards: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    mistakes: list[Mistake] = []
    prompts: list[dict[str, Any]] = []
    read_bytes: int | None = None
