"""Look-backs by calendar date against a week-by-week reading of the rule."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.forecasting.calendar import US_RETAIL, Calendar, HolidayRule, easter_sunday, nth_weekday
from storecast.forecasting.timeline import MOVING_OFFSETS, YEAR, make_timeline
from tests.forecasting.panels import weeks_from

PLAIN = Calendar("no holidays", ())


def _same_date(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)


def _position(weeks: np.ndarray, row: int, years: int) -> float:
    """Where a week looks, without holidays: whole weeks back, and the rest of the days by their share."""
    day: date = weeks[row].item()
    weeks_back = (day - _same_date(day, years)).days / 7
    whole = round(weeks_back)
    share = 1.0 if (day.month, day.day) >= (12, 3) else 0.75
    return row - whole - share * (weeks_back - whole)


@pytest.mark.parametrize("first", ["2010-02-05", "2007-12-31", "2011-03-06", "2012-02-29", "2019-01-01"])
def test_positions_by_a_plain_loop(first: str):
    """Ten years of look-backs, any anchor weekday, leap years: as the rule reads, week by week."""
    weeks = weeks_from(first, 530)
    timeline = make_timeline(weeks, 10, PLAIN)
    assert timeline.years == 10
    for k in range(10):
        expected = np.array([_position(weeks, t, k + 1) for t in range(len(weeks))])
        np.testing.assert_allclose(timeline.low[k] + timeline.part[k], expected, atol=1e-8)
        assert ((timeline.part[k] >= 0) & (timeline.part[k] < 1)).all()


@given(st.dates(date(1995, 1, 1), date(2040, 1, 1)), st.integers(1, 4))
def test_no_week_looks_at_itself_or_beyond(first: date, years: int):
    """What a look-back reads lies 52 or 53 weeks a year before its own row: never in the horizon."""
    weeks = weeks_from(first.isoformat(), 260)
    timeline = make_timeline(weeks, years, US_RETAIL)
    rows = np.arange(len(weeks))
    for k in range(years):
        reach = timeline.low[k] + (timeline.part[k] > 0)
        assert (reach <= rows - YEAR * (k + 1)).all()
        assert (reach >= rows - 53 * (k + 1) - 1).all()


def _row_of(weeks: np.ndarray, day: np.datetime64) -> int:
    """The row of the week that ends on or after ``day``."""
    return int(np.searchsorted(weeks, day))


@pytest.mark.parametrize("anchor", range(1, 7))
def test_thanksgiving_looks_at_thanksgiving(anchor: int):
    """Its week and both neighbours look at the same three weeks of each earlier year, 53 weeks back from
    2013 to 2012, whole weeks without interpolation."""
    weeks = weeks_from(str(np.datetime64("2009-06-01") + np.timedelta64(anchor, "D")), 345)
    timeline = make_timeline(weeks, 3, US_RETAIL)
    gaps = set()
    for year in range(2012, 2016):
        row = _row_of(weeks, nth_weekday(year, 11, 3, 4))
        for k in (1, 2, 3):
            past = _row_of(weeks, nth_weekday(year - k, 11, 3, 4))
            if past <= 0:
                continue
            for offset in (-1, 0, 1):
                assert timeline.low[k - 1, row + offset] == past + offset
                assert timeline.part[k - 1, row + offset] == 0.0
            gaps.add((year, k, row - past))
    assert (2013, 1, 53) in gaps
    assert (2012, 1, 52) in gaps


def test_monday_anchors_hold_thanksgiving_in_the_week_they_start():
    """A week that starts on Monday looks back at the week that starts on the Monday before Thanksgiving."""
    weeks = weeks_from("2010-01-04", 220)
    timeline = make_timeline(weeks, 1, US_RETAIL)
    row = int(np.flatnonzero(weeks == np.datetime64("2013-11-25"))[0])
    assert weeks[timeline.low[0, row]] == np.datetime64("2012-11-19")


def test_a_snap_at_the_very_edge_of_the_weeks():
    """Holidays just outside the weeks still pull their neighbours inside; nothing wraps around."""
    weeks = weeks_from("2010-12-03", 53)  # the week after Thanksgiving 2010 comes first, 2011's is there
    timeline = make_timeline(weeks, 1, US_RETAIL)
    assert timeline.low[0, 0] == -52
    row = _row_of(weeks, nth_weekday(2011, 11, 3, 4))
    assert timeline.low[0, row] == -1
    assert timeline.low[0, row + 1] == 0


def test_a_snapping_holiday_without_a_day_last_year_leaves_the_date():
    """Where the year before did not hold the holiday, the week looks back by date."""
    once = Calendar("once", (HolidayRule("Fair", {2012: np.datetime64("2012-06-15")}.get, snaps=True),))
    weeks = weeks_from("2010-01-01", 200)
    np.testing.assert_array_equal(make_timeline(weeks, 2, once).low, make_timeline(weeks, 2, PLAIN).low)


@pytest.mark.parametrize("first", ["2010-02-05", "2010-02-08", "2010-02-07"])
def test_moving_marks_the_weeks_around_easter(first: str):
    """Column o of a moving holiday marks the week o - 1 weeks from its own, in every year and no other."""
    weeks = weeks_from(first, 200)
    timeline = make_timeline(weeks, 1, US_RETAIL)
    expected = np.zeros((200, len(MOVING_OFFSETS)))
    for t, week in enumerate(weeks):
        start = week if week.item().weekday() == 0 else week - np.timedelta64(6, "D")
        for o, offset in enumerate(MOVING_OFFSETS):
            expected[t, o] = any(
                0 <= (easter_sunday(y) - start).astype(int) + 7 * offset < 7 for y in range(2009, 2016)
            )
    np.testing.assert_array_equal(timeline.moving, expected)
    assert make_timeline(weeks, 1, PLAIN).moving.shape == (200, 0)


def test_week_of_year_counts_from_january_and_never_leaves_the_table():
    """Weeks count up by one within a year, start at 0 or 1, and stay within 0..53 in years of 53 weeks."""
    weeks = weeks_from("2004-01-02", 900)
    of_year = make_timeline(weeks, 1, PLAIN).week_of_year
    assert of_year.min() >= 0
    assert of_year.max() <= 53
    years = weeks.astype("datetime64[Y]")
    for year in np.unique(years):
        mine = of_year[years == year]
        assert (np.diff(mine) == 1).all()
        assert mine[0] in (0, 1)
