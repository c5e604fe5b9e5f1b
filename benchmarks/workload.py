"""What goes in: ready-made batch files of any size, made as they are written, from a seed."""

import json
import random
from collections.abc import Iterator

MODEL = "gpt-bench"
LINE_BYTES = 1200  # of one request: a system prompt and some two hundred words
WORDS = 4096
PIECE_BYTES = 1024 * 1024


def request_lines(name: str, *, seed: int, text_bytes: int = LINE_BYTES - 200) -> Iterator[bytes]:
    """Give requests without end, `<name>-0`, `<name>-1`, …; each of about `text_bytes` and 200 bytes."""
    made = texts(seed, text_bytes)
    for number in _count():
        body = {
            "model": MODEL,
            "messages": [
                {"role": "system", "content": 'You are "terse".\n'},
                {"role": "user", "content": next(made)},
            ],
            "temperature": 0.2,
        }
        line = {
            "custom_id": f"{name}-{number}",
            "method": "POST",
            "url": "/chat/completions",
            "body": body,
        }
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


def batch_file(name: str, *, requests: int, seed: int, text_bytes: int = 100) -> bytes:
    """Give one small ready-made file."""
    lines = request_lines(name, seed=seed, text_bytes=text_bytes)
    return b"".join(next(lines) for _ in range(requests))


def pieces(name: str, *, size: int, seed: int) -> Iterator[bytes]:
    """Stream a ready-made file of about `size` bytes, whole lines, in pieces of about a megabyte."""
    return _pieced(request_lines(name, seed=seed), size)


def _pieced(lines: Iterator[bytes], size: int) -> Iterator[bytes]:
    written = 0
    piece = bytearray()
    for line in lines:
        piece += line
        if len(piece) >= PIECE_BYTES or written + len(piece) >= size:
            yield bytes(piece)
            written += len(piece)
            piece.clear()
        if written >= size:
            return


def texts(seed: int, size: int) -> Iterator[str]:
    """Give texts of about `size` bytes: a pool of words, some with accents, read from changing places."""
    dice = random.Random(seed)  # noqa: S311 - filler, not secrets
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(dice.choices(letters, k=dice.randint(2, 9))) for _ in range(WORDS)]
    words[::50] = ["déjà", "naïve", "grün"] * (len(words[::50]) // 3) + words[::50][: len(words[::50]) % 3]
    pool = " ".join(words)
    for number in _count():
        start = (number * 7919) % (len(pool) - 1)
        text = pool[start : start + size]
        yield text if len(text) == size else text + pool[: size - len(text)]


def _count() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1
