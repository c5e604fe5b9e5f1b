"""How a verb ends."""

from enum import IntEnum


class Ending(IntEnum):
    """Exit codes."""

    WELL = 0
    FAULT = 1
    REFUSED = 2  # nothing was done; also what click gives for a wrong command line
    SOME_FAILED = 3
    HELD = 4
    INTERRUPTED = 130  # what a shell reports after Ctrl-C


class CommandError(Exception):
    """A verb cannot go on. Shown in one line: what is wrong and where, then what to do."""

    def __init__(self, what: str, do: str = "", *, ending: Ending = Ending.FAULT) -> None:
        super().__init__(" ".join(filter(None, (what, do))))
        self.ending = ending
