"""What functions log has to carry their invocation: the host drops lines of none, and the worker knows no threads of ours."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from activities import take_snapshot
from adapters.services import services
from local.functions_host.client_binding import client_binding
from steps.threads import in_thread, log_as, pool
from tests.conftest import Containers
from triggers import sweep

NO_TASK_HUB = client_binding("http://127.0.0.1:9", "Hub")  # nobody answers there
REQUEST = {"snapshot_id": "snapshot-20260101T000000.000Z"}


def invocation(invocation_id: str, threads: threading.local) -> Any:
    """Give the context of a function's call, as far as it is about logging."""
    return SimpleNamespace(invocation_id=invocation_id, thread_local_storage=threads)


class WorkerLog(logging.Handler):
    """Finds out whose a line is as the worker does: the event loop's lines by task, all others by thread."""

    def __init__(self) -> None:
        super().__init__()
        self.threads, self.dropped, self.shown = threading.local(), list[str](), list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        is_known = threading.current_thread() is threading.main_thread() or getattr(
            self.threads, "invocation_id", None
        )
        (self.shown if is_known else self.dropped).append(record.getMessage())


@pytest.fixture
def worker_log() -> Iterator[WorkerLog]:
    log, root = WorkerLog(), logging.getLogger()
    level = root.level
    root.addHandler(log)
    root.setLevel(logging.INFO)
    yield log
    root.removeHandler(log)
    root.setLevel(level)


@pytest.fixture
def app_settings(containers: Containers, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATA", containers.connection_string)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:9")
    for role, name in zip(("INPUT", "PROCESSED", "ERROR", "WORK"), containers.names, strict=True):
        monkeypatch.setenv(f"{role}_CONTAINER", name)
    services.cache_clear()
    yield
    services.cache_clear()


@pytest.mark.parametrize(
    ("function", "trigger"),
    [(sweep.sweep, {"timer": None}), (take_snapshot.take_snapshot, {"request": REQUEST})],
    ids=["sweep", "take_snapshot"],
)
def test_people_see_why_files_wait(
    function: Any, trigger: dict[str, Any], containers: Containers, app_settings: None, worker_log: WorkerLog
) -> None:
    for name, content in (("sick/_batch.yaml", b"messages: [{role: usr}]\n"), ("sick/table.csv", b"a\n1\n")):
        containers.service.get_blob_client(containers.input, name).upload_blob(content)
    context = invocation("id", worker_log.threads)

    asyncio.run(function._function.get_user_function()(client=NO_TASK_HUB, context=context, **trigger))

    assert worker_log.dropped == []
    assert any("until the job spec is fixed" in line for line in worker_log.shown)


def test_a_thread_logs_for_whoever_it_works_for() -> None:
    threads = threading.local()

    def look() -> Any:
        with pool(1) as threads_of_ours:
            (deeper,) = threads_of_ours.map(lambda _: getattr(threads, "invocation_id", None), range(1))
        return getattr(threads, "invocation_id", None), deeper

    async def ask() -> Any:
        return await in_thread(look)

    async def ask_as(invocation_id: str) -> Any:
        log_as(invocation(invocation_id, threads))
        await asyncio.sleep(0)
        return await ask()

    async def story() -> list[Any]:
        several = await asyncio.gather(*(ask_as(str(number)) for number in range(20)))
        return [*several, await ask()]

    assert asyncio.run(story()) == [*((str(number), str(number)) for number in range(20)), (None, None)]


def test_a_thread_is_nobodys_after_work_that_failed() -> None:
    threads = threading.local()
    seen: list[threading.Thread] = []

    def fail() -> None:
        seen.append(threading.current_thread())
        raise ValueError(threads.invocation_id)

    async def story() -> None:
        log_as(invocation("id", threads))
        with pytest.raises(ValueError, match="id"):
            await in_thread(fail)
        assert await asyncio.to_thread(lambda: (threading.current_thread(), threads.invocation_id)) == (
            seen[0],
            None,
        )

    asyncio.run(story())
