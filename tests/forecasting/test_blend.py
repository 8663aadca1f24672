"""Weights of members: the mean, the evidence and the solver, against loops and another optimizer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, minimize

from storecast.forecasting import blend as module
from storecast.forecasting.aligned import MEMBERS, Aligned, AlignedConfig, block_index
from storecast.forecasting.blend import (
    BlendConfig,
    Evidence,
    blend,
    gather,
    own_weights,
    panel_weights,
    recent_residual,
)
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.timeline import make_timeline
from tests.forecasting.panels import season_of, weeks_from

Float = NDArray[np.float64]
CONFIG = BlendConfig()
M = len(MEMBERS)


@given(st.integers(0, 10**6), st.booleans())
def test_blend_by_a_loop(seed: int, shared: bool):
    """The weighted mean of those that speak; where only weightless ones do, their plain mean."""
    rng = np.random.default_rng(seed)
    members = np.where(rng.random((M, 3, 4)) < 0.5, math.nan, rng.normal(100.0, 30.0, (M, 3, 4)))
    weights = np.where(rng.random((M, 1 if shared else 4)) < 0.4, 0.0, rng.random((M, 1 if shared else 4)))
    found = blend(members, weights)
    for r in range(3):
        for i in range(4):
            w = weights[:, 0 if shared else i]
            heard = [(members[m, r, i], w[m]) for m in range(M) if not math.isnan(members[m, r, i])]
            total = sum(weight for _, weight in heard)
            if total > 0:
                expected = sum(x * weight for x, weight in heard) / total
            else:
                expected = float(np.mean([x for x, _ in heard])) if heard else math.nan
            np.testing.assert_allclose(found[r, i], expected)


def _gram(seed: int, good: int) -> Float:
    """Mean products of errors in which member ``good`` errs least."""
    rng = np.random.default_rng(seed)
    errors = rng.standard_normal((M, 200)) + 0.5 * rng.standard_normal(200)
    errors[good] *= 0.3
    return np.asarray(errors @ errors.T / 200.0)


@pytest.mark.parametrize("pull", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("good", [0, 2, 3])
def test_solver_by_another_solver(pull: float, good: int):
    """The weights are the best on the simplex as a general optimizer finds them, to 2 % of the loss."""
    gram, prior = _gram(good, good), np.array([2.0, 1.0, 0.5, 0.0, 0.0]) / 3.5

    def loss(w: Float) -> float:
        return float(w @ gram @ w + pull * np.sum((w - prior) ** 2))

    whole = LinearConstraint(np.ones((1, M)), 1.0, 1.0)
    start = np.full(M, 1.0 / M)
    other = minimize(loss, start, bounds=[(0.0, 1.0)] * M, constraints=whole, method="SLSQP", tol=1e-12)
    found = module._solve(gram[None], prior[:, None], pull, CONFIG.iterations)[:, 0]
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()
    assert loss(found) <= loss(other.x) * 1.02
    np.testing.assert_allclose(found, other.x, atol=0.05)


def _evidence(gram: Float, cutoffs: float, independent: float = 4.0) -> Evidence:
    return Evidence(gram[None], np.array([cutoffs]), np.array([100.0]), independent)


def test_weights_move_from_the_prior_as_far_as_evidence_goes():
    """No cutoff: the prior. More cutoffs or more independent series: nearer to the member that errs least."""
    prior = np.array(CONFIG.prior) / sum(CONFIG.prior)
    np.testing.assert_array_equal(panel_weights(_evidence(_gram(0, 3), 0.0), CONFIG), prior)
    recent = [panel_weights(_evidence(_gram(0, 3), n), CONFIG)[3] for n in (1.0, 4.0, 16.0, 64.0)]
    assert recent == sorted(recent)
    assert recent[0] < 0.2
    assert recent[-1] > 0.5
    wide = panel_weights(_evidence(_gram(0, 3), 4.0, independent=400.0), CONFIG)[3]
    assert wide > recent[1]
    held = panel_weights(_evidence(_gram(0, 3), 16.0), replace(CONFIG, prior_pull=1e4))
    np.testing.assert_allclose(held, prior, atol=0.03)


def test_a_series_without_evidence_has_the_panels_weights():
    """Own evidence moves a series; without any it stays near the panel's weights."""
    pooled = _evidence(_gram(0, 0), 20.0)
    shared = panel_weights(pooled, CONFIG)
    gram = np.stack([np.zeros((M, M)), _gram(1, 3)])
    evidence = Evidence(gram, np.array([0.0, 60.0]), np.array([math.nan, 50.0]), 4.0)
    found = own_weights(evidence, pooled, shared, CONFIG)
    np.testing.assert_allclose(found.sum(axis=0), 1.0)
    np.testing.assert_allclose(found[:, 0], shared, atol=0.1)
    assert found[3, 1] > shared[3] + 0.2


def _aligned(values: Float) -> Aligned:
    rows, size = values.shape
    of_block = np.zeros(size, dtype=np.int64)
    timeline = make_timeline(weeks_from("2010-02-05", rows + 13), 3, US_RETAIL)
    whole = Aligned(block_index(values, of_block, 1), timeline, AlignedConfig())
    return Aligned(values, timeline, AlignedConfig(), whole, of_block)


