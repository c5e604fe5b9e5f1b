"""Files of text that are something else than their name says, told by how they begin: each is refused by name.

Without a job spec their lines would be sent one by one.
"""

import re

import msgspec

from domain.json_depth import is_too_deep
from domain.spec.shapes import Shape

_BEGINNINGS: tuple[tuple[str, str], ...] = (
    (r"\{\\rtf", "a document in RTF, with its formatting between the words; save it as plain text"),
    (r"%PDF-", "a PDF document; export its text"),
    (r"%!PS", "a PostScript document; export its text"),
    (r"<!doctype html|<html|<head\b|<body\b", "a web page, such as a form to sign in that was saved in place of the data"),
    (r"<\?xml|<[a-z][\w:.-]*(\s[^<>]*)?>\s*(\n|$)", "XML: one document, not rows. Write an object for each row into a .jsonl file"),
    (
        r"version https://git-lfs\.github\.com/spec/",
        "a pointer of Git LFS in place of the data, which were not downloaded: `git lfs pull`",
    ),
    (r"-----BEGIN [A-Z ]+-----", "a key or a certificate. Delete it here"),
    (r"WEBVTT\b|\d+\s*\n\d\d:\d\d:\d\d[,.]\d{3} --> ", "subtitles, whose lines are numbers and times as well; write a row for each text"),
    (r"```", "text with fences of Markdown around it: take out the lines with ```"),
    (r"\|.*\|\s*\n\|[\s:|-]+\|", "a table of Markdown; write it as csv"),
    (r"window\.[\w.]+ = ", "a script around JSON; take out what stands before the first `[`"),
)  # fmt: skip
_KNOWN = [(re.compile(pattern, re.IGNORECASE), what) for pattern, what in _BEGINNINGS]


def shape_of_text(beginning: str) -> Shape | None:
    """Recognise a text by its first lines; None where nothing speaks against rows."""
    text = beginning.lstrip("\ufeff \t\r\n")
    for pattern, what in _KNOWN:
        if pattern.match(text):
            return Shape("not_rows", f"The file is {what}.")
    return None


def shape_of_lines(lines: list[str]) -> Shape | None:
    """Do the same for the lines of a text; also where each of them is JSON, under another name than .jsonl."""
    if shape := shape_of_text("\n".join(lines)):
        return shape
    if lines and all(_is_object(line) for line in lines):
        return Shape(
            "not_rows",
            "Each line is a JSON object. Call the file .jsonl: then its columns are known, and ready-made requests are sent as "
            "they are.",
        )
    return None


def _is_object(line: str) -> bool:
    text = line.strip().encode("utf-8", "replace")
    if not text.startswith(b"{") or is_too_deep(text):
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
