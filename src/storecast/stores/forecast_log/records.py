"""The log of answers, read back, exported and thinned out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, null, select

from storecast.ports import Entry
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.ids import first_id
from storecast.stores.forecast_log.tables import forecasts

__all__ = ["ForecastTable"]

_PRUNED = 2000  # entries a transaction: the log goes on between them


def _within(since: int | None, until: int | None) -> list[ColumnElement[bool]]:
    # By id, which has the index and the order of time; by time as well, since an answer's id is made
    # a moment before its time is taken.
    conditions: list[ColumnElement[bool]] = []
    if since is not None:
        conditions += [forecasts.c.at >= since]
    if until is not None:
        conditions += [forecasts.c.id < first_id(until), forecasts.c.at < until]
    return conditions


def _each(connection: Connection, since: int | None, until: int | None) -> Iterator[Entry]:
    query = select(forecasts).where(*_within(since, until)).order_by(forecasts.c.id)
    for row in connection.execute(query, execution_options={"yield_per": 200}):
        yield Entry(*row)


class ForecastTable:
    """The port ``ForecastRecords`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, key: str) -> Entry | None:
        """See ``ports.records.ForecastRecords.find``."""
        with self._database.read() as connection:
            row = connection.execute(select(forecasts).where(forecasts.c.id == key)).one_or_none()
        return None if row is None else Entry(*row)

    def listing(
        self,
        *,
        limit: int,
        before: str | None = None,
        since: int | None = None,
        until: int | None = None,
        series: str | None = None,
        caller: str | None = None,
        kind: str | None = None,
    ) -> list[Entry]:
        """See ``ports.records.ForecastRecords.listing``."""
        conditions = _within(since, until)
        if before is not None:
            conditions.append(forecasts.c.id < before)
        for column, wanted in (("series", series), ("caller", caller), ("kind", kind)):
            if wanted is not None:
                conditions.append(forecasts.c[column] == wanted)
        query = self._without_blob().where(*conditions).order_by(forecasts.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [Entry(*row) for row in connection.execute(query)]

    def _without_blob(self) -> Select[Any]:
        plain = [column for column in forecasts.c if column.name != "rows_blob"]
        return select(*plain, null().label("rows_blob"))

    def count(self, *, since: int | None = None, until: int | None = None) -> int:
        """How many entries there are."""
        with self._database.read() as connection:
            query = select(func.count()).select_from(forecasts).where(*_within(since, until))
            return connection.execute(query).scalar_one()

    def each(self, *, since: int | None = None, until: int | None = None) -> Iterator[Entry]:
        """Entries with their blobs, oldest first, a few in memory at a time."""
        with self._database.read() as connection:
            yield from _each(connection, since, until)

    @contextmanager
    def snapshot(
        self, *, since: int | None = None, until: int | None = None
    ) -> Iterator[Callable[[], Iterator[Entry]]]:
        """Entries as of one moment, the same however often they are asked for, while the log goes on."""
        with self._database.read(still=True) as connection:
            yield partial(_each, connection, since, until)

    def prune(self, *, before: int) -> int:
        """Remove the entries of times before ``before`` (microseconds since 1970); how many there were."""
        removed = 0
        old = (forecasts.c.id < first_id(before), forecasts.c.at < before)
        while True:
            some = select(forecasts.c.id).where(*old).order_by(forecasts.c.id).limit(_PRUNED)
            with self._database.write() as connection:
                ids = list(connection.execute(some).scalars())
                if ids:
                    connection.execute(delete(forecasts).where(*old, forecasts.c.id <= ids[-1]))
            removed += len(ids)
            if len(ids) < _PRUNED:
                return removed
