"""A queue of work that outlives its workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, case, insert, update

from storecast.ports.work import Job
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.ids import id_maker
from storecast.stores.forecast_log.queries import claim, page, pick, still_mine
from storecast.stores.forecast_log.tables import jobs

__all__ = ["JobTable"]

_ATTEMPTS = 3
_DIED = '{"what": "the worker of this job ended three times without a word"}'


def _of(key: str, owner: str | None) -> list[ColumnElement[bool]]:
    return [jobs.c.id == key] + ([] if owner is None else [jobs.c.owner == owner])


class JobTable:
    """The port ``Jobs`` on a database; ``clock``: nanoseconds since 1970."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._database, self._clock, self._new_id = database, clock, id_maker(clock)

    def _now(self) -> int:
        return self._clock() // 1000

    def submit(self, kind: str, *, owner: str, subject: str) -> Job:
        """See ``ports.work.Jobs.submit``."""
        made = Job(self._new_id(), kind, owner, subject, "queued", "queued", 0.0, 0, self._now())
        with self._database.write() as connection:
            connection.execute(insert(jobs).values(vars(made) | {"worker": "", "lease_until": 0}))
        return made

    def claim(self, worker: str, *, lease: float, kinds: Sequence[str]) -> Job | None:
        """See ``ports.work.Jobs.claim``."""
        now = self._now()
        given_up = (jobs.c.state == "running", jobs.c.lease_until < now, jobs.c.attempts >= _ATTEMPTS)
        with self._database.write() as connection:
            connection.execute(
                update(jobs)
                .where(*given_up)
                .values(state="failed", stage="failed", finished=now, error=_DIED)
            )
            changes = {"started": now, "stage": "started", "progress": 0.0, "attempts": jobs.c.attempts + 1}
            found = claim(
                connection,
                jobs,
                jobs.c.kind.in_(kinds),
                waiting="queued",
                worker=worker,
                now=now,
                lease=lease,
                **changes,
            )
            if found is None:
                return None
            return Job(*connection.execute(pick(jobs, Job).where(jobs.c.id == found)).one())

    def progress(self, key: str, worker: str, progress: float, stage: str, *, lease: float) -> bool:
        """See ``ports.work.Jobs.progress``."""
        until = self._now() + int(lease * 1e6)
        return self._change(key, worker, progress=progress, stage=stage, lease_until=until)

    def done(self, key: str, worker: str, result: str) -> bool:
        """See ``ports.work.Jobs.done``."""
        now = self._now()
        return self._change(
            key, worker, state="done", stage="done", progress=1.0, result=result, finished=now
        )

    def fail(self, key: str, worker: str, error: str, *, again: bool = False) -> bool:
        """See ``ports.work.Jobs.fail``."""
        now = self._now()
        if not again:
            return self._change(key, worker, state="failed", stage="failed", error=error, finished=now)
        left = jobs.c.attempts < _ATTEMPTS
        state = case((left, "queued"), else_="failed")
        finished = case((left, None), else_=now)
        return self._change(key, worker, state=state, stage=state, error=error, finished=finished)

    def _change(self, key: str, worker: str, **values: object) -> bool:
        query = update(jobs).where(*still_mine(jobs, key, worker)).values(values)
        with self._database.write() as connection:
            return connection.execute(query).rowcount == 1

    def find(self, key: str, *, owner: str | None) -> Job | None:
        """See ``ports.work.Jobs.find``."""
        with self._database.read() as connection:
            row = connection.execute(pick(jobs, Job).where(*_of(key, owner))).one_or_none()
        return None if row is None else Job(*row)

    def listing(self, *, owner: str | None, limit: int, before: str | None = None) -> list[Job]:
        """See ``ports.work.Jobs.listing``."""
        conditions = () if owner is None else (jobs.c.owner == owner,)
        with self._database.read() as connection:
            return page(connection, jobs, Job, *conditions, limit=limit, before=before)
