"""The members against a slow reading of the recipe, and against worlds whose future is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.aligned import MEMBERS, Aligned, AlignedConfig, block_index
from storecast.forecasting.calendar import US_RETAIL, Calendar, HolidayRule
from storecast.forecasting.timeline import Timeline, make_timeline
from tests.forecasting.panels import season_of, weeks_from
from tests.forecasting.slow_members import SlowSeries, slow_index

CONFIG = AlignedConfig()
PLAIN = Calendar("no holidays", ())
_SALES = {int(day[:4]): np.datetime64(day) for day in ("2010-11-26", "2011-11-29", "2012-11-20")}
EARLY_SALE = Calendar("51 weeks apart at last", (HolidayRule("Sale", _SALES.get, snaps=True),))


def _sales(rows: int, size: int, seed: int, first: str = "2010-02-05") -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    season = season_of(weeks_from(first, rows), 0.4)[:, None]
    growth = np.exp(rng.normal(0.03, 0.08, size) * np.arange(rows)[:, None] / 52)
    return rng.gamma(4.0, 300.0, size) * season * growth * np.exp(0.1 * rng.standard_normal((rows, size)))


def _build(values: NDArray[np.float64], of_block: NDArray[np.int64], timeline: Timeline) -> Aligned:
    index = block_index(values, of_block, int(of_block.max()) + 1)
    return Aligned(values, timeline, CONFIG, Aligned(index, timeline, CONFIG), of_block)


def _wild(rows: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Two blocks of eight series: whole, gaps, closed for half a year, late, ended, zero, negative, empty."""
    values = _sales(rows, 8, seed)
    rng = np.random.default_rng(seed)
    values[rng.random(rows) < 0.2, 1] = math.nan
    values[rows // 2 : rows // 2 + 26, 2] = math.nan
    values[: rows - 20, 3] = math.nan
    values[rows // 2 :, 4] = math.nan
    values[:, 5] = 0.0
    values[:, 6] *= -1.0
    values[:, 7] = math.nan
    return values, np.array([0, 1, 0, 1, 1, 0, 0, 1])


@pytest.mark.parametrize(("rows", "cutoff"), [(143, 143), (143, 92), (70, 70), (40, 30), (230, 214)])
def test_members_by_a_slow_reading_of_the_recipe(rows: int, cutoff: int):
    """Every member of every series and week equals plain loops: gaps, closures, late starts, years."""
    values, of_block = _wild(rows, seed=rows)
    horizon = 52
    timeline = make_timeline(
        weeks_from("2010-02-05", rows + horizon), max(1, -(-(rows - 4) // 52)), US_RETAIL
    )
    found = _build(values, of_block, timeline).forecasts(cutoff, slice(cutoff, cutoff + horizon), cutoff)
    assert found.shape == (len(MEMBERS), horizon, 8)
    blocks = [SlowSeries(slow_index(values[:, of_block == b]), timeline) for b in (0, 1)]
    for i in range(8):
        slow = SlowSeries(values[:, i].tolist(), timeline, blocks[of_block[i]])
        for h in (0, 1, 12, 25, 43, 44, 46, 51):
            expected = np.array(slow.members(cutoff, cutoff + h))
            np.testing.assert_allclose(
                found[:, h, i], expected, rtol=1e-8, atol=1e-6, err_msg=f"series {i}, h {h}"
            )


@pytest.mark.parametrize("rows", [60, 130])
def test_one_step_forecasts_are_those_of_each_cutoff(rows: int):
    """The pass over all weeks gives for each what a forecast at the week before would give."""
    values, of_block = _wild(rows, seed=3)
    timeline = make_timeline(weeks_from("2010-02-05", rows + 4), 3, US_RETAIL)
    aligned = _build(values, of_block, timeline)
    one = aligned.one_step()
    for t in range(rows):
        single = aligned.forecasts(t, slice(t, t + 1), t)
        np.testing.assert_allclose(one[:, t], single[:, 0], rtol=1e-9, atol=1e-9, err_msg=f"week {t}")


@pytest.mark.parametrize("calendar", [US_RETAIL, EARLY_SALE], ids=["US", "early sale"])
@pytest.mark.parametrize("garbage", [math.nan, 1e12, -1e12])
def test_members_read_nothing_after_the_cutoff(garbage: float, calendar: Calendar):
    """Whatever stands in later rows, the members' forecasts stay the same bit for bit, also where a holiday
    lies less than the horizon before the next."""
    values, of_block = _wild(140, seed=5)
    index = block_index(values, of_block, 2)
    timeline = make_timeline(weeks_from("2010-02-05", 192), 3, calendar)
    for cutoff in (57, 95, 139):
        spoilt, spoilt_index = values.copy(), index.copy()
        spoilt[cutoff:], spoilt_index[cutoff:] = garbage, garbage
        pair = [
            Aligned(v, timeline, CONFIG, Aligned(b, timeline, CONFIG), of_block).forecasts(
                cutoff, slice(cutoff, cutoff + 52), cutoff
            )
            for v, b in ((values, index), (spoilt, spoilt_index))
        ]
        np.testing.assert_array_equal(pair[0], pair[1])
        heights = [
            Aligned(v, timeline, CONFIG).height(slice(cutoff, cutoff + 1), slice(cutoff, cutoff + 52), cutoff)
            for v in (values, spoilt)
        ]
        np.testing.assert_array_equal(heights[0], heights[1])


@pytest.mark.parametrize(
    ("kind", "names"),
    [("none", ("season", "growth")), ("dollars", ("season",)), ("percent", ("season", "growth"))],
)
def test_a_season_with_trend_is_continued_almost_exactly(kind: str, names: tuple[str, ...]):
    """Without noise a yearly season is forecast for a year to half a hundredth, on a trend to a hundredth,
    whether it adds dollars (78 a year on 1,000) or percents (8 a year)."""
    weeks = weeks_from("2010-02-05", 208)
    season, years = season_of(weeks, 0.3), np.arange(208) / 52.18
    truth = {
        "none": 1000.0 * season,
        "dollars": 1000.0 * season + 78.0 * years,
        "percent": 1000.0 * season * 1.08**years,
    }[kind]
    aligned = _build(truth[:156, None], np.array([0]), make_timeline(weeks, 3, PLAIN))
    members = aligned.forecasts(156, slice(156, 208), 156)[:, :, 0]
    limit = 0.006 if kind == "none" else 0.015
    for name in names:
        assert np.mean(np.abs(members[MEMBERS.index(name)] / truth[156:] - 1.0)) < limit, name
        assert abs(np.mean(members[MEMBERS.index(name)] / truth[156:] - 1.0)) < 0.6 * limit, name


def test_growth_is_carried_to_the_same_date():
    """Sales that grow by 10 % a year, week for week, are forecast by the growth member to half a percent."""
    weeks = weeks_from("2010-02-05", 208)
    truth = season_of(weeks, 0.3) * 1.1 ** (np.arange(208) / 52.18)
    values = truth[:156, None] * np.array([1000.0, 500.0])
    growth = _build(values, np.array([0, 0]), make_timeline(weeks, 3, PLAIN)).forecasts(
        156, slice(156, 208), 156
    )[1]
    np.testing.assert_allclose(growth, truth[156:, None] * np.array([1000.0, 500.0]), rtol=0.012)


def _christmas_by_day(first: np.datetime64, weeks: int) -> NDArray[np.float64]:
    """Weekly sales of days that are level but for a hill of three weeks around 19 December."""
    days = first + np.arange(-6, 7 * weeks - 6)
    rise = np.zeros(len(days))
    for year in range(2000, 2020):
        rise += 1.5 * np.exp(-0.5 * ((days - np.datetime64(f"{year}-12-19")).astype(float) / 9.0) ** 2)
    return np.asarray((100.0 * (1.0 + rise)).reshape(-1, 7).sum(axis=1))


@pytest.mark.parametrize("anchor", range(1, 7))
def test_christmas_on_its_date_beats_the_week_number(anchor: int):
    """Where the days before Christmas carry the sales, last year by date has at most two thirds of the error
    of last year by week number, whatever weekday ends the week; Christmas is neither lost nor found twice."""
    first = np.datetime64("2005-01-03") + np.timedelta64(anchor, "D")
    sales = _christmas_by_day(first, 52 * 9)
    weeks = weeks_from(str(first), len(sales))
    timeline = make_timeline(weeks, 3, US_RETAIL)
    season = same = naive = 0.0
    for cutoff in range(180, len(sales) - 52, 52):
        ahead = slice(cutoff, cutoff + 52)
        december = np.array([d.month == 12 or (d.month == 1 and d.day < 7) for d in weeks[ahead].tolist()])
        truth, last = sales[ahead][december], sales[cutoff - 52 : cutoff][december]
        members = _build(sales[:cutoff, None], np.array([0]), timeline).forecasts(cutoff, ahead, cutoff)
        found = members[:, december, 0]
        season += np.abs(found[MEMBERS.index("season")] - truth).sum()
        same += np.abs(found[MEMBERS.index("same")] - truth).sum()
        naive += np.abs(last - truth).sum()
        np.testing.assert_allclose(found[:2].sum(axis=1), truth.sum(), rtol=0.07)
    assert same < 0.67 * naive
    assert season < 0.8 * naive


def test_a_young_series_follows_its_block():
    """Ten weeks of history: the block's season at the size of the series, no more than a percent off."""
    weeks = weeks_from("2010-02-05", 195)
    shape, sizes = season_of(weeks, 0.5), np.array([1000.0, 2000.0, 1500.0, 800.0])
    values = shape[:143, None] * sizes
    values[:133, 3] = math.nan
    timeline = make_timeline(weeks, 3, PLAIN)
    members = _build(values, np.zeros(4, dtype=int), timeline).forecasts(143, slice(143, 195), 143)
    assert np.isnan(members[0, :40, 3]).all()
    np.testing.assert_allclose(members[2, :, 3], sizes[3] * shape[143:], rtol=0.015)


@pytest.mark.parametrize("growth", [1.0, 1.1])
def test_block_index_does_not_bend_where_members_are_missing(growth: float):
    """Members that come late, end, close for months or lack a week: the index goes on as if they had sold
    their usual, in any season and on any trend."""
    shape = season_of(weeks_from("2010-02-05", 143), 0.4) * growth ** (np.arange(143) / 52.18)
    values = shape[:, None] * np.array([100.0, 300.0, 600.0, 200.0, 50.0])
    of_block = np.array([0, 0, 0, 0, 1])
    whole = block_index(values, of_block, 2)
    np.testing.assert_allclose(whole[:, 0], 1200.0 * shape, rtol=1e-12)
    np.testing.assert_allclose(whole[:, 1], 50.0 * shape, rtol=1e-12)
    values[:80, 0], values[20:46, 1], values[110:, 3], values[60, :] = math.nan, math.nan, math.nan, math.nan
    bent = block_index(values, of_block, 2)
    gone = np.isnan(bent)
    assert np.flatnonzero(gone.any(axis=1)).tolist() == [60]
    relative = bent[~gone].reshape(-1, 2) / whole[~gone].reshape(-1, 2)
    np.testing.assert_allclose(relative / relative.mean(axis=0), 1.0, atol=0.004)
    np.testing.assert_allclose(bent[:, 0], slow_index(values[:, :4]), rtol=1e-12)


def test_no_answer_is_nan_and_never_zero():
    """Of a series that never sold no member speaks; of one with a single row its recent mean and share do."""
    values = _sales(100, 3, seed=1)
    values[:, 1] = math.nan
    values[:, 2] = math.nan
    values[80, 2] = 700.0
    timeline = make_timeline(weeks_from("2010-02-05", 110), 2, PLAIN)
    members = _build(values, np.zeros(3, dtype=int), timeline).forecasts(100, slice(100, 110), 100)
    assert np.isnan(members[:, :, 1]).all()
    assert (members[3, :, 2] == 700.0).all()
    assert np.isfinite(members[2, :, 2]).all()
    assert np.isnan(members[[0, 1, 4]][:, :, 2]).all()
