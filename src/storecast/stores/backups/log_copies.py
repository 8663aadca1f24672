"""The forecast log's database in a backup: SQLite's file as its online backup makes it, PostgreSQL's tables
by ``COPY``, all in one snapshot; writers go on meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from storecast.errors import BackupError
from storecast.ports.backups import Piece
from storecast.stores.forecast_log import migrate
from storecast.stores.forecast_log.database import Database, first_line
from storecast.stores.forecast_log.log import DatabaseLog
from storecast.stores.forecast_log.tables import METADATA

__all__ = ["LogCopies", "copy_sqlite", "sound_sqlite"]

_FILE, _TABLES = "log/forecasts.db", "log/tables"
_PIECE = 1 << 20
_TOLD = ("forecasts", "actuals", "overrides", "model_events", "api_keys")
_LEFT_OUT = ("log_probe",)


def copy_sqlite(source: Path, target: Path) -> None:
    """The database as it is at one moment. In one step: writers of a WAL go on, and cannot start it anew."""
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=60)) as database,
        closing(sqlite3.connect(target)) as copy,
    ):
        database.backup(copy, pages=-1)


def sound_sqlite(path: Path) -> sqlite3.Connection:
    """A connection to a copy, after SQLite has looked through it; raises ``BackupError``."""
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        database.close()
        raise BackupError("a database of the backup is not sound", where=path.name, found=str(found)[:200])
    return database


class LogCopies:
    """Of the database at ``url``."""

    def __init__(self, url: str) -> None:
        self._url = url
        parsed = make_url(url)
        self.kind = parsed.get_backend_name()
        self.path = Path(parsed.database or "") if self.kind == "sqlite" else None

    def capture(self, folder: Path) -> tuple[Mapping[str, Any], list[Piece]]:
        """Copies in ``folder``, and what they are."""
        if self.path is not None and not self.path.exists():
            return {"kind": "none"}, []
        target = folder / "log"
        target.mkdir()
        if self.path is not None:
            copy = target / "forecasts.db"
            copy_sqlite(self.path, copy)
            return {"kind": "sqlite"}, [Piece(_FILE, str(copy))]
        return self._copied(target)

    def _copied(self, target: Path) -> tuple[Mapping[str, Any], list[Piece]]:
        with self._opened() as database, database.read(still=True) as connection:
            at = migrate.revision(connection)
            if at is None:
                return {"kind": "none"}, []
            database.ensure_schema(change=False)
            columns, pieces = {}, []
            for table in METADATA.sorted_tables:
                if table.name in _LEFT_OUT:
                    continue
                columns[table.name] = [column.name for column in table.columns]
                path = target / f"{table.name}.copy"
                query = _copy(table.name, columns[table.name], "TO STDOUT")
                with (
                    _driver(connection).cursor() as cursor,
                    cursor.copy(query) as rows,
                    open(path, "wb") as file,
                ):
                    file.writelines(rows)
                pieces.append(Piece(f"{_TABLES}/{path.name}", str(path)))
            return {"kind": "postgresql", "revision": at, "columns": columns}, pieces

    def counts(self, folder: Path, about: Mapping[str, Any]) -> dict[str, int]:
        """Rows of the tables that people ask for; raises ``BackupError`` where a copy is not sound."""
        if about["kind"] == "sqlite":
            with closing(sound_sqlite(folder / _FILE)) as database:
                there = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
                told = [name for name in _TOLD if name in there]
                query = "SELECT count(*) FROM {}"
                return {name: database.execute(query.format(name)).fetchone()[0] for name in told}
        if about["kind"] == "postgresql":
            return {name: _lines(folder / _TABLES / f"{name}.copy") for name in _TOLD}
        return {}

    def occupied(self) -> bool:
        """Whether there is a log already."""
        if self.path is not None:
            return self.path.exists()
        with self._opened() as database, database.read() as connection:
            if migrate.revision(connection) is None:
                return False
            tables = [name for name in _TOLD if inspect(connection).has_table(name)]
            asked = (connection.execute(text(f"SELECT 1 FROM {name} LIMIT 1")).first() for name in tables)  # noqa: S608
            return any(row is not None for row in asked)

    def fits(self, about: Mapping[str, Any]) -> None:
        """Raise ``BackupError`` where the backup's log is of another kind of database than ours."""
        if about["kind"] not in ("none", self.kind):
            raise BackupError(
                "the backup's forecast log is of another kind of database",
                expected=self.kind,
                found=about["kind"],
                remedy="set STORECAST_LOG_URL to a database of that kind, an empty one",
            )

    def files(self, folder: Path, about: Mapping[str, Any]) -> list[tuple[Path | None, Path]]:
        """What takes which file's place; None: nothing."""
        if self.path is None or about["kind"] == "none":
            return []
        journals = [self.path.with_name(self.path.name + end) for end in ("-wal", "-shm")]
        return [*((None, path) for path in journals), (folder / _FILE, self.path)]

    @contextmanager
    def loading(self, folder: Path, about: Mapping[str, Any]) -> Iterator[Callable[[], None]]:
        """Replace PostgreSQL's tables in one transaction; what is yielded commits it."""
        if about["kind"] != "postgresql":
            yield lambda: None
            return
        with self._opened() as database, database.engine.connect() as connection:
            transaction = connection.begin()
            known = {*METADATA.tables, "alembic_version"}
            for name in known & set(inspect(connection).get_table_names()):
                connection.execute(text(f'DROP TABLE "{name}" CASCADE'))
            migrate.upgrade(connection, about["revision"])
            for name, columns in about["columns"].items():
                if name not in METADATA.tables or not set(columns) <= set(
                    METADATA.tables[name].columns.keys()
                ):
                    raise BackupError("the backup has a table that is not known here", found=str(name)[:80])
            for name in about["columns"]:  # migrations put in a row of their own
                connection.execute(text(f'TRUNCATE "{name}" CASCADE'))
            for table in METADATA.sorted_tables:
                if table.name in about["columns"]:
                    _load(connection, table.name, about["columns"][table.name], folder)
            migrate.upgrade(connection)
            yield transaction.commit

    def take_in(self, spool: Path) -> None:
        """Put the entries that wait in the folder ``spool`` into the database, each once, as a service does
        when it starts; what cannot be put there now waits for one."""
        if any(spool.glob("*.spool")):
            log = DatabaseLog(self._url, spool)
            log.start(patience=60)
            log.close()

    @contextmanager
    def _opened(self) -> Iterator[Database]:
        database = Database(self._url)
        try:
            yield database
        except SQLAlchemyError as error:
            raise database.failure(error) from error
        finally:
            database.close()


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _copy(table: str, columns: list[str], where: str) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f'COPY "{table}" ({names}) {where}'


def _load(connection: Connection, table: str, columns: list[str], folder: Path) -> None:
    import psycopg

    path = folder / _TABLES / f"{table}.copy"
    try:
        with (
            open(path, "rb") as file,
            _driver(connection).cursor() as cursor,
            cursor.copy(_copy(table, columns, "FROM STDIN")) as rows,
        ):
            while data := file.read(_PIECE):
                rows.write(data)
    except psycopg.Error as error:
        raise BackupError(
            "the database does not take a table of the backup", where=table, found=first_line(error)
        ) from error


def _lines(path: Path) -> int:
    with open(path, "rb") as file:
        return sum(data.count(b"\n") for data in iter(lambda: file.read(_PIECE), b""))
