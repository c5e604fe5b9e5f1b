"""Rows of a batch: the input line, and the lines of the output and error file."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

CHAT_URLS = frozenset({"/chat/completions", "/v1/chat/completions"})
RESPONSES_URLS = frozenset({"/responses", "/v1/responses"})
EMBEDDINGS_URLS = frozenset({"/embeddings", "/v1/embeddings"})

CONTENT_FILTER = "content_filter"
CONTENT_FILTER_MESSAGE = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
    "Please modify your prompt and retry."
)
EXPIRED_MESSAGE = "This request could not be executed before the completion window expired."
CANCELLED_MESSAGE = "This request was not executed because the batch was cancelled."


class InputRow(msgspec.Struct):
    """One line of an input file, wholly read."""

    custom_id: str
    url: str
    body: dict[str, Any]

    @property
    def identity(self) -> str:
        """The same for the same custom_id and body, however the line was written."""
        body = msgspec.json.encode(self.body, order="sorted")
        return hashlib.blake2b(self.custom_id.encode() + b"\0" + body, digest_size=12).hexdigest()


def answer_line(custom_id: str, body: Any, *, status: int, request_id: str) -> bytes:
    """A line with a response; keys in the service's order, and no top-level id."""
    response = {"body": body, "request_id": request_id, "status_code": status}
    return msgspec.json.encode({"custom_id": custom_id, "response": response, "error": None}) + b"\n"


def unfinished_line(custom_id: str, ending: str) -> bytes:
    """The line of a row that never ran, of a batch that expired or was cancelled."""
    message = EXPIRED_MESSAGE if ending == "expired" else CANCELLED_MESSAGE
    error = {"code": f"batch_{ending}", "message": message}
    return msgspec.json.encode({"custom_id": custom_id, "response": None, "error": error}) + b"\n"


def error_body(status: int, code: str) -> dict[str, Any]:
    """The body of a failed answer."""
    if code == CONTENT_FILTER:
        filtered = {"hate": {"filtered": True, "severity": "high"}}
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": filtered}
        error: dict[str, Any] = {
            "message": CONTENT_FILTER_MESSAGE,
            "type": None,
            "param": "prompt",
            "code": code,
        }
        return {"error": error | {"status": status, "innererror": inner}}
    messages = {
        408: "The operation was timed out.",
        429: "Requests have exceeded the call rate limit of the deployment. Please retry later.",
        500: "The server had an error while processing your request.",
    }
    message = messages.get(status, "The request was not accepted.")
    return {"error": {"message": message, "type": None, "param": None, "code": code or str(status)}}
