"""The retail calendar against other sources: published dates, dateutil, the holidays library, plain loops."""

from __future__ import annotations

from datetime import date, timedelta

import holidays
import numpy as np
import pytest
from dateutil.easter import easter  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from storecast.forecasting.calendar import (
    HOLIDAY_WEIGHT,
    US_RETAIL,
    Calendar,
    HolidayRule,
    easter_sunday,
    first_days,
    nth_weekday,
    shift_years,
    week_of,
    years_of,
)
from tests.forecasting.panels import weeks_from

# The weeks that the public data set flags, as its schema describes them: Super Bowl, Labor Day,
# Thanksgiving and the week after Christmas, by the Friday that ends them.
FLAGGED = [
    "2010-02-12", "2010-09-10", "2010-11-26", "2010-12-31",
    "2011-02-11", "2011-09-09", "2011-11-25", "2011-12-30",
    "2012-02-10", "2012-09-07",
]  # fmt: skip


def test_easter_on_published_dates():
    """Easter falls where almanacs say, the earliest and the latest possible days among them."""
    for day in ("1961-04-02", "2000-04-23", "2008-03-23", "2010-04-04", "2011-04-24", "2012-04-08",
                "2016-03-27", "2024-03-31", "2025-04-20", "2038-04-25", "2285-03-22"):  # fmt: skip
        assert easter_sunday(int(day[:4])) == np.datetime64(day)


def test_easter_agrees_with_another_implementation():
    """Two algorithms give the same Easter for four centuries."""
    assert all(easter_sunday(y).item() == easter(y) for y in range(1700, 2100))


@given(st.integers(1900, 2200), st.integers(1, 12), st.integers(0, 6), st.integers(1, 4))
def test_nth_weekday_by_counting(year: int, month: int, weekday: int, n: int):
    """The n-th weekday of a month is the n-th that counting from its first day meets."""
    day, met = date(year, month, 1), 0
    while True:
        met += day.weekday() == weekday
        if met == n:
            break
        day += timedelta(days=1)
    assert nth_weekday(year, month, weekday, n).item() == day


def test_us_holidays_agree_with_the_holidays_library():
    """The rules of the built-in calendar give the dates another library lists."""
    listed = holidays.country_holidays("US", years=range(2000, 2040), observed=False)
    names = {
        "Presidents' Day": "Washington's Birthday",
        "Memorial Day": "Memorial Day",
        "Independence Day": "Independence Day",
        "Labor Day": "Labor Day",
        "Thanksgiving": "Thanksgiving Day",
        "Christmas": "Christmas Day",
    }
    for rule in US_RETAIL.rules:
        if rule.name in names:
            expected = sorted(d for d, name in listed.items() if names[rule.name] in name.split("; "))
            assert [rule.date(d.year).item() for d in expected] == expected  # type: ignore[union-attr]


def test_super_bowls_on_published_dates():
    """The Super Bowl's Sunday, before and after the season grew longer."""
    rule = next(r for r in US_RETAIL.rules if r.name == "Super Bowl")
    for day in (
        "2010-02-07",
        "2011-02-06",
        "2012-02-05",
        "2021-02-07",
        "2022-02-13",
        "2024-02-11",
        "2025-02-09",
    ):
        assert rule.date(int(day[:4])) == np.datetime64(day)


def test_weights_flag_the_weeks_that_the_public_data_set_flags():
    """On the data set's 143 Fridays exactly its ten holiday weeks weigh five, all others one."""
    weeks = weeks_from("2010-02-05", 143)
    weights = US_RETAIL.weights(weeks)
    assert [str(w) for w in weeks[weights > 1]] == FLAGGED
    assert set(weights) == {1.0, HOLIDAY_WEIGHT}
    assert HOLIDAY_WEIGHT == 5.0


@given(st.dates(date(1990, 1, 1), date(2060, 1, 1)), st.integers(-800, 800), st.integers(1, 120))
def test_each_day_falls_in_one_week_of_seven_days(first: date, offset: int, count: int):
    """A Monday anchor starts its week, any other ends it; week_of finds the week that holds the day."""
    weeks = weeks_from(first.isoformat(), count)
    day = first + timedelta(days=offset)
    starts = first if first.weekday() == 0 else first - timedelta(days=6)
    i = int(week_of(np.array([day], dtype="datetime64[D]"), weeks)[0])
    assert starts + timedelta(weeks=i) <= day < starts + timedelta(weeks=i + 1)
    assert first_days(weeks)[0].item() == starts
    anchor = starts + timedelta(weeks=i) if first.weekday() == 0 else starts + timedelta(weeks=i, days=6)
    assert (anchor - first).days == 7 * i


@given(st.dates(date(1904, 1, 1), date(2096, 12, 31)), st.integers(0, 30))
def test_shift_years_is_the_same_date_of_an_earlier_year(day: date, years: int):
    """The same month and day, 29 February becoming the 28th only where that year has none."""
    try:
        expected = day.replace(year=day.year - years)
    except ValueError:
        expected = date(day.year - years, 2, 28)
    assert shift_years(np.array([day], dtype="datetime64[D]"), years)[0].item() == expected


def test_years_of_days_before_and_after_1970():
    """The calendar year, on both sides of the epoch."""
    days = np.array(["1969-12-31", "1970-01-01", "2012-02-29", "1900-01-01"], dtype="datetime64[D]")
    assert years_of(days).tolist() == [1969, 1970, 2012, 1900]


