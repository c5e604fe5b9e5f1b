"""A webhook that says which files are finished: `python samples/receive_events.py`. The contract: docs/events.md.

Event Grid asks first whether it may call (CloudEvents 1.0, "HTTP 1.1 Web Hooks for Event Delivery"), then posts an event, or a
list of them, at least once each.
"""

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORT = 8080
CREATED = "Microsoft.Storage.BlobCreated"
WHOLE_BLOBS = frozenset({"PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose"})
MOST_BYTES = 1024 * 1024  # of one delivery

# The end of a blob's name in each container, and what has happened when such a blob is there.
MEANINGS = {
    ("processed", "_metadata.json"): "finished",
    ("error", "_metadata.json"): "has errors, or was rejected",
    ("work", "/report.json"): "the snapshot is finished",
}


def meaning(event: dict[str, Any]) -> tuple[str, str] | None:
    """Give what an event says, and the path of the blob that says it; None for any other event."""
    _, found, rest = str(event.get("subject", "")).partition("/containers/")
    container, _, path = rest.partition("/blobs/")
    is_whole = event.get("type") == CREATED and (event.get("data") or {}).get("api") in WHOLE_BLOBS
    if not found or not is_whole:
        return None
    told = (
        said for (where, end), said in MEANINGS.items() if where == container and f"/{path}".endswith(end)
    )
    return next(((said, f"{container}/{path}") for said in told), None)


class Receiver(BaseHTTPRequestHandler):
    """Answers Event Grid; prints each thing once, however often it is told."""

    seen: set[str] = set()  # noqa: RUF012 - of all calls

    def do_OPTIONS(self) -> None:
        """Allow the calls that are asked for."""
        self.send_response(200)
        self.send_header("WebHook-Allowed-Origin", self.headers.get("WebHook-Request-Origin", ""))
        self.end_headers()

    def do_POST(self) -> None:
        """Take events; anything but 2xx has them sent again."""
        length = int(self.headers.get("Content-Length", 0))
        if length > MOST_BYTES:
            self.send_error(413)
            return
        for event in events(self.rfile.read(length)):
            if (told := meaning(event)) and told[1] not in self.seen:
                self.seen.add(told[1])
                sys.stdout.write(f"{told[0]}: {told[1]}\n")
                sys.stdout.flush()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet about calls."""


def events(content: bytes) -> Iterator[dict[str, Any]]:
    """Read a delivery: one event or a list of them; nothing where it is neither."""
    try:
        told = json.loads(content)
    except ValueError:
        return
    yield from (event for event in (told if isinstance(told, list) else [told]) if isinstance(event, dict))


if __name__ == "__main__":
    ThreadingHTTPServer(
        ("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else PORT), Receiver
    ).serve_forever()
