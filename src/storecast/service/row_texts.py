"""Rows of the table as they are sent, taken from the texts of whole series, which are written once a version.

Where too few weeks of a series are asked for that to be less work, or the model was asked, each row is
written by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from storecast.service.champion import Champion
from storecast.service.rows import VIEWS, Answered, csv_lines, json_lines

__all__ = ["csv_texts", "json_texts"]

T = TypeVar("T")
_SERIES = 300  # whose texts are kept for the rows of one request
_SPARSE = 3  # times the cells asked for: so many weeks are written, at most, to keep them


def json_texts(champion: Champion, found: Answered, levels: tuple[float, ...]) -> Sequence[bytes]:
    """As ``json_lines``."""
    return _of_series(champion, found, levels, "json", lambda some: json_lines(champion, some, levels))


def csv_texts(
    champion: Champion, found: Answered, levels: tuple[float, ...], dept: bool, both: bool
) -> Sequence[str]:
    """As ``csv_lines``."""

    def write(some: Answered) -> list[str]:
        return csv_lines(champion, some, levels, dept, both)

    return _of_series(champion, found, levels, ("csv", dept, both), write)


def _of_series(
    champion: Champion,
    found: Answered,
    levels: tuple[float, ...],
    form: Hashable,
    write: Callable[[Answered], Sequence[T]],
) -> Sequence[T]:
    if found.read:
        return write(found)
    h = len(champion.weeks)
    series, of = np.unique(found.place * 2 + found.view, return_inverse=True)
    if len(series) > _SERIES:
        return write(found)
    keys = [(VIEWS[code % 2], code // 2, (form, levels)) for code in series.tolist()]
    texts: list[Sequence[T] | None] = [champion.texts(*key, None) for key in keys]
    if texts.count(None) * h > _SPARSE * len(of):
        return write(found)

    def whole(by: str, at: int) -> Sequence[T]:
        weeks, places = np.arange(h), np.full(h, at)
        columns = champion.views[by].columns(places, weeks, levels)
        return write(Answered(np.full(h, VIEWS.index(by)), places, weeks, weeks, columns))

    made = [
        champion.texts(by, at, kept, partial(whole, by, at)) if text is None else text
        for (by, at, kept), text in zip(keys, texts, strict=True)
    ]
    return [made[i][week] for i, week in zip(of.tolist(), found.week.tolist(), strict=True)]
