"""Starting the service as a process of its own, for tests and benchmarks."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).resolve().parents[2]
_STOP_SECONDS = 20.0
_ANSWER_SECONDS = 60.0


class RunningService:
    """A service that runs: where it is, and its /admin side."""

    def __init__(self, process: subprocess.Popen[str], url: str, key: str) -> None:
        self.process = process
        self.url = url
        self.key = key

    def counters(self) -> dict[str, Any]:
        """What was counted since the start or the last reset; see counters.Counters."""
        found: dict[str, Any] = self._admin("GET", "/admin/counters")
        return found

    def batches(self) -> list[dict[str, Any]]:
        """All batches in short, oldest first."""
        found: list[dict[str, Any]] = self._admin("GET", "/admin/batches")
        return found

    def plan(self, **lists: list[dict[str, Any]]) -> None:
        """Replace the faults: `calls`, `batches`, `rows`, `quota`, as in plan.Plan."""
        self._admin("POST", "/admin/plan", lists)

    def reset(self) -> None:
        """Forget files, batches, counts and plan."""
        self._admin("POST", "/admin/reset")

    def force(self, batch_id: str, status: str, **how: Any) -> None:
        """Give a batch a state; `how` takes `fraction`, `files` and `ends`, see admin.ForcedState."""
        self._admin("POST", f"/admin/batches/{batch_id}", {"status": status, **how})

    def stop(self) -> int:
        """Stop the process and return its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _admin(self, method: str, path: str, body: Any = None) -> Any:
        """Raises RuntimeError for an answer other than 200."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=_ANSWER_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {content.decode()}")
        return json.loads(content)


@contextlib.contextmanager
def running(*, plan: dict[str, Any] | Path | None = None, **settings: Any) -> Iterator[RunningService]:
    """A service on a free port that ends with the block; `settings` are the fields of settings.Settings.

    `plan` is a file, or the plan itself. Raises RuntimeError when the service does not start.
    """
    given = {"port": 0, **settings, **({"plan": plan} if isinstance(plan, Path) else {})}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    command = [sys.executable, "-m", "local.azure_openai", *flags]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        service = RunningService(
            process, process.stdout.readline().strip(), str(given.get("key", "local-key"))
        )
        try:
            if not service.url:
                raise RuntimeError(f"the local service did not start; exit code {process.wait()}")
            if isinstance(plan, dict):
                service.plan(**plan)
            yield service
        finally:
            service.stop()
