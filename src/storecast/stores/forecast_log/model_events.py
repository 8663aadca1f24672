"""Model events: what was done to the champion, and what the follower is asked to do; all of it is chained."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import insert, update

from storecast.ports.records import ModelEvent
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.event_chain import Sealer, append
from storecast.stores.forecast_log.ids import id_maker
from storecast.stores.forecast_log.queries import claim, page, pick, still_mine
from storecast.stores.forecast_log.tables import model_events

__all__ = ["ModelEventTable"]


class ModelEventTable:
    """The port ``ModelEvents`` on a database; ``clock``: nanoseconds since 1970; ``sealer``: of the chain."""

    def __init__(
        self, database: Database, *, clock: Callable[[], int] = time.time_ns, sealer: Sealer | None = None
    ) -> None:
        self._database, self._clock, self._new_id = database, clock, id_maker(clock)
        self._sealer = sealer

    def record(
        self,
        model: str,
        kind: str,
        *,
        who: str,
        why: str,
        from_version: int | None = None,
        to_version: int | None = None,
        digest: str = "",
        share: float | None = None,
        at: int | None = None,
    ) -> ModelEvent:
        """See ``ports.records.ModelEvents.record``."""
        now = self._clock() // 1000 if at is None else at
        event = ModelEvent(
            self._new_id(),
            now,
            model,
            kind,
            who,
            why,
            from_version,
            to_version,
            digest,
            "done",
            now,
            share=share,
        )
        return self._add(event)

    def request(
        self,
        model: str,
        kind: str,
        *,
        who: str,
        why: str,
        from_version: int | None = None,
        to_version: int | None = None,
        share: float | None = None,
    ) -> ModelEvent:
        """See ``ports.records.ModelEvents.request``."""
        now, state = self._clock() // 1000, "requested"
        event = ModelEvent(
            self._new_id(), now, model, kind, who, why, from_version, to_version, "", state, share=share
        )
        return self._add(event)

    def _add(self, event: ModelEvent) -> ModelEvent:
        with self._database.write() as connection:
            connection.execute(insert(model_events).values(vars(event) | {"worker": "", "lease_until": 0}))
            append(connection, event, self._sealer)
        return event

    def claim(self, worker: str, *, lease: float) -> ModelEvent | None:
        """See ``ports.records.ModelEvents.claim``."""
        now = self._clock() // 1000
        with self._database.write() as connection:
            found = claim(connection, model_events, waiting="requested", worker=worker, now=now, lease=lease)
            if found is None:
                return None
            query = pick(model_events, ModelEvent).where(model_events.c.id == found)
            return ModelEvent(*connection.execute(query).one())

    def finish(
        self, key: str, worker: str, *, from_version: int | None, to_version: int | None, digest: str
    ) -> bool:
        """See ``ports.records.ModelEvents.finish``."""
        return self._end(
            key, worker, state="done", from_version=from_version, to_version=to_version, digest=digest
        )

    def fail(self, key: str, worker: str, error: str) -> bool:
        """See ``ports.records.ModelEvents.fail``."""
        return self._end(key, worker, state="failed", error=error)

    def _end(self, key: str, worker: str, **values: object) -> bool:
        query = update(model_events).where(*still_mine(model_events, key, worker))
        with self._database.write() as connection:
            done = connection.execute(query.values({"finished": self._clock() // 1000, **values}))
            if done.rowcount != 1:
                return False
            ended = pick(model_events, ModelEvent).where(model_events.c.id == key)
            append(connection, ModelEvent(*connection.execute(ended).one()), self._sealer)
            return True

    def find(self, key: str) -> ModelEvent | None:
        """See ``ports.records.ModelEvents.find``."""
        with self._database.read() as connection:
            row = connection.execute(
                pick(model_events, ModelEvent).where(model_events.c.id == key)
            ).one_or_none()
        return None if row is None else ModelEvent(*row)

    def listing(self, *, limit: int, model: str | None = None, before: str | None = None) -> list[ModelEvent]:
        """See ``ports.records.ModelEvents.listing``."""
        conditions = () if model is None else (model_events.c.model == model,)
        with self._database.read() as connection:
            return page(connection, model_events, ModelEvent, *conditions, limit=limit, before=before)
