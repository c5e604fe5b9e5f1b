"""Path patterns of blob triggers: `container/{name}`, `container/folder/{day}/{name}.json`."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<name>[A-Za-z_]\w*)\}|(?P<brace>[{}])")


@dataclass(frozen=True, slots=True)
class BlobPath:
    """Which blobs a function wants."""

    container: str
    prefix: str
    """Beginning that all blob names share."""
    pattern: re.Pattern[str]
    """Matches a whole blob name; a parameter stands for one character or more, slashes included."""

    @classmethod
    def parse(cls, path: str) -> "BlobPath":
        """Read a trigger's path. Raises ValueError."""
        container, _, name = path.strip("/").partition("/")
        if not container or "{" in container or "}" in container:
            raise ValueError(f"the path {path!r} must begin with the name of a container")
        prefix, pattern, position, seen = "", "", 0, False
        for token in _TOKEN.finditer(name):
            if token["brace"]:
                raise ValueError(f"the path {path!r} has an unpaired brace")
            literal = name[position : token.start()]
            position = token.end()
            if token["name"] is None:
                literal += token.group()[0]
            pattern += re.escape(literal)
            prefix += "" if seen else literal
            if token["name"] is not None:
                pattern += ".+"
                seen = True
        pattern += re.escape(name[position:])
        prefix += "" if seen else name[position:]
        return cls(container, prefix, re.compile(pattern if name else ".+", re.DOTALL))
