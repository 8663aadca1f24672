"""Sums of forecasts to the cent, and bands of sums that are not sums of bands."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from storecast.forecasting.backtest import backtest
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.hierarchy import LEFT_OUT, cents, selling, summed
from storecast.forecasting.panel import Panel
from storecast.forecasting.sample import WORLDS
from storecast.forecasting.scores import score
from tests.forecasting.panels import as_panel, season_of, weeks_from

ALIGNED = ForecasterConfig(model="aligned", horizon=13)


def _departments(
    rows: int, stores: int, depts: int, *, shared: float, own: float, seed: int
) -> NDArray[np.float64]:
    """(rows, stores * depts) sales, store by store: a weekly error all departments share, and one each."""
    rng = np.random.default_rng(seed)
    season = season_of(weeks_from("2010-02-05", rows), 0.2)[:, None]
    together = np.repeat(shared * rng.standard_normal((rows, stores)), depts, axis=1)
    error = together + own * rng.standard_normal((rows, stores * depts))
    return 1000.0 * season * np.exp(error)


def _panel(values: NDArray[np.float64], stores: int, depts: int) -> Panel:
    return as_panel(
        values,
        stores=[f"store {s}" for s in range(stores) for _ in range(depts)],
        blocks=[f"dept {d}" for _ in range(stores) for d in range(depts)],
    )


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(0, 4))
def test_summed_by_a_loop(seed: int, count: int, more: int):
    """Sums over the last axis by group; missing values are left out, so are those left
    out, a group without any is NaN."""
    rng = np.random.default_rng(seed)
    of = rng.permutation(np.concatenate([np.arange(count), rng.integers(LEFT_OUT, count, more)]))
    of[rng.random(len(of)) < 0.2] = LEFT_OUT
    values = np.where(rng.random((3, 2, len(of))) < 0.3, math.nan, rng.integers(-50, 50, (3, 2, len(of))))
    found = summed(values, of, count)
    assert found.shape == (3, 2, count)
    for at in np.ndindex(3, 2, count):
        known = [
            values[*at[:2], i]
            for i in range(len(of))
            if of[i] == at[2] and not math.isnan(values[*at[:2], i])
        ]
        np.testing.assert_allclose(found[at], sum(known) if known else math.nan)


def test_cents_are_cents():
    """Points are rounded to the nearest cent."""
    assert cents(np.array([1.004, 1.006, -2.349])).tolist() == [1.0, 1.01, -2.35]


@pytest.mark.parametrize("scale", [0.01, 1.0, 1e4, 1e7])
def test_points_add_up_to_the_cent(scale: float):
    """Departments make their store, stores make the total, exactly, as written in decimals; the one that
    ended is in neither."""
    values = scale * _departments(90, 5, 4, shared=0.05, own=0.2, seed=1)
    values[30:, 7] = math.nan
    fitted = Forecaster.fit(_panel(values, 5, 4), ALIGNED)

    def exact(level: str) -> list[list[Decimal]]:
        return [[Decimal(f"{x:.2f}") for x in row] for row in fitted.points(level).tolist()]

    series, store, total = exact("series"), exact("store"), exact("total")
    assert np.abs(fitted.points("total") - np.round(fitted.points("total"), 2)).max() == 0.0
    of = fitted.levels["store"].of
    for h in range(13):
        for s in range(5):
            assert sum(series[h][i] for i in range(20) if of[i] == s) == store[h][s]
        assert sum(series[h][i] for i in range(20) if i != 7) == sum(store[h]) == total[h][0]


def test_levels_exist_where_they_differ():
    """One series is no total; stores without departments are no level beside their series."""
    one = Forecaster.fit(as_panel(np.ones((20, 1))), ALIGNED)
    flat = Forecaster.fit(as_panel(np.ones((20, 3))), ALIGNED)
    deep = Forecaster.fit(_panel(np.ones((20, 4)), 2, 2), ALIGNED)
    assert [list(f.levels) for f in (one, flat, deep)] == [
        ["series"],
        ["series", "total"],
        ["series", "store", "total"],
    ]
    assert deep.levels["store"].keys.tolist() == ["store 0", "store 1"]
    assert deep.levels["total"].keys.tolist() == ["total"]


def _coverage(values: NDArray[np.float64], stores: int, depts: int) -> dict[str, tuple[float, float]]:
    """level -> (coverage of its 80 % band, its width over the sum of the widths of its departments)."""
    hits: dict[str, list[float]] = {"series": [], "store": []}
    widths: list[float] = []
    for cutoff in range(117, len(values) - 12, 13):
        fitted = Forecaster.fit(_panel(values[:cutoff], stores, depts), ALIGNED)
        ahead = values[cutoff : cutoff + 13]
        for level, found in hits.items():
            low, high = fitted.limits(80.0, level)
            actual = fitted.levels[level].total(ahead)
            found.append(float(((low <= actual) & (actual <= high)).mean()))
        bottom = fitted.limits(80.0)[1] - fitted.limits(80.0)[0]
        top = fitted.limits(80.0, "store")[1] - fitted.limits(80.0, "store")[0]
        widths.append(float(top.sum() / bottom.sum()))
    return {level: (float(np.mean(found)), float(np.mean(widths))) for level, found in hits.items()}


def test_bands_of_stores_with_independent_departments():
    """Nine departments that err on their own: the store's band covers 80 %, and is about a third as wide as
    the departments' bands together."""
    found = _coverage(_departments(182, 12, 9, shared=0.0, own=0.25, seed=2), 12, 9)
    assert 0.72 < found["series"][0] < 0.88
    assert 0.72 < found["store"][0] < 0.90
    assert 0.25 < found["store"][1] < 0.45


