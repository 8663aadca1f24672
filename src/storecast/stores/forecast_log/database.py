"""The connection to the forecast log's database, SQLite or PostgreSQL, and what its errors mean."""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from storecast.errors import LogError, SetupError
from storecast.stores.forecast_log import migrate
from storecast.stores.forecast_log.turns import Turn

__all__ = ["PATIENCE", "Database", "first_line"]

PATIENCE = 15.0  # seconds that a statement may take where others wait for it: in the service and the follower

_MIGRATING = 0x53746F72  # an advisory lock's number: the first letters of the name
# SQLite moves its journal (WAL) into the file on the commit that makes it this long (in pages of 4 KiB), and
# whoever waits for that commit waits for it. `tidy` moves it earlier and beside the commits.
_WAL_PAGES = 10_000
_WAL_TIDY = 2 << 20  # bytes
_BUSY = 10.0  # seconds that a write of SQLite waits for others
_KEEPALIVES = {"idle": 5, "interval": 2, "count": 3}  # of PostgreSQL: seconds, seconds, unanswered ones
_LATER = 2.0  # seconds after which a statement that PostgreSQL was to have ended is given up here
_HERE = ("localhost", "::1")
_AWAY = "try again in a few seconds; if it stays, check that the database runs and has space"
_DISTRUSTED = (
    "check the host's name in the URL, sslrootcert (the file of the authority that signed the server's"
    " certificate) and sslmode: docs/operations/tls.md"
)


def first_line(error: BaseException) -> str:
    """What a driver says, in one line and without its SQL."""
    cause = getattr(error, "orig", None) or getattr(error, "found", None) or error
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed = parsed.set(
            drivername={"postgresql": "postgresql+psycopg"}.get(parsed.drivername, parsed.drivername)
        )
        kind = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise _unknown_url(url.partition(":")[0]) from error
    if kind not in ("sqlite", "postgresql") or (
        kind == "sqlite" and parsed.database in (None, "", ":memory:")
    ):
        raise _unknown_url(parsed.render_as_string(hide_password=True))
    return _verified(parsed)


def _verified(url: URL) -> URL:
    """With the server's certificate and name verified, where it is another machine and ``url`` does not say
    otherwise: libpq by itself takes whoever answers, and plain text from whoever offers no TLS."""
    if url.get_backend_name() == "sqlite" or {"sslmode", "service"} & set(url.query):
        return url
    query = url.normalized_query
    named = [url.host or "", *query.get("host", ()), *query.get("hostaddr", ())]
    hosts = [host for text in named for host in text.split(",") if host]
    if all(host in _HERE or host.startswith(("127.", "/")) for host in hosts):
        return url
    return url.update_query_dict({"sslmode": "verify-full"})


def _unknown_url(found: str) -> SetupError:
    return SetupError(
        "this is no database for the forecast log",
        expected="sqlite:///path/to/file.db or postgresql://user:password@host/name",
        found=found,
        remedy="correct the database URL",
    )


def _on_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where the code says so, below
    pragmas = ("synchronous=FULL", f"busy_timeout={_BUSY * 1000:.0f}", "foreign_keys=ON")
    for pragma in (*pragmas, f"wal_autocheckpoint={_WAL_PAGES}"):
        connection.execute(f"PRAGMA {pragma}")


def _on_postgres(connection: Any, patience: float | None) -> None:
    # The server, too, is to notice that we are gone: by itself it keeps a lost one's locks for two hours.
    settings = {f"tcp_keepalives_{name}": value for name, value in _KEEPALIVES.items()}
    if patience is not None:  # what nobody waits for any more is not to go on there
        settings["statement_timeout"] = round(1000 * patience)
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET {name} = {value}" for name, value in settings.items()))
    connection.commit()


def _begin(connection: Connection) -> None:
    # A transaction that will write takes the lock at once: one that upgrades later cannot wait for it.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _engine(url: URL, patience: float | None) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, pool_size=8, max_overflow=8)
        event.listen(engine, "connect", _on_sqlite)
        event.listen(engine, "begin", _begin)
        return engine
    # A host that is gone is noticed within seconds, not after the system's quarter of an hour.
    limits = {"connect_timeout": 3, "tcp_user_timeout": 5000}
    limits |= {f"keepalives_{name}": value for name, value in _KEEPALIVES.items()}
    engine = create_engine(
        url,
        pool_size=8,
        max_overflow=8,
        pool_timeout=30.0 if patience is None else patience,
        pool_pre_ping=True,
        connect_args=limits,
    )
    from storecast.stores.forecast_log.waits import connector  # the driver: not needed with SQLite

    event.listen(engine, "do_connect", connector(None if patience is None else patience + _LATER))
    event.listen(engine, "connect", lambda connection, _record: _on_postgres(connection, patience))
    return engine


