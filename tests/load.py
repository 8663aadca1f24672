"""Load on a running service: connections that ask one question after the other, whatever happens to it.

Each request has an id of its own, under which the forecast log must have it once if it was answered.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

__all__ = ["Answer", "Load", "Question", "ask_once", "begin", "mixed", "when_entered"]

_Logged = TypeVar("_Logged", bound=Mapping[str, object])
_SECONDS = 30.0  # until an answer is given up


@dataclass(frozen=True)
class Question:
    """A request: ``method``, ``path`` and JSON ``body``."""

    path: str
    body: bytes = b""

    def as_bytes(self, number: str, headers: str = "") -> bytes:
        method = "POST" if self.body else "GET"
        kind = f"content-type: application/json\r\ncontent-length: {len(self.body)}\r\n" if self.body else ""
        return (
            f"{method} {self.path} HTTP/1.1\r\nhost: localhost\r\n"
            f"x-request-id: {number}\r\n{kind}{headers}\r\n"
        ).encode() + self.body


@dataclass(frozen=True)
class Answer:
    """One answer, read to its end."""

    request: str
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


def mixed(series: Sequence[str], weeks: Sequence[str]) -> list[Question]:
    """Look-ups for the most part, among them bulk requests and what-ifs."""
    rows = [{"store": name, "date": weeks[i % len(weeks)]} for i, name in enumerate([*series] * 10)]
    bulk = Question("/v1/predictions", json.dumps({"rows": rows}).encode())
    event = {"kind": "promotion", "first": weeks[0], "lift": 1.2}
    what_if = {"series": series[0], "horizon": 2, "events": [event]}
    questions = [Question(f"/v1/forecasts?series={name}&horizon=4") for name in series]
    return [*questions * 3, bulk, Question("/v1/what-if", json.dumps(what_if).encode())]


def when_entered(answered: Sequence[str], logged: Callable[[], _Logged]) -> _Logged:
    """``logged()``, by request, once it has every request that was ``answered``.

    What a database does not take for seconds, because its disk stalls, is answered from a spool; and the
    spool is entered when the database is back, which may be after the last answer.
    """
    deadline = time.monotonic() + _SECONDS
    while missing := set(answered) - (found := logged()).keys():
        assert time.monotonic() < deadline, f"answered and not in the log: {sorted(missing)}"
        time.sleep(0.1)
    return found


async def _read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    return await _read_rest(reader, await reader.readuntil(b"\r\n\r\n"))


async def _read_rest(reader: asyncio.StreamReader, first: bytes) -> tuple[int, dict[str, str], bytes]:
    """The answer whose head is ``first``."""
    head = first.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:-2])}
    status = int(head[0].split(" ", 2)[1])
    if "content-length" in headers:
        return status, headers, await reader.readexactly(int(headers["content-length"]))
    body = b""  # in chunks
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return status, headers, body


async def ask_once(port: int, question: Question, headers: str = "") -> Answer:
    """One request on a connection of its own; raises what broke it."""
    number, began = uuid.uuid4().hex, time.monotonic()
    async with asyncio.timeout(_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(question.as_bytes(number, headers))
            return Answer(number, *await _read(reader), time.monotonic() - began)
        finally:
            writer.close()


async def begin(port: int, question: Question) -> Callable[[], Awaitable[Answer]]:
    """Send all of a request but its last byte; what sends that and gives the answer."""
    number, began = uuid.uuid4().hex, time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = question.as_bytes(number)
    writer.write(data[:-1])
    await writer.drain()

    async def rest() -> Answer:
        async with asyncio.timeout(_SECONDS):
            try:
                writer.write(data[-1:])
                return Answer(number, *await _read(reader), time.monotonic() - began)
            finally:
                writer.close()

    return rest


class _CrossedError(Exception):
    """A question crossed the end of a connection that was idle."""


@dataclass
class Load:
    """``connections`` that ask ``questions`` in turn until the block ends; ``pause`` seconds between two.

    ``answered``: per connection the ids of requests answered with 200, in their order; ``refused``: other
    answers; ``broken``: requests that were sent and whose answer never came whole; ``seconds``: the longest
    answer. A connection that is lost is made again. ``tls``: what a connection over TLS trusts. With
    ``looks`` it does what clients with a pool do: one that was ended while nothing was asked on it is not
    asked, and a GET that crossed such an end is asked again on a new one (RFC 9112, 9.3.1), once.
    """

    port: int
    questions: Sequence[Question]
    connections: int = 16
    headers: str = ""
    pause: float = 0.0
    answered: list[list[str]] = field(default_factory=list)
    refused: list[Answer] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    check: Callable[[Answer], None] | None = None
    tls: ssl.SSLContext | None = None
    looks: bool = False
    failures: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Load:
        self.answered = [[] for _ in range(self.connections)]
        self._ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._work()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        assert not self.failures, self.failures[:3]

    @property
    def requests(self) -> list[str]:
        """All that were answered."""
        return [request for connection in self.answered for request in connection]

    def more(self, answers: int, seconds: float = 60) -> None:
        """Wait until so many more are answered."""
        target, deadline = sum(map(len, self.answered)) + answers, time.monotonic() + seconds
        while sum(map(len, self.answered)) < target:
            assert not self.failures, self.failures[:3]
            assert time.monotonic() < deadline, (self.broken, self.refused[-3:])
            time.sleep(0.01)

    async def _work(self) -> None:
        await asyncio.gather(*(self._connection(k) for k in range(self.connections)))

    async def _connection(self, k: int) -> None:
        number = k
        while not self._ending.is_set():
            try:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self.port, ssl=self.tls, server_hostname="localhost" if self.tls else None
                )
            except OSError:  # nobody listens: nothing was asked
                await asyncio.sleep(0.05)
                continue
            try:
                used = False
                while not self._ending.is_set():
                    if self.looks and reader.at_eof():
                        break
                    question = self.questions[(number + 1) % len(self.questions)]
                    try:
                        again = await self._ask(k, question, reader, writer, idle=used and self.looks)
                    except _CrossedError:
                        break
                    number, used = number + 1, True
                    if not again:
                        break
                    await asyncio.sleep(self.pause)
            finally:
                # over TLS a goodbye would be waited for, by a loop that may have ended
                (writer.transport.abort if self.tls else writer.close)()

    async def _ask(
        self,
        k: int,
        question: Question,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        idle: bool,
    ) -> bool:
        """Whether the connection may be used again. Raises where it may have been ended before the question
        came, because it was ``idle``."""
        request, began = uuid.uuid4().hex, time.monotonic()
        try:
            async with asyncio.timeout(_SECONDS):
                writer.write(question.as_bytes(request, self.headers))
                try:
                    head = await reader.readuntil(b"\r\n\r\n")
                except (ConnectionError, asyncio.IncompleteReadError) as error:
                    if idle and not question.body and not getattr(error, "partial", b""):
                        raise _CrossedError from error
                    raise
                answer = Answer(request, *await _read_rest(reader, head), time.monotonic() - began)
        except (OSError, EOFError, TimeoutError) as error:
            self.broken[type(error).__name__] += 1
            return False
        self.seconds = max(self.seconds, answer.seconds)
        if answer.status != 200:
            self.refused.append(answer)
            await asyncio.sleep(0.02)
        else:
            self.answered[k].append(request)
            if self.check is not None:
                try:
                    self.check(answer)
                except BaseException as error:  # noqa: BLE001 the test hears of it
                    self.failures.append(error)
        return answer.headers.get("connection") != "close"
