"""The host's log says whose a line of the app is, and which worker in Azure would lose it."""

import pytest

from local.functions_host.logs import NO_INVOCATION
from tests.local.functions_host.conftest import MakeHost
from tests.local.functions_host.running_host import RunningHost

APP = """
import asyncio, contextvars, logging, threading
import azure.functions as func
app = func.FunctionApp()

def log(words): logging.warning(words)

def in_thread(work, *arguments):
    thread = threading.Thread(target=work, args=arguments)
    thread.start()
    thread.join()

@app.route(route="plain")
def plain(req: func.HttpRequest, context: func.Context) -> str:
    def told():
        context.thread_local_storage.invocation_id = context.invocation_id
        log("plain, told")
    log("plain, itself")
    in_thread(log, "plain, a thread")
    in_thread(told)
    in_thread(contextvars.copy_context().run, log, "plain, carried over")
    return ""

@app.route(route="coroutine")
async def coroutine(req: func.HttpRequest) -> str:
    async def task(): log("coroutine, a task")
    log("coroutine, itself")
    await asyncio.create_task(task())
    await asyncio.to_thread(log, "coroutine, a thread")
    return ""
"""


@pytest.fixture(scope="module")
def host(make_host: MakeHost, tmp_path_factory: pytest.TempPathFactory) -> RunningHost:
    folder = tmp_path_factory.mktemp("app")
    (folder / "function_app.py").write_text(APP)
    host = make_host(folder).start()
    for name in ("plain", "coroutine"):
        assert host.get(f"/api/{name}").status_code == 200
    return host


@pytest.mark.parametrize(
    ("line", "owner"),
    [
        ("plain, itself", "plain"),
        ("plain, a thread", NO_INVOCATION),
        ("plain, told", "plain, lost in Azure from Python 3.13 on"),
        ("plain, carried over", "plain, lost in Azure below Python 3.13"),
        ("coroutine, itself", "coroutine"),
        ("coroutine, a task", "coroutine"),
        ("coroutine, a thread", NO_INVOCATION),
    ],
)
def test_a_line_says_whose_it_is_and_who_would_lose_it(host: RunningHost, line: str, owner: str) -> None:
    assert f"WARNING [{owner}] {line}\n" in host.log
