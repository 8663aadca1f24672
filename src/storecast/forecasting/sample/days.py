"""The year of a shop, day by day: holidays by rule and the daily season that weeks are summed from.

Season lives on days, so Christmas on another weekday moves sales between weeks by itself, as it does
in life. A week is the seven days that end on its anchor date.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["COMPONENTS", "easter_sunday", "holiday_weeks", "nth_weekday", "weekly_season"]

Days = NDArray[np.datetime64]
Float = NDArray[np.float64]
Int = NDArray[np.int64]

MONDAY, THURSDAY, SUNDAY = 0, 3, 6
_DAY = np.timedelta64(1, "D")
# Monday .. Sunday; the mean is 1, so a week without any effect sums to seven plain days.
WEEKDAY_WEIGHT = np.array([0.86, 0.82, 0.84, 0.90, 1.12, 1.30, 1.16])


def _date(years: Int, month: int, day: int) -> Days:
    """The ``day`` of ``month`` in each year, datetime64[D]."""
    months = (years - 1970) * 12 + month - 1
    first: Days = months.astype("datetime64[M]").astype("datetime64[D]")
    return first + (day - 1) * _DAY


def _weekday(days: Days) -> Int:
    """0 = Monday; 1970-01-01 was a Thursday."""
    return (days.astype(np.int64) + 3) % 7


def nth_weekday(years: Int, month: int, weekday: int, nth: int) -> Days:
    """The ``nth`` (1 .. 4) ``weekday`` (0 = Monday) of ``month`` in each year; -1 is the last one."""
    if nth < 0:
        last = _date(years + month // 12, month % 12 + 1, 1) - _DAY
        return last - (_weekday(last) - weekday) % 7
    first = _date(years, month, 1)
    return first + ((weekday - _weekday(first)) % 7 + 7 * (nth - 1)) * _DAY


def easter_sunday(years: Int) -> Days:
    """Easter Sunday of each Gregorian year (the anonymous algorithm, Meeus/Jones/Butcher)."""
    golden = years % 19
    century, rest = years // 100, years % 100
    leap_century, century_rest = century // 4, century % 4
    moon = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_century - moon + 15) % 30
    weekday = (32 + 2 * century_rest + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month_day = epact + weekday - 7 * late + 114
    march = _date(years, 3, 1)
    return np.asarray(march + ((month_day // 31 - 3) * 31 + month_day % 31))


def _super_bowl(years: Int) -> Days:
    """First Sunday of February from 2004, the second one since the longer season of 2022."""
    second = nth_weekday(years, 2, SUNDAY, 2)
    first = nth_weekday(years, 2, SUNDAY, 1)
    before = nth_weekday(years, 1, SUNDAY, -1)
    return np.where(years >= 2022, second, np.where(years >= 2004, first, before))


def _labor_day(years: Int) -> Days:
    return nth_weekday(years, 9, MONDAY, 1)


def _thanksgiving(years: Int) -> Days:
    return nth_weekday(years, 11, THURSDAY, 4)


def _years_around(days: Days) -> Int:
    year = days.astype("datetime64[Y]").astype(np.int64) + 1970
    return np.arange(year.min() - 1, year.max() + 2)


def holiday_weeks(weeks: Days) -> NDArray[np.bool_]:
    """(T,) whether the week ending on each date holds Super Bowl, Labor Day, Thanksgiving or 25 December."""
    years = _years_around(weeks)
    anchors = [_super_bowl(years), _labor_day(years), _thanksgiving(years), _date(years, 12, 25)]
    behind = weeks[:, None] - np.concatenate(anchors)[None, :]
    offset = behind.astype(np.int64)
    return np.asarray(((offset >= 0) & (offset < 7)).any(axis=1))


def _ramp(length: float) -> Callable[[Float], Float]:
    """1 on the day itself, fading towards the days before it."""
    return lambda o: np.where(o <= 0, np.exp(np.minimum(o, 0) / length), 0.0)


def _bell(width: float) -> Callable[[Float], Float]:
    return lambda o: np.exp(-0.5 * (o / width) ** 2)


def _steps(first: int, *values: float) -> Callable[[Float], Float]:
    """``values`` on consecutive days that start ``first`` days from the anchor, nothing elsewhere."""
    table = np.array([0.0, *values, 0.0])
    return lambda o: table[np.clip(o - first + 1, 0, len(values) + 1).astype(np.int64)]


def _easter_shape(o: Float) -> Float:
    return np.where(o < 0, np.exp(np.minimum(o, 0) / 4), 0.0) + _steps(0, -0.4, *[-0.12] * 6)(o)


def _new_year_shape(o: Float) -> Float:
    return np.where((o >= 0) & (o < 35), o / 35 - 1, 0.0)


_EVENTS: dict[str, tuple[Callable[[Int], Days], Callable[[Float], Float]]] = {
    "christmas": (lambda y: _date(y, 12, 24), _ramp(11.0)),
    "after_christmas": (lambda y: _date(y, 12, 26), _steps(0, 1.0, 0.9, 0.7, 0.5, 0.5, 0.4)),
    "closed_day": (lambda y: _date(y, 12, 25), _steps(0, -1.0)),
    "january": (lambda y: _date(y, 1, 1), _new_year_shape),
    "thanksgiving": (_thanksgiving, _steps(-4, 0.3, 0.4, 0.5, 0.6, -0.3, 2.0, 0.5, 0.2)),
    "easter": (easter_sunday, _easter_shape),
    "super_bowl": (_super_bowl, _steps(-3, 0.4, 0.8, 1.0, 0.8)),
    "valentine": (lambda y: _date(y, 2, 14), _ramp(3.0)),
    "mothers_day": (lambda y: nth_weekday(y, 5, SUNDAY, 2), _ramp(4.0)),
    "memorial_day": (lambda y: nth_weekday(y, 5, MONDAY, -1), _bell(3.0)),
    "independence": (lambda y: _date(y, 7, 4), _bell(2.5)),
    "labor_day": (_labor_day, _bell(2.0)),
    "halloween": (lambda y: _date(y, 10, 31), _ramp(8.0)),
    "school": (lambda y: _date(y, 8, 14), _bell(12.0)),
    "garden": (lambda y: _date(y, 5, 8), _bell(24.0)),
    "summer": (lambda y: _date(y, 7, 15), _bell(40.0)),
}
COMPONENTS = ("base", *_EVENTS, "payday", "quirk")


def _day_of_year(days: Days) -> Int:
    """0 .. 365 on a leap year's calendar, so that 1 March is the same entry in every year."""
    month = days.astype("datetime64[M]")
    starts = np.array([0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335])
    day = (days - month.astype("datetime64[D]")).astype(np.int64)
    return np.asarray(starts[month.astype(np.int64) % 12] + day)


