"""A connection to PostgreSQL whose waits end, whatever the server does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen

__all__ = ["BoundedConnection", "connector"]


class _NoAnswer(psycopg.OperationalError):
    """The server kept us waiting for too long."""


class BoundedConnection(psycopg.Connection[Any]):
    """``seconds``: that one statement may keep its caller waiting, None for as long as it takes. Then the
    connection is closed and a driver's error raised.

    Keepalives and TCP's timeout do not see a server that is stopped: its system answers for it.
    """

    seconds: float | None = None

    def wait(self, gen: PQGen[RV], *args: Any, **options: Any) -> RV:
        """See ``psycopg.Connection.wait``."""
        if self.seconds is None:
            return super().wait(gen, *args, **options)
        try:
            return super().wait(_ending(gen, self.seconds), *args, **options)
        except _NoAnswer:
            self.close()  # what the server may say yet is not to be taken for the next answer
            raise

    @contextmanager
    def unbounded(self) -> Iterator[None]:
        """Inside the block a statement may take as long as it does."""
        before, self.seconds = self.seconds, None
        try:
            yield
        finally:
            self.seconds = before


def _ending(gen: PQGen[RV], seconds: float) -> PQGen[RV]:
    """``gen``, broken off where it waits still after ``seconds``; the driver looks ten times a second."""
    last = time.monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > last:
                raise _NoAnswer(f"the server did not answer within {seconds:g} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        found: RV = end.value
        return found


def connector(seconds: float | None) -> Any:
    """What SQLAlchemy is to connect with, for its event ``do_connect``."""

    def connect(_dialect: object, _record: object, words: Any, options: Any) -> BoundedConnection:
        made = BoundedConnection.connect(*words, **options)
        made.seconds = seconds
        return made

    return connect
