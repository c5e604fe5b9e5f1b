"""At most one demo at a time, and where the running one is reached."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.demo.errors import DemoError

FOLDER = Path(".local/demo")  # below the repository, which is the working directory
_LOCK = "lock"
_ADDRESS = "running.json"


@contextmanager
def fresh_folder(folder: Path) -> Iterator[Path]:
    """Empty the folder of the last run, and hold it against a second demo until the end of the block.

    Raises DemoError while another demo runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError("A demo is running already; stop it first (Ctrl-C in its terminal).") from None
        _empty(folder)
        try:
            yield folder
        finally:
            (folder / _ADDRESS).unlink(missing_ok=True)


def publish(folder: Path, connection_string: str) -> None:
    """Tell other terminals where the storage of the running demo is."""
    (folder / _ADDRESS).write_text(json.dumps({"connection_string": connection_string}), encoding="utf-8")


def running_connection_string(folder: Path) -> str:
    """Return the connection string of the running demo; raises DemoError when none runs."""
    try:
        address = json.loads((folder / _ADDRESS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DemoError("No demo is running; start one with: make demo KEEP=1") from None
    connection_string: str = address["connection_string"]
    return connection_string


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != _LOCK:
            entry.unlink()
