"""Where log lines go and how they look; the app's own lines go the same way.

`12:34:56.789 INFO  [function] message`, times in local time, to stderr.
"""

import logging
import re
import sys
import threading
import traceback
import warnings
from pathlib import Path

import azure_functions_runtime

from local.functions_host import worker_log
from local.functions_host.errors import WorkerError

_STANDARD_LIBRARY = Path(threading.__file__).parent
# Frames above the app's own: this package, the worker, and what they use to import the app and to run it in threads.
_OUTSIDE_THE_APP = (
    str(Path(__file__).parent),
    str(Path(azure_functions_runtime.__file__).parent),
    str(_STANDARD_LIBRARY / "concurrent"),
    str(_STANDARD_LIBRARY / "importlib"),
    "<frozen importlib",
)
# A frame in a printed trace: where, and the indented lines below.
_FRAME = re.compile(r'^  File "(?P<file>[^"]*)".*\n(?:    .*\n)*', re.MULTILINE)

_HOST = "functions_host"
# Those of the worker and of what speaks for no function; the app's are all others.
_SYSTEM = (_HOST, "azure.functions", "azure_functions_runtime", "asyncio", "py.warnings")
NO_INVOCATION = "no invocation: lost in Azure"


def host_logger(part: str) -> logging.Logger:
    """Return the logger of one part of the host."""
    return logging.getLogger(f"{_HOST}.{part}")


def configure_logging(level: str) -> None:
    """Send everything from `level` upwards to stderr. For the thread in which the event loop will run."""
    loop_thread = threading.get_ident()

    def add_origin(record: logging.LogRecord) -> bool:
        origin = "" if record.name.startswith(_SYSTEM) else _origin(worker_log.current_owner(loop_thread))
        record.origin = f"[{origin}] " if origin else ""
        return True

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter("%(asctime)s.%(msecs)03d %(levelname)-7s %(origin)s%(message)s", "%H:%M:%S")
    )
    handler.addFilter(add_origin)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # The Functions SDK says this at every first activity of an app; nothing is wrong and nobody here can change it.
    warnings.filterwarnings("ignore", "azure.functions df_loads was called without expected_type")
    for chatty in ("azure", "aiohttp.access", "asyncio"):  # every storage request would be a line
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def _origin(owner: worker_log.Owner) -> str:
    """Tell which function a line is of, and whether a worker in Azure would lose it."""
    known = owner.below_313 or owner.from_313
    if known is None:
        return NO_INVOCATION
    lost = "" if owner.from_313 else ", lost in Azure from Python 3.13 on"
    lost = lost if owner.below_313 else ", lost in Azure below Python 3.13"
    return worker_log.function_of(known) + lost


def user_traceback(error: BaseException) -> str:
    """Format an error of the app's code, without the host's and the worker's frames above it."""
    if isinstance(error, WorkerError):
        return _FRAME.sub(_without_outside, error.stack_trace).rstrip() or str(error)
    frames = traceback.TracebackException.from_exception(error)
    own = [frame for frame in frames.stack if not frame.filename.startswith(_OUTSIDE_THE_APP)]
    frames.stack = traceback.StackSummary.from_list(own)
    return "".join(frames.format()).rstrip()


def _without_outside(frame: re.Match[str]) -> str:
    return "" if frame["file"].startswith(_OUTSIDE_THE_APP) else frame[0]
