"""What came of backups."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import insert

from storecast.errors import LogError, SetupError
from storecast.ports.backups import BackupRun
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.ids import id_maker
from storecast.stores.forecast_log.queries import pick
from storecast.stores.forecast_log.tables import backup_runs

__all__ = ["BackupRunTable"]


class BackupRunTable:
    """The port ``BackupRuns`` on a database; ``clock``: nanoseconds since 1970, for the rows' order."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._database, self._new_id = database, id_maker(clock)

    def record(self, run: BackupRun) -> bool:
        """See ``ports.backups.BackupRuns.record``. The schema stays as it is: a backup is what people make
        before they bring it up to date."""
        try:
            self._database.ensure_schema(change=False)
            with self._database.write() as connection:
                connection.execute(insert(backup_runs).values(id=self._new_id(), **vars(run)))
        except (LogError, SetupError):
            return False
        return True

    def latest(self, kind: str, *, good: bool = False) -> BackupRun | None:
        """See ``ports.backups.BackupRuns.latest``."""
        query = pick(backup_runs, BackupRun).where(backup_runs.c.kind == kind)
        if good:
            query = query.where(backup_runs.c.failure == "")
        with self._database.read() as connection:
            row = connection.execute(query.order_by(backup_runs.c.id.desc()).limit(1)).one_or_none()
        return None if row is None else BackupRun(*row)
