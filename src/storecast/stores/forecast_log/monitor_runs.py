"""What looks at a model have found."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import insert

from storecast.ports.monitoring import MonitorRun
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.ids import id_maker
from storecast.stores.forecast_log.queries import pick
from storecast.stores.forecast_log.tables import monitor_runs

__all__ = ["MonitorRunTable"]


class MonitorRunTable:
    """The port ``MonitorRuns`` on a database; ``clock``: nanoseconds since 1970."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._database, self._clock, self._new_id = database, clock, id_maker(clock)

    def record(self, model: str, version: int, *, verdict: str, due: bool, body: str) -> MonitorRun:
        """See ``ports.monitoring.MonitorRuns.record``."""
        run = MonitorRun(self._new_id(), self._clock() // 1000, model, version, verdict, due, body)
        with self._database.write() as connection:
            connection.execute(insert(monitor_runs).values(vars(run)))
        return run

    def latest(self, model: str) -> MonitorRun | None:
        """See ``ports.monitoring.MonitorRuns.latest``."""
        query = pick(monitor_runs, MonitorRun).where(monitor_runs.c.model == model)
        with self._database.read() as connection:
            row = connection.execute(query.order_by(monitor_runs.c.id.desc()).limit(1)).one_or_none()
        return None if row is None else MonitorRun(*row)
