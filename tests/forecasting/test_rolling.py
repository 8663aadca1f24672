"""Rolling origins: what each past cutoff would have said, from one pass."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting import rolling as module
from storecast.forecasting.aligned import AlignedConfig
from storecast.forecasting.blend import BlendConfig
from storecast.forecasting.calendar import US_RETAIL, Calendar
from storecast.forecasting.rolling import FIRST_ORIGIN, STATES, Groups, Rolling, inner_cutoffs, roll
from tests.forecasting.panels import season_of, weeks_from
from tests.forecasting.test_aligned import EARLY_SALE

FIXED = Calendar("fixed holidays only", ())


def _values(rows: int = 120, size: int = 6, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    season = season_of(weeks_from("2010-02-05", rows), 0.3)[:, None]
    return 1000.0 * season * rng.uniform(0.5, 2.0, size) * np.exp(0.05 * rng.standard_normal((rows, size)))


def _flat(size: int) -> Groups:
    return Groups(np.zeros(size, dtype=np.int64), np.arange(size), hierarchical=False)


def _roll(values: NDArray[np.float64], groups: Groups | None = None, **other: object) -> Rolling:
    weeks = weeks_from("2010-02-05", len(values))
    settings = {"aligned": AlignedConfig(), "blending": BlendConfig(), "step": 4} | other
    horizon = settings.pop("horizon", 26)
    calendar = settings.pop("calendar", US_RETAIL)
    return roll(values, weeks, groups or _flat(values.shape[1]), horizon, calendar, **settings)  # type: ignore[arg-type]


def test_inner_cutoffs_lie_a_step_apart_and_leave_actuals():
    """From the first origin on, every step weeks back from the last, each with at least a step of actuals."""
    for rows in (1, 50, 59, 60, 61, 104, 143, 522):
        for step in (1, 4, 8):
            found = inner_cutoffs(rows, step).tolist()
            assert found == [c for c in range(FIRST_ORIGIN, rows - step + 1) if (rows - c) % step == 0]


def test_actuals_are_those_of_the_weeks_after_each_cutoff():
    """Row h of a cutoff's actuals is the sale h + 1 weeks after it, NaN beyond what is known."""
    values = _values()
    out = _roll(values)
    assert out.cutoffs.tolist() == [*range(56, 117, 4), 120]
    for i, c in enumerate(out.cutoffs):
        for h in range(26):
            expected = values[c + h] if c + h < 120 else np.full(6, math.nan)
            np.testing.assert_allclose(out.actual[i, h], expected, rtol=1e-12)
    assert out.inner == slice(0, 16)
    assert np.isfinite(out.point).all()
    assert np.isfinite(out.slope).all()
    assert (out.slope >= 0).all()
    assert set(out.state) == set(STATES)


def test_a_series_is_not_judged_by_weeks_before_it_began():
    """A cutoff before a series' first week forecasts nothing for it: its first weeks are no error."""
    values = _values()
    values[:90, 2] = math.nan
    out = _roll(values)
    for i, c in enumerate(out.cutoffs[:-1]):
        assert np.isnan(out.actual[i, :, 2]).all() == (c <= 90)
        assert np.isfinite(out.actual[i, 0, 1])


def test_weights_are_shares():
    """Every series' weights are non-negative and sum to one; weights handed in are used as they are."""
    out = _roll(_values())
    assert (out.weights >= 0).all()
    np.testing.assert_allclose(out.weights.sum(axis=0), 1.0)
    np.testing.assert_allclose(out.panel_weights.sum(), 1.0)
    alone = np.zeros_like(out.weights)
    alone[4] = 1.0
    same = _roll(_values(), weights=alone, blending=BlendConfig(residual_keep=0.0), calendar=FIXED)
    np.testing.assert_array_equal(same.weights, alone)
    again = _roll(
        _values(), weights=alone, blending=BlendConfig(residual_keep=0.0), calendar=FIXED, horizon=1
    )
    np.testing.assert_allclose(same.point[:, :1], again.point)


