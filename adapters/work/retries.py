"""Which failed rows have been retried: a mark for each error code of a file, made before anything is dropped again.

A mark is made if none exists, so that rows are retried once, however many people ask, and whatever dies in between.
"""

from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote, unquote

import msgspec

from adapters.storage.blobs import Container
from domain import names
from domain.contracts import RetryWork, prepared_type
from domain.errors import ConflictError, NotFoundError

_encode = msgspec.json.Encoder().encode


class Mark(NamedTuple):
    """That rows with an error code are retried: as which input file, and whether that has been dropped."""

    code: str
    target: str
    is_dropped: bool


class Retries:
    """The marks of all files, and the retries that are still to be written."""

    def __init__(self, work: Container) -> None:
        self._work = work

    def of(self, key: str) -> list[Mark]:
        """Give the marks of a file."""
        return [
            Mark(
                code=unquote(entry.metadata.get("code", "")),
                target=unquote(entry.metadata.get("target", "")),
                is_dropped=entry.metadata.get("dropped") == "yes",
            )
            for entry in self._work.list(names.retry_marks(key), metadata=True)
        ]

    def mark(self, key: str, code: str, target: str) -> bool:
        """Mark a code as retried; False where it is already."""
        with suppress(ConflictError):
            self._write(key, code, target, is_dropped=False)
            return True
        return False

    def mark_dropped(self, key: str, code: str, target: str) -> None:
        """Note that the input file has been dropped."""
        self._write(key, code, target, is_dropped=True)

    def _write(self, key: str, code: str, target: str, *, is_dropped: bool) -> None:
        metadata = {"code": quote(code), "target": quote(target)} | ({"dropped": "yes"} if is_dropped else {})
        content = _encode({"code": code, "target": target})
        self._work.write(names.retry_mark(key, code), content, metadata=metadata, if_absent=not is_dropped)

    def add_pending(self, work: RetryWork) -> bool:
        """Leave a retry to be written; False where it is left already."""
        with suppress(ConflictError):
            self._work.write(names.pending_retry(work.run), _encode(work), if_absent=True)
            return True
        return False

    def pending(self, run: str) -> RetryWork | None:
        """Give a retry that is still to be written."""
        try:
            content, _ = self._work.read(names.pending_retry(run))
        except NotFoundError:
            return None
        return msgspec.json.decode(content, type=prepared_type(RetryWork))

    def drop_pending(self, run: str) -> None:
        """Forget a retry that has been written."""
        with suppress(NotFoundError):
            self._work.delete(names.pending_retry(run))
