"""Loading an app: what the genuine worker library refuses is refused in its own words, and so is what this host cannot do."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.functions_host.errors import AppLoadError
from local.functions_host.functions import App
from local.functions_host.loader import MODULE, load_app

HEAD = """
from typing import Any, Dict, List, Optional
import azure.durable_functions as df
import azure.functions as func
from azurefunctions.extensions.bindings import blob
app = df.DFApp()
"""


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[..., App]]:
    """Load an app made of HEAD and the given code, as a fresh process would."""
    path = list(sys.path)

    def load_code(code: str, **environment: str) -> App:
        (tmp_path / "function_app.py").write_text(HEAD + code)
        return asyncio.run(load_app(tmp_path, environment))

    yield load_code
    sys.path[:] = path
    sys.modules.pop(MODULE, None)


ACTIVITY = '@app.activity_trigger(input_name="x")\n'
TIMER = '@app.timer_trigger(arg_name="t", schedule="0 0 * * * *")\n'
BLOB = '@app.blob_trigger(arg_name="b", path="in/{name}", connection="DATA")\n'
ROUTE = '@app.route(route="x")\n'
CLIENT = '@app.durable_client_input(client_name="c")\n'
ORCHESTRATOR = '@app.orchestration_trigger(context_name="context")\n'


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "registers no functions"),
        (
            "import no_such_module",
            "the app cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("raise RuntimeError('at import')", "the app cannot be loaded: RuntimeError: at import"),
        ("def broken(", "the app cannot be loaded: SyntaxError"),
        ("del app", "Could not find top level function app instances"),
        ("other = func.FunctionApp()", "More than one DFApp or other top level function app instances"),
        ("alias = app", "More than one DFApp or other top level function app instances"),
        (2 * (ACTIVITY + "def a(x): pass\n"), "Function a does not have a unique function name"),
        (
            ACTIVITY
            + "def a(x): pass\n"
            + '@app.activity_trigger(input_name="x", activity="A")\ndef b(x): pass',
            "'A' is registered twice",
        ),
        (CLIENT + "async def f(c): pass", "does not have a trigger"),
        (ACTIVITY + TIMER + "def f(x, t: func.TimerRequest): pass", "A trigger was already registered"),
        # parameters and bindings
        (
            ACTIVITY + "def f(y): pass",
            "cannot load the f function: the following parameters are declared in Python but not",
        ),
        (ACTIVITY + "def f(): pass", "not present in Python: {'x'}"),
        (ACTIVITY + "def f(x, extra=1): pass", "(function.json or function decorators):  {'extra'}"),
        (
            ACTIVITY + "def f(x, context: int): pass",
            "expected to be of type azure.functions.Context, got \"<class 'int'>\"",
        ),
        (
            '@app.orchestration_trigger(context_name="ctx")\ndef f(ctx): yield',
            "expected to be of type azure.functions.Context",
        ),
        # annotations
        (ACTIVITY + "def f(x: dict[str, int]): pass", "non-type annotation dict[str, int]"),
        (ACTIVITY + "def f(x: list[str]): pass", "non-type annotation list[str]"),
        (ACTIVITY + "def f(x: Optional[dict]): pass", "issubclass() arg 1 must be a class"),
        (ACTIVITY + "def f(x: int | None): pass", "non-type annotation int | None"),
        (ACTIVITY + "def f(x: 'Missing'): pass", "NameError: name 'Missing' is not defined"),
        (ACTIVITY + "def f(x: func.Out[str]): pass", "its annotation is azure.functions.Out in Python"),
        (
            TIMER + "def f(t: int): pass",
            "do not match the corresponding function parameter's Python type annotation int",
        ),
        (ROUTE + "def f(req: func.TimerRequest): pass", "Python type annotation TimerRequest"),
        (
            ROUTE + "def f(req: func.HttpRequest) -> int: pass",
            'Python return annotation "int" does not match binding type "http"',
        ),
        (
            BLOB + "def f(b: func.InputStream): pass",
            "'f': this host supports the client types",
        ),
        (BLOB + "def f(b: bytes): pass", "'f': this host supports the client types"),
        # settings
        ('@app.timer_trigger(arg_name="t", schedule="%WHEN%")\ndef f(t): pass', "needs the setting WHEN"),
        # what this host cannot do
        (
            '@app.queue_trigger(arg_name="m", queue_name="q", connection="C")\ndef f(m): pass',
            "'f': queueTrigger is not supported by this host",
        ),
        (
            '@app.generic_trigger(arg_name="m", type="somethingElse")\ndef f(m): pass',
            "'f': somethingElse is not supported by this host",
        ),
        (
            '@app.entity_trigger(context_name="context")\ndef f(context): pass',
            "'f': entityTrigger is not supported by this host",
        ),
        (
            TIMER + '@app.blob_output(arg_name="o", path="out/x", connection="C")\ndef f(t, o): pass',
            "'f': blob bindings are not supported by this host",
        ),
        (
            '@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:01")\n'
            + TIMER
            + "def f(t): pass",
            "'f': retry policies of functions are not supported by this host",
        ),
    ],
)
def test_an_app_that_breaks_a_rule_is_refused(load: Callable[..., App], code: str, reason: str) -> None:
    with pytest.raises(AppLoadError) as caught:
        load(code)

    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "code",
    [
        ACTIVITY + "def f(x): pass",
        ACTIVITY + "def f(x: dict) -> list[str]: pass",
        ACTIVITY + "def f(x: Any) -> dict[str, int] | None: pass",
        ACTIVITY + "def f(x: Dict[str, int]): pass",
        ACTIVITY + "def f(x: List[str]): pass",
        ACTIVITY + "async def f(x: str, context: func.Context): pass",
        TIMER + CLIENT + "async def f(t: func.TimerRequest, c: df.DurableOrchestrationClient): pass",
        TIMER + CLIENT + "async def f(t: func.TimerRequest, c): pass",
        TIMER + "def f(t: str): pass",
        ROUTE + "def f(req) -> str: pass",
        BLOB + "def f(b: blob.BlobClient): pass",
        BLOB + CLIENT + "async def f(b: blob.BlobClient, c: df.DurableOrchestrationClient) -> None: pass",
        ROUTE + "def f(req: func.HttpRequest) -> func.HttpResponse: pass",
        ROUTE + "def f(req: func.HttpRequest) -> str: pass",
        ORCHESTRATOR + "def f(context: df.DurableOrchestrationContext): yield",
        "bp = df.Blueprint()\n"
        + ACTIVITY.replace("app", "bp")
        + "def f(x): pass\napp.register_functions(bp)",
    ],
)
def test_what_the_worker_takes_is_taken(load: Callable[..., App], code: str) -> None:
    assert [function.name for function in load(code).functions] == ["f"]


def test_annotations_may_be_strings(load: Callable[..., App], tmp_path: Path) -> None:
    (tmp_path / "bp.py").write_text(
        "from __future__ import annotations\nimport azure.durable_functions as df\nbp = df.Blueprint()\n"
        + ACTIVITY.replace("app", "bp")
        + "def f(x: dict) -> dict: return x"
    )
    try:
        assert load("import bp\napp.register_functions(bp.bp)").activity("f") is not None
    finally:
        sys.modules.pop("bp")


def test_functions_are_found_by_their_durable_names_in_any_case(load: Callable[..., App]) -> None:
    app = load(
        '@app.activity_trigger(input_name="x", activity="Renamed")\ndef f(x): pass\n'
        + ORCHESTRATOR
        + "def run(context): yield"
    )

    assert app.activity("renamed") is not None
    assert app.activity("f") is None
    assert app.orchestrator("RUN") is not None
    assert app.orchestrator_names() == ["run"]


def test_settings_are_put_into_bindings(load: Callable[..., App]) -> None:
    code = (
        '@app.timer_trigger(arg_name="t", schedule="0 %MINUTE% * * * *")\ndef f(t: func.TimerRequest): pass'
    )
    (function,) = load(code, MINUTE="30").functions

    assert function.trigger["schedule"] == "0 30 * * * *"


def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AppLoadError, match=r"there is no function_app\.py"):
        asyncio.run(load_app(tmp_path, {}))
