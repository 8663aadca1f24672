"""What the rivals are given: regular histories that end at the cutoff, and holidays they can see."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from benchmarks.accuracy import plan
from benchmarks.rivals.histories import holiday_weeks, regular, week_holding
from benchmarks.rivals.methods import METHODS
from benchmarks.splits import SPLITS


def _frame(**series: list[float | None]) -> pd.DataFrame:
    weeks = pd.date_range("2012-01-06", periods=8, freq="7D")
    rows = [
        (key, week, y)
        for key, ys in series.items()
        for week, y in zip(weeks, ys, strict=False)
        if y is not None
    ]
    return pd.DataFrame(rows, columns=["unique_id", "ds", "y"])


def test_histories_are_whole_from_each_first_week_to_the_cutoff() -> None:
    """Gaps are interpolated, an early end is carried on, a late start stays late, the future is cut."""
    frame = _frame(gap=[1, None, None, 4, 5, 6, 7, 8], ended=[3, 9], late=[None, None, 2, 2, 2, 99, 99, 99])
    out = regular(frame, pd.Timestamp("2012-02-03"))
    found = {key: list(part["y"]) for key, part in out.groupby("unique_id")}
    assert found == {"gap": [1, 2, 3, 4, 5], "ended": [3, 9, 9, 9, 9], "late": [2, 2, 2]}
    assert out["ds"].max() == pd.Timestamp("2012-02-03")
    assert list(out[out["unique_id"] == "late"]["ds"].dt.day) == [20, 27, 3]


def test_a_series_unborn_at_the_cutoff_is_not_given() -> None:
    """A series whose first week lies ahead has no row, and invents none."""
    out = regular(_frame(old=[1] * 8, new=[None] * 6 + [5, 5]), pd.Timestamp("2012-02-03"))
    assert set(out["unique_id"]) == {"old"}


@pytest.mark.parametrize("first", ["2010-02-05", "2010-02-06", "2010-02-07", "2010-02-08"])
def test_a_day_belongs_to_the_anchor_that_ends_its_week(first: str) -> None:
    """Every day of two months goes to the next anchor date on or after it."""
    weeks = pd.date_range(first, periods=4, freq="7D")
    days = pd.date_range("2010-01-01", periods=60)
    for day, anchor in zip(days, week_holding(days, weeks), strict=True):
        assert 0 <= (anchor - day).days < 7
        assert anchor.day_of_week == weeks[0].day_of_week


def test_holidays_stand_at_the_ends_of_their_weeks() -> None:
    """The Fridays that end their weeks carry Labor Day, Thanksgiving, Christmas and the other seven."""
    weeks = pd.date_range("2010-02-05", "2012-12-28", freq="7D")
    table = holiday_weeks(weeks)
    found = {
        name: {ds.date() for ds in part["ds"] if weeks[0] <= ds <= weeks[-1]}
        for name, part in table.groupby("holiday")
    }
    assert found["Labor Day"] == {date(2010, 9, 10), date(2011, 9, 9), date(2012, 9, 7)}
    assert found["Thanksgiving Day"] == {date(2010, 11, 26), date(2011, 11, 25), date(2012, 11, 23)}
    assert found["Christmas Day"] == {date(2010, 12, 31), date(2011, 12, 30), date(2012, 12, 28)}
    assert len(found) == 10
    assert set(table["ds"].dt.day_of_week) == {4}


def test_slow_rivals_are_named_and_left_out_of_departments() -> None:
    """Every rival runs on stores; what is left out of departments is said, and nothing is without --slow."""
    splits = [SPLITS["S1"], SPLITS["D1"]]
    runs, left_out = plan(splits, list(METHODS), slow=False)
    assert {method for method, split in runs if split == "S1"} == set(METHODS)
    assert left_out == [(method, "D1") for method, rival in METHODS.items() if rival.slow]
    assert not set(runs) & set(left_out)
    everything, nothing = plan(splits, list(METHODS), slow=True)
    assert nothing == []
    assert set(everything) == set(runs) | set(left_out)
    assert plan(splits, ["storecast"], slow=False) == ([], [])
