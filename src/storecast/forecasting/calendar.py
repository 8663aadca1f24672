"""The retail calendar: holidays by rule, which week a day falls in, and weights of weeks.

A week is named by its anchor date ``ds``. An anchor on a Monday starts its week; any other anchor ends
it (the common habit of weekly sales files, where Friday, Saturday or Sunday close the books).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HOLIDAY_WEIGHT",
    "US_RETAIL",
    "Calendar",
    "HolidayRule",
    "calendar_of",
    "calendar_state",
    "easter_sunday",
    "first_days",
    "nth_weekday",
    "shift_years",
    "week_of",
    "years_of",
]

Days = NDArray[np.datetime64]
_YEARS = range(1900, 2101)  # of a calendar that is written down
_YEAR, _NEAR = 365, 9  # days of a year, and that a holiday which does not move may lie apart in two
HOLIDAY_WEIGHT = 5.0  # of a holiday week in wmae; see metrics


def easter_sunday(year: int) -> np.datetime64:
    """Western Easter Sunday (anonymous Gregorian algorithm, Meeus, Astronomical Algorithms, ch. 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    h = (19 * a + b - d - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    i, k = divmod(c, 4)
    ell = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * ell) // 451
    month, day = divmod(h + ell - 7 * m + 114, 31)
    return np.datetime64(f"{year:04d}-{month:02d}-{day + 1:02d}")


def nth_weekday(year: int, month: int, weekday: int, n: int) -> np.datetime64:
    """The ``n``-th (1 = first) ``weekday`` (0 = Monday) of a month."""
    first = np.datetime64(f"{year:04d}-{month:02d}-01")
    return first + np.timedelta64((weekday - _weekday(first)) % 7 + 7 * (n - 1), "D")


def _weekday(day: np.datetime64) -> int:
    return (int(day.astype("datetime64[D]").astype(np.int64)) + 3) % 7


def years_of(days: Days) -> NDArray[np.int64]:
    """Calendar year of each day."""
    return days.astype("datetime64[Y]").astype(np.int64) + 1970


def shift_years(days: Days, years: int) -> Days:
    """The same calendar date ``years`` earlier; 29 February becomes the 28th where it must."""
    months = days.astype("datetime64[M]")
    day = (days.astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    target = months - np.timedelta64(12 * years, "M")
    following = (target + np.timedelta64(1, "M")).astype("datetime64[D]")
    last = (following - target.astype("datetime64[D]")).astype(np.int64) - 1
    out: Days = target.astype("datetime64[D]") + np.minimum(day, last)
    return out


def first_days(weeks: Days) -> Days:
    """First of the seven days that each anchor date of ``weeks`` stands for."""
    return weeks if len(weeks) and _weekday(weeks[0]) == 0 else weeks - np.timedelta64(6, "D")


def week_of(days: Days, weeks: Days) -> NDArray[np.int64]:
    """Index of the week each day falls in, counted from ``weeks[0]``; may be negative or beyond the end."""
    start = first_days(weeks[:1])[0]
    out: NDArray[np.int64] = (days.astype("datetime64[D]") - start).astype(np.int64) // 7
    return out


@dataclass(frozen=True)
class HolidayRule:
    """One holiday: ``date`` gives its day in a year, or None.

    ``weighted``: its week counts ``HOLIDAY_WEIGHT`` fold in wmae. ``snaps``: sales follow the holiday and
    not the date, so its week is compared with that week of other years. ``moves``: it wanders over weeks,
    so its effect is estimated and taken out before years are compared.
    """

    name: str
    date: Callable[[int], np.datetime64 | None]
    weighted: bool = False
    snaps: bool = False
    moves: bool = False


@dataclass(frozen=True)
class Calendar:
    """Named holiday rules."""

    name: str
    rules: tuple[HolidayRule, ...]

    @classmethod
    def from_dates(cls, name: str, dates: Mapping[str, Days], *, weighted: bool = True) -> Calendar:
        """A calendar of listed days (a country's, or a file's); holidays that shift by more than nine days
        from a year to the next are the moving ones, a fourth-week-of-November Thursday snaps: any day late in
        November that keeps its weekday and not its date."""
        rules = []
        for holiday, days in sorted(dates.items()):
            by_year = {int(y): d for y, d in zip(years_of(days)[::-1], days[::-1], strict=True)}
            of_year = np.array(
                [int((d - np.datetime64(f"{y}-01-01")).astype(int)) for y, d in sorted(by_year.items())]
            )
            apart = np.abs(np.diff(of_year))
            shift = int(np.minimum(apart, _YEAR - apart).max(initial=0))  # 31 December is near 1 January
            november = all(320 <= o <= 335 for o in of_year) and 0 < shift <= _NEAR
            snaps = november and len({_weekday(d) for d in by_year.values()}) == 1
            rules.append(
                HolidayRule(holiday, by_year.get, weighted=weighted, snaps=snaps, moves=shift > _NEAR)
            )
        return cls(name, tuple(rules))

    def days(self, rule: HolidayRule, weeks: Days) -> Days:
        """The rule's days in the years that ``weeks`` touch, a year more on both sides."""
        years = years_of(weeks[[0, -1]])
        found = [rule.date(int(y)) for y in range(years[0] - 1, years[1] + 2)]
        return np.array([d for d in found if d is not None], dtype="datetime64[D]")

    def holidays_in(self, weeks: Days) -> list[str]:
        """Names of the holidays in each week, joined by ", "; empty where there is none."""
        names: list[list[str]] = [[] for _ in weeks]
        for rule in self.rules:
            for i in week_of(self.days(rule, weeks), weeks):
                if 0 <= i < len(weeks):
                    names[i].append(rule.name)
        return [", ".join(n) for n in names]

    def weights(self, weeks: Days) -> NDArray[np.float64]:
        """(T,) weight of each week in wmae: ``HOLIDAY_WEIGHT`` for weeks of weighted holidays, else 1."""
        out = np.ones(len(weeks))
        for rule in self.rules:
            if rule.weighted:
                index = week_of(self.days(rule, weeks), weeks)
                out[index[(index >= 0) & (index < len(weeks))]] = HOLIDAY_WEIGHT
        return out


def _super_bowl(year: int) -> np.datetime64:
    return nth_weekday(year, 2, 6, 1 if year < 2022 else 2)  # moved a week by the longer season


def _memorial_day(year: int) -> np.datetime64:
    last = np.datetime64(f"{year:04d}-05-31")
    return last - np.timedelta64(_weekday(last), "D")


US_RETAIL = Calendar(
    "US retail",
    (
        HolidayRule("Super Bowl", _super_bowl, weighted=True),
        HolidayRule("Presidents' Day", lambda y: nth_weekday(y, 2, 0, 3)),
        HolidayRule("Easter", easter_sunday, moves=True),
        HolidayRule("Memorial Day", _memorial_day),
        HolidayRule("Independence Day", lambda y: np.datetime64(f"{y:04d}-07-04")),
        HolidayRule("Labor Day", lambda y: nth_weekday(y, 9, 0, 1), weighted=True),
        HolidayRule("Thanksgiving", lambda y: nth_weekday(y, 11, 3, 4), weighted=True, snaps=True),
        HolidayRule("Christmas", lambda y: np.datetime64(f"{y:04d}-12-25"), weighted=True),
    ),
)


def calendar_state(calendar: Calendar) -> dict[str, Any]:
    """A calendar as JSON has it, so that a model can be fitted anew with the one it was made with."""
    if calendar == US_RETAIL:
        return {"name": calendar.name}
    days = {rule.name: [str(d) for y in _YEARS if (d := rule.date(y)) is not None] for rule in calendar.rules}
    return {"name": calendar.name, "dates": days}


def calendar_of(state: Mapping[str, Any]) -> Calendar:
    """The calendar that ``calendar_state`` was made from."""
    if "dates" not in state:
        return US_RETAIL
    return Calendar.from_dates(
        state["name"], {name: np.array(days, dtype="datetime64[D]") for name, days in state["dates"].items()}
    )
