"""HTTP functions of every shape."""

import json

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.route(route="hello/{name}", methods=["GET"])
def hello(req: func.HttpRequest) -> str:
    return f"Hello, {req.route_params['name']}"


@app.route(route="hello/world", methods=["GET"])
async def hello_world(req: func.HttpRequest) -> str:
    return "Hello, literally"


@app.route(route="files/{*path}", methods=["GET"])
def files(req: func.HttpRequest) -> str:
    return str(req.route_params.get("path"))


@app.route(route="echo")
def echo(req: func.HttpRequest) -> func.HttpResponse:
    told = {
        "method": req.method,
        "url": req.url,
        "query": dict(req.params),
        "header": req.headers.get("X-Sent"),
        "body": req.get_body().decode(),
    }
    return func.HttpResponse(
        json.dumps(told),
        status_code=201,
        mimetype="application/json",
        headers={"X-Back": "yes", "Set-Cookie": "a=b"},
    )


@app.route(route="context")
def with_context(req: func.HttpRequest, context: func.Context) -> str:
    return f"{context.function_name} {len(context.invocation_id)}"


@app.route(route="json")
def wants_json(req: func.HttpRequest) -> str:
    return str(req.get_json()["a"])


@app.route(route="nothing")
def nothing(req: func.HttpRequest) -> str:
    return None  # type: ignore[return-value]  # what happens then is the point


@app.route(route="raising")
def raising(req: func.HttpRequest) -> str:
    raise LookupError("nowhere")