def _payday(days: Days) -> Float:
    """Wages and benefits come on the 1st and the 15th and are spent within days."""
    day = (days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(np.float64)
    return np.asarray(np.exp(-day / 3) + np.where(day >= 14, 0.7 * np.exp(-(day - 14) / 3), 0.0) - 0.19)


def weekly_season(weeks: Days, quirk: Float) -> Float:
    """(T, K) the components of ``COMPONENTS``, each a mean over the seven days that end on the week's date.

    ``quirk`` (366,): the chain's own habit for each day of the year (catalogues, local feasts), mean 0.
    """
    days = (weeks[:, None] + np.arange(-6, 1)[None, :]).ravel()
    years = _years_around(days)
    daily = np.empty((len(days), len(COMPONENTS)))
    daily[:, 0] = 1.0
    for k, (anchor, shape) in enumerate(_EVENTS.values(), start=1):
        offset = (days[:, None] - anchor(years)[None, :]).astype(np.float64)
        daily[:, k] = shape(offset).sum(axis=1)
    daily[:, -2] = _payday(days)
    daily[:, -1] = quirk[_day_of_year(days)]
    daily *= WEEKDAY_WEIGHT[_weekday(days)][:, None]
    return np.asarray(daily.reshape(len(weeks), 7, -1).mean(axis=1))
