"""Uploaded files in the database, in pieces: any process that reaches it can work on them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from sqlalchemy import ColumnElement, delete, insert, select, update

from storecast.ports.work import Dataset
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.ids import first_id, id_maker
from storecast.stores.forecast_log.queries import page, pick
from storecast.stores.forecast_log.tables import dataset_parts, datasets

__all__ = ["DatasetTable"]

_PIECE = 1 << 20  # bytes a transaction
_UPLOAD = "upload"


def _pieces(data: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for given in data:
        waiting += given
        while len(waiting) >= _PIECE:
            yield bytes(waiting[:_PIECE])
            del waiting[:_PIECE]
    if waiting:
        yield bytes(waiting)


def _of(key: str, owner: str | None) -> list[ColumnElement[bool]]:
    return [datasets.c.id == key] + ([] if owner is None else [datasets.c.owner == owner])


class DatasetTable:
    """The port ``Datasets`` on a database; ``clock``: nanoseconds since 1970."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._database, self._clock, self._new_id = database, clock, id_maker(clock)

    def upload(self, owner: str, name: str, media_type: str, data: Iterable[bytes]) -> Dataset:
        """See ``ports.work.Datasets.upload``."""
        now = self._clock() // 1000
        made = Dataset(self._new_id(), owner, name, media_type, 0, "", "uploading", "", now)
        with self._database.write() as connection:
            connection.execute(insert(datasets).values(vars(made)))
        try:
            size, digest = self._store(made.id, _UPLOAD, data)
        except BaseException:
            self.delete(made.id, owner=None)
            raise
        made = replace(made, size=size, digest=digest, state="uploaded")
        with self._database.write() as connection:
            connection.execute(update(datasets).where(datasets.c.id == made.id).values(vars(made)))
        return made

    def attach(self, key: str, content: str, data: Iterable[bytes]) -> tuple[int, str]:
        """See ``ports.work.Datasets.attach``."""
        with self._database.write() as connection:
            connection.execute(
                delete(dataset_parts).where(
                    dataset_parts.c.dataset == key, dataset_parts.c.content == content
                )
            )
        return self._store(key, content, data)

    def _store(self, key: str, content: str, data: Iterable[bytes]) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        for number, piece in enumerate(_pieces(data)):
            with self._database.write() as connection:
                connection.execute(
                    insert(dataset_parts).values(dataset=key, content=content, part=number, data=piece)
                )
            digest.update(piece)
            size += len(piece)
        return size, digest.hexdigest()

    def read(self, key: str, content: str = _UPLOAD) -> Iterator[bytes]:
        """See ``ports.work.Datasets.read``."""
        parts = dataset_parts.c
        of = select(parts.data).where(parts.dataset == key, parts.content == content)
        number = 0
        while True:
            # A connection a piece: a slow reader keeps none of them.
            with self._database.read() as connection:
                piece: bytes | None = connection.execute(of.where(parts.part == number)).scalar()
            if piece is None:
                return
            yield piece
            number += 1

    def contents(self, key: str) -> list[str]:
        """See ``ports.work.Datasets.contents``."""
        name = dataset_parts.c.content
        query = select(name).where(dataset_parts.c.dataset == key).distinct().order_by(name)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def set_state(self, key: str, state: str, *, report: str | None = None) -> bool:
        """See ``ports.work.Datasets.set_state``."""
        values = {"state": state} | ({} if report is None else {"report": report})
        with self._database.write() as connection:
            return connection.execute(update(datasets).where(*_of(key, None)).values(values)).rowcount == 1

    def find(self, key: str, *, owner: str | None) -> Dataset | None:
        """See ``ports.work.Datasets.find``."""
        with self._database.read() as connection:
            row = connection.execute(pick(datasets, Dataset).where(*_of(key, owner))).one_or_none()
        return None if row is None else Dataset(*row)

    def listing(self, *, owner: str | None, limit: int, before: str | None = None) -> list[Dataset]:
        """See ``ports.work.Datasets.listing``."""
        conditions = () if owner is None else (datasets.c.owner == owner,)
        with self._database.read() as connection:
            return page(connection, datasets, Dataset, *conditions, limit=limit, before=before)

    def delete(self, key: str, *, owner: str | None) -> bool:
        """See ``ports.work.Datasets.delete``."""
        with self._database.write() as connection:
            return connection.execute(delete(datasets).where(*_of(key, owner))).rowcount == 1

    def prune(self, *, before: int, state: str | None = None) -> int:
        """Remove the data sets of times before ``before``, those in ``state`` or all; how many."""
        conditions = [datasets.c.id < first_id(before)]
        if state is not None:
            conditions.append(datasets.c.state == state)
        with self._database.read() as connection:
            query = select(datasets.c.id).where(*conditions)
            old = list(connection.execute(query).scalars())
        return sum(self.delete(key, owner=None) for key in old)
