"""The embedded host, looking at every call of the app's code: would a log line written there be lost?

`CALLS` names the file in which it keeps what it has seen, a JSON line for each function of the app and each kind of thread
that it was called in: {"function", "thread", "lost": by which of the workers' rules}.
"""

import json
import os
import re
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from local.functions_host import worker_log
from local.functions_host.cli import main

APP = Path(__file__).resolve().parents[2]
ROOMS = tuple(
    f"{APP}/{room}/"
    for room in ("triggers", "orchestrators", "activities", "steps", "adapters", "formats", "domain")
)
THREADS = f"{APP}/adapters/threads.py"  # begins them, tells them whose they are, and logs nothing
NOBODYS = {
    "<module>",
    "__del__",
}  # an import, which may be before any call, and the end of what nobody holds any more

_names: dict[CodeType, str] = {}
_seen: set[tuple[str, str, str]] = set()
_lock = threading.Lock()


def look(frame: FrameType, event: str, _argument: Any) -> None:
    """See whose a call is; for `sys.setprofile`."""
    if event == "call" and worker_log._names and (name := name_of(frame.f_code)):
        owner = worker_log.current_owner(threading.main_thread().ident)
        lost = "" if owner.below_313 else "below 3.13 "
        lost += "" if owner.from_313 else "from 3.13 on"
        keep(name, re.sub(r"\d+", "", threading.current_thread().name), lost)


def name_of(code: CodeType) -> str:
    """Name a function of the app; empty for all others."""
    if code not in _names:
        file = code.co_filename
        is_ours = file.startswith(ROOMS) and file != THREADS and code.co_name not in NOBODYS
        _names[code] = f"{file.removeprefix(f'{APP}/')} {code.co_name}" if is_ours else ""
    return _names[code]


def keep(function: str, thread: str, lost: str) -> None:
    """Write down what was not seen before."""
    if (function, thread, lost) not in _seen:
        with _lock, Path(os.environ["CALLS"]).open("a") as file:
            _seen.add((function, thread, lost))
            file.write(json.dumps({"function": function, "thread": thread, "lost": lost}) + "\n")


if __name__ == "__main__":
    threading.setprofile(look)
    sys.setprofile(look)
    code = main()
    sys.stdout.flush()
    os._exit(code)
