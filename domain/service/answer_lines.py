"""A line of a batch's output or error file: the service writes it, and for what was sent live the app does."""

from typing import Any, Generic, TypeVar

import msgspec

Body = TypeVar("Body")


class Response(msgspec.Struct, Generic[Body], kw_only=True):
    """What came back for one request."""

    status_code: int | None = None
    request_id: Any = None
    body: Body | None = None


class AnswerLine(msgspec.Struct, Generic[Body], kw_only=True):
    """The answer to one request. Either part may be missing: the service has written lines without a response."""

    custom_id: str
    response: Response[Body] | None = None
    error: Any = None
    marks: list[str] | msgspec.UnsetType = msgspec.UNSET  # how it was kept, where that took a change
