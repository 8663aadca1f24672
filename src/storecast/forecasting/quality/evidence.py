"""What a whole file says about its dates before single series are looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.quality.readings import UNKNOWN, DateReadings, Order, weekday

__all__ = ["DatedRows", "Evidence", "direction", "gather"]

Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

_EDGE = 21  # days by which a swapped reading may lie outside the weeks that are certain
_TELLING = 10  # dates of one form that must tell before the others of that form are judged by them
_IN_ORDER = 0.9  # share of neighbouring rows in order that makes the file's row order evidence


@dataclass(frozen=True)
class DatedRows:
    """n rows of one file whose dates are to be settled.

    ``lines`` (n,) file lines; ``series`` (n,) codes into ``names``; ``column``: the date column as spelled.
    """

    file: str
    column: str | None
    lines: Int
    series: Int
    names: NDArray[np.str_]
    dates: DateReadings


@dataclass(frozen=True)
class Evidence:
    """Arrays (n,) are in file order; weeks and days count from 1970."""

    main: Int
    other: Int
    on_main: Bool
    on_other: Bool
    filled: Bool  # in a run a spreadsheet filled in
    blank: Bool
    form: Int
    swaps: bool  # some dates are swapped for certain, so others may be
    swap_share: dict[int, float]  # by form: of the dates that tell, if enough do, the share that is swapped
    ends: tuple[int, int]


def _filled_runs(days: Int) -> Bool:
    """Rows (in file order) that go on a run of dates one day, one month or one year apart."""
    dates = np.where(days == UNKNOWN, 0, days).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    of_month = (dates - months.astype("datetime64[D]")).astype(np.int64)
    known = (days[1:] != UNKNOWN) & (days[:-1] != UNKNOWN)
    by_month = np.diff(months.astype(np.int64))
    same_day = np.diff(of_month) == 0
    step = np.select(
        [
            known & (np.diff(dates).astype(np.int64) == 1),
            known & same_day & (by_month == 1),
            known & same_day & (by_month == 12),
        ],
        [1, 2, 3],
        0,
    )
    padded = np.concatenate([[0], step, [0]])
    goes_on = (step > 0) & ((padded[:-2] == step) | (padded[2:] == step))
    return np.concatenate([[False], goes_on])


def gather(rows: DatedRows, order: Order) -> Evidence:
    """The readings of each row, which of them lie on the grid, and how often dates are swapped."""
    main, other = order.main[rows.dates.codes], order.other[rows.dates.codes]
    filled = _filled_runs(main)
    on_main = weekday(main) == order.anchor
    on_other = weekday(other) == order.anchor
    sure = main[on_main & ~on_other & ~filled]
    low, high = (int(sure.min()), int(sure.max())) if len(sure) else (UNKNOWN + _EDGE, -UNKNOWN - _EDGE - 1)
    on_other &= (other >= low - _EDGE) & (other <= high + _EDGE)
    form = rows.dates.forms[rows.dates.codes]
    tells = (on_main ^ on_other) & (other != UNKNOWN) & ~filled
    told = {int(f): on_other[tells & (form == f)] for f in np.unique(form[tells])}
    share = {f: float(swapped.mean()) for f, swapped in told.items() if len(swapped) >= _TELLING}
    swaps = bool((on_other & ~on_main & ~filled).any()) or not order.certain
    weeks = np.concatenate([main[on_main & ~filled & ~on_other], other[on_other & ~on_main & ~filled]])
    ends = (int(weeks.min()), int(weeks.max())) if len(weeks) else (0, -7)
    return Evidence(
        main, other, on_main, on_other, filled, rows.dates.blank[rows.dates.codes], form, swaps, share, ends
    )


def direction(e: Evidence, series: Int, perm: Int) -> int:
    """1 where the rows of each series come in order of time, -1 in reverse order, 0 in none."""
    both = e.on_main & e.on_other if e.swaps else np.zeros(len(series), dtype=bool)
    sure = ((e.on_main | e.on_other) & ~both & ~e.filled)[perm]
    value = np.where(e.on_main, e.main, e.other)[perm][sure]
    inside = np.diff(series[perm][sure]) == 0
    steps = np.diff(value)[inside]
    if not len(steps):
        return 0
    return 1 if (steps >= 0).mean() >= _IN_ORDER else -1 if (steps <= 0).mean() >= _IN_ORDER else 0
