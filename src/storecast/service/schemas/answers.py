"""Answers read back from the log, and made again."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

__all__ = ["AnsweredBy", "DifferentNumber", "LoggedAnswer", "ReproductionAnswer"]


class AnsweredBy(Struct):
    """The version that gave an answer."""

    name: str
    version: int
    digest: str


class LoggedAnswer(Struct):
    """One entry of the log: what was ``asked`` of which version, when and by whose key, and the ``answers``,
    ``rows`` in all; inputs that were given with a row stand in columns ``given_...``. ``data_digest``: of the
    data that the version was made from, null where it is not known here; ``rows_digest``: of a bulk answer's
    rows; ``next``: what to give as ``first`` for more rows, null at the end; ``faults``: what is wrong with
    the entry."""

    id: str
    at: str
    kind: str
    caller: str
    model: AnsweredBy
    data_digest: str | None
    series: str
    asked: dict[str, Any]
    rows: int
    rows_digest: str | None
    answers: list[dict[str, str | float | None]]
    next: int | None
    faults: list[str]


class DifferentNumber(Struct):
    """A number that came out as another; null where one side has none."""

    unique_id: str
    ds: str
    column: str
    logged: float | None
    rebuilt: float | None


class ReproductionAnswer(Struct):
    """An answer beside what its version says to the same question now, bit for bit: ``equal`` where every one
    of its ``numbers`` is the same and the entry has no ``faults``; else how many are ``different``, the first
    of them in ``differences``. ``cutoff``: the last week that the version knew."""

    id: str
    equal: bool
    kind: str
    model: AnsweredBy
    data_digest: str | None
    cutoff: str
    rows: int
    numbers: int
    different: int
    differences: list[DifferentNumber]
    faults: list[str]
