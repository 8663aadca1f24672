"""A fortnight's rhythm against loops, and in chains that have one or none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from storecast.forecasting import rhythm as module
from storecast.forecasting.baselines import seasonal_naive
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.metrics import wape
from storecast.forecasting.panel import Panel
from storecast.forecasting.rhythm import find_rhythm
from storecast.forecasting.sample import WORLDS

Float = NDArray[np.float64]


def _chain(rows: int, blocks: int, *, slip: int | None = None, swing: float = 0.2, seed: int = 0) -> Float:
    """An index that rises by half a season and falls, with every other week ``exp(2 swing)`` the others."""
    rng = np.random.default_rng(seed)
    t = np.arange(rows)
    phase = (t + (0 if slip is None else (t >= slip))) % 2
    season = 1.0 + 0.2 * np.sin(2 * math.pi * t / 52)
    level = season * np.exp(np.where(phase == 0, swing, -swing))
    return level[:, None] * np.exp(0.01 * rng.standard_normal((rows, blocks)))


def _swing(index: Float, t: int, b: int) -> float:
    """Half the log distance of week t from the weeks beside it, NaN where one is unknown."""
    if not 0 < t < len(index) - 1:
        return math.nan
    near = [math.log(index[i, b]) if index[i, b] > 0 else math.nan for i in (t - 1, t, t + 1)]
    return (1 if t % 2 == 0 else -1) * (near[1] - (near[0] + near[2]) / 2) / 2


@given(st.integers(0, 10**6))
def test_by_the_week(seed: int):
    """Swings are medians over the nine weeks around, and over the last five that are known at a cutoff."""
    rng = np.random.default_rng(seed)
    index = _chain(60, 2, swing=float(rng.uniform(0.1, 0.4)), seed=seed)
    index[rng.random(index.shape) < 0.1] = math.nan
    found = find_rhythm(index)
    assert found.heard
    for b in range(2):
        each = [_swing(index, t, b) for t in range(60)]
        for t in range(60):
            known = [v for v in each[max(t - 4, 0) : t + 5] if not math.isnan(v)]
            assert found.swing[t, b] == pytest.approx(np.median(known) if known else 0.0)
        for cutoff in range(61):
            known = [v for v in each[max(cutoff - 6, 0) : max(cutoff - 1, 0)] if not math.isnan(v)]
            assert found.trailing[cutoff, b] == pytest.approx(np.median(known) if known else 0.0)


def test_a_cutoff_knows_nothing_of_later_weeks():
    """What is said ahead of a cutoff is the same whatever the later weeks bring."""
    index = _chain(80, 1)
    other = index.copy()
    other[50:] = _chain(80, 1, slip=0)[50:] * 1.7
    assert find_rhythm(other).heard
    for cutoff in (30, 49, 50):
        np.testing.assert_array_equal(
            find_rhythm(index).ahead(cutoff, 13), find_rhythm(other).ahead(cutoff, 13)
        )


def test_the_phase_turns_where_it_slips():
    """Divided out, a slipped rhythm leaves the season; some weeks after the slip the weeks ahead are in
    its new phase."""
    index = _chain(110, 1, slip=70)
    found = find_rhythm(index)
    left = (index / found.history())[:, 0]
    season = 1.0 + 0.2 * np.sin(2 * math.pi * np.arange(110) / 52)
    quiet = np.r_[2:68, 73:108]
    assert np.abs(left[quiet] / season[quiet] - 1.0).max() < 0.06
    ahead = found.ahead(76, 6)[:, 0]
    new_phase = (np.arange(76, 82) + 1) % 2 == 0
    np.testing.assert_allclose(ahead, np.exp(np.where(new_phase, 0.2, -0.2)), rtol=0.03)


def test_chains_without_a_rhythm_have_none():
    """Noise, a season, a trend or too few weeks are no rhythm; an unknown or empty block is none either."""
    rng = np.random.default_rng(1)
    noisy = np.exp(0.1 * rng.standard_normal((150, 8)))
    assert not find_rhythm(noisy).heard
    assert not find_rhythm(_chain(150, 2, swing=0.0)).heard
    assert not find_rhythm(_chain(20, 1)).heard
    some = _chain(100, 3)
    some[:, 1], some[:, 2] = math.nan, 0.0
    found = find_rhythm(some)
    assert [bool(found.swing[:, b].any()) for b in range(3)] == [True, False, False]
    assert (found.history()[:, 1:] == 1.0).all()
    assert (found.ahead(100, 13)[:, 1:] == 1.0).all()


@pytest.mark.parametrize("name", [n for n in WORLDS if n != "closures"])
def test_other_retailers_have_none(name: str):
    """None of the constructed retailers but the one with a rhythm is taken for one that has it."""
    panel = Panel.from_frame(WORLDS[name](4, series=150))
    index = np.nanmean(np.where(panel.values > 0, panel.values, math.nan), axis=1, keepdims=True)
    assert not find_rhythm(index).heard


def test_a_slipped_rhythm_is_forecast_in_its_present_phase(monkeypatch: pytest.MonkeyPatch):
    """Where the same week a year ago is the wrong one of the two, forecasts are far better than it, and far
    better than the same model that knows nothing of the rhythm."""
    rng = np.random.default_rng(2)
    weeks = np.datetime64("2015-01-04") + np.timedelta64(7, "D") * np.arange(143)
    sales = 1000.0 * _chain(143, 1, slip=100, seed=3) * rng.uniform(0.5, 2.0, 40)
    sales *= np.exp(0.03 * rng.standard_normal(sales.shape))
    keys = np.array([f"{i:02d}" for i in range(40)])
    panel = Panel(weeks[:130], keys, sales[:130], keys, np.full(40, ""))

    def error() -> float:
        fitted = Forecaster.fit(panel, ForecasterConfig(model="aligned", horizon=13))
        return wape(sales[130:], fitted.point)

    knowing = error()
    assert knowing < 0.06
    assert knowing < 0.25 * wape(sales[130:], seasonal_naive(sales[:130], 13))
    monkeypatch.setattr(module, "_PLAIN", math.inf)
    assert knowing < 0.4 * error()
