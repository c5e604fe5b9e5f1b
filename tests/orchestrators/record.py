"""Record the histories that `test_replay` replays: `python -m tests.orchestrators.record`.

Real runs of the app on the embedded host, against Azurite and the simulated service, through most of what can happen.
Record again only when no instance in flight is meant to survive the change: what is recorded here stands for them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.chaos.containers import Containers
from local.azure_openai import running as running_simulator
from local.azurite import running as running_azurite
from tests.end_to_end.pipeline import APP, SIMULATOR_SETTINGS, app_settings, request, requests

HISTORIES = Path(__file__).parent / "histories"
LIMIT_SECONDS = 120
PLAN: dict[str, Any] = {
    "calls": [{"operation": "list_batches", "nth": 2, "status": 503, "retry_after": "6"}],
    "batches": [
        {"deployment": "expiring", "ends_as": "expired", "fraction": 0.5, "first": 1},
        {"deployment": "failing", "ends_as": "failed", "first": 1},
        {"deployment": "endless", "stuck_in": "in_progress"},
    ],
    "rows": [{"deployment": "throttled", "effect": "error", "status": 429, "first": 1}],
    "quota": [{"deployment": "full", "tries": 1}],
}
DEADLINE_HOURS = "0.002"
# Each call with an activity of its own, and small files together.
FILES_PER_CALL = ("1", "20")


def main() -> int:
    """Run the app until it has finished all files, and keep the histories in place of the old ones."""
    with tempfile.TemporaryDirectory() as folder:
        recordings = [_record(Path(folder, most), most) for most in FILES_PER_CALL]
        _keep([file for folder in recordings for file in sorted(folder.iterdir())])
    return 0


def _record(folder: Path, files_per_call: str) -> Path:
    with ExitStack() as stack:
        storage = stack.enter_context(running_azurite())
        service = stack.enter_context(running_simulator(plan=PLAN, **SIMULATOR_SETTINGS))
        containers = stack.enter_context(Containers(storage.connection_string))
        containers.create()
        changes = {
            "deadline_hours": DEADLINE_HOURS,
            "max_active_batches": "4",
            "micro_batch_size": "3",
            "max_files_per_call": files_per_call,
        }
        settings = app_settings(storage, service, containers, changes)
        recordings = folder / "recordings"
        recordings.mkdir(parents=True)
        for model in ("plain", "expiring", "failing", "endless", "throttled", "full"):
            containers.drop(f"{model}.jsonl", requests(model, 4, model=model))
        containers.drop("lines.jsonl", b"no request\n" + request("lines/1", model="plain"))
        containers.drop("rejected.jsonl", b"no request\n")
        _run_host(folder, recordings, settings)
    return recordings


def _run_host(folder: Path, recordings: Path, settings: dict[str, str]) -> None:
    command = [sys.executable, "-m", "tests.orchestrators.recording_host", "--port", "0"]
    environment = {**os.environ, **settings, "RECORDINGS": str(recordings)}
    with subprocess.Popen([*command, "--state", str(folder / "state")], cwd=APP, env=environment) as host:
        try:
            deadline = time.monotonic() + LIMIT_SECONDS
            while not _is_over(recordings):
                if host.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("The host did not come to the end of the files.")
                time.sleep(0.2)
        finally:
            host.terminate()


def _is_over(recordings: Path) -> bool:
    """Tell whether all snapshots so far have ended; their answers are written whole before they count."""
    snapshots = [json.loads(path.read_text()) for path in recordings.glob("*-process_snapshot.json")]
    return bool(snapshots) and all(snapshot["answer"]["isDone"] for snapshot in snapshots)


def _keep(recordings: list[Path]) -> None:
    shutil.rmtree(HISTORIES, ignore_errors=True)
    HISTORIES.mkdir()
    for number, recording in enumerate(recordings):
        text = json.dumps(json.loads(recording.read_text()), separators=(",", ":"))
        text = text.replace(f"{APP}/", "")  # in tracebacks: nobody's folders belong into the repository
        kept = HISTORIES / f"{number:02d}-{recording.name.partition('-')[2]}"
        kept.write_text(text + "\n")
        print(f"{kept}: {len(text):,} characters")  # noqa: T201 - a command says what it did


if __name__ == "__main__":
    sys.exit(main())
