"""Named what-ifs, changed by one person at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, delete, insert, update
from sqlalchemy.exc import IntegrityError

from storecast.errors import ConflictError
from storecast.ports.work import Scenario
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.ids import id_maker
from storecast.stores.forecast_log.queries import page, pick
from storecast.stores.forecast_log.tables import scenarios

__all__ = ["ScenarioTable"]


def _of(key: str, owner: str | None) -> list[ColumnElement[bool]]:
    return [scenarios.c.id == key] + ([] if owner is None else [scenarios.c.owner == owner])


def _locked(connection: Connection, key: str, owner: str | None, version: int | None) -> Scenario | None:
    row = connection.execute(
        pick(scenarios, Scenario).where(*_of(key, owner)).with_for_update()
    ).one_or_none()
    if row is None:
        return None
    found = Scenario(*row)
    if version not in (None, found.version):
        raise ConflictError(
            "the scenario has been changed meanwhile",
            where=f"scenario {found.name!r}",
            expected=f"version {version}",
            found=f"version {found.version}",
            remedy="read it again and repeat the change",
        )
    return found


def _name_taken(name: str) -> ConflictError:
    return ConflictError(
        "there is a scenario of this name already", where=f"scenario {name!r}", remedy="choose another name"
    )


class ScenarioTable:
    """The port ``Scenarios`` on a database; ``clock``: nanoseconds since 1970."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._database, self._clock, self._new_id = database, clock, id_maker(clock)

    def create(self, owner: str, name: str, body: str) -> Scenario:
        """See ``ports.work.Scenarios.create``."""
        now = self._clock() // 1000
        made = Scenario(self._new_id(), owner, name, body, 1, now, now)
        try:
            with self._database.write() as connection:
                connection.execute(insert(scenarios).values(vars(made)))
        except IntegrityError as error:
            raise _name_taken(name) from error
        return made

    def find(self, key: str, *, owner: str | None) -> Scenario | None:
        """See ``ports.work.Scenarios.find``."""
        with self._database.read() as connection:
            row = connection.execute(pick(scenarios, Scenario).where(*_of(key, owner))).one_or_none()
        return None if row is None else Scenario(*row)

    def listing(self, *, owner: str | None, limit: int, before: str | None = None) -> list[Scenario]:
        """See ``ports.work.Scenarios.listing``."""
        conditions = () if owner is None else (scenarios.c.owner == owner,)
        with self._database.read() as connection:
            return page(connection, scenarios, Scenario, *conditions, limit=limit, before=before)

    def update(self, key: str, *, owner: str | None, version: int, name: str, body: str) -> Scenario | None:
        """See ``ports.work.Scenarios.update``."""
        try:
            with self._database.write() as connection:
                old = _locked(connection, key, owner, version)
                if old is None:
                    return None
                now = self._clock() // 1000
                new = Scenario(key, old.owner, name, body, version + 1, old.created, now)
                connection.execute(update(scenarios).where(scenarios.c.id == key).values(vars(new)))
        except IntegrityError as error:
            raise _name_taken(name) from error
        return new

    def delete(self, key: str, *, owner: str | None, version: int | None = None) -> bool:
        """See ``ports.work.Scenarios.delete``."""
        with self._database.write() as connection:
            if _locked(connection, key, owner, version) is None:
                return False
            connection.execute(delete(scenarios).where(scenarios.c.id == key))
        return True
