"""Loading an app: what the Python worker refuses is refused, and so is what this host cannot do."""

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
        return load_app(tmp_path, environment)

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
            "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("raise RuntimeError('at import')", "cannot be imported: RuntimeError: at import"),
        ("def broken(", "cannot be imported: SyntaxError"),
        ("del app", "has no top-level FunctionApp or DFApp"),
        ("other = func.FunctionApp()", "more than one top-level FunctionApp or DFApp: app, other"),
        ("alias = app", "more than one top-level FunctionApp or DFApp: alias, app"),
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
        (ACTIVITY + "def f(y): pass", "'f': parameters without a binding: y"),
        (ACTIVITY + "def f(): pass", "'f': bindings without a parameter: x"),
        (ACTIVITY + "def f(x, extra=1): pass", "'f': parameters without a binding: extra"),
        (ACTIVITY + "def f(x, context: int): pass", "a parameter named context is the invocation's"),
        (
            '@app.orchestration_trigger(context_name="ctx")\ndef f(ctx): yield',
            'context_name must be "context", not',
        ),
        # annotations
        (ACTIVITY + "def f(x: dict[str, int]): pass", "non-type annotation dict[str, int]"),
        (ACTIVITY + "def f(x: list[str]): pass", "non-type annotation list[str]"),
        (ACTIVITY + "def f(x: Optional[dict]): pass", "non-type annotation typing.Optional[dict]"),
        (ACTIVITY + "def f(x: int | None): pass", "non-type annotation int | None"),
        (ACTIVITY + "def f(x: 'Missing'): pass", "its annotations cannot be resolved: name 'Missing'"),
        (ACTIVITY + "def f(x: func.Out[str]): pass", "is an input but annotated as azure.functions.Out"),
        (TIMER + "def f(t: int): pass", "parameter 't' (timerTrigger) cannot be annotated int"),
        (TIMER + "def f(t: str): pass", "parameter 't' (timerTrigger) cannot be annotated str"),
        (ROUTE + "def f(req: func.TimerRequest): pass", "(httpTrigger) cannot be annotated TimerRequest"),
        (
            ROUTE + "def f(req: func.HttpRequest) -> int: pass",
            "returns azure.functions.HttpResponse or str, not int",
        ),
        (
            BLOB + "def f(b: func.InputStream): pass",
            "annotated InputStream; this host supports the client types",
        ),
        (BLOB + "def f(b: bytes): pass", "annotated bytes; this host supports the client types"),
        # durable clients
        (
            TIMER + CLIENT + "def f(t: func.TimerRequest, c): pass",
            "a function with durable_client_input must be async def",
        ),
        # settings
        ('@app.timer_trigger(arg_name="t", schedule="%WHEN%")\ndef f(t): pass', "needs the setting WHEN"),
        # what this host cannot do
        (
            '@app.queue_trigger(arg_name="m", queue_name="q", connection="C")\ndef f(m): pass',
            "'f': queueTrigger is not supported by this host",
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
        load_app(tmp_path, {})
