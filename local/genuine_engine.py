"""Where the genuine Durable engine is, if it is: a program that runs the unmodified app on Microsoft's own extensions.

It lies beside the clone on some machines, packed, or in the folder that GENUINE_ENGINE names. It is unpacked once, into
`.local/genuine_engine`.
"""

import ctypes
import fcntl
import importlib.util
import os
import platform
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
BESIDE_THE_CLONE = REPOSITORY.parent / "shared" / "engine"
UNPACKED = REPOSITORY / ".local" / "genuine_engine"
LIBRARIES = {"libssl.so.3": "libssl3", "libstdc++.so.6": "libstdc++6"}
WORKER_LIBRARY = "azure_functions_runtime"
DURABLE = "AzureFunctionsJobHost__extensions__durableTask__"


class EngineMissingError(Exception):
    """The engine cannot run here; the message says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenuineEngine:
    """The engine, unpacked."""

    program: Path
    bridge: Path
    """What runs the app in the worker's place."""

    def command(self, app: Path, *, port: int, host_id: str, log: Path) -> list[str]:
        """Give what starts it. `host_id` names receipts and queues of the blob trigger; hosts on one task hub have one."""
        runs = ["--app", str(app), "--python", sys.executable, "--bridge", str(self.bridge)]
        return [
            str(self.program),
            *runs,
            "--port",
            str(port),
            "--host-id",
            host_id,
            "--log-file",
            str(log),
        ]


def packed_engine() -> Path:
    """Give the folder of the packed engine. Raises EngineMissingError."""
    folder = Path(os.environ.get("GENUINE_ENGINE") or BESIDE_THE_CLONE)
    if not (folder / "unpack.py").is_file():
        raise EngineMissingError(
            f"the genuine Durable engine is not in {folder}; GENUINE_ENGINE names another"
        )
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise EngineMissingError("the genuine Durable engine runs on Linux, on x64, alone")
    for library, package in LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError as error:
            raise EngineMissingError(f"the genuine Durable engine needs {package}") from error
    if importlib.util.find_spec(WORKER_LIBRARY) is None:
        raise EngineMissingError("the genuine Durable engine needs the package azure-functions-runtime")
    return folder


def genuine_engine() -> GenuineEngine:
    """Give the engine, unpacked by this call if by none before. Raises EngineMissingError."""
    packed = packed_engine()
    UNPACKED.mkdir(parents=True, exist_ok=True)
    # Processes of one run of the tests ask for it at the same time.
    with (UNPACKED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target = UNPACKED / "engine"
        if not _is_unpacked(packed, target):
            subprocess.run([sys.executable, packed / "unpack.py", target], check=True, capture_output=True)
    return GenuineEngine(program=target / "RealEngine", bridge=target / "bridge.py")


def free_port() -> int:
    """Give a port that nothing listens on: the engine wants to be told one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _is_unpacked(packed: Path, target: Path) -> bool:
    """Tell whether nothing is to be done: what runs must not be written again, as unpacking does each time."""
    stamp, bridge = target / ".unpacked", target / "bridge.py"
    size = (packed / "engine.tar.xz").stat().st_size
    return (
        stamp.is_file()
        and stamp.read_text() == str(size)
        and bridge.is_file()
        and bridge.read_bytes() == (packed / "bridge.py").read_bytes()
    )