def test_bands_of_stores_with_departments_that_err_together():
    """Departments with the same error: the store's band is as wide as the departments' bands together."""
    found = _coverage(_departments(182, 12, 9, shared=0.25, own=0.01, seed=3), 12, 9)
    assert 0.70 < found["series"][0] < 0.90
    assert 0.70 < found["store"][0] < 0.90
    assert 0.85 < found["store"][1] < 1.15


def test_sums_of_negative_sales_have_bands_on_both_sides():
    """Returns that are always negative: the total's band lies around its point, not above it alone."""
    values = -_departments(120, 3, 2, shared=0.0, own=0.2, seed=4)
    fitted = Forecaster.fit(_panel(values, 3, 2), ALIGNED)
    for level in fitted.levels:
        low, high = fitted.limits(80.0, level)
        point = fitted.points(level)
        assert (low < point).all()
        assert (point < high).all()


def test_sums_that_were_never_negative_do_not_forecast_losses():
    """Where no store ever sold less than nothing, no lower limit does, however wide the band."""
    values = _departments(120, 3, 2, shared=0.0, own=1.5, seed=5)
    fitted = Forecaster.fit(_panel(values, 3, 2), ALIGNED)
    for level in fitted.levels:
        assert (fitted.limits(99.0, level)[0] >= 0.0).all()


def _goes_on(column: NDArray[np.float64], cutoff: int) -> bool:
    """By the week: a row in the last eight; or none then a year ago either, though it had begun, and one
    since."""
    there = [not math.isnan(v) for v in column[:cutoff]]
    if not any(there) or any(there[-8:]):
        return True
    year_ago = there[max(cutoff - 60, 0) : max(cutoff - 52, 0)]
    begun = any(there[: max(cutoff - 60, 0)])
    return begun and not any(year_ago) and any(there[max(cutoff - 52, 0) :])


