"""What the tables' classes share: rows as dataclasses, pages, claims with a lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, or_, select, update

__all__ = ["claim", "page", "pick", "still_mine"]

Record = TypeVar("Record")


def pick(table: Table, record: type[Any]) -> Select[Any]:
    """``SELECT`` of the columns of ``table`` that the dataclass ``record`` has, in its order."""
    return select(*(table.c[field.name] for field in fields(record)))


def page(
    connection: Connection,
    table: Table,
    record: type[Record],
    *conditions: ColumnElement[bool],
    limit: int,
    before: str | None,
) -> list[Record]:
    """The newest ``limit`` rows, older than the id ``before``."""
    query = pick(table, record).where(*conditions)
    if before is not None:
        query = query.where(table.c.id < before)
    return [record(*row) for row in connection.execute(query.order_by(table.c.id.desc()).limit(limit))]


def claim(
    connection: Connection,
    table: Table,
    *conditions: ColumnElement[bool],
    waiting: str,
    worker: str,
    now: int,
    lease: float,
    **changes: object,
) -> str | None:
    """Give the oldest row that waits, or whose lease has run out, to ``worker``; its id.

    Workers that ask at the same time get different rows.
    """
    free = or_(table.c.state == waiting, and_(table.c.state == "running", table.c.lease_until < now))
    query = select(table.c.id).where(free, *conditions).order_by(table.c.id).limit(1)
    # On SQLite, which has no row locks, the transaction has locked the whole file already.
    found: str | None = connection.execute(query.with_for_update(skip_locked=True)).scalar()
    if found is not None:
        until = now + int(lease * 1e6)
        values = {"state": "running", "worker": worker, "lease_until": until, **changes}
        connection.execute(update(table).where(table.c.id == found).values(values))
    return found


def still_mine(table: Table, key: str, worker: str) -> Sequence[ColumnElement[bool]]:
    """Conditions of a row that ``worker`` has claimed and not lost."""
    return (table.c.id == key, table.c.state == "running", table.c.worker == worker)
