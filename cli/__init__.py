"""The command `aoai-batch`: quote, drop, watch, take home, repair. For people, on their own machines; never deployed.

It works on storage directly wherever it can, so that it needs neither the app's address nor the app itself; what runs now, the
app's HTTP routes tell. `python -m cli` is the same command.
"""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; gives the exit code. Verbs, and what they need, are imported when they are asked for."""
    from cli.application import run  # noqa: PLC0415 - other rooms of this package are imported without click

    return run(arguments)
