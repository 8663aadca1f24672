"""Metrics against sums written out, with entries that are unknown on either side."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.forecasting import metrics

NUMBER = st.one_of(st.just(math.nan), st.integers(-100, 1000).map(float))
ROWS = st.lists(
    st.tuples(NUMBER, NUMBER, NUMBER, NUMBER, st.sampled_from([1.0, 5.0])), min_size=1, max_size=30
)


def _columns(rows: list[tuple[float, ...]]) -> list[np.ndarray]:
    return [np.array(column) for column in zip(*rows, strict=True)]


def _same(found: float, expected: float) -> None:
    assert found == pytest.approx(expected, nan_ok=True)


@given(ROWS)
def test_point_metrics_by_a_loop(rows: list[tuple[float, ...]]):
    """wmae, wape and bias leave out what is unknown and are NaN where nothing is known."""
    y, f, _, _, w = _columns(rows)
    error = weights = weighted = size = signed = 0.0
    for actual, forecast, _, _, weight in rows:
        if math.isnan(actual) or math.isnan(forecast):
            continue
        weighted += weight * abs(actual - forecast)
        weights += weight
        error += abs(actual - forecast)
        signed += forecast - actual
        size += abs(actual)
    _same(metrics.wmae(y, f, w), weighted / weights if weights else math.nan)
    _same(metrics.wape(y, f), error / size if size else math.nan)
    _same(metrics.bias(y, f), signed / size if size else math.nan)


@given(ROWS)
def test_band_metrics_by_a_loop(rows: list[tuple[float, ...]]):
    """coverage counts the limits as inside; width and interval score are means over the known entries."""
    y, a, b, _, _ = _columns(rows)
    low, high = np.minimum(a, b), np.maximum(a, b)
    inside, widths, scores = [], [], []
    for actual, lo, hi in zip(y, low, high, strict=True):
        if math.isnan(actual) or math.isnan(lo) or math.isnan(hi):
            continue
        inside.append(lo <= actual <= hi)
        widths.append(hi - lo)
        outside = lo - actual if actual < lo else actual - hi if actual > hi else 0.0
        scores.append(hi - lo + 2 / 0.2 * outside)
    mean = np.mean if inside else lambda _: math.nan
    _same(metrics.coverage(y, low, high), float(mean(inside)))
    _same(metrics.mean_width(low, high, y), float(mean(widths)))
    _same(metrics.interval_score(y, low, high, 80.0), float(mean(scores)))


def test_wmae_weighs_holiday_weeks_five_fold():
    """One week of five with an error of 10 beside one of one with an error of 4: (5 x 10 + 4) / 6 dollars."""
    found = metrics.wmae(np.array([100.0, 50.0]), np.array([90.0, 54.0]), np.array([5.0, 1.0]))
    assert found == pytest.approx(9.0)


def test_wmae_takes_one_weight_a_week_for_all_series():
    """Weights of weeks spread over the series of a (weeks, series) matrix."""
    actual, forecast = np.array([[10.0, 20.0], [30.0, 40.0]]), np.zeros((2, 2))
    assert metrics.wmae(actual, forecast, np.array([[5.0], [1.0]])) == pytest.approx((5 * 30 + 70) / 12)


def test_bias_is_positive_when_the_forecast_is_too_high():
    """110 forecast where 100 came is a bias of +10 %."""
    assert metrics.bias(np.array([100.0]), np.array([110.0])) == pytest.approx(0.1)


def test_rmsse_is_the_root_of_squared_errors_over_the_naives():
    """Errors of 3 and 4 against a naive error of 5 (root mean square): sqrt(12.5 / 25)."""
    actual, forecast = np.array([10.0, 10.0, math.nan]), np.array([13.0, 6.0, 1.0])
    assert metrics.rmsse(actual, forecast, 25.0) == pytest.approx(math.sqrt(0.5))
    assert math.isnan(metrics.rmsse(actual, forecast, 0.0))
    assert math.isnan(metrics.rmsse(actual, forecast, math.nan))
    assert math.isnan(metrics.rmsse(np.array([math.nan]), np.array([1.0]), 25.0))


def test_interval_score_is_least_at_the_true_quantiles():
    """Of all bands the true central 80 % one of a normal error scores best: narrower or wider loses."""
    y = np.random.default_rng(0).standard_normal(200_000)
    scores = [
        metrics.interval_score(y, np.full_like(y, -q), np.full_like(y, q), 80.0) for q in (1.0, 1.2816, 1.6)
    ]
    assert np.argmin(scores) == 1
