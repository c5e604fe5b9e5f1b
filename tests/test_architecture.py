"""The shape of the tree: who may import whom, what is registered under which name, what an import costs."""

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, get_args

import pytest
from azure_functions_runtime import handle_event
from openai.types import Batch

from domain.flow import machine
from domain.flow.grouping import GROUP_ACTIVITY
from domain.service.batch_states import BatchState
from domain.service.endpoints import ENDPOINTS
from local.functions_host.functions import App, AppFunction, TriggerKind
from local.functions_host.loader import load_app

REPOSITORY = Path(__file__).resolve().parents[1]
# From the bottom up.
ROOMS = (
    "domain",
    "formats",
    "adapters",
    "steps",
    "activities",
    "orchestrators",
    "triggers",
    "function_app",
)
STATEFUL = {"os", "time", "random", "uuid", "secrets", "socket", "subprocess", "threading", "asyncio"}


def modules(room: str) -> list[Path]:
    return sorted((REPOSITORY / room).rglob("*.py")) or [REPOSITORY / f"{room}.py"]


def all_modules(rooms: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    return ((room, module) for room in rooms for module in modules(room))


def imports(module: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, `if TYPE_CHECKING` included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imports_any(module: Path, names: set[str]) -> set[str]:
    return {found for found in imports(module) for name in names if f"{found}.".startswith(f"{name}.")}


def test_every_room_has_modules() -> None:
    assert all(module.is_file() for _, module in all_modules(ROOMS))
    assert all(len(modules(room)) > 1 for room in ROOMS[:-1])


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    above = set(ROOMS[ROOMS.index(room) + 1 :])
    assert {str(module): imports_any(module, above) for module in modules(room)} == {
        str(module): set() for module in modules(room)
    }


def test_nothing_deployed_imports_the_laptop_rooms() -> None:
    laptop = {"cli", "local", "tests", "benchmarks", "click", "rich", "hypothesis", "pytest"}
    for _, module in all_modules(ROOMS):
        assert not imports_any(module, laptop), module


def test_the_command_works_with_the_steps_and_what_they_work_with() -> None:
    """It is no part of the app, and installed without what is; what it runs are the app's own rules and readers."""
    above = {*ROOMS[ROOMS.index("steps") + 1 :], "local", "tests", "benchmarks"}
    services = {
        "azure.storage",
        "azure.core",
        "azure.functions",
        "azure.durable_functions",
        "openai",
        "httpx2",
    }
    for module in modules("cli"):
        # Signing in fails in that package's words.
        allowed = {"azure.core"} if module.name == "azure.py" else set()
        assert not imports_any(module, (above | services) - allowed), module


def test_nothing_deployed_imports_the_worker_that_runs_it() -> None:
    """Which worker runs the app is the platform's choice; below Python 3.13 it is another one."""
    for _, module in all_modules(ROOMS):
        assert not imports_any(module, {"azure_functions_runtime", "azure_functions_worker", "proxy_worker"})


def test_the_embedded_host_leaves_to_the_worker_what_is_the_workers() -> None:
    """It imports no app, reads no signature, converts no value."""
    for module in modules("local/functions_host"):
        assert not imports_any(module, {"azure.functions", "azure.durable_functions", "azurefunctions"}), (
            module
        )
        assert not imports_any(module, {"importlib", "inspect"}), module


def test_the_laptop_rooms_import_nothing_of_the_pipeline() -> None:
    for module in modules("local"):
        assert not imports_any(module, set(ROOMS)), module


@pytest.mark.parametrize(
    ("package", "owners"),
    [
        (
            "azure.storage",
            "storage/append_blob storage/blobs storage/urls storage/connection storage/directories",
        ),
        ("azure.storage.filedatalake", "storage/connection storage/directories"),
        (
            "azure.core",
            "storage/append_blob storage/blobs storage/connection storage/errors openai/errors",
        ),
        ("openai", "openai/batch_api openai/live_api openai/errors openai/replies"),
        ("httpx2", "openai/batch_api openai/live_api openai/errors openai/replies openai/tls"),
    ],
)
def test_the_adapters_of_a_service_alone_speak_to_it(package: str, owners: str) -> None:
    importers = [
        str(module.relative_to(REPOSITORY))
        for _, module in all_modules(ROOMS)
        if imports_any(module, {package})
    ]
    assert set(importers) == {f"adapters/{owner}.py" for owner in owners.split()}


# --- what one module alone knows --------------------------------------------------------------------------------------

# Words of endpoints that mean other things as well.
ORDINARY_WORDS = {"input", "text", "format", "schema"}
SPEC_KEYS = {"messages", "image_url"}  # a job spec has keys of these names, whatever its endpoint
OTHER_MEANINGS = {
    # A word of the OpenAPI specification.
    "domain/api/openapi.py": {"responses"},
    # Columns of ours, whatever the endpoint calls its counts.
    "domain/results/extras.py": {"input_tokens", "output_tokens"},
    "domain/spec/job_spec.py": SPEC_KEYS,
    "domain/spec/conversations.py": {"messages"},
    "domain/spec/json_schema.py": SPEC_KEYS,
    "domain/spec/request_template.py": SPEC_KEYS,
    # What is told to people, and what their files look like.
    "domain/spec/shapes.py": {"messages", "prompt", "/v1/chat/completions"},
    "domain/spec/suggestions.py": {"messages"},
    "domain/spec/text_column.py": {"messages", "prompt"},
    "steps/prepare/one_cause.py": {"messages"},
    # The value of `type`, which is the same wherever a schema lies.
    "domain/spec/structured.py": {"json_schema"},
}


def words_of_endpoints() -> set[str]:
    """Urls, names and keys that one endpoint or another spells so."""
    found: set[str | None] = set()
    for endpoint in ENDPOINTS.values():
        found |= {endpoint.task, endpoint.path, endpoint.text_key, endpoint.messages_key}
        found |= {*endpoint.urls, *endpoint.limit_keys, *endpoint.usage.counts, *endpoint.usage.details}
        found |= {name for names in endpoint.usage.details.values() for name in names}
        found |= {endpoint.parts.text, endpoint.parts.image} if endpoint.parts else set()
        found |= set(endpoint.schema.path) if endpoint.schema else set()
    return {word for word in found if word} - ORDINARY_WORDS


def words_in_constants(module: Path) -> set[str]:
    """The words of all texts in a module, but for those that explain it."""
    tree = ast.parse(module.read_text())
    explanations = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in explanations
    ]
    texts = [value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in constants]
    return {word for text in texts for word in re.findall(r"[\w/]+", text)}


def test_what_an_endpoint_is_called_and_how_it_spells_things_stands_in_one_module() -> None:
    words = words_of_endpoints()
    found = {
        str(module.relative_to(REPOSITORY)): known
        for _, module in all_modules(ROOMS)
        if (known := words & words_in_constants(module))
    }
    table = found.pop("domain/service/endpoints.py")
    assert table == words
    assert found == OTHER_MEANINGS


# --- circles, and the world outside -----------------------------------------------------------------------------------


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules() -> dict[str, set[str]]:
    """Which of our modules imports which, by name."""
    known = {module_name(module): module for _, module in all_modules(ROOMS)}
    return {
        name: {
            target
            for found in imports(path)
            for target in (found, found.rpartition(".")[0])
            if target in known and target != name
        }
        for name, path in known.items()
    }


def inner_room(module: str, depth: int) -> str:
    """The folder, or the module beside the folders, in which a module lies at a depth of the tree."""
    return ".".join(module.split(".")[:depth])


@pytest.mark.parametrize("depth", [2, 9], ids=["between inner folders", "between modules"])
def test_no_imports_go_in_a_circle(depth: int) -> None:
    graph: dict[str, set[str]] = {}
    for module, targets in imported_modules().items():
        node = inner_room(module, depth)
        graph.setdefault(node, set()).update(inner_room(target, depth) for target in targets)
        graph[node].discard(node)
    assert len(graph) > 30
    assert tuple(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def test_the_functions_sdks_stop_at_the_activities() -> None:
    for _, module in all_modules(("domain", "formats", "adapters", "steps")):
        assert not imports_any(module, {"azure.functions", "azure.durable_functions", "azurefunctions"}), (
            module
        )


def test_the_rules_touch_nothing_outside_themselves() -> None:
    # A lock, see there; the parts of a URL; the names of statuses.
    allowed = {
        "contracts.py": {"threading"},
        "addresses.py": {"urllib.parse.urlsplit"},
        "problems.py": {"http.HTTPStatus"},
    }
    for module in modules("domain"):
        found = imports_any(module, STATEFUL | {"azure", "openai", "httpx2", "http", "urllib"})
        assert found <= allowed.get(module.name, set()), module


def test_orchestrators_have_no_source_of_surprise() -> None:
    for module in modules("orchestrators"):
        assert not imports_any(module, STATEFUL | {"adapters"}), module


def test_functions_begin_no_threads_whose_log_lines_would_be_dropped() -> None:
    """All take their threads from `adapters.threads`."""
    ways = {"to_thread", "ThreadPoolExecutor", "run_in_executor", "Thread", "Timer", "start_new_thread"}
    beginners = {
        str(module.relative_to(REPOSITORY))
        for _, module in all_modules(ROOMS)
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Call)
        if getattr(node.func, "attr", getattr(node.func, "id", "")) in ways
    }
    # The latter is what runs in a process of its own, whose lines the worker's process logs as the function's.
    assert beginners == {"adapters/threads.py", "steps/own_process.py"}


def test_every_function_tells_its_threads_whose_they_are(app: App) -> None:
    """Orchestrators have no threads. All others hand the worker's context on, for whatever they may come to call."""
    for function in app.functions:
        if function.kind is not TriggerKind.ORCHESTRATOR:
            assert indexed(function).requires_context, function.name
    for _, module in all_modules(("triggers", "activities")):
        shells = [node for node in ast.walk(ast.parse(module.read_text())) if _has_trigger(node)]
        for shell in shells:
            calls = {ast.unparse(node) for node in ast.walk(shell) if isinstance(node, ast.Call)}
            is_handed_on = any(
                call == "log_as(context)" or (call.startswith("answering") and call.endswith(", context)"))
                for call in calls
            )
            assert is_handed_on, module


def _has_trigger(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
        ast.unparse(decorator).startswith("bp.") for decorator in node.decorator_list
    )


def test_the_clock_is_handed_in() -> None:
    """A rule that asks for the time itself gives another answer when an orchestration is replayed."""
    for _, module in all_modules(("domain", "orchestrators")):
        called = {
            node.attr for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Attribute)
        }
        assert not called & {"now", "utcnow", "today", "monotonic", "perf_counter"}, module


