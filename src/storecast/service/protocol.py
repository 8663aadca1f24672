"""HTTP as uvicorn reads it, with bounds on what it leaves open: size and time of what comes before a request
is one, and how slowly an answer may be taken."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from storecast.service.problems import MEDIA_TYPE, Problem

__all__ = ["BoundedProtocol"]

_MOST = 64 * 1024  # bytes of a request line with its headers
_SECONDS = 20.0  # in which they have to come
_READ_SECONDS, _READ_PACE = 30.0, 16 * 1024  # between two looks; bytes a second that are taken at the least
_REASONS = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class BoundedProtocol(HttpToolsProtocol):
    """Refuses, and ends the connection of, whoever sends headers without end, or too slowly, or no HTTP; ends
    that of whoever does not take an answer, so that it holds neither memory nor a place among others."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head, self._in_head = 0, True
        self._late: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody called."""
        super().connection_made(transport)
        self._late = self.loop.call_later(_SECONDS, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """They left."""
        self._on_time()
        self._look_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The next bytes."""
        before = self._in_head
        super().data_received(data)
        if before and self._in_head:
            self._head += len(data)
            if self._head > _MOST and not self.transport.is_closing():
                self._refuse(Problem(431, "headers-too-large", "The headers are too large", *_LESS))

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._head, self._in_head = 0, True
        if self._late is None:
            self._late = self.loop.call_later(_SECONDS, self._too_slow)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """From here on it is the application's."""
        self._in_head = False
        self._on_time()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """More is written than they have taken."""
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        """They took it."""
        self._look_no_more()
        super().resume_writing()

    def _look_later(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._look = self.loop.call_later(_READ_SECONDS, self._look_again, left)

    def _look_again(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() < _READ_SECONDS * _READ_PACE:
            self._count("slow-reader")
            self.transport.abort()
        else:
            self._look_later()

    def _look_no_more(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP."""
        self._refuse(Problem(400, "malformed-request", "This is no HTTP request", msg, "Use an HTTP client."))

    def _busy(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _on_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_slow(self) -> None:
        self._late = None
        if not self._busy() and not self.transport.is_closing():
            text = f"Nothing whole came for {_SECONDS:g} seconds."
            self._refuse(Problem(408, "timeout", "The request did not come", text, "Send it at once."))

    def _refuse(self, problem: Problem) -> None:
        """Answer and end the connection; with a request under way there is nobody to answer."""
        if not self._busy():
            body = problem.body()
            head = b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            about = (problem.status, _REASONS[problem.status], MEDIA_TYPE.encode(), len(body))
            self.transport.write(head % about + body)
            self._count(problem.kind)
        self.transport.close()

    def _count(self, kind: str) -> None:
        application: Any = self.config.app
        application.state.refused(kind)


_LESS = (f"At most {_MOST:,} bytes are taken.", "Send fewer; rows belong into the body of a POST.")
