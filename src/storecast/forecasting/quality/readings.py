"""The ways a file's dates can be read, and which of them the weekly grid speaks for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.quality.findings import Finding

__all__ = ["UNKNOWN", "WEEKDAYS", "DateReadings", "Order", "as_days", "decide_order", "frequency_findings"]

Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

UNKNOWN = np.iinfo(np.int64).min  # "no such reading", as NaT is for dates
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MARGIN = 0.05  # share of rows by which one date order must fit better than the other
_WEEKLY_SHARE = 0.6  # of the rows on one weekday (some reading of them), or the data are not weekly


def as_days(dates: Int) -> NDArray[np.datetime64]:
    """Days since 1970 as dates; ``UNKNOWN`` becomes NaT."""
    return dates.astype("datetime64[D]")


def weekday(days: Int) -> Int:
    """0 = Monday ... 6 = Sunday; -1 for ``UNKNOWN``."""
    return np.where(days == UNKNOWN, -1, (days + 3) % 7)


@dataclass(frozen=True)
class DateReadings:
    """The dates of n rows by their u different spellings.

    ``codes`` (n,) into ``texts``; ``day_first``, ``month_first`` (u,): days since 1970 under either order of
    day and month, ``UNKNOWN`` where there is no such day. Where the spelling itself fixes the order (year
    first, month by name, typed cells: ``fixed``) both are that date, and ``swapped`` is the same with day and
    month exchanged, as spreadsheets do. ``forms`` (u,): spellings of one pattern share a number. ``blank``
    (u,): nothing is written there.
    """

    codes: Int
    texts: tuple[str, ...]
    day_first: Int
    month_first: Int
    swapped: Int
    fixed: Bool
    forms: Int
    blank: Bool


@dataclass(frozen=True)
class Order:
    """The order decided for a file: ``main`` and ``other`` reading (u,) of each spelling, in days.

    ``certain`` is False where as many rows speak for either order; ``anchor``: weekday most rows fall on.
    """

    name: str
    main: Int
    other: Int
    certain: bool
    anchor: int


def _best_weekday(days: Int, counts: Int) -> tuple[int, float, float]:
    """The weekday of most rows, the share of rows on it, and the share that can be read at all."""
    known = days != UNKNOWN
    total = max(int(counts.sum()), 1)
    by_day = np.bincount(weekday(days)[known], weights=counts[known], minlength=7)
    return int(by_day.argmax()), float(by_day.max()) / total, float(counts[known].sum()) / total


def decide_order(
    dates: DateReadings, dayfirst: bool | None, lines: Int, column: str | None
) -> Order | Finding:
    """Day or month first, once for the whole column; a refusing finding where it cannot be told.

    That order wins under which clearly more rows are dates at all and fall on one weekday. ``dayfirst``
    settles it beforehand, unless most dates speak against it.
    """
    counts = np.bincount(dates.codes, minlength=len(dates.texts)).astype(np.int64)
    counts[dates.blank] = 0
    best_d, grid_d, read_d = _best_weekday(dates.day_first, counts)
    best_m, grid_m, read_m = _best_weekday(dates.month_first, counts)
    open_ = ~dates.fixed & (dates.day_first != dates.month_first) & (counts > 0)
    lead = (grid_d + read_d) - (grid_m + read_m)
    certain = dayfirst is not None or not open_.any() or abs(lead) >= _MARGIN
    doubtful = not certain and best_d != best_m and max(grid_d, grid_m) >= _WEEKLY_SHARE
    against = dayfirst is not None and open_.any() and (lead < -0.5 if dayfirst else lead > 0.5)
    if doubtful or against:
        at = np.flatnonzero(open_[dates.codes])[:1]
        example, asked = dates.texts[dates.codes[at[0]]], "--dayfirst" if dayfirst else "--monthfirst"
        what, remedy = (
            (f"The dates speak against {asked}: they fit the other order.", f"leave out {asked}")
            if against
            else (
                f"The order of day and month cannot be told from the dates: {example} may be either.",
                "say which comes first with --dayfirst or --monthfirst, or write dates as YYYY-MM-DD",
            )
        )
        return Finding.at(
            "refused",
            "wrong_date_order" if against else "ambiguous_date_order",
            lines[at],
            column,
            what,
            remedy,
            expected="dates that fall on one weekday under one order of day and month alone",
            found=f"{grid_d:.0%} of the rows on a {WEEKDAYS[best_d]} read day first,"
            f" {grid_m:.0%} on a {WEEKDAYS[best_m]} read month first",
        )
    day = dayfirst if dayfirst is not None else lead >= 0
    main = np.where(dates.fixed | day, dates.day_first, dates.month_first)
    other = np.where(dates.fixed, dates.swapped, dates.month_first if day else dates.day_first)
    other = np.where(other == main, UNKNOWN, other)
    return Order("dayfirst" if day else "monthfirst", main, other, certain, best_d if day else best_m)


def _steps(series: Int, days: Int) -> tuple[Int, Int]:
    """Days between neighbouring different dates of each series, and the series of each step."""
    known = days != UNKNOWN
    s, d = series[known], days[known]
    rank = np.lexsort((d, s))
    s, d = s[rank], d[rank]
    step = np.diff(d)
    keep = (np.diff(s) == 0) & (step > 0)
    return step[keep], s[1:][keep]


def _frequency(steps: Int) -> str:
    """The frequency most steps speak for."""

    def share(low: int, high: int) -> float:
        return float(((steps >= low) & (steps <= high)).mean())

    if not len(steps):
        return "single dates"
    if share(1, 3) > 0.5:
        return "daily"
    if share(7, 7) >= 0.05 and (steps % 7 == 0).mean() > 0.5:
        return "weekly"
    names = (
        (14, 14, "fortnightly"),
        (28, 28, "four-weekly"),
        (28, 31, "monthly"),
        (89, 92, "quarterly"),
        (364, 366, "yearly"),
    )
    return next((name for low, high, name in names if share(low, high) > 0.5), "irregular")


def frequency_findings(
    series: Int, names: NDArray[np.str_], main: Int, fits: Bool, lines: Int, column: str | None
) -> list[Finding]:
    """Refusals of data that are not weekly, or not all of one weekday.

    ``main`` (n,) reading of each row, ``fits`` (n,): some reading of the row falls on the panel's weekday.
    """
    known = main != UNKNOWN
    if not known.any():
        return []
    steps, owner = _steps(series, main)
    found = _frequency(steps)
    share = float(fits[known].mean())
    remedy = "sum the sales to weeks (one row a series and week, every date the same weekday) and try again"
    expected = "weekly sales, every date of the file on the same weekday"
    if (share < _WEEKLY_SHARE and found != "weekly") or (
        found not in ("weekly", "irregular", "single dates")
    ):
        if found == "single dates":
            return []
        what = {"irregular": "The dates follow no weekly grid."}.get(found, f"These look like {found} data.")
        seen = f"steps of {int(np.median(steps))} days between the dates of a series (median)"
        return [
            Finding.at(
                "refused",
                "mixed_frequencies" if found == "irregular" else "not_weekly",
                lines[:1],
                column,
                what,
                remedy,
                expected=expected,
                found=seen,
            )
        ]
    if share < _WEEKLY_SHARE:
        per_day = np.bincount(weekday(main[known]), minlength=7)
        seen = ", ".join(f"{n} rows on a {WEEKDAYS[d]}" for d, n in enumerate(per_day) if n)
        return [
            Finding.at(
                "refused",
                "mixed_weekdays",
                lines[:1],
                column,
                "The weeks end on different weekdays.",
                remedy,
                expected=expected,
                found=seen,
            )
        ]
    rows = np.bincount(series[known], minlength=len(names))
    own = np.bincount(series[known], weights=fits[known], minlength=len(names)) / np.maximum(rows, 1)
    odd = np.flatnonzero((own < 0.35) & (rows >= 8))
    if not len(odd):
        return []
    kinds = {str(names[s]): _frequency(steps[owner == s]) for s in odd[:5]}
    seen = ", ".join(f"{n}: {k if k != 'weekly' else 'weekly on another weekday'}" for n, k in kinds.items())
    first = [int(lines[np.flatnonzero(series == s)[0]]) for s in odd]
    return [
        Finding.at(
            "refused",
            "mixed_frequencies",
            first,
            column,
            f"{len(odd)} series do not follow the weekly grid of the others (first {{rows}}).",
            remedy,
            expected=expected,
            found=seen,
            examples=kinds,
        )
    ]