# --- what is registered ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def app() -> App:
    """The app, indexed by the genuine worker library: one offender, as `dict[str, Any]` on a parameter, takes all down.

    A fresh module: an app object can be indexed only once.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])
        patch.delitem(sys.modules, "function_app", raising=False)
        app = asyncio.run(load_app(REPOSITORY, {}))
        del sys.modules["function_app"]  # others load apps of that name
        return app


def indexed(function: AppFunction) -> Any:
    """What the worker knows of a function."""
    return handle_event._functions.get_function(function.metadata.function_id)


def names(app: App, kind: TriggerKind) -> set[str]:
    return {function.name for function in app.of_kind(kind)}


def emitted_activities() -> set[str]:
    return {step.activity for step in machine.STEPS} | {GROUP_ACTIVITY}


def test_every_activity_the_flow_asks_for_is_registered(app: App) -> None:
    assert len(emitted_activities()) == len(machine.STEPS) + 1 >= 8
    assert emitted_activities() <= names(app, TriggerKind.ACTIVITY)


def test_every_step_of_the_flow_is_asked() -> None:
    written = {module.stem for module in (REPOSITORY / "domain" / "flow" / "steps").glob("*.py")}
    asked = {type(step).__module__.rpartition(".")[2] for step in machine.STEPS}
    assert written - asked == {"__init__", "file_step", "pause"}


def test_every_activity_is_asked_for(app: App) -> None:
    imported = {
        name.rpartition(".")[2]
        for module in modules("orchestrators")
        for name in imports_any(module, {"activities"})
    }
    assert names(app, TriggerKind.ACTIVITY) == emitted_activities() | imported


def test_functions_have_the_name_of_their_module(app: App) -> None:
    for kind, room in ((TriggerKind.ACTIVITY, "activities"), (TriggerKind.ORCHESTRATOR, "orchestrators")):
        for function in app.of_kind(kind):
            assert function.durable_name == function.name
            assert (REPOSITORY / room / f"{function.name}.py").is_file(), f"{function.name} lives elsewhere"


def test_an_activity_is_a_shell_alone_in_its_module(app: App) -> None:
    """It translates and calls a step. What the step does is found, and tested, without the Functions SDK."""
    shells = {module.stem: ast.parse(module.read_text()) for module in modules("activities")}
    del shells["__init__"]
    assert set(shells) == names(app, TriggerKind.ACTIVITY)
    for name, tree in shells.items():
        shell, *others = [
            node
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ]
        assert (getattr(shell, "name", ""), others) == (name, [])
        answer = ast.unparse(shell.body[-1])
        assert answer.startswith(("return answering(lambda", "return await answering_async(lambda")), name


def test_every_orchestrator_in_the_room_is_registered(app: App) -> None:
    written = {module.stem for module in modules("orchestrators")} - {"__init__", "in_flight", "insisting"}
    assert names(app, TriggerKind.ORCHESTRATOR) == written


def test_functions_with_a_durable_client_are_coroutines(app: App) -> None:
    """The SDK awaits them; a plain function would be indexed, and then fail at every call."""
    with_client = [indexed(function) for function in app.functions if function.client_parameters]
    assert with_client
    assert all(inspect.iscoroutinefunction(function.func.client_function) for function in with_client)


def test_the_explicit_run_is_all_that_is_left_without_continuous_mode() -> None:
    code = "import function_app; print(*[f.get_function_name() for f in function_app.app.get_functions()])"
    registered = python(code, CONTINUOUS_MODE="false").split()
    assert "blob_arrived" not in registered
    assert {"run_snapshot", "process_snapshot", "submit_batch"} <= set(registered)


# --- what others promise ---------------------------------------------------------------------------------------------


def test_our_batch_states_are_the_ones_the_sdk_knows() -> None:
    """The service says `cancelled`; whoever waits for `canceled` waits for ever."""
    assert set(BatchState) == set(get_args(Batch.model_fields["status"].annotation))


def test_importing_the_app_loads_no_heavy_library() -> None:
    """Each worker imports the app at its start; what takes long to import waits until it is used."""
    code = "import sys, function_app; print(*sys.modules)"
    assert not {"openai", "httpx2", "pyarrow", "pandas", "numpy"} & set(python(code).split())


def python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout
