"""Refusals of the service, in the two bodies it uses.

ServiceError                 {"error": {"code", "message"}}: nearly everything
└── BatchRefusedError        {"errors": {"object": "list", "data": [...]}}: some refusals of a new batch
BlobRefusedError             no answer of its own: in blob mode, ends the batch or refuses it
"""

from __future__ import annotations

from typing import Any

import msgspec

CODES = {
    400: "invalidPayload",
    401: "401",
    403: "forbidden",
    404: "notFound",
    408: "Timeout",
    409: "conflict",
    429: "429",
    500: "internalFailure",
    503: "serviceUnavailable",
}
"""The code the service commonly sends with a status."""


class ErrorItem(msgspec.Struct, kw_only=True):
    """One entry of a batch's `errors.data`."""

    code: str
    message: str
    line: int | None = None  # 1 is the file's first line
    param: str | None = None


class ServiceError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, message: str, *, code: str = "", retry_after: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or CODES.get(status, str(status))
        self.headers = {"retry-after": retry_after} if retry_after else {}

    def body(self) -> dict[str, Any]:
        """The JSON the client gets."""
        return {"error": {"code": self.code, "message": self.message}}


class BatchRefusedError(ServiceError):
    """A batch refused on creation, told in the list form."""

    def __init__(self, item: ErrorItem) -> None:
        super().__init__(400, item.message, code=item.code)
        self.item = item

    def body(self) -> dict[str, Any]:
        """The JSON the client gets: no `error` key, as the service does it."""
        return {"errors": {"object": "list", "data": [msgspec.to_builtins(self.item)]}}


class BlobRefusedError(Exception):
    """A blob that cannot be read or written; `item` tells it in the batch's errors."""

    def __init__(self, item: ErrorItem) -> None:
        super().__init__(item.message)
        self.item = item


def resource_not_found() -> ServiceError:
    """The answer to a path or an api-version that does not exist."""
    return ServiceError(404, "Resource not found", code="404")
