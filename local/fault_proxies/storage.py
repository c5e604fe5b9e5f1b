"""Between the app and Azurite, over real HTTP: answers calls in storage's place, as storage does when it says no.

Written after "Blob service error codes" and "Status and error codes" (read 2026-11).
"""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from local.azurite import Azurite
from local.azurite.server import ACCOUNT_KEY, ACCOUNT_NAME
from local.fault_proxies.weather import Weather

ROOMS = ("input", "processed", "error", "work")
HOP_BY_HOP = frozenset({"transfer-encoding", "connection", "keep-alive"})

# By storage's code: the status of the answer. Nothing has happened then.
REFUSALS = {
    "BlobArchived": 409,
    "LeaseIdMissing": 412,
    "BlobImmutableDueToPolicy": 409,
    "BlobImmutableDueToLegalHold": 409,
    "AuthorizationPermissionMismatch": 403,
    "ContainerNotFound": 404,
    "ContainerBeingDeleted": 409,
    "ServerBusy": 503,
    "OperationTimedOut": 500,
    "InternalError": 500,
}
# What is no answer of storage's: the connection ends before the call has an effect, or after it; a gateway steps in.
CUT, LOST, GATEWAY = "cut", "lost", "gateway 404"
FAULTS = (*REFUSALS, CUT, LOST, GATEWAY)

_CHANGES = frozenset({"write", "copy", "block", "blocklist", "metadata", "delete"})
_APPEARS = (
    "write processed/",
    "copy processed/",
    "blocklist processed/",
    "write error/",
    "copy error/",
    "blocklist error/",
)


@dataclass
class Fault:
    """Answers the next `times` calls of a kind."""

    kind: str
    name: str
    times: int
    met: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it answers no more calls."""
        return self.met >= self.times


@dataclass
class StorageProxy:
    """`kinds` counts the calls by what they do to what; see `kind_of`.

    With `retention` a policy keeps each output as it was first written.
    """

    azurite: Azurite
    port: int = 0
    fault: Fault | None = None
    retention: bool = False
    weather: Weather[str] | None = None
    kept: set[str] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def connection_string(self) -> str:
        """The account behind the proxy."""
        url = f"http://127.0.0.1:{self.port}/{ACCOUNT_NAME}"
        return f"AccountName={ACCOUNT_NAME};AccountKey={ACCOUNT_KEY};BlobEndpoint={url};"

    def meets(self, kind: str, target: str) -> str | None:
        """Count a call; gives the fault that it meets."""
        with self.lock:
            self.kinds[kind] += 1
            if (
                self.retention
                and target.partition("?")[0] in self.kept
                and kind.split(maxsplit=1)[0] in _CHANGES
            ):
                return "BlobImmutableDueToPolicy"
            if self.fault is None or self.fault.kind != kind or self.fault.is_over:
                met = self.weather.strikes(kind) if self.weather else None
                return met.fault if met else None
            self.fault.met += 1
            return self.fault.name


def kind_of(method: str, target: str, headers: Any) -> str:
    """Say what a call does to what: `delete input/file`, `copy work/claim`."""
    parts = urlsplit(target)
    _, _, container, *path = unquote(parts.path).split("/", 3)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    room = next((room for room in ROOMS if container.startswith(room)), "account")
    what = query.get("comp", "")
    if method == "PUT":
        what = "copy" if "x-ms-copy-source" in headers else what or "write"
    action = what or {"GET": "read", "HEAD": "look at", "DELETE": "delete"}.get(method, method)
    if query.get("restype") == "container" or not path:
        prefix = query.get("prefix", "").split("/")[0]
        return f"{action} {room} {prefix if room == 'work' else ''}".strip()
    return f"{action} {room}/{_thing(room, path[0])}"


def _thing(room: str, name: str) -> str:
    last = name.rpartition("/")[2]
    if room == "input":
        return "file"
    if room != "work":
        return next(
            (thing for thing in ("output", "error", "retry", "metadata") if f"_{thing}." in last), "archive"
        )
    if name.startswith("files/"):
        return {"input": "claim", "plan.json": "plan"}.get(last) or name.split("/")[2]
    return "report" if last == "report.json" else name.split("/", maxsplit=1)[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: StorageProxy

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = kind_of(self.command, self.path, self.headers)
        met = self.proxy.meets(kind, self.path)
        if met == CUT:
            self._hang_up()
        elif met in REFUSALS:
            self._refuse(REFUSALS[met], met)
        elif met == GATEWAY:
            self._refuse(404, "")
        elif self._pass_on(body, hang_up=met == LOST) and kind.startswith(_APPEARS):
            self.proxy.kept.add(self.path.partition("?")[0])

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - as the base class names them

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _refuse(self, status: int, code: str) -> None:
        told = (
            f"<?xml version='1.0' encoding='utf-8'?><Error><Code>{code}</Code><Message>No.</Message></Error>"
        )
        content = told.encode() if code else b"<html>Not here.</html>"
        self.send_response(status)
        if code:
            self.send_header("x-ms-error-code", code)
        self.send_header("Content-Type", "application/xml" if code else "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _pass_on(self, body: bytes, *, hang_up: bool) -> bool:
        """Have Azurite answer; tells whether it did what was asked."""
        azurite = HTTPConnection("127.0.0.1", self.proxy.azurite.blob_port, timeout=60)
        try:
            azurite.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    azurite.putheader(name, value)
            azurite.endheaders(body or None)
            answer = azurite.getresponse()
            content = answer.read()
            is_done = answer.status < 300
            if hang_up:
                self._hang_up()
                return is_done
            self.send_response(answer.status)
            kept = [
                (n, v) for n, v in answer.getheaders() if n.lower() not in {*HOP_BY_HOP, "content-length"}
            ]
            for name, value in kept:
                self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(content)
            return is_done
        finally:
            azurite.close()


@contextmanager
def running(azurite: Azurite) -> Iterator[StorageProxy]:
    """Stand before Azurite until the block ends."""
    proxy = StorageProxy(azurite)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    server.daemon_threads = True
    proxy.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
