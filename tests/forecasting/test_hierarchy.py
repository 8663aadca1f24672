"""Sums of forecasts to the cent, and bands of sums that are not sums of bands."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.hierarchy import cents, summed
from storecast.forecasting.panel import Panel
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
    """Sums over the last axis by group; missing values are left out, a group without any is NaN."""
    rng = np.random.default_rng(seed)
    of = rng.permutation(np.concatenate([np.arange(count), rng.integers(0, count, more)]))
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
    """Departments make their store, stores make the total, exactly, as written in decimals."""
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
        assert sum(series[h]) == sum(store[h]) == total[h][0]


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
