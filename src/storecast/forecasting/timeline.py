"""Where each week looks back to in earlier years: by calendar date, not by week number.

Read a year back by week number and Christmas slips a day each year against its week; read by date and
the shift of one or two days must be split between two weeks. Measured on weekly store sales, three
quarters of the shift is best through the year, the whole of it from early December, when the days before
Christmas carry the sales, and none of it around a holiday that keeps its weekday (Thanksgiving).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.calendar import Calendar, Days, shift_years, week_of

__all__ = ["MOVING_OFFSETS", "YEAR", "Timeline", "make_timeline"]

YEAR = 52  # season length, weeks
MOVING_OFFSETS = (-1, 0, 1)  # weeks around a moving holiday that it changes
_SHIFT, _DECEMBER_SHIFT, _DECEMBER_FROM = 0.75, 1.0, 1203


@dataclass(frozen=True)
class Timeline:
    """Calendar facts of ``weeks`` (T,), history and horizon together.

    Week t looks ``k + 1`` years back at rows ``low[k, t]`` and ``low[k, t] + 1`` with weights
    ``1 - part[k, t]`` and ``part[k, t]``; rows outside the history are not known. ``moving`` (T, J) marks the
    weeks around each moving holiday, ``week_of_year`` (T,) is 0..53.
    """

    weeks: Days
    low: NDArray[np.int64]
    part: NDArray[np.float64]
    moving: NDArray[np.float64]
    week_of_year: NDArray[np.int64]

    @property
    def years(self) -> int:
        """How many years back the rows of ``low`` reach."""
        return len(self.low)


def make_timeline(weeks: Days, years: int, calendar: Calendar) -> Timeline:
    """Look-backs of up to ``years`` years for consecutive ``weeks``."""
    positions = np.stack([_positions(weeks, k, calendar) for k in range(1, years + 1)])
    low = np.floor(positions + 1e-9)
    part = np.clip(positions - low, 0.0, 1.0)
    part[part < 1e-9] = 0.0
    year_start = weeks.astype("datetime64[Y]").astype("datetime64[D]")
    week_of_year = np.round((weeks - year_start).astype(np.int64) / 7).astype(np.int64)
    return Timeline(weeks, low.astype(np.int64), part, _moving(weeks, calendar), week_of_year)


def _positions(weeks: Days, years: int, calendar: Calendar) -> NDArray[np.float64]:
    """(T,) fractional row that each week corresponds to ``years`` years earlier."""
    days = (weeks - shift_years(weeks, years)).astype(np.int64)
    lag = np.round(days / 7.0)
    months = weeks.astype("datetime64[M]")
    month_day = (months.astype(np.int64) % 12 + 1) * 100 + (weeks - months.astype("datetime64[D]")).astype(
        np.int64
    )
    shift = np.where(month_day + 1 >= _DECEMBER_FROM, _DECEMBER_SHIFT, _SHIFT)
    out: NDArray[np.float64] = np.arange(len(weeks)) - lag - shift * (days / 7.0 - lag)
    for rule in calendar.rules:
        if not rule.snaps:
            continue
        here = calendar.days(rule, weeks)
        for day in here:
            past = rule.date(int(str(day)[:4]) - years)
            if past is None:
                continue
            target, source = week_of(np.array([day, past]), weeks)
            for offset in (-1, 0, 1):
                if 0 <= target + offset < len(weeks):
                    out[target + offset] = source + offset
    return out


def _moving(weeks: Days, calendar: Calendar) -> NDArray[np.float64]:
    rules = [r for r in calendar.rules if r.moves]
    out = np.zeros((len(weeks), len(rules) * len(MOVING_OFFSETS)))
    for j, rule in enumerate(rules):
        for i in week_of(calendar.days(rule, weeks), weeks):
            for o, offset in enumerate(MOVING_OFFSETS):
                if 0 <= i + offset < len(weeks):
                    out[i + offset, j * len(MOVING_OFFSETS) + o] = 1.0
    return out
