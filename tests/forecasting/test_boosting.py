"""The boosted correction: earned out of sample, off where there is nothing to earn."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.boosting import FEATURES, BoostingConfig, Correction, correct, fit_correction
from storecast.forecasting.rolling import STATES, Rolling

ROWS, HORIZON, SIZE = 140, 12, 30
QUICK = BoostingConfig(rounds=40, refits=3, learning_rate=0.1, min_rows_in_leaf=40)


def _rolling(log_error: NDArray[np.float64], state: NDArray[np.float64], rows: int = ROWS) -> Rolling:
    """Rolling origins whose actual is the point times exp(``log_error``) (C, H, N); ``state`` (C, N) is the
    recent residual known at each cutoff."""
    cutoffs = np.append(np.arange(56, rows - 3, 4), rows)
    point = np.full((len(cutoffs), HORIZON, log_error.shape[2]), 1000.0)
    actual = point * np.exp(log_error[: len(cutoffs)])
    for i, c in enumerate(cutoffs):
        actual[i, max(rows - c, 0) :] = math.nan
    states = {name: np.zeros((len(cutoffs), point.shape[2])) for name in STATES}
    states["usual"][:] = 1000.0
    states["residual_4"] = state[: len(cutoffs)]
    return Rolling(
        cutoffs,
        point,
        actual,
        np.zeros_like(point),
        state=states,
        parts={},
        weights=np.zeros((0, 0)),
        panel_weights=np.zeros(0),
    )


def _world(signal: float, noise: float, seed: int = 0, size: int = SIZE) -> Rolling:
    """The error of the weeks ahead is ``signal`` x the sign of the recent residual, and noise."""
    rng = np.random.default_rng(seed)
    state = rng.standard_normal((22, size))
    error = signal * np.sign(state)[:, None, :] + noise * rng.standard_normal((22, HORIZON, size))
    return _rolling(error, state)


STATIC = np.full((2, SIZE), math.nan)


def test_a_carry_over_that_is_there_is_learnt_and_earns_its_weight():
    """Where recent residuals tell the coming errors, it has their sign and earns the highest weight."""
    rolling = _world(signal=0.15, noise=0.05)
    correction, raw = fit_correction(rolling, STATIC, QUICK)
    assert correction.weight == 0.3
    assert correction.model
    sign = np.sign(rolling.state["residual_4"][-1])
    assert (np.sign(raw[-1]) == sign).mean() > 0.99
    assert np.abs(raw[-1]).mean() == pytest.approx(0.15, rel=0.2)


def test_noise_earns_no_weight():
    """Where nothing carries over, the correction is left out and no model is kept."""
    weights = []
    for seed in range(4):
        correction, _ = fit_correction(_world(signal=0.0, noise=0.1, seed=seed), STATIC, QUICK)
        weights.append(correction.weight)
        assert (correction.model == "") == (correction.weight == 0.0)
    assert np.mean(np.array(weights) > 0) <= 0.5
    assert np.mean(weights) < 0.1


def test_it_is_off_below_two_years():
    """With 103 weeks nothing is corrected, whatever could be learnt."""
    rng = np.random.default_rng(0)
    state = rng.standard_normal((22, SIZE))
    rolling = _rolling(
        np.broadcast_to(0.2 * np.sign(state)[:, None, :], (22, HORIZON, SIZE)), state, rows=103
    )
    correction, raw = fit_correction(rolling, STATIC, QUICK)
    assert correction == Correction("", 0.0)
    assert not raw.any()


@pytest.mark.parametrize("garbage", [math.nan, 1e9])
def test_a_cutoff_is_corrected_by_what_was_known_at_it(garbage: float):
    """Corrections of a cutoff do not change when all that became known after its refit is spoilt."""
    rolling, spoilt = (_world(signal=0.15, noise=0.1, seed=1) for _ in range(2))
    _, before = fit_correction(rolling, STATIC, QUICK)
    inner = len(rolling.cutoffs) - 1
    last = inner // 2  # the first refit: cutoffs before it are uncorrected
    known = int(rolling.cutoffs[last])
    for i, c in enumerate(spoilt.cutoffs):
        spoilt.actual[i, max(known - int(c), 0) :] = garbage
    _, after = fit_correction(spoilt, STATIC, QUICK)
    assert not before[:last].any()
    np.testing.assert_array_equal(before[last], after[last])
    assert before[last].any()


def test_the_same_seed_gives_the_same_bits_and_sampling_changes_little():
    """Two fits agree bit for bit; a fit on a quarter of the rows says nearly the same."""
    rolling = _world(signal=0.15, noise=0.05)
    first, raw = fit_correction(rolling, STATIC, QUICK)
    second, again = fit_correction(rolling, STATIC, QUICK)
    assert first == second
    np.testing.assert_array_equal(raw, again)
    rows = int(np.isfinite(rolling.actual).sum())
    _, fewer = fit_correction(rolling, STATIC, replace(QUICK, rows=rows // 4))
    assert not np.array_equal(raw, fewer)
    assert np.corrcoef(raw[-1].ravel(), fewer[-1].ravel())[0, 1] > 0.98


@pytest.mark.parametrize("sign", [0.0, -1.0])
def test_nothing_to_learn_from_is_no_failure(sign: float):
    """A panel that sold nothing, or whose sales are all negative, has no log remainder: no correction."""
    rolling = _world(signal=0.1, noise=0.1)
    rolling.point *= sign
    rolling.actual *= sign
    correction, raw = fit_correction(rolling, STATIC, QUICK)
    assert correction == Correction("", 0.0)
    assert not raw.any()


@pytest.mark.parametrize("unit", [1e-4, 1e5])
def test_the_unit_of_sales_changes_nothing(unit: float):
    """Sales in millions or in cents are corrected alike."""
    rolling, other = _world(signal=0.15, noise=0.1), _world(signal=0.15, noise=0.1)
    for values in (other.point, other.actual, other.state["usual"]):
        values *= unit
    (first, raw), (second, scaled) = (fit_correction(r, STATIC, QUICK) for r in (rolling, other))
    assert first.weight == second.weight
    np.testing.assert_allclose(scaled, raw, atol=1e-6)


def test_few_rows_do_not_train():
    """One short series has too few residuals for a single split: no correction, no warning."""
    rolling = _world(signal=0.3, noise=0.0, size=1)
    rolling.actual[:, 3:] = math.nan
    correction, raw = fit_correction(rolling, np.zeros((2, 1)), QUICK)
    assert correction == Correction("", 0.0)
    assert not raw.any()


def test_correct_multiplies_positive_points_only():
    """point x exp(weight x raw); zero and negative points stay as they are."""
    found = correct(np.array([100.0, 0.0, -5.0]), np.array([0.2, 0.2, 0.2]), 0.5)
    np.testing.assert_allclose(found, [100.0 * math.exp(0.1), 0.0, -5.0])
    assert len(FEATURES) == len(set(FEATURES))
