"""The socket, and the life between the first request that is taken and the last."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from storecast.errors import SetupError
from storecast.service.certificate import Certificate
from storecast.service.protocol import BoundedProtocol

__all__ = ["Server", "address", "listen"]

_LOG = logging.getLogger("storecast.service")
_SO_ATTACH_FILTER = 26  # Linux
_TICK, _LAST = 0.05, 3.0  # seconds: of a look; in which who is connected already may still ask
_QUEUE = 2048  # callers that may wait to be taken on
_KEPT, _GRACE = 30, 30  # seconds: of idle connections; of requests under way after the last was taken


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the address; nobody answers yet. Port 0 takes a free one.

    Raises SetupError where the address is in use, not this machine's, or not ours to take.
    """
    where = f"--host {host} --port {port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise SetupError(
            "there is no such address to listen on",
            where=where,
            found=str(error),
            remedy="name an address of this machine, such as 127.0.0.1 or 0.0.0.0",
        ) from error
    family, kind, protocol, _, place = found[0]
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(place)
        # Of two sockets that are bound alone, both would be. Who calls before we are ready waits in line:
        # with too short a one his packets would be dropped, and he try again after seconds.
        made.listen(_QUEUE)
    except OSError as error:
        made.close()
        raise SetupError(
            "the address cannot be listened on",
            where=where,
            found=error.strerror or str(error),
            expected="an address of this machine with a port that nothing else uses",
            remedy="end what uses it, choose another --port, or take a free one with --port 0",
        ) from error
    return made


def address(sock: socket.socket, scheme: str = "http") -> str:
    """The URL at which this machine reaches ``sock``."""
    host, port = sock.getsockname()[:2]
    here = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"{scheme}://{here}:{port}"


def _take_no_more(sock: socket.socket) -> None:
    """Let ``sock`` answer no new caller, while those that are connected already can still be taken on.

    Closing it at once would cut them off. A packet filter that lets nothing through does it on Linux; others
    have no means, and there a caller of the last millisecond may be cut off.
    """
    nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0 bytes
    program = struct.pack("HP", 1, ctypes.addressof(nothing))
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


class Server(uvicorn.Server):
    """Serves ``app`` on ``sock``; on the first signal it drains, on the next it ends.

    While it drains, for ``drain_seconds``, requests are taken on as before and ``draining`` has been called,
    so that whoever asks for readiness looks elsewhere and idle connections come to their end. With a
    ``certificate`` it answers over TLS alone.
    """

    def __init__(
        self,
        app: ASGIApp,
        sock: socket.socket,
        *,
        drain_seconds: float,
        started: Callable[[], None],
        draining: Callable[[], None],
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=BoundedProtocol,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEPT,
                timeout_graceful_shutdown=_GRACE,
                ssl_context_factory=(lambda *_: certificate.context) if certificate else None,
            )
        )
        self.scheme = "https" if certificate else "http"
        self._certificate = certificate
        self._keeper: asyncio.Task[None] | None = None
        self._sock, self._drain_seconds = sock, drain_seconds
        self._on_start, self._on_drain = started, draining
        self._draining = False
        self._drained: asyncio.Task[None] | None = None

    def serve_on_socket(self) -> None:
        """Answer until a signal has ended it; returns when the last request is answered."""
        self.run(sockets=[self._sock])
        _LOG.info("ended")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        if self._certificate is not None:
            self._keeper = self._loop.create_task(self._certificate.keep())
        _LOG.info("listening", extra={"fields": {"url": address(self._sock, self.scheme)}})
        self._on_start()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals while it serves. Unlike uvicorn's they are not raised again afterwards: what
        started this has more to end."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal lets it drain; a second one ends it when the requests under way are answered."""
        if not self.started or self._draining:
            super().handle_exit(sig, frame)
            return
        self._draining = True
        self._loop.call_soon_threadsafe(self._begin_draining)

    def _begin_draining(self) -> None:
        _LOG.info("draining", extra={"fields": {"seconds": self._drain_seconds}})
        self._on_drain()
        self._drained = self._loop.create_task(self._drain())

    async def _drain(self) -> None:
        await asyncio.sleep(self._drain_seconds)
        _take_no_more(self._sock)
        last = self._loop.time() + _LAST
        await asyncio.sleep(_TICK)  # in which whoever waits in line is taken on
        # Each answer closes its connection by now; one without an answer may have its request on the way.
        while self.server_state.connections and self._loop.time() < last and not self.should_exit:
            await asyncio.sleep(_TICK)
        self.should_exit = True
