"""Why a text is no JSON, in the words of the tools that write it so: a parser names only the byte it stopped at."""

import re

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_PYTHON_NUMBER = re.compile(rb"(?<![\w.])(-?(?:NaN|Infinity|nan|inf))(?!\w)")
_PYTHON_WORD = re.compile(rb"(?<![\w.])(None|True|False|undefined)(?!\w)")
_SINGLE_QUOTES = re.compile(rb"\s*[\[{]\s*'")
_TRAILING_COMMA = re.compile(rb",\s*[}\]]")
_BRACKET = re.compile(rb"[{}\[\]]")
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_HIGH, _LOW = range(0xD800, 0xDC00), range(0xDC00, 0xE000)


def why_invalid(text: bytes, error: Exception) -> str:
    """Say why a text is no JSON, as a sentence; `error` is what the parser says."""
    said = str(error).removeprefix("JSON is malformed: ")
    return f"Not valid JSON: {_known(text) or said + _beginning(text)}."


def _beginning(text: bytes) -> str:
    """Say how a text begins that is no object at all, as lines of csv are none."""
    begin = text.lstrip()[:20]
    if begin[:1] in (b"{", b"[") or b"\0" in begin:
        return ""
    return f"; it begins with {begin.decode('utf-8', 'replace')!r}, and an object with a brace"


def _known(text: bytes) -> str | None:
    if half := _half_a_character(text):
        return f"it holds half a character ({half}), as a text has that was cut within an emoji; cut texts between characters"
    bare = _STRING.sub(b'""', text)
    if found := _PYTHON_NUMBER.search(bare):
        return f"it says {found[1].decode()}, which JSON does not know. Python's `json.dumps` writes it; write `null`"
    if found := _PYTHON_WORD.search(bare):
        return f"it says {found[1].decode()}, which JSON does not know; write `null`, `true` or `false`"
    if _SINGLE_QUOTES.match(text):
        return "names and texts stand in double quotes, not in single ones"
    return "a comma stands before a closing bracket" if _TRAILING_COMMA.search(bare) else _around(text, bare)


def _around(text: bytes, bare: bytes) -> str | None:
    """Say what is wrong about where the object ends."""
    depth = 0
    for bracket in _BRACKET.finditer(bare) if text.lstrip()[:1] in (b"{", b"[") else ():
        depth += 1 if bracket.group() in b"{[" else -1
        if depth == 0:
            rest = bare[bracket.end() :].strip()
            if rest == b",":
                return "a comma stands behind the object; lines of JSON have none between them"
            if rest[:1] in (b"{", b"["):
                return "another object begins behind the first one; each has to stand on a line of its own"
            return f"behind the object stands {rest[:20].decode('utf-8', 'replace')!r}" if rest else None
    return None


def _half_a_character(text: bytes) -> str | None:
    """Find an escape that is half of a character without its other half."""
    first: tuple[str, int] | None = None  # a first half, and where its second one has to begin
    for found in _ESCAPE.finditer(text):
        unit = int(found[1], 16) if found[1] else 0
        is_second = unit in _LOW
        if first and not (is_second and found.start() == first[1]):
            return first[0]
        if is_second and not first:
            return found[0].decode()
        first = (found[0].decode(), found.end()) if unit in _HIGH else None
    return first[0] if first else None
