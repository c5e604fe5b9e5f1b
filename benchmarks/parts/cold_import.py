"""How long a fresh process takes to import the app: what a scaled-out instance costs before it does anything."""

import statistics
import subprocess
import sys
import time

from benchmarks.figures import Bench, Figure, Part, at_most
from benchmarks.rig import REPOSITORY

TIMES = 7
QUICK_TIMES = 2

_IMPORT = "import time; a = time.perf_counter(); import function_app; print(time.perf_counter() - a)"


def run(bench: Bench) -> list[Figure]:
    """Import it several times; the median, since the first fills the disk cache."""
    times = QUICK_TIMES if bench.quick else TIMES
    imports, processes = [], []
    for number in range(times):
        bench.tell(f"{number} of {times} imports")
        began = time.perf_counter()
        answer = subprocess.run(
            [sys.executable, "-c", _IMPORT], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
        processes.append(time.perf_counter() - began)
        imports.append(float(answer.stdout.split()[-1]))
    return [
        Figure(
            name="import of `function_app`", unit="s", value=statistics.median(imports), budget=at_most(1.5)
        ),
        Figure(name="the same process from start to end", unit="s", value=statistics.median(processes)),
    ]


PART = Part(
    name="import",
    title="Cold import",
    method=(
        f"`import function_app` in a fresh interpreter, {TIMES} times; the median. Compiled files are there, "
        "as they are on an instance that has started before."
    ),
    run=run,
)
