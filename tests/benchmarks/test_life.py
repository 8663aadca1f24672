"""The benchmark of a version's life counts what it says it counts."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.life_bands import AHEAD, _count, _figures, _left
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.updating import update
from tests.forecasting.panels import as_panel
from tests.jobs.worlds import noisy


def test_held_and_width_are_those_of_a_loop() -> None:
    """Every week and key by itself, missing actuals and closed weeks left out."""
    rng = np.random.default_rng(2)
    y = rng.normal(100.0, 10.0, (20, 5))
    y[3, 1], y[7, 4] = np.nan, np.nan
    low, high = np.full_like(y, 90.0), np.full_like(y, 108.0)
    low[5, 2] = high[5, 2] = 100.0  # nothing is sold for certain: no band
    sums = np.zeros((len(AHEAD), 6))
    _count(sums, y, [(low, high), (low - 5.0, high + 5.0)])
    found = _figures({"series": sums})["series"]
    for name, (first, last) in {"1": (1, 1), "2-4": (2, 4), "5-13": (5, 13), "14-52": (14, 20)}.items():
        cells = [(h, n) for h in range(first - 1, last) for n in range(5)]
        cells = [at for at in cells if np.isfinite(y[at]) and low[at] < high[at]]
        inside = [low[at] <= y[at] <= high[at] for at in cells]
        wide = [low[at] - 5 <= y[at] <= high[at] + 5 for at in cells]
        assert found[name]["rows"] == len(cells)
        assert found[name]["held-80"] == pytest.approx(np.mean(inside))
        assert found[name]["held-95"] == pytest.approx(np.mean(wide))
        assert found[name]["width-80"] == pytest.approx(18.0 / np.mean([y[at] for at in cells]))


def test_bands_left_alone_are_those_of_the_fit() -> None:
    """What adapting did to the expected error is taken out of it again, whole."""
    values = noisy(126)
    fitted = now = Forecaster.fit(as_panel(values[:120]), ForecasterConfig(model="aligned", horizon=13))
    for weeks in range(121, 127):
        now = update(now, as_panel(values[:weeks]), US_RETAIL)
    for name, level in now.levels.items():
        bands, sigma = _left(level, fitted.levels[name])
        assert bands is fitted.levels[name].bands
        log = np.log(np.arange(1.0, 14.0))
        moved = np.exp(np.interp(log, np.log([1, 2, 4, 8, 13, 26]), level.bands.by_horizon))
        again = sigma * moved[:, None] * level.bands.scale / bands.scale
        np.testing.assert_allclose(again, level.sigma)
        assert not np.allclose(sigma, level.sigma)
