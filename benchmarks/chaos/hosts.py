"""A host that can be killed at any moment, started again, and robbed of its memory."""

import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

REPOSITORY = Path(__file__).resolve().parents[2]

STARTUP_KILLS = 0.2  # of all kills; they hit before the host listens, or just when it does
STARTUP_SECONDS = 1.5
# A life is measured in the calls that come from hosts, so that a slow machine does not kill them before they have done anything.
LIFE_CALLS = (1, 700)
MOST_LIFE_SECONDS = 5.0  # where there is little to do
STOP_SECONDS = 15
TAIL_LINES = 30

_LISTENING = "Listening on "


class HostDiedError(RuntimeError):
    """A host ended by itself; the message has the end of its log."""


class MortalHost:
    """One embedded host with a state folder of its own.

    Its lives are as long as `dice` say, in `calls` that hosts have made so far; without dice it is never due.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        settings: Mapping[str, str],
        dice: random.Random | None = None,
        calls: Callable[[], int] = lambda: 0,
    ) -> None:
        self.name, self._settings, self._dice, self._calls = name, settings, dice, calls
        self._state, self._log = folder / f"{name}-state", folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._log_offset = 0
        self._dies_at = self._last_call = math.inf
        self.origin: str | None = None
        self.kills = self.wipes = 0

    def start(self) -> None:
        """Start the host, without waiting for it."""
        self.origin, self._dies_at, self._last_call = None, math.inf, math.inf
        if self._dice and self._dice.random() < STARTUP_KILLS:
            self._dies_at = time.monotonic() + self._dice.uniform(0, STARTUP_SECONDS)
        with self._log.open("ab") as log:
            self._log_offset = log.tell()
            self._process = self._launch(log)

    def _launch(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "local.functions_host", "--port", "0", "--state", str(self._state)],
            cwd=REPOSITORY,
            env={**os.environ, **self._settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the course, which ends its hosts itself
        )

    def look(self) -> None:
        """Notice that the host listens by now. Raises HostDiedError when it has ended by itself."""
        process = self._running()
        if process.poll() is not None:
            raise HostDiedError(
                f"{self.name} ended with exit code {process.returncode}. The end of {self._log}:\n{self._tail()}"
            )
        if self.origin is None and _LISTENING in (said := self._said()):
            self.origin = said.split(_LISTENING)[1].split()[0]
            if self._dice:
                self._dies_at = min(self._dies_at, time.monotonic() + MOST_LIFE_SECONDS)
                self._last_call = self._calls() + self._dice.randint(*LIFE_CALLS)

    @property
    def is_due(self) -> bool:
        """Whether this life has lasted long enough."""
        return self._calls() >= self._last_call or time.monotonic() >= self._dies_at

    def kill(self, *, wipe: bool) -> None:
        """End it as a power cut would; with `wipe` its task hub is gone as well."""
        process = self._running()
        process.kill()
        process.wait()
        self.kills += 1
        if wipe:
            if self._state.exists():  # killed before it made one
                shutil.rmtree(self._state)
            self.wipes += 1

    def stop(self) -> None:
        """Ask the host to end, and make sure of it."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the host was not started"
        return self._process

    def _said(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._log_offset)
            return log.read().decode(errors="replace")

    def _tail(self) -> str:
        return "\n".join(f"  {line}" for line in self._said().splitlines()[-TAIL_LINES:])
