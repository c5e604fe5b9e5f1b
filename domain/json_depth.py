"""How deeply JSON may be nested, and how many values it may have: one number of the app's own, the same on every version of Python.

The decoders stop where the interpreter's stack does, which is at another depth on each of them, and on some depends on who calls.
"""

MAX_JSON_DEPTH = 750
TOO_DEEP = f"The JSON is nested too deeply: more than {MAX_JSON_DEPTH} levels."

# What JSON becomes in memory: an empty array of three bytes takes some 80.
MAX_JSON_VALUES = 4_000_000
TOO_WIDE = f"The JSON may have more than {MAX_JSON_VALUES:,} values."

_LONG_BYTES = 8192
_OTHERS = bytes(byte for byte in range(256) if byte not in b'"[]{}')
_ONE_KIND = bytes.maketrans(b"{}", b"[]")


def is_too_deep(text: bytes) -> bool:
    """Tell whether JSON has more than MAX_JSON_DEPTH arrays and objects within one another; of broken JSON, a guess."""
    # Each level takes two bytes at least, and nearly every line is shorter, or has a few levels.
    if len(text) <= 2 * MAX_JSON_DEPTH or not _has_many(text):
        return False
    brackets = _brackets_outside_strings(text)
    for _ in range(MAX_JSON_DEPTH):
        # What holds nothing goes: with each round the innermost level.
        left = brackets.replace(b"[]", b"")
        if len(left) == len(brackets):
            return _unbalanced_depth(left) > MAX_JSON_DEPTH
        brackets = left
    return bool(brackets)


def is_too_wide(text: bytes) -> bool:
    """Tell whether JSON may have more than MAX_JSON_VALUES values in arrays and objects; commas in strings count as well."""
    # A comma for each but the first; it takes a byte of its own, and its value another one.
    if len(text) <= 2 * MAX_JSON_VALUES:
        return False
    return text.count(b",") + text.count(b"[") + text.count(b"{") > MAX_JSON_VALUES


def _has_many(text: bytes) -> bool:
    """Tell whether so many levels are opened that they may be within one another."""
    if len(text) < _LONG_BYTES:
        return text.count(b"{") + text.count(b"[") > MAX_JSON_DEPTH
    # In a long line, to look for each is faster than to count: the search between them is the machine's own.
    left, find = MAX_JSON_DEPTH, text.find
    for opening in (b"{", b"["):
        place = find(opening)
        while place >= 0:
            if left == 0:
                return True
            left -= 1
            place = find(opening, place + 1)
    return False


def is_balanced(text: bytes) -> bool:
    """Tell whether a text that should be JSON has come to its end: every array and object in it is closed again."""
    brackets = _brackets_outside_strings(text)
    for _ in range(MAX_JSON_DEPTH):
        left = brackets.replace(b"[]", b"")
        if len(left) == len(brackets):
            return not left
        brackets = left
    return not brackets


def _brackets_outside_strings(text: bytes) -> bytes:
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes side by side are a string without brackets, or the end of one string and the beginning of the next.
    bare = text.translate(_ONE_KIND, _OTHERS).replace(b'""', b"")
    return b"".join(bare.split(b'"')[::2])


def _unbalanced_depth(brackets: bytes) -> int:
    depth = deepest = 0
    for bracket in brackets:
        depth += 1 if bracket == ord("[") else -1
        deepest = max(deepest, depth)
        if depth < 0 or deepest > MAX_JSON_DEPTH:
            break
    return deepest
