"""The app alone, as a stranger runs it: told through its environment only, with storage and a service that it never saw.

    python -m benchmarks.whole_app [--api-version v1] [--median 10]

Three parts, each with a service of its own: 40 files of 100 requests whose batches take heavy-tailed times, 200 tiny files,
and a mix of broken and oddly named ones. Counts every request, and the time over the ideal. Exit code 1 when a promise
or the budget was broken.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.chaos.balance import Aftermath, balance
from benchmarks.chaos.containers import Containers, Version
from benchmarks.chaos.hosts import MortalHost
from benchmarks.chaos.workload import ODD_CONTENTS, plan_files
from local.azure_openai import RunningService
from local.azure_openai import running as running_service
from local.azurite import Azurite
from local.azurite import running as running_azurite

POLL_SECONDS = 1.0
WINDOW_SECONDS = 1.0
LIMIT_SECONDS = 900.0
BUDGET = 1.10  # of the ideal, with 40 files of heavy-tailed batch times


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is dropped, and how long the service takes for a batch (median, seconds)."""

    name: str
    files: Mapping[str, bytes]
    median: float
    budget: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How it went. `over`: makespan by the ideal."""

    wrong: list[str]
    requests: int
    makespan: float
    over: float
    longest: float


def parts(median: float) -> list[Part]:
    """Give the three parts."""
    odd = plan_files(60, rows=20, seed=11, kinds=ODD_CONTENTS)
    return [
        Part(
            name="40 files of 100 requests",
            files={f"in/{number:02d}.jsonl": _requests(f"heavy-{number}", 100) for number in range(40)},
            median=median,
            budget=BUDGET,
        ),
        Part(
            name="200 tiny files",
            files={f"tiny/{number:03d}.jsonl": _requests(f"tiny-{number}", 2) for number in range(200)},
            median=1.0,
        ),
        Part(
            name="60 files, broken and oddly named",
            files={file.path: content for file in odd for content in file.contents},
            median=1.0,
        ),
    ]


def _requests(name: str, count: int) -> bytes:
    lines = (
        {
            "custom_id": f"{name}/{number}",
            "method": "POST",
            "url": "/chat/completions",
            "body": {
                "model": "gpt-batch",
                "messages": [{"role": "user", "content": f"Say {name} {number}."}],
            },
        }
        for number in range(count)
    )
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def run(part: Part, api_version: str, folder: Path) -> Result:
    """Run one part on fresh storage, a fresh service and a fresh host."""
    with ExitStack() as stack:
        storage = stack.enter_context(running_azurite(log=folder / "azurite.log"))
        service = stack.enter_context(
            running_service(
                duration="lognormal",
                duration_seconds=part.median,
                validating_seconds=0.5,
                finalizing_seconds=0.5,
                file_pending_seconds=0.2,
                seed=5,
            )
        )
        containers = stack.enter_context(Containers(storage.connection_string))
        containers.create()
        host = MortalHost("host", folder, _settings(storage, service, api_version))
        host.start()
        stack.callback(host.stop)
        _wait_until(lambda: _listens(host))
        dropped = dict(_drop(containers, part.files))
        last_drop = time.monotonic()
        _wait_until(lambda: not containers.waiting() and not containers.notes())
        makespan = time.monotonic() - last_drop
        _wait_until(lambda: not any(service.counters()["files"].values()))
        return _result(dropped, containers, service, makespan)


def _listens(host: MortalHost) -> bool:
    host.look()
    return host.origin is not None


def _drop(containers: Containers, files: Mapping[str, bytes]) -> list[tuple[Version, bytes]]:
    return [(containers.drop(path, content), content) for path, content in files.items()]


def _settings(storage: Azurite, service: RunningService, api_version: str) -> dict[str, str]:
    return {
        "DATA": storage.connection_string,
        "AzureWebJobsStorage": storage.host_connection_string,
        "AZURE_OPENAI_ENDPOINT": service.url,
        "AZURE_OPENAI_API_KEY": service.key,
        "AZURE_OPENAI_API_VERSION": api_version,
        "AZURE_OPENAI_DEPLOYMENT": "gpt-batch",
        "POLL_MIN_SECONDS": "0.5",
        "POLL_MAX_SECONDS": str(POLL_SECONDS),
        "SNAPSHOT_WINDOW_SECONDS": str(WINDOW_SECONDS),
        "SWEEP_SCHEDULE": "*/5 * * * * *",
        "MAX_REQUESTS_PER_SHARD": "1000",
    }


def _wait_until(condition: Any) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not within {LIMIT_SECONDS:.0f} s.")
        time.sleep(0.1)


def _result(
    dropped: Mapping[Version, bytes], containers: Containers, service: RunningService, makespan: float
) -> Result:
    batches = service.batches()
    sheet = balance(
        Aftermath(
            dropped=dropped,
            processed=containers.read("processed"),
            errors=containers.read("error"),
            left_in_input=sorted(containers.waiting()),
            left_in_work=containers.notes(),
            batches=batches,
            counters=service.counters(),
        )
    )
    longest = max(batch["ended_at"] - batch["created_at"] for batch in batches)
    return Result(
        wrong=[f"{name}: {what}" for name, found in sheet.wrong.items() for what in found],
        requests=sheet.requests,
        makespan=makespan,
        over=makespan / (longest + POLL_SECONDS),
        longest=longest,
    )


def main(arguments: list[str] | None = None) -> int:
    """Run all parts and print a line for each."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.whole_app", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--api-version", default="v1")
    parser.add_argument("--median", type=float, default=10.0, help="median seconds of the 40 files' batches")
    options = parser.parse_args(arguments)
    is_good = True
    for part in parts(options.median):
        with tempfile.TemporaryDirectory() as folder:
            result = run(part, options.api_version, Path(folder))
        print(
            f"{part.name} ({options.api_version}): {result.requests} requests, {len(result.wrong)} wrong; "
            f"{result.makespan:.1f} s, longest batch {result.longest:.1f} s: {result.over:.3f} of the ideal",
            flush=True,
        )
        print("".join(f"  {sentence}\n" for sentence in result.wrong[:10]), end="")
        is_good = is_good and not result.wrong and result.over <= (part.budget or result.over)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
