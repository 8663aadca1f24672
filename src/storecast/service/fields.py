"""Kinds of parameters and texts that several routes take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from storecast.service.calls import Reply
from storecast.service.problems import Problem

__all__ = [
    "ID",
    "Before",
    "Body",
    "Date",
    "Id",
    "Limit",
    "Name",
    "Series",
    "Why",
    "answer",
    "found",
    "iso",
    "next_of",
]

ID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_PLAIN = r"^[^\x00-\x1f\x7f]+$"  # no line ends, no control characters
T = TypeVar("T")

Id = Annotated[str, Path(pattern=ID, description="Id, as the lists give it.")]
Before = Annotated[str | None, Query(pattern=ID, description="Go on before this id, the last of a page.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Most to give.")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PLAIN)]
Series = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PLAIN)]
Date = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", examples=["2012-11-02"])]
Why = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=_PLAIN)]


class Body(BaseModel):
    """A JSON body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def answer(value: Any, status: int = 200) -> Reply:
    """Any plain value as a JSON answer."""
    return Reply(msgspec.json.encode(value), status=status)


def iso(microseconds: int | None) -> str | None:
    """A time as ISO 8601, UTC."""
    if microseconds is None:
        return None
    return datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat(timespec="milliseconds")


def next_of(items: Sequence[Any], limit: int) -> str | None:
    """What to go on before: the last id of a full page."""
    return str(items[-1].id) if len(items) == limit else None


def found(item: T | None, what: str, key: str) -> T:
    """The item; raises 404 where there is none."""
    if item is None:
        raise Problem(
            404, "not-found", f"There is no {what} of this id", f"Found {key[:60]!r}.", "See the list."
        )
    return item
