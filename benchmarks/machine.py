"""What the figures were measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("azure-functions-durable", "azure-storage-blob", "openai", "msgspec", "pyarrow")


def describe() -> str:
    """Say in a line which processor, how much memory, which versions."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} cores ({_processor()}), {_memory_gb():.0f} GB, {platform.system()} "
        f"{platform.machine()}, Python {platform.python_version()}; {packages}"
    )


def load() -> float:
    """Give the average number of busy processes over the last minute: with others at work, figures in seconds mean less."""
    return os.getloadavg()[0]


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []
