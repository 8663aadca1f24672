"""How a group of entries enters the table: one statement where it can be, and never an entry twice.

Both write through the driver itself: SQLAlchemy's share of an insert would be most of its cost.
"""

from __future__ import annotations

import contextlib
import socket
import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any, Protocol

import msgspec

from storecast.ports import Entry
from storecast.stores.forecast_log.database import Database

__all__ = ["Sink", "driver_errors", "is_refusal", "open_sink"]

_COLUMNS = ", ".join(Entry._fields)
_CHUNK = 64  # rows a statement of SQLite
_BUSY = 2.0  # seconds to wait for other writers before the spool takes the group
_PATIENCE = "8s"  # that PostgreSQL gives a group, waiting for locks and for our next statement included
_TYPES = {"at": "bigint", "version": "integer", "rows": "integer", "latency": "bigint"}


class Sink(Protocol):
    """One connection that belongs to one thread; ``abort`` alone may be called by another."""

    def insert(self, entries: Sequence[Entry]) -> None:
        """Insert in one transaction what is not there yet; on disk when this returns."""
        ...

    def probe(self, at: int) -> None:
        """Write something: raises the driver's error where the database takes no writes."""
        ...

    def abort(self) -> None:
        """Make a call that hangs in another thread fail."""
        ...

    def close(self) -> None:
        """End the connection, whatever state it is in."""
        ...


def driver_errors() -> tuple[type[Exception], ...]:
    """What a sink raises where its database is away, full or locked."""
    import psycopg  # here, not above: with SQLite it is never needed

    return (sqlite3.Error, psycopg.Error, OSError)


def is_refusal(error: Exception) -> bool:
    """Whether the database refused the content of an entry, rather than being away."""
    import psycopg

    kinds = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError, OverflowError)
    return isinstance(error, (*kinds, psycopg.DataError, psycopg.IntegrityError))


def _taken_out(database: Database) -> Any:
    """A driver's connection, configured as all are, that the pool gives up."""
    pooled = database.engine.raw_connection()
    connection = pooled.driver_connection
    pooled.detach()
    return connection


def _sqlite_insert(rows: int) -> str:
    row = f"({', '.join('?' * len(Entry._fields))})"
    return f"INSERT INTO forecasts ({_COLUMNS}) VALUES {', '.join([row] * rows)} ON CONFLICT (id) DO NOTHING"  # noqa: S608 column names of the program


class _SqliteSink:
    def __init__(self, database: Database) -> None:
        self._turn = database.turn
        self._connection = _taken_out(database)
        self._connection.execute(f"PRAGMA busy_timeout={_BUSY * 1000:.0f}")
        self._statements = [_sqlite_insert(rows) for rows in range(_CHUNK + 1)]

    def insert(self, entries: Sequence[Entry]) -> None:
        with self._turn(_BUSY):
            if len(entries) <= _CHUNK:  # a statement is a transaction
                self._execute(entries)
                return
            with self._transaction():
                for start in range(0, len(entries), _CHUNK):
                    self._execute(entries[start : start + _CHUNK])

    def _execute(self, entries: Sequence[Entry]) -> None:
        self._connection.execute(self._statements[len(entries)], tuple(chain.from_iterable(entries)))

    @contextlib.contextmanager
    def _transaction(self) -> Any:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def probe(self, at: int) -> None:
        with self._turn(_BUSY):
            self._connection.execute(
                "INSERT INTO log_probe (id, at) VALUES (1, ?)"
                " ON CONFLICT (id) DO UPDATE SET at = excluded.at",
                (at,),
            )

    def abort(self) -> None:
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()


def _postgres_insert() -> str:
    # One parameter however many rows: psycopg adapts each parameter in Python.
    typed = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in Entry._fields[:-1])
    return (
        f"INSERT INTO forecasts ({_COLUMNS}) SELECT r.*, NULL FROM json_to_recordset(%s::json) AS r({typed})"  # noqa: S608 column names of the program
        " ON CONFLICT (id) DO NOTHING"
    )


class _PostgresSink:
    def __init__(self, database: Database) -> None:
        self._connection = _taken_out(database)
        self._connection.rollback()
        self._connection.autocommit = True
        for setting in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            self._connection.execute(f"SET {setting} = '{_PATIENCE}'")
        if self._connection.execute("SHOW synchronous_commit").fetchone()[0] == "off":
            self._connection.execute("SET synchronous_commit = on")
        self._plain = _postgres_insert()
        marks = ", ".join(["%s"] * len(Entry._fields))
        self._with_blob = f"INSERT INTO forecasts ({_COLUMNS}) VALUES ({marks}) ON CONFLICT (id) DO NOTHING"  # noqa: S608 column names of the program

    def insert(self, entries: Sequence[Entry]) -> None:
        large = [entry for entry in entries if entry.rows_blob is not None]
        if not large:  # a statement is a transaction
            self._insert_plain(entries)
            return
        with self._connection.transaction():
            self._insert_plain([entry for entry in entries if entry.rows_blob is None])
            for entry in large:
                self._connection.execute(self._with_blob, entry)

    def _insert_plain(self, entries: Sequence[Entry]) -> None:
        if entries:
            objects = [dict(zip(Entry._fields, entry, strict=True)) for entry in entries]
            self._connection.execute(self._plain, (msgspec.json.encode(objects).decode(),), prepare=True)

    def probe(self, at: int) -> None:
        self._connection.execute(
            "INSERT INTO log_probe (id, at) VALUES (1, %s) ON CONFLICT (id) DO UPDATE SET at = excluded.at",
            (at,),
        )

    def abort(self) -> None:
        # The server may be stopped and its system still answer for it: nothing else ends the wait.
        with contextlib.suppress(OSError), socket.socket(fileno=self._connection.fileno()) as ours:
            try:
                ours.shutdown(socket.SHUT_RDWR)
            finally:
                ours.detach()  # the descriptor stays libpq's

    def close(self) -> None:
        self._connection.close()


def open_sink(database: Database) -> Sink:
    """A connection of its own to ``database``, outside the pool; raises the driver's errors."""
    return _SqliteSink(database) if database.kind == "sqlite" else _PostgresSink(database)