@given(st.integers(0, 10**6))
def test_selling_by_the_week(seed: int):
    """Which series goes on, as told week by week."""
    rng = np.random.default_rng(seed)
    values = np.ones((150, 6))
    for i in range(6):
        for _ in range(int(rng.integers(1, 5))):
            start = int(rng.integers(0, 150))
            values[start : start + int(rng.integers(1, 70)), i] = math.nan
    cutoffs = np.array([3, 9, 55, 61, 100, 130, 150])
    found = selling(values, cutoffs)
    assert found.tolist() == [[_goes_on(values[:, i], int(c)) for i in range(6)] for c in cutoffs]


def test_a_christmas_item_goes_on_and_a_delisted_one_does_not():
    """What is sold in the same ten weeks each year goes on in the summer between; what sold all year and
    stopped has ended."""
    values = np.ones((140, 2))
    week = np.arange(140) % 52
    values[(week < 40) | (week > 50), 0] = math.nan
    values[120:, 1] = math.nan
    assert selling(values, np.array([125, 140])).tolist() == [[True, True], [True, False]]


def test_the_total_sums_what_goes_on():
    """A store that ended is in no sum ahead and said to have ended; a closure that an event tells is not an
    end."""
    values = _departments(120, 6, 1, shared=0.0, own=0.02, seed=3)
    values[100:, 2] = math.nan
    values[105:, 4] = math.nan
    panel = as_panel(values)
    reopening = panel.weeks[119] + np.timedelta64(14, "D")
    closure = Event("closure", panel.weeks[105], reopening, str(panel.keys[4]))
    fitted = Forecaster.fit(panel, ALIGNED, events=[closure])
    others = np.delete(fitted.point, 2, axis=1)
    assert fitted.levels["total"].of.tolist() == [0, 0, LEFT_OUT, 0, 0, 0]
    np.testing.assert_allclose(fitted.points("total")[:, 0], others.sum(axis=1), atol=1e-6)
    assert str(panel.weeks[99]) in fitted.notes[str(panel.keys[2])]
    assert str(panel.keys[4]) not in fitted.notes
    assert (fitted.point[:, 2] > 500.0).all()  # what it would sell if it went on


def test_a_store_all_of_whose_departments_ended_sells_nothing():
    """Its sum is zero, and so is its band."""
    values = _departments(120, 3, 2, shared=0.0, own=0.02, seed=4)
    values[90:, 2:4] = math.nan
    fitted = Forecaster.fit(_panel(values, 3, 2), ALIGNED)
    low, high = fitted.limits(95.0, "store")
    assert not fitted.points("store")[:, 1].any()
    assert not low[:, 1].any()
    assert not high[:, 1].any()
    assert (high[:, [0, 2]] > low[:, [0, 2]]).all()


def test_totals_of_a_changing_chain_cover_what_they_say():
    """A quarter of the stores opens, a sixth ends, rows are missing: back-tests compare like with like, so
    that totals are neither biased nor their bands beside the truth."""
    panel = Panel.from_frame(WORLDS["openings"](5, series=150))
    rows = len(panel.weeks)
    cutoffs = [panel.weeks[rows - 13 * i - 1] for i in range(1, 5)]
    total = backtest(panel, ALIGNED, cutoffs, US_RETAIL).higher["total"]
    found = score(total, (80.0, 95.0))
    assert abs(found["bias"]) < 0.02
    assert found["coverage-80"] > 60.0
    assert found["coverage-95"] > 80.0
    some = total.sample(8, random_state=0)
    weeks = some[["cutoff", "ds"]].to_numpy(dtype="datetime64[D]")
    for (cutoff, ds), y in zip(weeks, some["y"].to_numpy(), strict=True):
        known = int(np.searchsorted(panel.weeks, cutoff, side="right"))
        week = int(np.searchsorted(panel.weeks, ds))
        seen = panel.up_to(panel.weeks[known - 1])
        goes_on = [_goes_on(seen.values[:, i], known) for i in range(len(seen.keys))]
        sold = panel.values[week][np.isin(panel.keys, seen.keys)][goes_on]
        assert y == pytest.approx(np.nansum(sold))
