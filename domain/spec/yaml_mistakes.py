"""What is wrong with YAML that cannot be read, as a person would say it; the parser speaks of tokens and scalars."""

import re
from typing import Any

# What the parser says, what stands in the line, and what a person would say; the first that fits. `{}`: the group of the former.
_IN_PLAIN_WORDS = (
    # YAML takes the braces of a template for an object.
    (
        r"",
        r"(^[\s-]*(\w+:)?|[\[{,]\s*(\w+:)?)\s*\{\{",
        "put a value that begins with a template in quotes, such as '{{{{ text }}}}'",
    ),
    (r"mapping values are not allowed", r":\s.*:(\s|$)", "a text with `: ` in it has to be in quotes"),
    (
        r"mapping values are not allowed",
        r"",
        "a key does not fit here: look at the indentation of this line, and at the line above",
    ),
    (r"found character '\\t'", r"", "a tab; indent with blanks"),
    (r"found character '(.+)' that cannot", r"", "a text that begins with `{}` has to be in quotes"),
    (r"unknown escape character", r"", "a backslash means something within double quotes; use single ones"),
    (
        r"expected <block end>",
        r"",
        "this does not fit what stands above: look at the indentation and the quotes",
    ),
)
_NOT_CLOSED = ("<stream end>", "unexpected end of stream", "unexpected document separator")


def yaml_mistake(error: Any, text: str) -> str:
    """Say where a text cannot be read, and what to do. `error` is PyYAML's, with its marks."""
    problem, mark = str(error.problem or error), error.problem_mark or error.context_mark
    if mark is None:
        return problem
    if any(end in problem for end in _NOT_CLOSED):
        return _not_closed(error, mark)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    return f"{place(mark)}{_in_plain_words(problem, line)}"


def _not_closed(error: Any, mark: Any) -> str:
    """Say where it begins, which is of more use than where the file ends."""
    context = error.context or ""
    if "flow node" in context or error.context_mark is None:
        return f"{place(mark)}the file ends within a bracket"
    kind = "text in quotes" if "scalar" in context else "bracket"
    return f"{place(error.context_mark)}the {kind} that begins here is not closed"


def place(mark: Any) -> str:
    """Give a place in the text, in front of what is said of it."""
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


def _in_plain_words(problem: str, line: str) -> str:
    for said, stands, words in _IN_PLAIN_WORDS:
        found = re.search(said, problem)
        if found and re.search(stands, line):
            return words.format(*found.groups())
    return problem
