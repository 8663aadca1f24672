"""Models by name: each gives rolling origins of one form, the naives included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.baselines import BASELINES, naive_growth, recent_mean, seasonal_naive
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.finishing import groups_of
from storecast.forecasting.models import MODELS, ModelConfig, Rolled, roll_model, roll_naive
from storecast.forecasting.rolling import STATES, inner_cutoffs
from tests.forecasting.panels import as_panel, season_of, weeks_from

NAIVES = {"seasonal-naive": seasonal_naive, "naive-growth": naive_growth}


def _values(rows: int = 110, size: int = 8) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    season = season_of(weeks_from("2010-02-05", rows), 0.3)[:, None]
    values: NDArray[np.float64] = 1000.0 * season * np.exp(0.1 * rng.standard_normal((rows, size)))
    values[:80, 2] = math.nan
    values[50:70, 3] = math.nan
    return values


def _roll(model: str, values: NDArray[np.float64], horizon: int = 13) -> Rolled:
    panel = as_panel(values)
    return roll_model(model, panel, groups_of(panel), horizon, US_RETAIL, ModelConfig())


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_the_same_form(model: str):
    """Points for all cutoffs, actuals where they are known, states, parts and both naives beside."""
    values = _values()
    found = _roll(model, values)
    rolling = found.rolling
    shape = (len(rolling.cutoffs), 13, 8)
    assert rolling.point.shape == rolling.actual.shape == rolling.slope.shape == shape
    assert rolling.cutoffs[-1] == 110
    assert np.isfinite(rolling.point[-1]).all()
    assert {"last_year", "growth", "holiday", "residual"} <= set(rolling.parts)
    assert all(part.shape == (13, 8) for part in rolling.parts.values())
    assert all(rolling.state[name].shape == (shape[0], 8) for name in STATES)
    assert tuple(found.naive) == BASELINES
    for name, forecast in found.naive.items():
        np.testing.assert_array_equal(forecast, NAIVES[name](values, 13))
    assert (found.direct is not None) == (model == "boosting")


@pytest.mark.parametrize("model", MODELS)
def test_no_model_is_judged_by_a_series_before_it_began(model: str):
    """Where nothing of a series was known at a cutoff, its weeks are not among the model's errors."""
    rolling = _roll(model, _values()).rolling
    for i, c in enumerate(rolling.cutoffs[:-1]):
        if c <= 80:
            assert np.isnan(rolling.actual[i, :, 2] - rolling.point[i, :, 2]).all()
        assert np.isfinite(rolling.actual[i, 0, 0])


@pytest.mark.parametrize("name", BASELINES)
def test_a_naive_rolls_what_it_says_at_each_cutoff(name: str):
    """Each cutoff's points are the naive's of the history until then; the last known level is its state."""
    values = _values()
    rolling = roll_naive(name, values, 13, inner_cutoffs(len(values), 4))
    for i, c in enumerate(rolling.cutoffs):
        np.testing.assert_array_equal(rolling.point[i], NAIVES[name](values[:c], 13))
        np.testing.assert_array_equal(rolling.state["usual"][i], recent_mean(values[:c]))
        for h in range(13):
            expected = values[c + h] if c + h < 110 else np.full(8, math.nan)
            known = np.isfinite(values[:c]).any(axis=0)
            np.testing.assert_array_equal(rolling.actual[i, h], np.where(known, expected, math.nan))
    np.testing.assert_array_equal(rolling.parts["last_year"], seasonal_naive(values, 13))
    np.testing.assert_array_equal(rolling.parts["residual"], rolling.point[-1])


def test_many_series_have_fewer_origins():
    """Above 5,000 series the origins lie three times as far apart."""
    few = _roll("seasonal-naive", np.ones((110, 5000)), 1).rolling.cutoffs
    many = _roll("seasonal-naive", np.ones((110, 5001)), 1).rolling.cutoffs
    assert set(np.diff(few[:-1])) == {4}
    assert set(np.diff(many[:-1])) == {12}
