"""The naives against loops over single weeks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.forecasting.baselines import BASELINES, naive_growth, recent_mean, seasonal_naive


def _history(seed: int, rows: int, missing: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.gamma(2.0, 500.0, (rows, 4))
    values[rng.random(values.shape) < missing] = math.nan
    values[:, 3] = math.nan
    return values


def _recent(column: np.ndarray) -> float:
    for part in (column[-13:], column):
        known = part[~np.isnan(part)]
        if len(known):
            return float(known.mean())
    return 0.0


def _last_year(column: np.ndarray, h: int) -> float:
    """The value a whole number of years (52 weeks) before week h = 1, 2, ... ahead; NaN where unknown."""
    row = len(column) - 1 + h
    while row >= len(column):
        row -= 52
    return float(column[row]) if row >= 0 else math.nan


def _growth(column: np.ndarray) -> float:
    now = then = 0.0
    for t in range(max(len(column) - 13, 52), len(column)):
        if not math.isnan(column[t]) and not math.isnan(column[t - 52]):
            now, then = now + column[t], then + column[t - 52]
    return min(max(now / then, 0.5), 2.0) if then > 0 else 1.0


@given(
    st.integers(0, 10**6), st.integers(1, 130), st.sampled_from([0.0, 0.2, 0.8]), st.sampled_from([1, 13, 60])
)
def test_naives_by_a_loop(seed: int, rows: int, missing: float, horizon: int):
    """Last year's week, times bounded growth where it is known, the recent mean where it isn't, else zero."""
    values = _history(seed, rows, missing)
    plain, grown = seasonal_naive(values, horizon), naive_growth(values, horizon)
    assert plain.shape == grown.shape == (horizon, 4)
    for i in range(4):
        column = values[:, i]
        assert recent_mean(values)[i] == pytest.approx(_recent(column))
        for h in range(1, horizon + 1):
            last = _last_year(column, h)
            known = not math.isnan(last)
            assert plain[h - 1, i] == pytest.approx(last if known else _recent(column))
            assert grown[h - 1, i] == pytest.approx(last * _growth(column) if known else _recent(column))


def test_growth_is_bounded_both_ways():
    """A series that grew tenfold is doubled, one that all but vanished is halved."""
    values = np.ones((104, 2))
    values[52:, 0], values[52:, 1] = 10.0, 0.01
    assert naive_growth(values, 3).tolist() == [[20.0, 0.005]] * 3


def test_growth_weighs_dollars_and_skips_pairs_with_a_missing_week():
    """Growth is a ratio of sums over the pairs of weeks that both have sales."""
    values = np.full((65, 1), 100.0)
    values[52:] = 110.0
    values[60], values[5] = math.nan, math.nan
    assert naive_growth(values, 1)[0, 0] == pytest.approx(110.0)


def test_horizons_beyond_a_year_repeat_the_last_year():
    """Week 53 ahead is week 1 ahead again."""
    values = np.arange(60.0)[:, None]
    found = seasonal_naive(values, 104)[:, 0]
    assert found[:52].tolist() == list(range(8, 60))
    assert found[52:].tolist() == found[:52].tolist()


def test_both_naives_are_named():
    """Reports name exactly the two naives."""
    assert BASELINES == ("seasonal-naive", "naive-growth")
