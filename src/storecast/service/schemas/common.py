"""What many answers hold, and the documents about the service itself."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["Health", "LogState", "Model", "Problem", "Readiness", "Row", "WrongField"]


class Model(Struct):
    """Which version answered."""

    name: str
    version: int
    digest: str
    model: str


Row = dict[str, str | int | float]


class Health(Struct):
    """The process is alive."""

    status: str
    version: str


class LogState(Struct):
    """Answers waiting to be written, answers that wait in the spool, and whether the database takes any."""

    queue: int
    spool: int
    database: bool


class Readiness(Struct):
    """``refused``: why a version that is published does not serve, "" where it does."""

    status: Literal["ready", "not ready"]
    checks: dict[str, bool]
    model: Model | None
    refused: str
    log: LogState


class WrongField(Struct, omit_defaults=True):
    """One thing that is wrong, and in which row where there are rows."""

    field: str
    detail: str
    row: int | None = None


class Problem(Struct, omit_defaults=True):
    """A refusal after RFC 9457; ``remedy`` says what to do."""

    type: str
    title: str
    status: int
    detail: str = ""
    remedy: str = ""
    errors: list[WrongField] = []
    instance: str = ""