@pytest.mark.parametrize(("calendar", "rows", "horizon"), [(FIXED, 120, 26), (EARLY_SALE, 103, 52)])
def test_a_cutoff_says_what_a_fit_of_its_own_would_say(calendar: Calendar, rows: int, horizon: int):
    """With given weights and no moving holiday, an inner cutoff forecasts as a panel cut there does."""
    values = _values(rows, size=5)
    weights = np.repeat(np.array([[0.5], [0.2], [0.2], [0.1], [0.0]]), 5, axis=1)
    groups = Groups(np.array([0, 1, 2, 3, 4]), np.arange(5), hierarchical=False)
    out = _roll(values, groups, weights=weights, calendar=calendar, horizon=horizon)
    for i, c in enumerate(out.cutoffs):
        cut = _roll(values[:c], groups, weights=weights, calendar=calendar, horizon=horizon)
        np.testing.assert_allclose(out.point[i], cut.point[-1], rtol=1e-9)
        for name in STATES:
            np.testing.assert_allclose(
                out.state[name][i], cut.state[name][-1], rtol=1e-7, atol=1e-9, err_msg=name
            )


@pytest.mark.parametrize("hierarchical", [False, True])
def test_passes_over_few_columns_give_the_same(monkeypatch: pytest.MonkeyPatch, hierarchical: bool):
    """How many series are worked on at a time changes no forecast, store residuals included."""
    values = _values(size=12, seed=4)
    store = np.array([3, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3])
    groups = Groups(np.arange(12) % 2, store if hierarchical else np.arange(12), hierarchical)
    whole = _roll(values, groups)
    done: list[float] = []
    monkeypatch.setattr(module, "_COLUMNS", 6)  # the panel's weights are still learnt from all twelve
    parts = _roll(values, groups, advance=done.append)
    assert done == [0.5, 1.0]
    np.testing.assert_allclose(parts.point, whole.point, rtol=1e-12)
    np.testing.assert_allclose(parts.weights, whole.weights, rtol=1e-12)


@pytest.mark.parametrize("columns", [1, 3, 5, 100])
def test_a_pass_never_splits_a_store(monkeypatch: pytest.MonkeyPatch, columns: int):
    """Every series is worked on once, and stores stay whole where series share one."""
    store = np.random.default_rng(0).integers(0, 7, 40)
    monkeypatch.setattr(module, "_COLUMNS", columns)
    for hierarchical in (True, False):
        chunks = module._chunks(Groups(np.zeros(40, dtype=int), store, hierarchical), 40)
        assert sorted(np.concatenate([np.arange(40)[at] for at in chunks]).tolist()) == list(range(40))
        if hierarchical:
            assert sum(len(np.unique(store[at])) for at in chunks) == len(np.unique(store))


def test_the_recent_residual_is_carried_forward_and_fades():
    """A level that jumped four weeks ago is followed, less with every week ahead."""
    values = np.full((140, 3), 1000.0)
    values[136:] = 1200.0
    none = _roll(values, blending=BlendConfig(residual_keep=0.0), calendar=FIXED, horizon=52)
    kept = _roll(values, blending=BlendConfig(residual_keep=0.4), calendar=FIXED, horizon=52)
    lift = (kept.point[-1] - none.point[-1])[:, 0]
    assert lift[0] > 10.0
    np.testing.assert_allclose(lift[1:] / lift[:-1], 0.9, rtol=0.05)


def test_a_store_wide_residual_reaches_all_its_departments():
    """Where a store's departments all jumped but one had no sales then, that one is lifted with its store."""
    rng = np.random.default_rng(0)
    values = 1000.0 * np.exp(0.01 * rng.standard_normal((140, 6)))
    values[136:, :3] *= 1.3
    values[136:, 2] = math.nan
    groups = Groups(np.zeros(6, dtype=np.int64), np.array([0, 0, 0, 1, 1, 1]), hierarchical=True)
    blending = replace(BlendConfig(), residual_shared=0.4)
    shared = _roll(values, groups, blending=blending, calendar=FIXED)
    alone = _roll(values, groups, blending=replace(blending, residual_shared=0.0), calendar=FIXED)
    lift = (shared.point[-1] / alone.point[-1] - 1.0)[0]
    assert lift[2] > 0.01
    assert abs(lift[4]) < 0.01


def test_event_effects_are_divided_out_and_multiplied_back():
    """A doubled week that is known as such neither lifts the forecast nor is missing where it comes again."""
    values = np.full((120, 2), 1000.0)
    effects = np.ones((120 + 26, 2))
    effects[[30, 82, 118, 125]] = 2.0
    values = values * effects[:120]
    out = _roll(values, event_effects=effects, calendar=FIXED)
    np.testing.assert_allclose(out.point[-1], 1000.0 * effects[120:], rtol=0.01)
    inner = out.point[:-1]
    known = np.isfinite(out.actual[:-1])
    np.testing.assert_allclose(inner[known], out.actual[:-1][known], rtol=0.02)
