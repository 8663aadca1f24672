"""Say something against forecasts from the command line, and take it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storecast.errors import ConflictError, RequestError
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.overrides import states
from storecast.forecasting.state import from_state
from storecast.forecasting.value_added import NAIVE
from storecast.ports import Releases
from storecast.ports.records import Against, Override, Overrides

__all__ = ["Wish", "say", "undo"]

_ENDS = 1e12


@dataclass(frozen=True)
class Wish:
    """``value`` as ``mode`` for every one of ``series`` and ``weeks`` (ISO dates), until ``expires``
    (microseconds since 1970; None: for good)."""

    series: tuple[str, ...]
    weeks: tuple[str, ...]
    mode: str
    value: float
    expires: int | None = None


def say(table: Overrides, releases: Releases, wish: Wish, *, who: str, why: str, now: int) -> list[Override]:
    """Record ``wish`` against what the published version says; raises RequestError where that forecasts no
    such series or week, or where the wish cannot be."""
    info = releases.current()
    if info is None:
        raise RequestError(
            "No version is published yet: there is nothing to override.",
            expected="a champion",
            remedy="Train and promote one, for example with `storecast train DATA`.",
        )
    _check(wish, now)
    content = releases.load(info)
    fitted = from_state(content.arrays, content.texts, content.meta)
    about = [
        Against(name, week, model, naive, info.version)
        for (name, week), (model, naive) in _said(fitted, wish).items()
    ]
    return table.say(about, wish.mode, wish.value, who=who, why=why, expires=wish.expires)


def _said(fitted: Forecaster, wish: Wish) -> dict[tuple[str, str], tuple[float, float]]:
    """(series, week) -> what the version and the naive say of it."""
    pairs = list(dict.fromkeys((name, week) for name in wish.series for week in wish.weeks))
    days = np.array([_day(week) for _, week in pairs], dtype="datetime64[D]")
    ahead = (days - fitted.cutoff.astype("datetime64[D]")).astype(np.int64)
    horizon = np.where(ahead % 7 == 0, ahead // 7, 0)
    row, column = fitted.locate(np.array([name for name, _ in pairs]), horizon)
    model, naive = fitted.point[row, column], np.round(fitted.naive[NAIVE][row, column], 2)
    return dict(zip(pairs, zip(model.tolist(), naive.tolist(), strict=True), strict=True))


def _day(text: str) -> np.datetime64:
    try:
        return np.datetime64(text, "D")
    except ValueError as error:
        raise RequestError(
            "This is no week.", expected="a date as YYYY-MM-DD", found=text[:40], remedy="Write it like that."
        ) from error


def _check(wish: Wish, now: int) -> None:
    if not abs(wish.value) <= _ENDS:
        raise RequestError(
            "This is no sensible value.", expected=f"a number up to {_ENDS:g}", found=str(wish.value)
        )
    if wish.expires is not None and wish.expires <= now:
        raise RequestError(
            "This override would be over before it counts.",
            where="--expires",
            expected="a time to come",
            found="one that is past",
            remedy="Give a later time, or none.",
        )


def undo(table: Overrides, key: str, *, who: str, why: str, now: int, whole: bool = False) -> list[Override]:
    """Take back the override with this id, ``whole``: with all that was said at once with it; raises
    RequestError where there is none, ConflictError where it is undone already."""
    rows = table.find(key, whole=whole)
    if not rows:
        raise RequestError(
            "There is no override of this id.", found=key[:60], remedy="See `storecast override list --all`."
        )
    became = states(_of(table, rows), now)
    left = [row for row in rows if became[row.id] != "undone"]
    if not left:
        raise ConflictError("this override is undone already", where=key, remedy="look at its history")
    return table.undo(left, who=who, why=why)


def _of(table: Overrides, rows: Sequence[Override]) -> list[Override]:
    return table.rows(unique_ids=sorted({row.unique_id for row in rows}))
