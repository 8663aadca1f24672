"""What people know better: overrides of forecasts, each with a name and a reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy import func, insert, select

from storecast.ports.records import Override
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.ids import id_maker
from storecast.stores.forecast_log.queries import pick
from storecast.stores.forecast_log.tables import overrides

__all__ = ["OverrideTable"]


class OverrideTable:
    """The port ``Overrides`` on a database; ``clock``: nanoseconds since 1970."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._database, self._clock, self._new_id = database, clock, id_maker(clock)

    def add(self, unique_id: str, ds: str, value: float | None, *, who: str, why: str) -> Override:
        """See ``ports.records.Overrides.add``."""
        made = Override(self._new_id(), self._clock() // 1000, unique_id, ds, value, who, why)
        with self._database.write() as connection:
            connection.execute(insert(overrides).values(vars(made)))
        return made

    def current(self, unique_ids: Sequence[str] | None = None) -> list[Override]:
        """See ``ports.records.Overrides.current``."""
        key = (overrides.c.unique_id, overrides.c.ds)
        last = select(func.max(overrides.c.id)).group_by(*key)
        if unique_ids is not None:
            last = last.where(overrides.c.unique_id.in_(unique_ids))
        query = pick(overrides, Override).where(overrides.c.id.in_(last), overrides.c.value.is_not(None))
        with self._database.read() as connection:
            return [Override(*row) for row in connection.execute(query.order_by(*key))]

    def history(self, unique_id: str, ds: str) -> list[Override]:
        """See ``ports.records.Overrides.history``."""
        query = pick(overrides, Override).where(overrides.c.unique_id == unique_id, overrides.c.ds == ds)
        with self._database.read() as connection:
            return [Override(*row) for row in connection.execute(query.order_by(overrides.c.id.desc()))]
