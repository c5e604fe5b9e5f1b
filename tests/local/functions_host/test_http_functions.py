"""HTTP functions behind real requests, and the host's own pages."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import web

from local.functions_host.errors import AppLoadError
from local.functions_host.functions import AppFunction, TriggerKind
from local.functions_host.triggers.http import add_http_routes
from tests.local.functions_host.conftest import MakeHost
from tests.local.functions_host.running_host import RunningHost


@pytest.fixture(scope="module")
def host(make_host: MakeHost) -> RunningHost:
    return make_host("http").start()


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("hello/you", "Hello, you"),
        ("hello/you%20all", "Hello, you all"),
        ("hello/world", "Hello, literally"),
        ("files/a/b/c.txt", "a/b/c.txt"),
        ("files/", ""),
        ("files", "None"),
        ("context", "with_context 36"),
    ],
)
def test_a_request_reaches_the_function_of_its_route(host: RunningHost, path: str, answer: str) -> None:
    response = host.get(f"/api/{path}")

    assert (response.status_code, response.text) == (200, answer)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_function_sees_the_request_and_forms_the_response(host: RunningHost, method: str) -> None:
    send = {"GET": host.get, "POST": host.post, "PUT": host.put, "DELETE": host.delete}[method]
    response = send("/api/echo?a=1&b=%C3%A4", data="ä".encode(), headers={"X-Sent": "yes"})

    assert response.status_code == 201
    assert response.json() == {
        "method": method,
        "url": f"{host.origin}/api/echo?a=1&b=%C3%A4",
        "query": {"a": "1", "b": "ä"},
        "header": "yes",
        "body": "ä",
    }
    assert response.headers["X-Back"] == "yes"
    assert response.headers["Content-Type"] == "application/json"
    assert response.cookies["a"] == "b"


def test_json_bodies_are_parsed(host: RunningHost) -> None:
    assert host.post("/api/json", json={"a": 1}).text == "1"


def test_large_bodies_pass(host: RunningHost) -> None:
    assert len(host.post("/api/echo", data=b"x" * 3_000_000).json()["body"]) == 3_000_000


@pytest.mark.parametrize("path", ["nothing", "raising", "json"])
def test_a_function_that_fails_is_a_500_and_a_traceback_in_the_log(host: RunningHost, path: str) -> None:
    assert host.get(f"/api/{path}").status_code == 500
    assert f"GET /api/{path}: " in host.log


def test_the_log_shows_the_apps_own_lines_of_a_failure(host: RunningHost) -> None:
    host.get("/api/raising")

    assert 'raise LookupError("nowhere")' in host.log
    assert "functions_host/invoke.py" not in host.log
    assert "azure_functions_runtime" not in host.log


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "hello/you", 405), ("GET", "unknown", 404)])
def test_other_methods_and_routes_are_refused(host: RunningHost, method: str, path: str, status: int) -> None:
    send = host.get if method == "GET" else host.post

    assert send(f"/api/{path}").status_code == status


def test_a_plain_function_with_a_durable_client_is_indexed_and_fails_at_every_call_as_in_azure(
    make_host: MakeHost, tmp_path: Path
) -> None:
    (tmp_path / "function_app.py").write_text(
        "import azure.durable_functions as df\nimport azure.functions as func\napp = df.DFApp()\n"
        '@app.route(route="plain")\n@app.durable_client_input(client_name="client")\n'
        'def plain(req: func.HttpRequest, client) -> func.HttpResponse: return func.HttpResponse("")\n'
    )
    host = make_host(tmp_path).start()

    assert host.get("/api/plain").status_code == 500
    assert "can't be used in 'await' expression" in host.log


def test_cookies_keep_their_attributes(make_host: MakeHost, tmp_path: Path) -> None:
    sent = "a=b; Domain=x.test; Path=/p; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=9; SameSite=Lax; Secure; HttpOnly"
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n"
        '@app.route(route="cookie")\ndef cookie(req: func.HttpRequest) -> func.HttpResponse:\n'
        f'    return func.HttpResponse("", headers={{"Set-Cookie": {sent!r}}})\n'
    )
    told = make_host(tmp_path).start().get("/api/cookie").headers["Set-Cookie"]

    assert told == sent.replace("Max-Age=9", "Max-Age=9.0")


def test_the_host_tells_its_state_and_functions(host: RunningHost) -> None:
    functions = {function["name"]: function for function in host.get("/admin/functions").json()}

    assert host.get("/admin/host/status").json()["state"] == "Running"
    assert functions["files"]["invoke_url_template"] == f"{host.origin}/api/files/{{*path}}"
    assert functions["files"]["config"]["bindings"][0]["authLevel"] == "FUNCTION"


def test_only_timer_functions_are_run_by_hand(host: RunningHost) -> None:
    assert host.post("/admin/functions/unknown").status_code == 404
    assert host.post("/admin/functions/hello").status_code == 501


def test_the_route_prefix_comes_from_host_json(make_host: MakeHost, tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}')
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n"
        '@app.route(route="/here/")\ndef here(req: func.HttpRequest) -> str: return "here"\n'
    )

    assert make_host(tmp_path).start().get("/here").text == "here"


@pytest.mark.parametrize("route", ["runs/{id:int}", "runs/{id?}", "runs/{id=1}", "runs/{", "runs/{**path}"])
def test_route_templates_that_are_not_supported_are_refused(route: str) -> None:
    function = AppFunction(
        metadata=SimpleNamespace(name="f"),  # type: ignore[arg-type]
        kind=TriggerKind.HTTP,
        trigger={"route": route},
    )
    with pytest.raises(AppLoadError, match="this host supports"):
        add_http_routes(web.UrlDispatcher(), [function], prefix="api", invoker=None)  # type: ignore[arg-type]
