"""uvicorn's HTTP, which gives up clients that do not send what they should, and the work of those that have gone."""

import asyncio
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_LEAST_BYTES_PER_SECOND = 1000


def timed_protocol(read_seconds: float) -> type[H11Protocol]:
    """HTTP that closes a connection on which a request takes too long to arrive, and ends the work of one that is lost.

    Args:
        read_seconds: how long a client may take from connecting, or from the first byte of a later request, to the last
            byte of the request, and one second more for each 1,000 bytes: a slow upload that goes on is let be.
    """

    class TimedProtocol(H11Protocol):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._check: asyncio.TimerHandle | None = None
            self._began = 0.0
            self._received = 0
            self._is_upgraded = False
            self._work: asyncio.Task[None] | None = None
            self._answer, self.app = self.app, self._answer_unless_gone

        async def _answer_unless_gone(self, scope: Any, receive: Any, send: Any) -> None:
            self._work = asyncio.current_task()
            try:
                await self._answer(scope, receive, send)
            except asyncio.CancelledError:
                if not self.transport.is_closing():
                    raise
            finally:
                self._work = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            connection = transport.get_extra_info("socket")
            if connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._begin()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end()
            super().connection_lost(exc)
            if self._work is not None:
                self._work.cancel()

        def handle_websocket_upgrade(self, event: h11.Request) -> None:
            # From here on another protocol has the connection, and watches it.
            self._is_upgraded = True
            self._end()
            super().handle_websocket_upgrade(event)

        def data_received(self, data: bytes) -> None:
            self._received += len(data)
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            # A request that was sent ahead may be half there; an idle connection is uvicorn's to watch.
            if self.conn.their_state is h11.SEND_BODY:
                self._watch()

        def send_400_response(self, msg: str) -> None:
            try:
                super().send_400_response(msg)
            except h11.LocalProtocolError:
                # An answer has begun, or none may have a body.
                self.transport.close()

        def _watch(self) -> None:
            if self._is_upgraded or self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
                self._end()
            elif self._check is None:
                self._begin()

        def _begin(self) -> None:
            self._began, self._received = self.loop.time(), 0
            self._check = self.loop.call_at(self._began + read_seconds, self._close_if_late)

        def _end(self) -> None:
            if self._check is not None:
                self._check.cancel()
                self._check = None

        def _close_if_late(self) -> None:
            deadline = self._began + read_seconds + self._received / _LEAST_BYTES_PER_SECOND
            if self.loop.time() < deadline:
                self._check = self.loop.call_at(deadline, self._close_if_late)
            else:
                self._check = None
                self.transport.close()

    return TimedProtocol
