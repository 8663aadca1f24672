"""Missing is missing: closures, late starts, ends, gaps, and panels too small to learn from."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.models import MODELS
from storecast.forecasting.panel import Panel
from tests.forecasting.panels import as_panel, season_of, weeks_from

Float = NDArray[np.float64]
SMALL = tuple(m for m in MODELS if m != "boosting")


def _sales(rows: int, size: int, seed: int = 0, noise: float = 0.05, height: float = 0.25) -> Float:
    rng = np.random.default_rng(seed)
    season = season_of(weeks_from("2010-02-05", rows), height)[:, None]
    growth = 1.03 ** (np.arange(rows)[:, None] / 52.18)
    return rng.uniform(500, 3000, size) * season * growth * np.exp(noise * rng.standard_normal((rows, size)))


def _fit(values: Float, model: str, horizon: int = 26) -> Forecaster:
    return Forecaster.fit(as_panel(values), ForecasterConfig(model=model, horizon=horizon))


def _check(fitted: Forecaster) -> None:
    """Every number finite, every band around its point, wide ones around narrow ones."""
    for level in fitted.levels:
        point = fitted.points(level)
        (low95, high95), (low80, high80) = fitted.limits(95.0, level), fitted.limits(80.0, level)
        assert np.isfinite([point, low95, high95, low80, high80]).all()
        assert (low95 <= low80).all()
        assert (low80 <= point).all()
        assert (point <= high80).all()
        assert (high80 <= high95).all()
    assert all(np.isfinite(part).all() for part in fitted.parts.values())
    assert all(np.isfinite(naive).all() for naive in fitted.naive.values())


@pytest.mark.parametrize("start", [20, 60, 85, 110])
@pytest.mark.parametrize("model", ["blend", "aligned"])
def test_a_closure_of_half_a_year_does_not_bias(model: str, start: int):
    """Stores closed for 26 weeks, at any time of the history, are forecast as without the closure: no bias
    beyond 2 %, and hardly more error than the stores that stayed open."""
    rows, closed = 140, np.arange(0, 30, 5)
    truth = _sales(rows + 26, 30, seed=start)
    values = truth[:rows].copy()
    values[start : min(start + 26, rows - 2), closed] = math.nan
    point = _fit(values, model).point
    ahead = truth[rows:]
    assert abs(point[:, closed].sum() / ahead[:, closed].sum() - 1.0) < 0.02
    error = np.abs(point - ahead).sum(axis=0) / ahead.sum(axis=0)
    still = np.setdiff1d(np.arange(30), closed)
    assert error[closed].mean() < 1.35 * error[still].mean()


@pytest.mark.parametrize("model", ["blend", "aligned"])
def test_part_open_weeks_around_a_closure_do_not_bias(model: str):
    """A store that sells a third in its last and first week is forecast as one that closed at once."""
    truth = _sales(166, 20, seed=3)
    values = truth[:140].copy()
    values[70:96, :4] = math.nan
    part_open = values.copy()
    part_open[[69, 96], :4] *= 0.33
    whole, part = _fit(values, model).point, _fit(part_open, model).point
    assert abs(part[:, :4].sum() / whole[:, :4].sum() - 1.0) < 0.01
    np.testing.assert_allclose(part[:, 4:].sum(), whole[:, 4:].sum(), rtol=0.005)


def test_zeros_of_a_closed_store_are_a_closure():
    """Rows that say zero while a regular store is closed are read as missing, not as a collapse."""
    truth = _sales(166, 20, seed=4)
    zeros, missing = truth[:140].copy(), truth[:140].copy()
    zeros[90:100, 2], missing[90:100, 2] = 0.0, math.nan
    np.testing.assert_array_equal(_fit(zeros, "aligned").point, _fit(missing, "aligned").point)


def test_scattered_gaps_cost_little():
    """One row in ten missing at random: no bias, and at most a tenth more error."""
    truth = _sales(166, 40, seed=5)
    values = truth[:140].copy()
    values[np.random.default_rng(0).random(values.shape) < 0.1] = math.nan
    ahead = truth[140:]
    points = [_fit(v, "aligned").point for v in (truth[:140], values)]
    error = [np.abs(point - ahead).sum() / ahead.sum() for point in points]
    assert error[1] < 1.1 * error[0]
    assert abs(points[1].sum() / ahead.sum() - 1.0) < 0.01


@pytest.mark.parametrize("weeks", [6, 20, 45])
@pytest.mark.parametrize("model", ["blend", "aligned"])
def test_a_young_series_follows_the_others(model: str, weeks: int):
    """Six weeks of history and more: a year ahead within an eighth of the truth, as its block's season is
    its own, and nearer than the naives."""
    truth = _sales(140 + 52, 30, seed=6, height=0.5)
    values = truth[:140].copy()
    values[: 140 - weeks, :5] = math.nan
    fitted = _fit(values, model, horizon=52)
    ahead = truth[140:, :5]
    error = np.abs(fitted.point[:, :5] - ahead).sum() / ahead.sum()
    naive = np.abs(fitted.naive["seasonal-naive"][:, :5] - ahead).sum() / ahead.sum()
    assert error < 0.13
    assert error < naive


def test_a_series_that_ended_goes_on_at_its_usual_level():
    """Nobody said that it closed: its forecast is its last known level on its season, not zero."""
    truth = _sales(166, 20, seed=7)
    values = truth[:140].copy()
    values[100:, 3] = math.nan
    point = _fit(values, "aligned").point[:, 3]
    assert np.abs(point / truth[140:, 3] - 1.0).mean() < 0.12


CASES: dict[str, Callable[[Float], Float]] = {
    "all missing": lambda v: np.full_like(v, math.nan),
    "one row, the last": lambda v: np.where(np.arange(len(v)) == len(v) - 1, v, math.nan),
    "one row, the first": lambda v: np.where(np.arange(len(v)) == 0, v, math.nan),
    "one row, in the middle": lambda v: np.where(np.arange(len(v)) == len(v) // 2, v, math.nan),
    "zero": np.zeros_like,
    "negative": lambda v: -v,
    "zero but for one week": lambda v: np.where(np.arange(len(v)) == len(v) // 2, 1e5, 0.0),
    "constant": lambda v: np.full_like(v, 100.0),
    "late": lambda v: np.where(np.arange(len(v)) >= len(v) - 8, v, math.nan),
    "ended": lambda v: np.where(np.arange(len(v)) < len(v) // 2, v, math.nan),
    "every other week": lambda v: np.where(np.arange(len(v)) % 2 == 0, v, math.nan),
    "around zero": lambda v: v - v.mean(),
    "a jump of a million": lambda v: np.where(np.arange(len(v)) > len(v) - 5, v * 1e6, v),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", MODELS)
def test_a_strange_series_among_others(model: str, case: str):
    """Whatever one series is, every forecast is finite and banded, and the others are forecast as before."""
    values = _sales(120, 8, seed=8)
    strange = values.copy()
    strange[:, 3] = CASES[case](strange[:, 3])
    fitted = _fit(strange, model)
    _check(fitted)
    others = np.delete(np.arange(8), 3)
    if model != "boosting" and case != "a jump of a million":
        usual = _fit(values, model).point[:, others]
        assert np.abs(fitted.point[:, others] / usual - 1.0).mean() < 0.05


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", SMALL)
def test_a_panel_of_one_strange_series(model: str, case: str):
    """Alone it has nobody to lean on, and still a finite, banded forecast."""
    _check(_fit(CASES[case](_sales(120, 1, seed=9)[:, 0])[:, None], model))


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7, 8, 20, 51, 52, 53, 56, 57, 59, 60, 61, 65, 104])
@pytest.mark.parametrize("model", SMALL)
def test_short_panels(model: str, rows: int):
    """From one week on there is a forecast, for one series and for several, for one week and for 52."""
    for size in (1, 5):
        for horizon in (1, 52):
            fitted = _fit(_sales(rows, size, seed=rows), model, horizon)
            _check(fitted)
            assert fitted.point.shape == (horizon, size)
            assert (fitted.point > 0).all()


def test_short_panels_of_trees():
    """Direct boosting too answers for panels too short to grow a tree."""
    for rows in (1, 8, 52, 60):
        _check(_fit(_sales(rows, 5, seed=rows), "boosting", 13))


@pytest.mark.parametrize("model", MODELS)
def test_blocks_of_one_member(model: str):
    """Two departments with a single series each, and a department whose only series never sold."""
    values = _sales(120, 4, seed=10)
    values[:, 3] = math.nan
    panel = as_panel(values, stores=["1", "1", "2", "2"], blocks=["a", "b", "c", "d"])
    _check(Forecaster.fit(panel, ForecasterConfig(model=model, horizon=13)))


def test_long_histories():
    """Thirty years of steady growth, one store that ended after two of them and one that opened in the last:
    within 5 %, for the years that are long ago no longer count."""
    values = _sales(1565, 5, seed=11)
    values[104:, 1] = math.nan
    values[:-30, 2] = math.nan
    panel: Panel = as_panel(values, first="1990-01-05")
    fitted = Forecaster.fit(panel, ForecasterConfig(model="aligned"))
    _check(fitted)
    truth = _sales(1565 + 52, 5, seed=11)[1565:, [0, 3, 4]]
    assert fitted.point[:, [0, 3, 4]].sum() / truth.sum() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("scale", [1e-3, 1e12])
@pytest.mark.parametrize("model", SMALL)
def test_sales_of_any_size(model: str, scale: float):
    """Thousandths and trillions: finite, banded, no warning."""
    _check(_fit(scale * _sales(120, 5, seed=12), model))
