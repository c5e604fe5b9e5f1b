"""What a file will take, as far as can be told before it is sent: tokens in, tokens out. Honest guesses, not counts."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import msgspec

from domain.service.endpoints import Endpoint, choices
from domain.tokens import Prices, cost, estimate_all

ASSUMED_OUTPUT_TOKENS = 300  # of an answer without a limit of its length: two paragraphs
ENVELOPE_BYTES = 110  # of a request line: custom_id, method, url, the name of the model


class Estimate(msgspec.Struct, kw_only=True):
    """Tokens of a file's requests, by the number of their characters; 0 while nothing is counted."""

    input_tokens: int = 0
    output_tokens: int = 0

    def cost(self, prices: Prices, deployment: str | None) -> float | None:
        """Give the cost in the prices' currency; None where the deployment has no price."""
        return cost(prices, deployment or "", self.input_tokens, self.output_tokens)


class TokenMeter:
    """Adds up the tokens of request lines. `parameters` are those that all of them share, where they are known."""

    def __init__(
        self, endpoint: Endpoint, parameters: Mapping[str, Any] | None = None, *, counts: bool = True
    ) -> None:
        self._vocabulary, self._counts = endpoint.vocabulary, counts
        self._output_tokens = _output_tokens(endpoint, parameters or {})
        self._envelope = ceil(ENVELOPE_BYTES / 4.5)
        self._requests = self._input_tokens = 0

    @property
    def estimate(self) -> Estimate:
        """What all requests so far take."""
        return Estimate(input_tokens=self._input_tokens, output_tokens=self._requests * self._output_tokens)

    def add(self, line: bytes) -> None:
        """Count one request."""
        self.add_all((line,))

    def add_all(self, lines: Sequence[bytes], texts: Sequence[str] | None = None) -> None:
        """Count requests. `texts`: the lines decoded, where they are at hand."""
        if self._counts:
            tokens = estimate_all(lines, self._vocabulary, texts)
            # Each has a token at least, also one that is shorter than what it is wrapped in.
            least = self._envelope + 1
            if min(tokens, default=least) < least:
                tokens = [max(least, count) for count in tokens]
            self._input_tokens += sum(tokens) - self._envelope * len(tokens)
            self._requests += len(tokens)


def _output_tokens(endpoint: Endpoint, parameters: Mapping[str, Any]) -> int:
    """Give the most tokens that an answer may have, or what answers have where no limit is set."""
    if endpoint.has_vectors:
        return 0
    return endpoint.most_output_tokens(parameters) or ASSUMED_OUTPUT_TOKENS * choices(parameters)
