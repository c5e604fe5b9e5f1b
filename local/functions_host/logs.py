"""Where log lines go and how they look; the app's own lines go the same way.

`12:34:56.789 INFO  [function] message`, times in local time, to stderr.
"""

import logging
import sys
import threading
import traceback
import warnings
from contextvars import ContextVar
from pathlib import Path

_STANDARD_LIBRARY = Path(threading.__file__).parent
# Frames above the app's own: this package, and what it uses to import the app and to run it in threads.
_OUTSIDE_THE_APP = (
    str(Path(__file__).parent),
    str(_STANDARD_LIBRARY / "concurrent"),
    str(_STANDARD_LIBRARY / "importlib"),
    "<frozen importlib",
)

running_function: ContextVar[str] = ContextVar("running_function", default="")
"""Name of the function on whose behalf the current code runs; empty for the host itself."""


def host_logger(part: str) -> logging.Logger:
    """Return the logger of one part of the host."""
    return logging.getLogger(f"functions_host.{part}")


def configure_logging(level: str) -> None:
    """Send everything from `level` upwards to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter("%(asctime)s.%(msecs)03d %(levelname)-7s %(origin)s%(message)s", "%H:%M:%S")
    )
    handler.addFilter(_add_origin)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # The Functions SDK says this at every first activity of an app; nothing is wrong and nobody here can change it.
    warnings.filterwarnings("ignore", "azure.functions df_loads was called without expected_type")
    for chatty in ("azure", "aiohttp.access", "asyncio"):  # every storage request would be a line
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def _add_origin(record: logging.LogRecord) -> bool:
    function = running_function.get()
    record.origin = f"[{function}] " if function else ""
    return True


def user_traceback(error: BaseException) -> str:
    """Format an error of the app's code, without the host's frames above it."""
    frames = traceback.TracebackException.from_exception(error)
    own = [frame for frame in frames.stack if not frame.filename.startswith(_OUTSIDE_THE_APP)]
    frames.stack = traceback.StackSummary.from_list(own)
    return "".join(frames.format()).rstrip()
