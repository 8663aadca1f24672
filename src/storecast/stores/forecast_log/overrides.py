"""What people know better: overrides of forecasts, each with a name and a reason; rows are only added."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from storecast.errors import ConflictError
from storecast.ports.records import Against, Override
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.ids import id_maker
from storecast.stores.forecast_log.queries import pick
from storecast.stores.forecast_log.tables import overrides

__all__ = ["OverrideTable"]


class OverrideTable:
    """The port ``Overrides`` on a database; ``clock``: nanoseconds since 1970."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._database, self._clock, self._new_id = database, clock, id_maker(clock)

    def say(
        self,
        about: Sequence[Against],
        mode: str,
        value: float | None,
        *,
        who: str,
        why: str,
        expires: int | None = None,
    ) -> list[Override]:
        """See ``ports.records.Overrides.say``."""
        now, ids = self._clock() // 1000, [self._new_id() for _ in about]
        made = [
            Override(
                key,
                now,
                one.unique_id,
                one.ds,
                value,
                who,
                why,
                mode,
                expires,
                ids[0],
                None,
                one.model,
                one.naive,
                one.version,
            )
            for key, one in zip(ids, about, strict=True)
        ]
        return self._add(made)

    def undo(self, rows: Sequence[Override], *, who: str, why: str) -> list[Override]:
        """See ``ports.records.Overrides.undo``."""
        now, ids = self._clock() // 1000, [self._new_id() for _ in rows]
        made = [
            Override(key, now, row.unique_id, row.ds, None, who, why, "undo", None, ids[0], row.id)
            for key, row in zip(ids, rows, strict=True)
        ]
        try:
            return self._add(made)
        except IntegrityError as error:
            raise ConflictError(
                "this override is undone already", where=rows[0].id, remedy="look at its history"
            ) from error

    def _add(self, made: list[Override]) -> list[Override]:
        if made:
            with self._database.write() as connection:
                connection.execute(insert(overrides), [vars(row) for row in made])
        return made

    def find(self, key: str, *, whole: bool = False) -> list[Override]:
        """See ``ports.records.Overrides.find``."""
        mine = overrides.c.id == key
        if whole:
            mine = overrides.c.statement == select(overrides.c.statement).where(mine).scalar_subquery()
        query = pick(overrides, Override).where(mine, overrides.c.undoes.is_(None))
        with self._database.read() as connection:
            return [Override(*row) for row in connection.execute(query.order_by(overrides.c.id))]

    def stamp(self) -> object:
        """See ``ports.records.Overrides.stamp``: two writers may add ids in another order than theirs."""
        with self._database.read() as connection:
            return tuple(connection.execute(select(func.count(), func.max(overrides.c.id))).one())

    def rows(
        self,
        *,
        unique_ids: Sequence[str] | None = None,
        since: str | None = None,
        before: str | None = None,
        limit: int | None = None,
    ) -> list[Override]:
        """See ``ports.records.Overrides.rows``."""
        query = pick(overrides, Override)
        if unique_ids is not None:
            query = query.where(overrides.c.unique_id.in_(unique_ids))
        if since is not None:
            query = query.where(overrides.c.ds >= since)
        if before is not None:
            query = query.where(overrides.c.id < before)
        with self._database.read() as connection:
            found = connection.execute(query.order_by(overrides.c.id.desc()).limit(limit))
            return [Override(*row) for row in found]
