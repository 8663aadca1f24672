"""What belongs to one request: who asks, under which id, since when; and how its body is read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from storecast.service.problems import Problem, from_msgspec

__all__ = [
    "LARGE",
    "Call",
    "Reply",
    "body_chunks",
    "call_of",
    "decode",
    "media_type",
    "off_loop",
    "read_body",
]

P = ParamSpec("P")
T = TypeVar("T")
LARGE = 256 * 1024  # bytes of a body that is worked on beside the loop
_BODY_SECONDS, _BODY_PACE = 30.0, 16 * 1024  # to wait for a body, and more by its bytes; bytes a second
_UNTIMED = nullcontext()


class _Step:
    """Notes when the block began and ended."""

    __slots__ = ("_began", "_name", "_steps")

    def __init__(self, name: str, steps: list[tuple[str, int, int]]) -> None:
        self._name, self._steps = name, steps

    def __enter__(self) -> None:
        self._began = time.time_ns()

    def __exit__(self, *about: object) -> None:
        self._steps.append((self._name, self._began, time.time_ns()))


@dataclass(slots=True)
class Call:
    """``id`` of the request, ``caller`` (id of the API key, "local" without), its ``role``, and ``started``
    (``time.perf_counter``).

    ``problem``: kind of the problem it was refused with, where FastAPI sent that. ``steps``: name, begin and
    end (nanoseconds since 1970) of what it took its time for; None where nobody wants to know.
    """

    id: str
    caller: str
    role: str
    started: float
    problem: str = ""
    steps: list[tuple[str, int, int]] | None = None

    def step(self, name: str) -> AbstractContextManager[None]:
        """The block is a step of the request."""
        return _UNTIMED if self.steps is None else _Step(name, self.steps)


class Reply(Response):
    """A whole body with as little around it as HTTP needs: on the routes that are asked most."""

    def __init__(self, body: bytes, content_type: bytes = b"application/json", status: int = 200) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]


def call_of(request: Request) -> Call:
    """The call that the gate made of this request."""
    call = request.scope["storecast"]
    assert isinstance(call, Call)
    return call


def media_type(request: Request) -> str:
    """The type of the body, in lower case and without parameters; raises 415 for a charset but UTF-8."""
    given = request.headers.get("content-type", "")
    kind, _, rest = given.partition(";")
    if "charset" in rest.lower():
        charset = rest.lower().partition("charset=")[2].strip().strip('"').partition(";")[0]
        if charset.strip() not in ("utf-8", "utf8", "us-ascii"):
            raise Problem(
                415,
                "unsupported-charset",
                "The body is not in UTF-8",
                f"Found charset {charset[:40]!r}.",
                "Send UTF-8.",
            )
    return kind.strip().lower()


def too_large(limit: int) -> Problem:
    """413."""
    return Problem(
        413,
        "too-large",
        "The body is too large",
        f"At most {limit:,} bytes are taken here.",
        "Send fewer rows at a time, or upload a data set.",
    )


def _did_not_come(detail: str) -> Problem:
    return Problem(408, "timeout", "The body did not come", detail, "Send it again.")


def _check_coding(request: Request) -> None:
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding not in ("identity", ""):
        raise Problem(
            415,
            "unsupported-encoding",
            "Compressed bodies are not taken",
            f"Found content-encoding {coding[:40]!r}.",
            "Send the body as it is.",
        )


async def body_chunks(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body piece by piece; raises 413 above ``limit`` bytes, 415 compressed, 408 where it stalls or
    trickles: half a minute is waited for it, and more only as it comes."""
    _check_coding(request)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise too_large(limit)
    size, waited = 0, 0.0
    receive = request.receive
    while True:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(_BODY_SECONDS + size / _BODY_PACE - waited):
                message = await receive()
        except TimeoutError as error:
            raise _did_not_come(f"Found {size:,} bytes, and no more in time.") from error
        waited += time.perf_counter() - began
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        if piece:
            yield piece
        if not message.get("more_body", False):
            return


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, at most ``limit`` bytes."""
    _check_coding(request)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise too_large(limit)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                piece = message.get("body", b"")
                if not pieces and not message.get("more_body", False) and len(piece) <= limit:
                    return piece  # type: ignore[no-any-return]
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    raise too_large(limit)
                if not message.get("more_body", False):
                    return b"".join(pieces)
    except TimeoutError as error:
        raise _did_not_come(f"It took more than {_BODY_SECONDS:g} seconds.") from error


async def off_loop(large: bool, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``work`` gives; in a thread where it is ``large``, so that others are answered meanwhile."""
    return await asyncio.to_thread(work, *args, **kwargs) if large else work(*args, **kwargs)


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The body as ``decoder`` reads it; raises 400 or 422 naming the field."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise from_msgspec(error) from error
