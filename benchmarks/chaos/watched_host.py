"""A host as a platform keeps it: started again when it dies, and killed when its processes need too much memory together."""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from benchmarks.chaos.hosts import MortalHost
from benchmarks.process_use import NotMeasurableError, ProcessUse

MEMORY_MB = 2000.0  # of the instance that is usual on Flex Consumption


class WatchedHost(MortalHost):
    """`deaths`: times that it had to be started again. `killed_for_memory`: processes that needed too much."""

    def __init__(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:
        super().__init__(name, folder, settings)
        self.deaths = self.killed_for_memory = 0
        self.peak_mb = 0.0

    def keep_alive(self) -> None:
        """Look after it; to be called many times a second."""
        process = self._running()
        if process.poll() is not None:
            self.deaths += 1
            self.start()
            return
        # What ends meanwhile needs no memory any more.
        with suppress(OSError, NotMeasurableError):
            self._watch_memory(ProcessUse(process.pid))
        if self.origin is None:
            self.look()

    def _watch_memory(self, root: ProcessUse) -> None:
        used = {each: each.resident_mb() for each in (root, *root.descendants())}
        self.peak_mb = max(self.peak_mb, sum(used.values()))
        if sum(used.values()) > MEMORY_MB:
            self.killed_for_memory += 1
            os.kill(max(used, key=lambda each: (each.goes_first(), used[each])).pid, signal.SIGKILL)