@pytest.mark.parametrize("first", ["2012-01-02", "2012-01-03", "2012-01-06", "2012-01-07", "2012-01-08"])
def test_holidays_in_names_the_weeks_by_a_plain_search(first: str):
    """Each week carries the names of the holidays within its seven days, whatever weekday anchors it."""
    weeks = weeks_from(first, 110)
    names = US_RETAIL.holidays_in(weeks)
    for week, found in zip(weeks, names, strict=True):
        start = week if week.item().weekday() == 0 else week - np.timedelta64(6, "D")
        expected = [
            rule.name
            for rule in US_RETAIL.rules
            for year in (2011, 2012, 2013, 2014)
            if (day := rule.date(year)) is not None and start <= day < start + np.timedelta64(7, "D")
        ]
        assert found == ", ".join(expected)


def test_a_rule_without_a_day_in_some_years_is_left_out():
    """A holiday that is not held in a year weighs nothing there."""
    held = Calendar(
        "held once", (HolidayRule("Fair", {2011: np.datetime64("2011-05-04")}.get, weighted=True),)
    )
    weeks = weeks_from("2010-01-01", 156)
    assert weeks[held.weights(weeks) > 1].tolist() == [date(2011, 5, 6)]
    assert US_RETAIL.days(US_RETAIL.rules[0], weeks[:1]).dtype == np.dtype("datetime64[D]")


def _listed(*days: str) -> np.ndarray:
    return np.array(days, dtype="datetime64[D]")


def test_listed_days_are_sorted_into_fixed_moving_and_snapping():
    """From dates alone: Easter wanders, Thanksgiving keeps its weekday in November, Christmas stays."""
    years = range(2010, 2016)
    calendar = Calendar.from_dates(
        "a country",
        {
            "Christmas Day": _listed(*(f"{y}-12-25" for y in years)),
            "Good Friday": _listed(*(str(easter_sunday(y) - np.timedelta64(2, "D")) for y in years)),
            "Labour Day": _listed(*(str(nth_weekday(y, 9, 0, 1)) for y in years)),
            "Ramadan": _listed("2010-08-11", "2011-08-01", "2012-07-20", "2013-07-09", "2014-06-28"),
            "Thanksgiving": _listed(*(str(nth_weekday(y, 11, 3, 4)) for y in years)),
        },
    )
    kinds = {
        rule.name: ("moves" if rule.moves else "") + ("snaps" if rule.snaps else "")
        for rule in calendar.rules
    }
    assert kinds == {
        "Christmas Day": "",
        "Good Friday": "moves",
        "Labour Day": "",
        "Ramadan": "moves",
        "Thanksgiving": "snaps",
    }
    assert all(rule.weighted for rule in calendar.rules)
    unweighted = Calendar.from_dates("a", {"x": _listed("2012-12-25")}, weighted=False)
    assert not unweighted.rules[0].weighted


def test_the_built_in_calendar_is_sorted_as_its_rules_have_it():
    """From the days of 71 years alone: Easter moves, Thanksgiving snaps, and nothing else does either."""
    kinds = {rule.name: (rule.moves, rule.snaps) for rule in US_RETAIL.rules}
    assert [name for name, (moves, _) in kinds.items() if moves] == ["Easter"]
    assert [name for name, (_, snaps) in kinds.items() if snaps] == ["Thanksgiving"]
    days = {rule.name: _listed(*(str(rule.date(y)) for y in range(1990, 2061))) for rule in US_RETAIL.rules}
    listed = Calendar.from_dates("listed", days)
    assert {rule.name: (rule.moves, rule.snaps) for rule in listed.rules} == kinds


def test_what_visits_every_day_of_the_year_moves():
    """Eleven days earlier each year, for 40 years: once round the year, and a moving holiday still."""
    days = np.datetime64("1990-01-05") + (354.37 * np.arange(41)).astype(np.int64)
    rule = Calendar.from_dates("lunar", {"Eid": days}).rules[0]
    assert (rule.moves, rule.snaps) == (True, False)


@pytest.mark.parametrize("date_", ["11-23", "11-30"])
def test_a_fixed_date_in_november_does_not_snap(date_: str):
    """In leap years it is a day later in the year, on another weekday: sales follow the date."""
    days = _listed(*(f"{y}-{date_}" for y in range(1990, 2061)))
    rule = Calendar.from_dates("fixed", {"Day": days}).rules[0]
    assert (rule.moves, rule.snaps) == (False, False)


def test_a_holiday_across_the_turn_of_the_year_does_not_move():
    """New Year observed on 31 December is the same holiday as on 1 January: a day apart, not 364."""
    calendar = Calendar.from_dates(
        "a", {"New Year": _listed("2010-01-01", "2010-12-31", "2012-01-02", "2013-01-01")}
    )
    assert not calendar.rules[0].moves
    assert calendar.rules[0].date(2012) == np.datetime64("2012-01-02")


def test_of_a_holiday_of_several_days_the_first_counts():
    """A festival listed day by day is dated by its first day of the year."""
    calendar = Calendar.from_dates("a", {"Feast": _listed("2010-05-03", "2010-05-04", "2011-05-03")})
    assert calendar.rules[0].date(2010) == np.datetime64("2010-05-03")
    assert calendar.rules[0].date(1999) is None
