"""Bringing file contents to disk, from an upload or a URL, in pieces."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

CHUNK_BYTES = 1024 * 1024
_FETCH_SECONDS = 60.0  # without a byte arriving


class FetchError(Exception):
    """A URL that gave no usable content. The message never holds the URL, which may be signed."""


class Readable(Protocol):
    """An open source of bytes."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""


class Stored(msgspec.Struct, frozen=True):
    """What was written."""

    size_bytes: int
    sha256: str


def store(source: Readable, target: Path, limit_bytes: int | None = None) -> Stored:
    """Copy a source to a file. Raises FetchError beyond the limit."""
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as file:
        while chunk := source.read(CHUNK_BYTES):
            size += len(chunk)
            if limit_bytes is not None and size > limit_bytes:
                raise FetchError(f"the content is larger than {limit_bytes} bytes")
            file.write(chunk)
            digest.update(chunk)
    return Stored(size, digest.hexdigest())


def fetch(url: str, target: Path, limit_bytes: int) -> Stored:
    """Copy what a GET of the URL gives to a file. Blocks. Raises FetchError."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise FetchError("content_url must be an http or https URL")
    try:
        with urllib.request.urlopen(url, timeout=_FETCH_SECONDS) as answer:  # noqa: S310 - the scheme was checked
            promised = answer.headers.get("content-length")
            stored = store(answer, target, limit_bytes)
    except urllib.error.HTTPError as error:
        raise FetchError(f"HTTP {error.code}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise FetchError(type(error).__name__) from error
    if promised is not None and int(promised) != stored.size_bytes:
        raise FetchError("the content ended early")
    return stored
