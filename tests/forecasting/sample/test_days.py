"""The daily season: holidays fall where the calendar says, and weeks are sums of their days."""

from __future__ import annotations

from datetime import date, timedelta

import holidays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storecast.forecasting.sample.days import (
    COMPONENTS,
    WEEKDAY_WEIGHT,
    easter_sunday,
    holiday_weeks,
    nth_weekday,
    weekly_season,
)

QUIET = np.zeros(366)


def _fridays(first: str, count: int) -> np.ndarray:
    return np.datetime64(first, "D") + 7 * np.arange(count)


def test_easter_is_the_day_before_easter_monday_of_the_holiday_calendar():
    """A century of Easter Sundays agree with an independent holiday library."""
    years = np.arange(1991, 2100)
    monday = {
        day.year: day
        for day, name in holidays.country_holidays("DE", years=years.tolist(), language="en_US").items()
        if name == "Easter Monday"
    }
    found = easter_sunday(years).astype(object).tolist()
    assert found == [monday[int(year)] - timedelta(days=1) for year in years]


@given(st.integers(1900, 2200), st.integers(1, 12), st.integers(0, 6), st.sampled_from([1, 2, 3, 4, -1]))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_nth_weekday_agrees_with_counting_days(year: int, month: int, weekday: int, nth: int):
    """The n-th (or last) weekday of a month is the one that a plain walk through the month finds."""
    walk = (date(year, month, 1) + timedelta(days=k) for k in range(31))
    hits = [day for day in walk if day.month == month and day.weekday() == weekday]
    expected = hits[nth - 1] if nth > 0 else hits[-1]
    assert nth_weekday(np.array([year]), month, weekday, nth)[0].astype(object) == expected


def test_holiday_flags_of_weeks_that_end_on_fridays():
    """Flagged are exactly the weeks with Super Bowl, Labor Day, Thanksgiving and Christmas Day."""
    weeks = _fridays("2010-02-05", 182)
    expected = [
        "2010-02-12",
        "2010-09-10",
        "2010-11-26",
        "2010-12-31",
        "2011-02-11",
        "2011-09-09",
        "2011-11-25",
        "2011-12-30",
        "2012-02-10",
        "2012-09-07",
        "2012-11-23",
        "2012-12-28",
        "2013-02-08",
    ]
    assert weeks[holiday_weeks(weeks)].astype(str).tolist() == expected


@pytest.mark.parametrize("first", [f"2024-01-0{k}" for k in range(1, 8)])
def test_every_anchor_weekday_flags_four_weeks_a_year(first: str):
    """Whatever day weeks end on, each holiday is in exactly one week."""
    assert holiday_weeks(_fridays(first, 522)).sum() == pytest.approx(40, abs=1)


def test_a_week_is_the_mean_of_its_seven_days():
    """The Christmas build-up of each week equals a plain loop over the days that end on its date."""
    weeks = _fridays("2010-10-01", 120)
    column = COMPONENTS.index("christmas")
    got = weekly_season(weeks, QUIET)[:, column]
    for week, value in zip(weeks.astype(object), got, strict=True):
        total = 0.0
        for back in range(7):
            day = week - timedelta(days=back)
            to_go = (date(day.year, 12, 24) - day).days
            if to_go >= 0:
                total += WEEKDAY_WEIGHT[day.weekday()] * np.exp(-to_go / 11)
        assert value == pytest.approx(total / 7, abs=1e-9)


def test_plain_weeks_are_one():
    """Without any event a week's intensity is one, so that base sales are dollars a week."""
    assert weekly_season(_fridays("2015-01-03", 300), QUIET)[:, 0] == pytest.approx(np.ones(300))


def test_quirks_return_on_the_same_date_every_year():
    """A bump on 1 September falls into the week that holds 1 September, leap year or not."""
    quirk = np.zeros(366)
    quirk[244] = 1.0
    weeks = _fridays("2010-01-01", 520)
    hit = weeks[weekly_season(weeks, quirk)[:, -1] > 0]
    first_days = np.arange(7).astype("timedelta64[D]")
    expected = [w for w in weeks if any((w - days).astype(str)[5:] == "09-01" for days in first_days)]
    assert hit.tolist() == np.array(expected).tolist()
