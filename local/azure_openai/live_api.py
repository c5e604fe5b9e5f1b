"""The live operations: embeddings, chat completions, legacy completions and responses, answered at once."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from local.azure_openai import answers, odd_answers
from local.azure_openai.errors import ServiceError
from local.azure_openai.operations import V1, Call, Operation, api_version, json_body, json_response
from local.azure_openai.plan import Subject
from local.azure_openai.rate_limit import RateLimit
from local.azure_openai.settings import names

if TYPE_CHECKING:
    from starlette.requests import Request

    from local.azure_openai.counters import Counters
    from local.azure_openai.faults import Faults
    from local.azure_openai.plan import RowRule
    from local.azure_openai.settings import Settings

MAX_INPUTS = 2048
_NAMED_CHARACTERS = 80
_KINDS = {  # by the end of the path: the longer one first
    "/embeddings": "embeddings",
    "/chat/completions": "chat",
    "/completions": "completions",
    "/responses": "responses",
}
_SEVERAL_TEXTS = {"embeddings": "input", "completions": "prompt"}  # a call may ask for more than one
_OUTPUT_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens")


class LiveApi:
    """Live inference, limited per deployment."""

    def __init__(self, settings: Settings, counters: Counters, faults: Faults) -> None:
        self._settings = settings
        self._counters = counters
        self._faults = faults
        self._refusing = names(settings.batch_only)
        self._limits: dict[str, RateLimit] = defaultdict(
            lambda: RateLimit(settings.live_requests_per_minute, settings.real(60.0))
        )
        self._token_limits: dict[str, RateLimit] = defaultdict(
            lambda: RateLimit(settings.live_tokens_per_minute, settings.real(60.0), "token")
        )

    def operations(self) -> list[Operation]:
        """The operations: the deployment is in the body, or in the path of the dated form."""
        deployed = [f"/deployments/{{deployment}}{path}" for path in _KINDS if path != "/responses"]
        paths = [*_KINDS, *deployed]
        return [Operation(name="live", method="POST", path=path, read=self.read) for path in paths]

    async def read(self, request: Request) -> Call:
        """Read any live call."""
        body = await json_body(request, dict[str, Any])
        deployment = str(request.path_params.get("deployment") or body.get("model", ""))
        body["model"] = deployment
        kind = next(kind for path, kind in _KINDS.items() if request.url.path.endswith(path))
        key = _SEVERAL_TEXTS.get(kind)
        texts = answers.inputs(body, key) if key else [answers.request_text(body)]
        custom_id = request.headers.get("x-ms-client-request-id", "")
        subject = Subject(deployment=deployment, custom_id=custom_id, text="\n".join(texts))

        async def carry_out() -> Response:
            self._check(request, deployment, kind, body, texts)
            self._take(deployment, body, texts)
            self._counters.answered_live(deployment, map(_named, texts))
            rule = self._odd(subject, texts)
            return _odd_response(rule, _answer(kind, body)) if rule else json_response(_answer(kind, body))

        return Call(subject, carry_out)

    def _odd(self, subject: Subject, texts: list[str]) -> RowRule | None:
        """Give the rule for an odd answer. Calls about the same texts count as one row's."""
        if not self._faults.plan.rows:
            return None
        occurrence = self._counters.row_processed(_named(f"live {subject.deployment} {texts}"))
        rule = self._faults.for_row(subject, occurrence)
        return rule if rule and rule.effect == "odd" else None

    def _take(self, deployment: str, body: dict[str, Any], texts: list[str]) -> None:
        """Count a call and its tokens: of what it asks, and the most that may be answered."""
        most = next((body[name] for name in _OUTPUT_LIMITS if isinstance(body.get(name), int)), 0)
        tokens = sum(map(answers.tokens_in, texts)) + most
        # A call that is refused for one takes nothing of the other.
        self._token_limits[deployment].check(tokens)
        self._limits[deployment].take()
        self._token_limits[deployment].take(tokens)

    def _check(
        self, request: Request, deployment: str, kind: str, body: dict[str, Any], texts: list[str]
    ) -> None:
        in_path = "deployment" in request.path_params
        if in_path == (api_version(request) == V1) or (
            not in_path and api_version(request) != V1 and kind != "responses"
        ):
            raise ServiceError(404, "Resource not found", code="404")
        if not deployment or not self._settings.has_deployment(deployment):
            message = "The API deployment for this resource does not exist."
            raise ServiceError(404, message, code="DeploymentNotFound")
        if deployment in self._refusing:
            message = f"The {kind} operation does not work with the specified model, {deployment}."
            raise ServiceError(400, message, code="OperationNotSupported")
        if body.get("stream"):
            raise ServiceError(400, "stream is not served by the simulator.")
        if kind == "embeddings" and (not texts or len(texts) > MAX_INPUTS or "" in texts):
            raise ServiceError(400, f"input must be 1 to {MAX_INPUTS} texts, none of them empty.")
        if kind == "chat" and not body.get("messages"):
            raise ServiceError(400, "messages is required.")


def _answer(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    if kind == "embeddings":
        return answers.embeddings(body)
    if kind == "completions":
        return answers.text_completion(body, created=time.time())
    make = answers.chat_completion if kind == "chat" else answers.response_object
    return make(body, created=time.time())


def _odd_response(rule: RowRule, body: dict[str, Any]) -> Response:
    if rule.answer:
        content = odd_answers.odd_body(rule.answer, body)
    else:
        content = rule.line.encode() or msgspec.json.encode(rule.body)
    return Response(content, media_type="application/json")


def _named(text: str) -> str:
    if len(text) <= _NAMED_CHARACTERS:
        return text
    return f"{text[:_NAMED_CHARACTERS]}#{hashlib.sha256(text.encode()).hexdigest()[:16]}"