def _sales(rows: int = 120, size: int = 5, seed: int = 0) -> Float:
    rng = np.random.default_rng(seed)
    season = season_of(weeks_from("2010-02-05", rows), 0.3)[:, None]
    return rng.uniform(500, 1500, size) * season * np.exp(0.1 * rng.standard_normal((rows, size)))


def test_evidence_by_a_loop():
    """Products of members' errors, an entry weighed by the inverse of the prior blend's error."""
    values = _sales()
    values[70:80, 1] = math.nan
    aligned, cutoffs, horizon = _aligned(values), np.array([60, 80, 112]), 13
    found = gather(aligned, cutoffs, horizon, CONFIG)
    prior = np.array(CONFIG.prior)
    for i in range(5):
        gram, loss, entries, origins = np.zeros((M, M)), 0.0, 0, 0
        for c in cutoffs.tolist():
            rows = range(c, min(c + horizon, 120))
            members = aligned.forecasts(c, slice(rows.start, rows.stop), c)[:, :, i]
            first = prior @ np.nan_to_num(members) / prior.sum()
            use = [
                h
                for h, t in enumerate(rows)
                if np.isfinite(values[t, i]) and np.isfinite(members[:, h]).all()
            ]
            errors = {h: values[c + h, i] - members[:, h] for h in use}
            own = {h: abs(values[c + h, i] - first[h]) for h in use}
            usual = np.mean(list(own.values())) if use else math.nan
            for h in use:
                gram += np.outer(errors[h], errors[h]) / (own[h] + 0.5 * usual)
            loss, entries, origins = loss + sum(own.values()), entries + len(use), origins + bool(use)
        np.testing.assert_allclose(found.gram[i], gram / loss, rtol=1e-9)
        assert found.loss[i] == pytest.approx(loss / entries)
        assert found.cutoffs[i] == origins
    assert 1.0 <= found.independent <= 5.0


def test_errors_that_are_the_same_count_once():
    """Series that err together are one witness; series that err on their own are many."""
    rng = np.random.default_rng(0)
    season = season_of(weeks_from("2010-02-05", 120), 0.3)[:, None]
    together = 1000.0 * season * np.exp(0.1 * rng.standard_normal((120, 1))) * np.ones((1, 40))
    apart = 1000.0 * season * np.exp(0.1 * rng.standard_normal((120, 40)))
    cutoffs = np.arange(60, 117, 4)
    few, many = (gather(_aligned(v), cutoffs, 13, CONFIG).independent for v in (together, apart))
    assert few == pytest.approx(1.0, abs=0.05)
    assert many > 8.0


def test_pooled_evidence_weighs_dollars_and_origins():
    """One row: the mean of the series' rows by dollars of error x origins; nothing where nothing is known."""
    gram = np.stack([np.eye(M), 3.0 * np.eye(M), 9.0 * np.eye(M)])
    pooled = Evidence(gram, np.array([10.0, 5.0, 0.0]), np.array([100.0, 200.0, math.nan]), 2.0).pooled()
    np.testing.assert_allclose(pooled.gram[0], 2.0 * np.eye(M))
    assert pooled.independent == 2.0
    none = Evidence(gram, np.zeros(3), np.full(3, math.nan), 1.0).pooled()
    assert none.cutoffs.tolist() == [0.0]
    assert not none.gram.any()


def test_recent_residual_by_a_loop():
    """The mean of the known residuals of the last weeks, zero where none is known."""
    residual = np.array([[1.0, math.nan], [math.nan, math.nan], [3.0, math.nan], [8.0, 4.0]])
    last, two = recent_residual(residual, 1, 2)
    assert last.tolist() == [[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [3.0, 0.0], [8.0, 4.0]]
    assert two.tolist() == [[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [3.0, 0.0], [5.5, 4.0]]


def test_series_that_follow_no_year_look_less_at_last_year():
    """Where last year tells nothing, weight moves from it to the recent mean and the block's level; where the
    season rules, the recent mean has none."""
    rng = np.random.default_rng(0)
    spikes = np.where(rng.random((140, 40)) < 0.15, 3.0, 1.0)
    worlds = {
        "promotions": 1000.0 * spikes * np.exp(0.1 * rng.standard_normal((140, 40))),
        "slow items": rng.poisson(5.0, (140, 40)).astype(float),
        "regular": _sales(140, 40),
    }
    weights = {}
    for name, values in worlds.items():
        evidence = gather(_aligned(values), np.arange(56, 137, 4), 13, CONFIG)
        weights[name] = dict(zip(MEMBERS, panel_weights(evidence.pooled(), CONFIG), strict=True))
    for name in ("promotions", "slow items"):
        found = weights[name]
        assert found["recent"] > 0.1 > 5.0 * weights["regular"]["recent"]
        assert found["season"] + found["growth"] + found["same"] < 0.55 < 3.0 / 3.5
