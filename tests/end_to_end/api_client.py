"""A caller of the HTTP API that holds every answer to the app's own OpenAPI document."""

import json
import re
from pathlib import Path
from typing import Any

import requests
from jsonschema import Draft202012Validator

from tests.local.functions_host.running_host import RunningHost

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "openapi.json").read_text(encoding="utf-8")
)


class Api:
    """Calls a host; `called` has the operations that were answered, each with the statuses."""

    def __init__(self, host: RunningHost) -> None:
        self._host = host
        self.called: dict[str, set[int]] = {}

    def get(self, path: str, **options: Any) -> requests.Response:
        return self._held("get", path, self._host.get(path, allow_redirects=False, **options))

    def post(self, path: str, **options: Any) -> requests.Response:
        return self._held("post", path, self._host.post(path, **options))

    def json(self, path: str) -> Any:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, path: str) -> list[Any]:
        """Follow a list to its end."""
        items: list[Any] = []
        following = ""
        while True:
            page = self.json(path + (f"&after={following}" if following else ""))
            items += page["items"]
            following = page["next"]
            if following is None:
                return items

    def _held(self, method: str, path: str, answer: requests.Response) -> requests.Response:
        operation = _operation(method, path.partition("?")[0])
        status = str(answer.status_code)
        assert status in operation["responses"], f"{method} {path}: {status} is not documented: {answer.text}"
        self.called.setdefault(operation["operationId"], set()).add(answer.status_code)
        contents = operation["responses"][status].get("content", {})
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        if contents:
            assert kind in contents, f"{method} {path}: {kind}"
            schema = contents[kind]["schema"] | {"components": DOCUMENT["components"]}
            Draft202012Validator(schema).validate(answer.json())
        else:
            assert answer.content == b""
        return answer


def _operation(method: str, path: str) -> dict[str, Any]:
    """Give the operation of a path: the one with the fewest parameters that fits."""
    fitting = [
        (template.count("{"), operations[method])
        for template, operations in DOCUMENT["paths"].items()
        if method in operations and re.fullmatch(re.sub(r"\{\w+\}", "[^/]*", template), path)
    ]
    assert fitting, f"{method} {path} is not documented"
    return dict(min(fitting, key=lambda found: found[0])[1])
