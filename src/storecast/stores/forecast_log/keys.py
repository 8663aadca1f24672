"""API keys: hashes, roles and validity."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from storecast.errors import ConflictError
from storecast.ports.records import ApiKey
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.queries import pick
from storecast.stores.forecast_log.tables import api_keys

__all__ = ["KeyTable"]


class KeyTable:
    """The port ``ApiKeys`` on a database; ``clock``: nanoseconds since 1970."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._database, self._clock = database, clock

    def issue(self, key: ApiKey) -> None:
        """See ``ports.records.ApiKeys.issue``."""
        try:
            with self._database.write() as connection:
                connection.execute(insert(api_keys).values(vars(key)))
        except IntegrityError as error:
            raise ConflictError(
                "there is an API key with this id already", where=key.id, remedy="make another id"
            ) from error

    def find(self, key: str) -> ApiKey | None:
        """See ``ports.records.ApiKeys.find``."""
        with self._database.read() as connection:
            row = connection.execute(pick(api_keys, ApiKey).where(api_keys.c.id == key)).one_or_none()
        return None if row is None else ApiKey(*row)

    def listing(self) -> list[ApiKey]:
        """See ``ports.records.ApiKeys.listing``."""
        order = (api_keys.c.created, api_keys.c.id)
        with self._database.read() as connection:
            return [ApiKey(*row) for row in connection.execute(pick(api_keys, ApiKey).order_by(*order))]

    def revoke(self, key: str) -> bool:
        """See ``ports.records.ApiKeys.revoke``."""
        mine = api_keys.c.id == key
        now = self._clock() // 1000
        with self._database.write() as connection:
            connection.execute(update(api_keys).where(mine, api_keys.c.revoked.is_(None)).values(revoked=now))
            return connection.execute(pick(api_keys, ApiKey).where(mine)).one_or_none() is not None
