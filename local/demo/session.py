"""At most one demo at a time, and where the running one is reached."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
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


def publish(folder: Path, *, app_url: str, settings: Mapping[str, str]) -> None:
    """Tell other terminals, and the command `aoai-batch`, where the running demo is: the app's address, and its settings."""
    address = {"pid": os.getpid(), "app_url": app_url, "settings": dict(settings)}
    address_of(folder).write_text(json.dumps(address), encoding="utf-8")


def address_of(folder: Path) -> Path:
    """Name the file that tells where the demo below a folder is."""
    return folder / _ADDRESS


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != _LOCK:
            entry.unlink()
