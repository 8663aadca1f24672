"""Bands that follow live weeks, against errors whose law is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm, t

from storecast.forecasting.adapting import adapt_bands
from storecast.forecasting.intervals import HORIZONS, PROBABILITIES, Bands

Float = NDArray[np.float64]
NORMAL = norm.ppf(PROBABILITIES)


def normal_bands(series: int) -> Bands:
    return Bands(np.ones(series), np.zeros(5), NORMAL.copy(), np.zeros(series))


def expected(bands: Bands, horizon: Float) -> Float:
    """(K, N) the errors that ``bands`` expect."""
    x = np.zeros((5, len(horizon), len(bands.scale)))
    x[0] = np.log(horizon)[:, None]
    return bands.sigma(x)


def inside(bands: Bands, residual: Float, horizon: Float, level: float) -> Float:
    """(K,) share of the residuals within the band."""
    tail, sigma = 0.5 - level / 200.0, expected(bands, horizon)
    low, high = sigma * bands.quantile(tail), sigma * bands.quantile(1.0 - tail)
    found: Float = ((residual >= low) & (residual <= high)).mean(axis=1)
    return found


def test_each_horizon_gets_the_width_of_its_own_errors() -> None:
    """Errors that grow otherwise with the weeks ahead than was learnt: each horizon covers what it says, and
    between two of them the width goes with the log of the weeks."""
    rng, series = np.random.default_rng(4), 120
    size = np.array([2.5, 2.0, 1.6, 1.2, 1.0, 0.8])
    bands, shares = normal_bands(series), []
    for week in range(150):
        residual = size[:, None] * rng.standard_normal((len(HORIZONS), series))
        if week >= 90:
            shares.append([inside(bands, residual, HORIZONS, level) for level in (80.0, 95.0)])
        bands = adapt_bands(bands, residual, expected(bands, HORIZONS), HORIZONS)
    at80, at95 = np.mean(shares, axis=0)
    assert at80 == pytest.approx(np.full(6, 0.80), abs=0.03)
    assert at95 == pytest.approx(np.full(6, 0.95), abs=0.03)
    widths = np.exp(bands.by_horizon)
    assert widths / widths[4] == pytest.approx(size / size[4], rel=0.1)
    between = expected(bands, np.array([2.0, np.sqrt(8.0), 4.0]))[:, 0]
    assert between[1] == pytest.approx(np.sqrt(between[0] * between[2]))
    furthest = expected(bands, np.array([26.0, 52.0]))[:, 0]
    assert furthest == pytest.approx(np.full(2, bands.scale[0] * widths[5]))


@pytest.mark.parametrize("seed", range(6))
def test_misses_become_those_promised_whatever_the_errors_do(seed: int) -> None:
    """One series whose errors hang together and change their size without a law: the share of misses over all
    weeks is off by no more than what the width moved over the steps it took."""
    rng = np.random.default_rng(seed)
    weeks, bands, missed = 300, normal_bands(1), 0
    size, error = 1.0, 0.0
    for _ in range(weeks):
        size = float(np.clip(size * np.exp(0.15 * rng.standard_normal()), 0.3, 4.0))
        error = 0.7 * error + rng.standard_normal()
        residual = np.full((1, 1), size * error)
        missed += int(1.0 - inside(bands, residual, HORIZONS[:1], 80.0)[0])
        bands = adapt_bands(bands, residual, expected(bands, HORIZONS[:1]), HORIZONS[:1])
    step = 0.8 * 0.5  # one series is trusted by half
    assert abs(missed / weeks - 0.2) == pytest.approx(abs(bands.by_horizon[0]) / step / weeks, abs=1e-9)
    assert abs(missed / weeks - 0.2) < 0.03


def test_the_shape_is_that_of_the_mixture() -> None:
    """Against the definition: draws of the old quantiles and of the week's residuals, stretched as Student's
    t is, in their shares."""
    rng, size = np.random.default_rng(5), 400
    week = 3.0 * rng.standard_normal((1, size))
    found = adapt_bands(normal_bands(size), week, np.ones((1, size)), HORIZONS[:1])
    independent = size / (1 + (size - 1) * 0.15)
    share = 0.05 * independent / (independent + 1)
    freedom = (2 / share - 1) / 13 * independent
    rank = norm.cdf(week[0]).clip(0.001, 0.999)
    stretched = week[0] * t.ppf(rank, freedom) / norm.ppf(rank)
    old = np.interp(rng.uniform(size=400_000), PROBABILITIES, NORMAL)
    drawn = np.where(rng.uniform(size=400_000) < share, rng.choice(stretched, 400_000), old)
    for p in (0.025, 0.1, 0.5, 0.9, 0.975):
        assert found.quantile(p) == pytest.approx(np.quantile(drawn, p), abs=0.05)


def test_a_horizon_that_is_not_seen_goes_with_the_others() -> None:
    """All that were seen missed: the rest are as much wider."""
    week = np.full((2, 50), 9.0)
    found = adapt_bands(normal_bands(50), week, np.ones((2, 50)), HORIZONS[:2])
    assert (found.by_horizon > 0.2).all()
    assert np.ptp(found.by_horizon) == pytest.approx(0.0, abs=1e-12)


def test_a_week_without_rows_leaves_the_bands() -> None:
    """Nothing known of the week, nothing learnt."""
    bands = replace(normal_bands(3), quantiles=np.linspace(-3, 3, len(PROBABILITIES)))
    assert adapt_bands(bands, np.full((2, 3), np.nan), np.ones((2, 3)), HORIZONS[:2]) is bands


def test_widths_are_bounded() -> None:
    """A series that repeats itself for years can still be wrong one day: bands narrow to a tenth at most."""
    bands = normal_bands(4)
    for _ in range(100):
        bands = adapt_bands(bands, np.zeros((6, 4)), expected(bands, HORIZONS), HORIZONS)
    assert np.exp(bands.by_horizon) == pytest.approx(np.full(6, 0.1))