class Database:
    """One database. Connections are opened when they are asked for; ``close`` ends them.

    ``patience``: seconds that a statement on PostgreSQL may take, for who answers others; without it they
    take as long as they do, as a backup's may. Migrations are never cut.
    """

    def __init__(self, url: str, *, patience: float | None = None) -> None:
        self._url = _parsed(url)
        self.kind = self._url.get_backend_name()
        self.name = self._url.render_as_string(hide_password=True)
        self.engine = _engine(self._url, patience)
        self._turn = Turn(Path(self._url.database or "")) if self.kind == "sqlite" else None

    def turn(self, seconds: float = _BUSY) -> AbstractContextManager[None]:
        """Inside the block it is this thread's turn to write; ``TimeoutError`` after ``seconds``.

        SQLite takes one writer at a time; on PostgreSQL there is nothing to wait for.
        """
        return nullcontext() if self._turn is None else self._turn.take(seconds)

    def failure(self, error: BaseException) -> LogError:
        """What a driver's error means to whoever asked."""
        found = first_line(error)
        return LogError(
            "the forecast log's database does not answer as it should",
            where=self.name,
            found=found,
            remedy=_DISTRUSTED if re.search(r"certificate|\bSSL\b", found) else _AWAY,
        )

    @contextmanager
    def read(self, *, still: bool = False) -> Iterator[Connection]:
        """A connection for reading; ``still``: all that is read is of one moment.

        Raises ``LogError`` where the database is away.
        """
        try:
            with self.engine.connect() as connection:
                if still and self.kind == "postgresql":  # SQLite does so anyway
                    connection = connection.execution_options(isolation_level="REPEATABLE READ")
                yield connection
        except SQLAlchemyError as error:
            raise self.failure(error) from error

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end of the block; raises ``LogError`` where it cannot be.

        A broken uniqueness (SQLAlchemy's ``IntegrityError``) is the caller's to explain.
        """
        try:
            with self.turn(), self.engine.connect() as connection:
                connection = connection.execution_options(writes=True)
                with connection.begin():
                    yield connection
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError) as error:  # OSError: its turn did not come, or has no folder
            raise self.failure(error) from error

    def ensure_schema(self, *, change: bool = True) -> None:
        """Bring the schema up to date, one process at a time; without ``change`` only look.

        Raises ``SetupError`` where the schema is newer than this program, or older and not to be changed;
        ``LogError`` where the database is away.
        """
        try:
            if self.kind == "sqlite":
                self._ensure_sqlite(change)
            else:
                self._ensure_postgres(change)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise self.failure(error) from error

    def _ensure_sqlite(self, change: bool) -> None:
        path = Path(self._url.database or "")
        if change:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Readable by the owner alone: it holds what callers asked.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        handle = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            with self.engine.connect() as connection:
                raw = connection.connection.driver_connection
                assert raw is not None
                raw.execute("PRAGMA journal_mode=WAL")
                connection = connection.execution_options(writes=True)
                self._bring_up(connection, change)
        finally:
            os.close(handle)

    def _ensure_postgres(self, change: bool) -> None:
        with self.engine.connect() as connection:
            with connection.begin():
                if migrate.revision(connection) == migrate.HEAD:
                    return
            driver: Any = connection.connection.driver_connection
            with driver.unbounded(), connection.begin():
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATING})
                self._apply(connection, change)

    def _bring_up(self, connection: Connection, change: bool) -> None:
        with connection.begin():
            self._apply(connection, change)

    def _apply(self, connection: Connection, change: bool) -> None:
        found = migrate.revision(connection)
        if found != migrate.HEAD and not change:
            raise SetupError(
                "the forecast log's database is not at this program's schema",
                where=self.name,
                expected=f"revision {migrate.HEAD}",
                found=f"revision {found}" if found else "an empty database",
                remedy="run `storecast migrate`",
            )
        migrate.upgrade(connection)

    def tidy(self) -> None:
        """Move a long journal of SQLite into the file, while others go on writing. To be called often."""
        if self.kind != "sqlite":
            return
        journal = Path(f"{self._url.database}-wal")
        if not journal.exists() or journal.stat().st_size < _WAL_TIDY:
            return
        try:
            pooled = self.engine.raw_connection()
            try:
                assert pooled.driver_connection is not None
                pooled.driver_connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            finally:
                pooled.close()
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise self.failure(error) from error

    def close(self) -> None:
        """End the idle connections."""
        self.engine.dispose()
        if self._turn is not None:
            self._turn.close()

    def run(self, change: Callable[[Connection], object]) -> None:
        """``change`` in one transaction: for migrations by hand."""
        with self.write() as connection:
            change(connection)
