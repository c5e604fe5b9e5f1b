"""Which encoding bytes most likely have, to name it in a message. Nothing is ever decoded by such a guess."""

import codecs
import re
from typing import NamedTuple

MIN_ROWS, MIN_BYTES = (
    3,
    2,
)  # of bytes that are no UTF-8, and how many different: a few are damage, not an encoding
MIN_WIDE = 10  # characters of two bytes
SHOWN_CHARACTERS = 12  # on each side of the first odd one

_HIGH = re.compile(rb"[\x80-\xff]+")
_LATIN = re.compile("[À-ÖØ-öø-ÿŒœŠšŽžŸ‘’“”–—…€£°«»§©®¿¡ß\u00a0]")  # noqa: RUF001 - what Western texts have
_CYRILLIC = re.compile("[а-яё]")  # noqa: RUF001 - most letters of a text are small
_GREEK = re.compile("[α-ωά-ώ]")  # noqa: RUF001
_KANA = re.compile("[\u3040-\u30ff]")
_HAN = re.compile("[\u4e00-\u9fff]")
_HANGUL = re.compile("[\uac00-\ud7a3]")


class _Candidate(NamedTuple):
    encoding: str
    letters: re.Pattern[str]  # that its texts have
    least: float  # share of them among the characters beyond ASCII


# Where single bytes stand between letters of ASCII; and where they stand in rows.
_WESTERN = (
    _Candidate("cp1252", _LATIN, 0.9),
    _Candidate("mac_roman", _LATIN, 0.9),
    _Candidate("cp850", _LATIN, 0.9),
)
_OTHERS = (
    _Candidate("shift_jis", _KANA, 0.2),
    _Candidate("euc_jp", _KANA, 0.2),
    _Candidate("euc_kr", _HANGUL, 0.8),
    _Candidate("gb18030", _HAN, 0.7),
    _Candidate("big5", _HAN, 0.7),
    _Candidate("cp1251", _CYRILLIC, 0.6),
    _Candidate("koi8_r", _CYRILLIC, 0.6),
    _Candidate("cp866", _CYRILLIC, 0.6),
    _Candidate("cp1253", _GREEK, 0.6),
    *_WESTERN,
)


class Guess(NamedTuple):
    """An encoding, and a piece of the text as it reads then."""

    encoding: str
    example: str


def likely_encoding(head: bytes) -> Guess | None:
    """Guess the encoding of text that is no UTF-8, by its beginning; None where nothing is likely."""
    if wide := _wide(head):
        return _guess(head, wide)
    rows = _HIGH.findall(head)
    if len(rows) < MIN_ROWS or len(set(b"".join(rows))) < MIN_BYTES:
        return None
    alone = sum(len(row) == 1 for row in rows)
    for candidate in _WESTERN if alone * 4 >= len(rows) * 3 else _OTHERS:
        if _fits(head, candidate):
            return _guess(head, candidate.encoding)
    return None


def _fits(head: bytes, candidate: _Candidate) -> bool:
    try:
        text = codecs.getincrementaldecoder(candidate.encoding)().decode(head)
    except UnicodeError:
        return False
    beyond = [character for character in text if not character.isascii()]
    found = sum(candidate.letters.match(character) is not None for character in beyond)
    return bool(beyond) and found >= candidate.least * len(beyond)


def _wide(head: bytes) -> str | None:
    """Tell UTF-16 without a mark: of the characters of most texts every second byte is 0."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half < MIN_WIDE or max(even, odd) * 2 < half or min(even, odd) * 20 > half:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _guess(head: bytes, encoding: str) -> Guess:
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    odd = next((place for place, character in enumerate(text) if not character.isascii()), 0)
    piece = text[max(0, odd - SHOWN_CHARACTERS) : odd + SHOWN_CHARACTERS]
    return Guess(encoding, " ".join(piece.split()))
