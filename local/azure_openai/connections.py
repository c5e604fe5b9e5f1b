"""Answers that break off: the connection is cut before, in the middle of, or in place of an answer."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send
    from uvicorn.server import ServerState

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger makes close() send RST


class Connections:
    """The server's open connections, found by the client's address."""

    def __init__(self, server_state: ServerState) -> None:
        self._server_state = server_state

    def reset(self, scope: Scope) -> None:
        """Break the connection so that the client sees a reset, unless it has gone by itself."""
        transport = self._transport(scope)
        if transport is None:
            return
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()

    def close(self, scope: Scope) -> None:
        """Close the connection, unless the client has; what was written so far is still delivered."""
        if transport := self._transport(scope):
            transport.close()

    def _transport(self, scope: Scope) -> asyncio.Transport | None:
        for connection in self._server_state.connections:
            transport = getattr(connection, "transport", None)
            if getattr(connection, "client", None) == scope["client"] and isinstance(
                transport, asyncio.Transport
            ):
                return transport
        return None


class BrokenResponse(Response):
    """In place of an answer, the end of the connection."""

    def __init__(self, connections: Connections, *, reset: bool) -> None:
        super().__init__()
        self._connections = connections
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        """Cut the connection."""
        if self._reset:
            self._connections.reset(scope)
        else:
            self._connections.close(scope)
        await _gone(receive)


class HalfResponse(Response):
    """The head and half the body of another answer, then the end of the connection."""

    def __init__(self, connections: Connections, whole: Response) -> None:
        super().__init__()
        self._connections = connections
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the promised length and half of it."""
        left = int(self._whole.headers["content-length"]) // 2
        is_cut = False

        async def send_half(message: Message) -> None:
            nonlocal left, is_cut
            if is_cut:
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            body = message.get("body", b"")[:left]
            left -= len(body)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            if left == 0:
                is_cut = True
                self._connections.close(scope)

        await self._whole(scope, receive, send_half)
        await _gone(receive)


class ShortResponse(Response):
    """The lines in the first half of another answer's body, as a whole answer."""

    def __init__(self, whole: Response) -> None:
        super().__init__()
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is left of the answer."""
        body = bytearray()

        async def keep(message: Message) -> None:
            body.extend(message.get("body", b""))

        await self._whole(scope, receive, keep)
        cut = body.rfind(b"\n", 0, len(body) // 2 + 1) + 1
        await Response(bytes(body[:cut]))(scope, receive, send)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
