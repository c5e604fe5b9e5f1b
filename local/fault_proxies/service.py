"""A real HTTP server between the app and the simulated service, which spoils the answers to calls that a test names.

    with running(service.url) as proxy:
        proxy.strike("create_batch", FAULTS["302"], after=True, times=2)

`after`: the call reaches the service, which does what was asked, and its answer is replaced; otherwise the service never
hears of it.
"""

import http.client
import json
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from local.fault_proxies.weather import Weather

HTML = "text/html; charset=utf-8"
JSON = "application/json"
PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head>\n<body>Please sign in.</body></html>\n"
HANG_SECONDS = 20.0  # longer than any test lets its client wait
LOGIN = "/login"

_OPERATIONS: tuple[tuple[str, str, str], ...] = (
    ("POST", r"/files/import", "import"),
    ("POST", r"/files", "upload"),
    ("GET", r"/files", "list_files"),
    ("GET", r"/files/[^/]+/content", "content"),
    ("GET", r"/files/[^/]+", "get_file"),
    ("DELETE", r"/files/[^/]+", "delete_file"),
    ("POST", r"/batches", "create_batch"),
    ("GET", r"/batches", "list_batches"),
    ("POST", r"/batches/[^/]+/cancel", "cancel_batch"),
    ("GET", r"/batches/[^/]+", "get_batch"),
    ("POST", r"/.+", "live"),
)


def operation_of(method: str, path: str) -> str:
    """Name the operation of the service that a call is."""
    bare = re.sub(r"^/openai(/v1)?", "", urlsplit(path).path)
    return next((name for m, p, name in _OPERATIONS if m == method and re.fullmatch(p, bare)), "")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What comes in place of an answer. `cut`: a part of the service's own answer, where there is one."""

    status: int = 200
    kind: str = HTML
    body: bytes = PAGE
    headers: Mapping[str, str] = field(default_factory=dict)
    connection: Literal["", "reset", "hang"] = ""
    # Half of the bytes, with the whole length promised or with that half as if it were all; or the first half of the lines.
    cut: Literal["", "promised", "bytes", "lines"] = ""


def own(status: int, code: str) -> Fault:
    """An error in the service's own words."""
    body = json.dumps({"error": {"code": code, "message": "Planned fault."}}).encode()
    return Fault(status=status, kind=JSON, body=body)


# Every kind of answer that is not the service's own, by name.
FOREIGN: dict[str, Fault] = {
    "200 html": Fault(),
    "200 {}": Fault(kind=JSON, body=b"{}"),
    "200 []": Fault(kind=JSON, body=b"[]"),
    "200 null": Fault(kind=JSON, body=b"null"),
    "200 empty": Fault(body=b""),
    "200 other": Fault(kind=JSON, body=b'{"status": "ok", "id": ""}'),
    "204": Fault(status=204, body=b""),
    "302": Fault(status=302, headers={"location": LOGIN}),
    "307": Fault(status=307, headers={"location": LOGIN}),
    "400 html": Fault(status=400),
    "401 html": Fault(status=401),
    "403 html": Fault(status=403),
    "404 html": Fault(status=404),
    "404 path": own(404, "404"),
    "408 html": Fault(status=408),
    "409 html": Fault(status=409),
    "413 html": Fault(status=413),
    "429 html": Fault(status=429),
    "500 html": Fault(status=500),
    "502 html": Fault(status=502),
    "503 html": Fault(status=503),
    "503 empty": Fault(status=503, body=b""),
    "504 html": Fault(status=504),
    "reset": Fault(connection="reset"),
    "hang": Fault(connection="hang"),
}
# The service's own words; after an effect they come from a gateway that made the call twice.
OWN: dict[str, Fault] = {
    "400 own": own(400, "invalidPayload"),
    "401 own": own(401, "401"),
    "409 own": own(409, "conflict"),
    "429 own": own(429, "429"),
    "500 own": own(500, "internalFailure"),
    "503 own": own(503, "serviceUnavailable"),
}
CUT: dict[str, Fault] = {
    "200 half, promised": Fault(cut="promised"),
    "200 half": Fault(cut="bytes"),
    "200 half of the lines": Fault(cut="lines"),
}
FAULTS = {**FOREIGN, **OWN, **CUT}


@dataclass
class _Strike:
    fault: Fault
    after: bool
    left: int


class FaultProxy:
    """Where the proxy listens, and what it is to do. `struck` counts the calls that it has spoilt, by operation."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.url = ""
        self.struck: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._strikes: dict[str, _Strike] = {}
        self.weather: Weather[Fault] | None = None
        self._lock = threading.Lock()
        self.closing = threading.Event()

    def strike(self, operation: str, fault: Fault, *, after: bool, times: int) -> None:
        """Spoil the next calls of an operation."""
        with self._lock:
            self._strikes[operation] = _Strike(fault, after, times)

    def take(self, operation: str) -> _Strike | None:
        """Count a call; give what is to become of it."""
        with self._lock:
            self.calls[operation] += 1
            planned = self._strikes.get(operation)
            if planned is None or planned.left <= 0:
                met = self.weather.strikes(operation) if self.weather else None
                return _Strike(met.fault, met.after, 0) if met else None
            planned.left -= 1
            self.struck[operation] += 1
            return planned


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultProxy

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks()
        if urlsplit(self.path).path == LOGIN:
            self._answer(200, {"content-type": HTML}, PAGE)
            return
        planned = self.proxy.take(operation_of(self.command, self.path))
        if planned is None:
            self._answer(*self._forward(body))
            return
        told = self._forward(body) if planned.after or planned.fault.cut else None
        self._spoil(planned.fault, told)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the names that the base class calls

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        upstream = self.proxy.upstream
        connection = http.client.HTTPConnection(str(upstream.hostname), upstream.port, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "transfer-encoding")}
        try:
            connection.request(self.command, self.path, body, {**headers, "content-length": str(len(body))})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _spoil(self, fault: Fault, told: tuple[int, dict[str, str], bytes] | None) -> None:
        if fault.connection == "reset":
            # No time to linger makes close() send RST.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._hang_up()
        elif fault.connection == "hang":
            self.proxy.closing.wait(HANG_SECONDS)
            self._hang_up()
        elif fault.cut and told:
            self._cut(fault, *told)
        else:
            self._answer(fault.status, {"content-type": fault.kind, **fault.headers}, fault.body)

    def _cut(self, fault: Fault, status: int, headers: dict[str, str], body: bytes) -> None:
        half = body[: len(body) // 2]
        if fault.cut == "lines":
            lines = body.splitlines(keepends=True)
            half = b"".join(lines[: len(lines) // 2])
        if fault.cut != "promised":
            self._answer(status, headers, half)
            return
        self._head(status, headers, len(body))
        self.wfile.write(half)
        self._hang_up()

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self._head(status, headers, len(body))
        self.wfile.write(body)

    def _head(self, status: int, headers: Mapping[str, str], length: int) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(length))
        self.end_headers()

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is no news."""


@contextmanager
def running(upstream: str) -> Iterator[FaultProxy]:
    """A proxy on a free port of this machine, for as long as the block lasts."""
    proxy = FaultProxy(upstream)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
