"""Tokens before the service counts them, and what tokens cost.

The tokenizers' own tables are files to be downloaded, so this is an estimate: characters by script, each with the
tokens it takes on average. Weights and errors were measured with `o200k_base` and `cl100k_base` on the Universal
Declaration of Human Rights in 33 languages, on legal English and on source code. The figures are in docs/job-spec.md.
"""

import operator
from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import Literal

import msgspec

# Of the models from gpt-4o on; of those before it and of the models for embeddings.
Vocabulary = Literal["o200k_base", "cl100k_base"]

BYTES_PER_QUOTA_TOKEN = 4
ASCII_PER_TOKEN = 4.5
_ASCII_PER_TWO_TOKENS = 9
_NO_CHARACTER = bytes(range(0x80, 0xC0))  # bytes that go on with a character
_LATIN_START = 0xC3  # begins the characters up to 255, together with 0xC2
_NO_START = bytes(range(0xC0))  # bytes that begin no character beyond ASCII


def _weights(**hundredths: int) -> bytes:
    """Lay out what a character costs, in hundredths of a token, by the byte it begins with in UTF-8."""
    starts = {
        "latin": [*range(0xC0, 0xCA), 0xE1],  # with accents; Vietnamese has most of its own under E1
        "cyrillic": range(0xD0, 0xD4),
        "western": [*range(0xCA, 0xD0), *range(0xD4, 0xE0)],  # Greek, Armenian, Hebrew, Arabic
        "indian": [0xE0],  # with Thai and Lao
        "eastern": range(0xE3, 0xEE),  # Chinese, Japanese, Korean
        "signs": [0xE2, 0xEE, 0xEF],
        "pictures": range(0xF0, 0x100),
    }
    table = bytearray(256)
    for script, weight in hundredths.items():
        for start in starts[script]:
            table[start] = weight
    return bytes(table)


_WEIGHTS: dict[Vocabulary, bytes] = {
    "o200k_base": _weights(latin=100, cyrillic=28, western=35, indian=40, eastern=85, signs=80, pictures=200),
    "cl100k_base": _weights(
        latin=150, cyrillic=55, western=100, indian=130, eastern=125, signs=100, pictures=250
    ),
}


def estimate_tokens(text: str | bytes, vocabulary: Vocabulary = "o200k_base") -> int:
    """Estimate the tokens of a text, or of its UTF-8 bytes. More text never has fewer."""
    if text.isascii():
        return -(-2 * len(text) // _ASCII_PER_TWO_TOKENS)  # rounded up
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    others = content.translate(_WEIGHTS[vocabulary], _NO_START)
    plain = (len(text) if isinstance(text, str) else _characters(text)) - len(others)
    return ceil(plain / ASCII_PER_TOKEN + sum(others) / 100)


def estimate_all(
    texts: Sequence[bytes], vocabulary: Vocabulary = "o200k_base", decoded: Sequence[str] | None = None
) -> list[int]:
    """Estimate the tokens of UTF-8 texts, each as `estimate_tokens` does, in half the time or less.

    `decoded`: the same, where it is at hand.
    """
    characters = None if all(map(bytes.isascii, texts)) else _lengths_in_latin(texts, decoded)
    if characters is None:
        return [
            -(-2 * len(text) // _ASCII_PER_TWO_TOKENS)
            if text.isascii()
            else estimate_tokens(text, vocabulary)
            for text in texts
        ]
    weight = _WEIGHTS[vocabulary][_LATIN_START]
    # Each character beyond ASCII has two bytes.
    others = map(operator.sub, map(len, texts), characters)
    return [
        ceil((count - other) / ASCII_PER_TOKEN + other * weight / 100)
        if other
        else -(-2 * count // _ASCII_PER_TWO_TOKENS)
        for count, other in zip(characters, others, strict=True)
    ]


def _lengths_in_latin(texts: Sequence[bytes], decoded: Sequence[str] | None) -> list[int] | None:
    """Count the characters of texts that are all among the first 256, which have the same weight; None for others."""
    try:
        decoded = list(map(bytes.decode, texts)) if decoded is None else decoded
        # Nothing but a copy where Python holds a byte for each character already.
        "".join(decoded).encode("latin-1")
    except UnicodeError:
        return None
    return list(map(len, decoded))


def _characters(content: bytes) -> int:
    """Count the characters of UTF-8; of bytes that are none, those that may begin one."""
    try:
        return len(content.decode())  # faster than to look for each
    except UnicodeDecodeError:
        return len(content.translate(None, _NO_CHARACTER))


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """US dollars per million tokens."""

    input: float
    output: float = 0.0
    cached_input: float | None = None  # of input that the service had in its cache; None: as all input


_decode_prices = msgspec.json.Decoder(dict[str, Price]).decode
Prices = Mapping[str, Price]  # by deployment


def parse_prices(text: str) -> dict[str, Price]:
    """Read the setting PRICES. Raises ValueError with what is wrong."""
    if not text.strip():
        return {}
    try:
        prices = _decode_prices(text)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if wrong := [name for name, price in prices.items() if _is_below_zero(price)]:
        raise ValueError(f"a price below 0 for {', '.join(wrong)}")
    return prices


def _is_below_zero(price: Price) -> bool:
    return min(price.input, price.output, price.cached_input or 0.0) < 0


def cost(
    prices: Prices, deployment: str, input_tokens: int, output_tokens: int, *, cached_tokens: int = 0
) -> float | None:
    """Give the cost in US dollars, None for a deployment without a price. Cached tokens are among those of the input."""
    price = prices.get(deployment)
    if price is None:
        return None
    cached = min(cached_tokens, input_tokens) if price.cached_input is not None else 0
    of_input = price.input * (input_tokens - cached) + (price.cached_input or 0.0) * cached
    return (of_input + price.output * output_tokens) / 1_000_000


def dollars(cost: float) -> str:
    """Write a sum for people: in cents, and where that would hide it, its first two digits that are not 0."""
    if cost >= 1 or cost <= 0:
        return f"{cost:.2f}"
    places = max(2, 1 - floor(log10(cost)))
    return f"{cost:.{places}f}"


def quota_tokens(size_bytes: int) -> int:
    """Estimate the tokens of a request or a shard as the service does for its quota: by the number of characters."""
    return size_bytes // BYTES_PER_QUOTA_TOKEN
