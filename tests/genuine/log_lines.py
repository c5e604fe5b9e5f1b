"""How many log lines one run costs on the genuine engine, by category: `python -m tests.genuine.log_lines [files]`.

In Azure each is paid for by its size.
"""

import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.chaos.containers import Containers
from benchmarks.workload import MODEL, batch_file
from local.azure_openai import running as running_simulator
from local.azurite import running as running_azurite
from local.genuine_engine import genuine_engine
from tests.end_to_end.pipeline import APP, app_settings
from tests.genuine.genuine_host import GenuineHost
from tests.genuine.stage import THREADS

ROWS = 100
MEDIAN_SECONDS = 20
TIMES: dict[str, Any] = {
    "duration": "lognormal",
    "duration_seconds": MEDIAN_SECONDS,
    "duration_sigma": 1.0,
    "seed": 5,
    "validating_seconds": 0.5,
    "finalizing_seconds": 0.5,
    "file_pending_seconds": 0.2,
}
SETTINGS = {
    "poll_min_seconds": "2",
    "poll_max_seconds": "4",
    "snapshot_window_seconds": "2",
    "sweep_schedule": "*/10 * * * * *",
}
_LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} (?P<level>\w{4}) (?P<category>[^:]+): ")


def main(files: int) -> None:
    """Run the app on so many files and print what its host has logged."""
    with tempfile.TemporaryDirectory() as folder, running_azurite() as azurite:
        storage = azurite.connection_string
        with (
            running_simulator(storage_connection=storage, **TIMES) as service,
            Containers(storage) as containers,
        ):
            containers.create()
            settings = app_settings(azurite, service, containers, SETTINGS)
            host = GenuineHost(
                APP, Path(folder), settings | THREADS, engine=genuine_engine(), host_id="loglines"
            ).start()
            for number in range(files):
                content = batch_file(f"f{number}", requests=ROWS, seed=number)
                containers.drop(f"{number % 10}/{number}.jsonl", content.replace(MODEL.encode(), b"gpt"))
            while containers.waiting():
                time.sleep(0.5)
            host.stop()
        print_lines(host.log)


def print_lines(log: str) -> None:
    """Print lines and bytes for each category; what follows a line without a time of its own belongs to it."""
    lines, size, category = Counter[str](), Counter[str](), ""
    for line in log.splitlines():
        if found := _LINE.match(line):
            category = re.sub(r"^Function\.\w+", "Function.*", found["category"])
        lines[category] += 1
        size[category] += len(line) + 1
    for category, count in lines.most_common():
        print(f"{count:7,}  {size[category]:11,} bytes  {category}")
    print(f"{lines.total():7,}  {size.total():11,} bytes  altogether")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
