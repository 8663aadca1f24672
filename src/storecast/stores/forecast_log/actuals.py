"""True sales, uploaded as often as people like."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from storecast.errors import DataError
from storecast.ports.records import Actual, ActualsChange
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.tables import actuals

__all__ = ["ActualsTable"]

_CHUNK = 500  # rows a transaction: an upload of many does not hold up the log
_KEY = (actuals.c.unique_id, actuals.c.ds)


def _checked(rows: Iterable[Actual]) -> dict[tuple[str, str], float]:
    values: dict[tuple[str, str], float] = {}
    for number, (unique_id, ds, y) in enumerate(rows, 1):
        where = f"row {number}, series {unique_id!r}, week {ds}"
        try:
            sound = date.fromisoformat(ds).isoformat() == ds
        except ValueError:
            sound = False
        if not sound or "\0" in unique_id:
            raise DataError(
                "an actual has no usable key", where=where, expected="a series and a week like 2012-10-26"
            )
        if not math.isfinite(y):
            raise DataError(
                "an actual is not a number",
                where=where,
                expected="sales",
                found=str(y),
                remedy="leave it out",
            )
        if values.setdefault((unique_id, ds), y) != y:
            raise DataError(
                "one week of a series is given with two values",
                where=where,
                found=f"{values[unique_id, ds]} and {y}",
                remedy="keep the one that is true",
            )
    return values


class ActualsTable:
    """The port ``Actuals`` on a database; ``clock``: nanoseconds since 1970."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._database, self._clock = database, clock

    def put(self, rows: Iterable[Actual], *, who: str) -> ActualsChange:
        """See ``ports.records.Actuals.put``."""
        items = list(_checked(rows).items())
        items.sort()  # two uploads at once lock rows in one order
        total = ActualsChange(0, 0, 0)
        for start in range(0, len(items), _CHUNK):
            with self._database.write() as connection:
                change = self._put(connection, items[start : start + _CHUNK], who)
            total = ActualsChange(*(a + b for a, b in zip(total, change, strict=True)))
        return total

    def _put(
        self, connection: Connection, items: list[tuple[tuple[str, str], float]], who: str
    ) -> ActualsChange:
        keys = [key for key, _ in items]
        query = select(*_KEY, actuals.c.y).where(tuple_(*_KEY).in_(keys))
        there = {(row.unique_id, row.ds): row.y for row in connection.execute(query)}
        news = [(key, y) for key, y in items if there.get(key) != y]
        if news:
            at = self._clock() // 1000
            make: Any = sqlite.insert if self._database.kind == "sqlite" else postgresql.insert
            statement = make(actuals).values(
                [{"unique_id": key[0], "ds": key[1], "y": y, "who": who, "at": at} for key, y in news]
            )
            given = statement.excluded
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=_KEY, set_={"y": given.y, "who": given.who, "at": given.at}
                )
            )
        inserted = sum(key not in there for key, _ in news)
        return ActualsChange(inserted, len(news) - inserted, len(items) - len(news))

    def each(
        self, *, unique_ids: Sequence[str] | None = None, since: str | None = None, until: str | None = None
    ) -> Iterator[Actual]:
        """See ``ports.records.Actuals.each``."""
        query = select(*_KEY, actuals.c.y).order_by(*_KEY)
        if unique_ids is not None:
            query = query.where(actuals.c.unique_id.in_(unique_ids))
        if since is not None:
            query = query.where(actuals.c.ds >= since)
        if until is not None:
            query = query.where(actuals.c.ds < until)
        with self._database.read() as connection:
            for row in connection.execution_options(yield_per=2000).execute(query):
                yield Actual(*row)
