"""Rolling origins of the direct forecaster: nothing of the future, the same bits, growth carried on."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.baselines import recent_mean, seasonal_naive
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.direct import DirectConfig, roll_direct
from storecast.forecasting.direct.estimator import DirectBoosting
from storecast.forecasting.panel import Panel
from storecast.forecasting.rolling import STATES, Rolling, inner_cutoffs
from tests.forecasting.direct.worlds import chain, growing, until, weather
from tests.forecasting.panels import as_panel

Float = NDArray[np.float64]
# Rows are drawn in these small worlds as they are in large ones.
CONFIG = DirectConfig(rows=4_000, rounds=40)


def _poisoned(panel: Panel, cutoff: int, poison: float) -> Panel:
    later = np.arange(len(panel.weeks))[:, None] >= cutoff
    return replace(
        panel,
        values=np.where(later, poison, panel.values),
        observed={name: np.where(later, poison, o) for name, o in panel.observed.items()},
    )


def _roll(panel: Panel, horizon: int = 13, config: DirectConfig = CONFIG) -> Rolling:
    return roll_direct(panel, horizon, US_RETAIL, config=config, step=8)[0]


@pytest.mark.parametrize("poison", [math.nan, 1e9, -3.0])
def test_inner_cutoffs_read_nothing_later(poison: float):
    """Sales and observed values after a cutoff turn to NaN or garbage: its forecast is the same bits."""
    panel = chain()
    clean = _roll(panel)
    tested = 0
    for i, cutoff in enumerate(clean.cutoffs[:-1].tolist()):
        if cutoff < 72:
            continue
        other = _roll(_poisoned(panel, cutoff, poison))
        assert other.point[: i + 1].tobytes() == clean.point[: i + 1].tobytes()
        assert other.slope[: i + 1].tobytes() == clean.slope[: i + 1].tobytes()
        for name in STATES:
            assert other.state[name][: i + 1].tobytes() == clean.state[name][: i + 1].tobytes()
        tested += 1
    assert tested >= 4


def test_the_trees_matter_in_these_worlds():
    """The test above would prove little without trees: with them a forecast differs from its base."""
    with_trees, without = _roll(chain()), _roll(chain(), config=replace(CONFIG, rounds=1, learning_rate=1e-9))
    late = with_trees.cutoffs >= 72
    moved = np.nan_to_num(with_trees.point[late] - without.point[late])
    assert (np.abs(moved).max(axis=(1, 2)) > 1.0).all()


def test_two_runs_are_the_same_bits():
    """A seeded run repeats itself, trees and forecasts alike; another seed gives other trees."""
    (first, state), (second, again) = (
        roll_direct(chain(), 13, US_RETAIL, config=CONFIG, step=8) for _ in range(2)
    )
    assert first.point.tobytes() == second.point.tobytes()
    assert state.model == again.model
    assert state.model.count("Tree=") == CONFIG.rounds
    assert roll_direct(chain(), 13, US_RETAIL, config=replace(CONFIG, seed=1), step=8)[1].model != state.model


def test_shapes_actuals_and_parts():
    """Cutoffs, actuals and parts are as of every model: known weeks alone, and the last part is the point."""
    panel = chain()
    rolling = _roll(panel, horizon=20)
    assert rolling.cutoffs.tolist() == [*inner_cutoffs(120, 8).tolist(), 120]
    for i, cutoff in enumerate(rolling.cutoffs[:-1].tolist()):
        known = min(20, 120 - cutoff)
        begun = np.isfinite(panel.values[:cutoff]).any(axis=0)
        actual = np.where(begun, panel.values[cutoff : cutoff + known], np.nan)
        assert np.array_equal(rolling.actual[i, :known], actual, equal_nan=True)
        assert np.isfinite(rolling.point[i, :known]).all()
        assert np.isnan(rolling.point[i, known:]).all()
        assert np.isnan(rolling.actual[i, known:]).all()
    assert np.isfinite(rolling.point[-1]).all()
    assert np.isnan(rolling.actual[-1]).all()
    assert np.isfinite(rolling.slope).all()
    assert (rolling.slope >= 0).all()
    assert list(rolling.parts) == ["last_year", "growth", "holiday", "residual"]
    for name in ("growth", "holiday", "residual"):
        assert np.array_equal(rolling.parts[name], rolling.point[-1])
    assert np.isfinite(rolling.parts["last_year"]).all()
    assert np.array_equal(rolling.state["usual"][-1], recent_mean(panel.values))


def test_it_is_refitted_few_times_and_only_on_what_is_known(monkeypatch: pytest.MonkeyPatch):
    """At most ``refits`` models are fitted, each on more rows than the one before it."""
    rows: list[int] = []
    fit = DirectBoosting.fit

    def counted(self: DirectBoosting, X: Float, y: Float, sample_weight: Float) -> DirectBoosting:
        rows.append(len(X))
        return fit(self, X, y, sample_weight)

    monkeypatch.setattr(DirectBoosting, "fit", counted)
    _roll(chain(rows=150))
    assert len(rows) == 4
    assert rows == sorted(set(rows))
    assert max(rows) <= CONFIG.rows


def test_growth_is_carried_beyond_anything_seen():
    """Sales that grow 15 % a year are forecast above every level the trees have seen, close to the truth."""
    panel = growing(rows=156)
    known = until(panel, 117)
    rolling = _roll(known, horizon=39)
    error = np.abs(rolling.point[-1] - panel.values[117:]) / panel.values[117:]
    assert error.mean() < 0.04
    naive = np.abs(seasonal_naive(known.values, 39) - panel.values[117:]) / panel.values[117:]
    assert error.mean() < 0.35 * naive.mean()


def test_known_future_moves_the_final_forecast_alone():
    """Given future values change the forecast from the last week and nothing at earlier cutoffs."""
    panel = weather()
    plain = _roll(panel)
    warm = np.full((13, 20), 110.0)
    given, _ = roll_direct(panel, 13, US_RETAIL, config=CONFIG, step=8, known_future={"temperature": warm})
    assert given.point[:-1].tobytes() == plain.point[:-1].tobytes()
    assert not np.array_equal(given.point[-1], plain.point[-1])


@pytest.mark.parametrize("rows", [1, 2, 12, 39, 59])
def test_a_short_history_is_forecast_without_trees(rows: int):
    """Below 60 weeks there are no trees: same date x growth where a year is known, else the recent mean."""
    panel = growing(rows=130)
    rolling, state = roll_direct(until(panel, rows), 13, US_RETAIL, step=4)
    assert state.model == ""
    assert state.share == 0.0
    if rows < 40:
        expected = np.broadcast_to(panel.values[max(0, rows - 13) : rows].mean(axis=0), (13, 20))
        assert rolling.point[-1] == pytest.approx(expected)
    else:
        coming = panel.values[rows : rows + 13]
        assert np.abs(rolling.point[-1] / coming - 1.0).mean() < 0.06
    assert np.isfinite(rolling.point[-1]).all()


@pytest.mark.parametrize("rows", [60, 61, 64, 72])
def test_trees_begin_at_sixty_weeks(rows: int):
    """With just enough history there are trees, and their correction counts little."""
    _, state = roll_direct(until(growing(rows=130), rows), 13, US_RETAIL, step=4)
    assert state.model
    assert 0.0 < state.share == (rows - 52) / (rows - 52 + 26.0)


@pytest.mark.parametrize("rows", [61, 90])
def test_degenerate_series_get_a_number(rows: int):
    """One series; series of zeros, of one week, of nothing: finite, and zero where nothing sells."""
    values = np.full((rows, 4), math.nan)
    values[:, 0] = 0.0
    values[-1, 1] = 50.0
    values[:, 2] = 1000.0 + np.arange(rows)
    rolling = _roll(as_panel(values))
    assert np.isfinite(rolling.point[-1]).all()
    assert np.abs(rolling.point[-1][:, 0]).max() < 1.0
    alone = _roll(as_panel(values[:, 2:3]))
    assert np.abs(alone.point[-1] / rows - 1000.0 / rows).max() < 10.0


def test_progress_reaches_one():
    """``advance`` is told a rising share that ends at one."""
    told: list[float] = []
    roll_direct(chain(), 8, US_RETAIL, config=CONFIG, step=8, advance=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
