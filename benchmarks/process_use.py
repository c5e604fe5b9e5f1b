"""What a process has used of the machine, as Linux tells it in `/proc` (`proc(5)`)."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


class NotMeasurableError(RuntimeError):
    """The system does not tell."""


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """The memory (MB) and processor time (seconds) of one process."""

    pid: int

    def resident_mb(self) -> float:
        """Give the memory it holds now. Raises NotMeasurableError."""
        return self._memory("VmRSS")

    def descendants(self) -> list["ProcessUse"]:
        """Give the processes that it has started, and those that these have."""
        found = []
        for told in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with suppress(OSError):  # the thread has ended meanwhile
                children = [ProcessUse(int(child)) for child in told.read_text(encoding="ascii").split()]
                found += [each for child in children for each in (child, *child.descendants())]
        return found

    def goes_first(self) -> int:
        """Give how much it wants to be the one that ends when memory runs out (`oom_score_adj`)."""
        return int(Path(f"/proc/{self.pid}/oom_score_adj").read_text(encoding="ascii"))

    def peak_mb(self) -> float:
        """Give the most it has held since the last `forget_peak`. Raises NotMeasurableError."""
        return self._memory("VmHWM")

    def forget_peak(self) -> None:
        """Begin to look for the peak anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")

    def cpu_seconds(self) -> float:
        """Give the processor time it has used, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _memory(self, name: str) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise NotMeasurableError(f"/proc tells no {name}; memory can be measured on Linux only.")
