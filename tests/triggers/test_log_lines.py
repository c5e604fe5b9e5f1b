"""What functions log has to carry their invocation: the host drops lines of none, and no worker knows threads of ours."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from azure_functions_runtime.bindings import context

from activities import take_snapshot
from adapters.services import services
from local.functions_host.client_binding import client_binding
from local.functions_host.worker_log import current_owner
from tests.conftest import Containers
from triggers import sweep

NO_TASK_HUB = client_binding("http://127.0.0.1:9", "Hub")  # nobody answers there
REQUEST = {"snapshot_id": "snapshot-20260101T000000.000Z"}


class WorkerLog(logging.Handler):
    """Finds out whose a line is as the workers do; the lines of the event loop are the test's own."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped, self.shown = list[str](), list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        is_known = threading.current_thread() is threading.main_thread() or all(
            current_owner(loop_thread=None)
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
    given = SimpleNamespace(invocation_id="id", thread_local_storage=context._invocation_id_local)

    asyncio.run(function._function.get_user_function()(client=NO_TASK_HUB, context=given, **trigger))

    assert worker_log.dropped == []
    assert any("until the job spec is fixed" in line for line in worker_log.shown)
