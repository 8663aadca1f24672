"""Going on with a fitted forecaster: what was earned stays, the history grows, bands follow the errors."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.baselines import naive_growth, seasonal_naive
from storecast.forecasting.boosting import FEATURES, Correction
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.extending import extend
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.frames import history_panel
from storecast.forecasting.state import from_state, to_state
from storecast.forecasting.updating import trained_until, update
from tests.forecasting.panels import as_panel, season_of, weeks_from

Float = NDArray[np.float64]
TRAINED, WEEKS, STORES = 130, 176, 24


@cache
def world(change: float) -> Float:
    """(T, N) a season with independent noise of 5 %, times ``change`` from ten weeks after training on."""
    rng = np.random.default_rng(11)
    noise = rng.standard_normal((WEEKS, STORES)) * 0.05
    noise[TRAINED + 10 :] *= change
    season = season_of(weeks_from("2010-02-05", WEEKS))[:, None]
    values: Float = np.round(20_000.0 * season * np.linspace(1, 3, STORES) * np.exp(noise), 2)
    return values


@cache
def trained(model: str) -> Forecaster:
    panel = as_panel(world(1.0)[:TRAINED])
    return Forecaster.fit(panel, ForecasterConfig(model=model, horizon=13))


@cache
def coverage(change: float, adapt: bool, ahead: int = 1) -> Float:
    """(weeks, 2) share of stores whose sales fell within the 80 and 95 % bands that had been given ``ahead``
    weeks earlier, updated every week; NaN before any had been."""
    values, now = world(change), trained("blend")
    out, kept = np.full((WEEKS - TRAINED, 2), np.nan), now.levels
    for weeks in range(TRAINED, WEEKS - ahead + 1):
        for i, level in enumerate((80.0, 95.0)):
            low, high = now.limits(level)
            y = values[weeks + ahead - 1]
            out[weeks + ahead - 1 - TRAINED, i] = np.mean((y >= low[ahead - 1]) & (y <= high[ahead - 1]))
        now = update(now, as_panel(values[: weeks + 1]), US_RETAIL)
        if not adapt:  # the bands of the training, on the new forecasts
            levels = {
                name: replace(level, bands=kept[name].bands, sigma=kept[name].sigma)
                for name, level in now.levels.items()
            }
            now = replace(now, levels=levels)
    return out


@pytest.mark.parametrize("ahead", [1, 8])
def test_coverage_stays_where_nothing_changes(ahead: int) -> None:
    """Bands that adapt every week cover what they say, over the whole time, near and further ahead."""
    found = coverage(1.0, True, ahead)[ahead - 1 :].mean(axis=0)
    assert found == pytest.approx([0.8, 0.95], abs=0.04)


@pytest.mark.parametrize("ahead", [1, 8])
def test_coverage_returns_after_the_errors_grow(ahead: int) -> None:
    """Twice the noise: far below at once, back within a quarter of a year from when bands could know of it;
    bands left alone stay below."""
    found, left = coverage(2.0, True, ahead), coverage(2.0, False, ahead)
    at_once = found[10:12].mean(axis=0)
    back = found[10 + 13 + ahead - 1 :].mean(axis=0)
    assert (at_once < [0.62, 0.86]).all()
    assert back == pytest.approx([0.8, 0.95], abs=0.06)
    assert (left[10 + 13 + ahead - 1 :].mean(axis=0) < back - [0.12, 0.06]).all()


@pytest.mark.parametrize("model", ["blend", "aligned", "boosting", "seasonal-naive", "naive-growth"])
def test_what_was_earned_stays(model: str) -> None:
    """Configuration, weights and trees are those of the fit; history, weeks and naives are new."""
    old, panel = trained(model), as_panel(world(1.0)[: TRAINED + 2])
    new = update(old, panel, US_RETAIL)
    assert new.config == old.config
    assert np.array_equal(new.weights, old.weights)
    assert (new.correction, new.direct) == (old.correction, old.direct)
    assert np.array_equal(new.history, panel.values)
    assert new.weeks[0] == panel.weeks[-1] + np.timedelta64(7, "D")
    assert trained_until(new) == old.cutoff
    for name, method in (("seasonal-naive", seasonal_naive), ("naive-growth", naive_growth)):
        assert np.array_equal(new.naive[name], method(panel.values, 13))
    for name, level in new.levels.items():
        assert np.array_equal(level.bands.slopes, old.levels[name].bands.slopes)
        assert (np.diff(level.bands.quantiles) >= 0).all()


@pytest.mark.parametrize("model", ["blend", "boosting"])
def test_the_same_update_gives_the_same_bits(model: str) -> None:
    """Twice from one version, also by way of its artifact, and it comes back from its own."""
    panel = as_panel(world(1.0)[: TRAINED + 1])
    first, again = (update(from_state(*to_state(trained(model))), panel, US_RETAIL) for _ in range(2))
    for (name, one), (other_name, other) in zip(
        to_state(first)[0].items(), to_state(again)[0].items(), strict=True
    ):
        assert name == other_name
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    back = from_state(*to_state(first))
    assert trained_until(back) == trained_until(first)


def test_it_forecasts_as_a_new_fit_would() -> None:
    """The update of a version is within a percent of fitting all anew on the longer history."""
    panel = as_panel(world(1.0)[: TRAINED + 4])
    new = update(trained("blend"), panel, US_RETAIL)
    fitted = Forecaster.fit(panel, new.config)
    assert np.abs(new.point - fitted.point).sum() < 0.01 * fitted.point.sum()


def test_a_store_that_grows_wild_gets_wider_bands_of_its_own() -> None:
    """Its scale follows its errors, that of the others stays about the same."""
    values = world(1.0).copy()
    rng = np.random.default_rng(3)
    values[TRAINED:, 4] = np.round(values[TRAINED:, 4] * np.exp(0.2 * rng.standard_normal(46)), 2)
    now = trained("blend")
    before = now.levels["series"].bands.scale
    for weeks in range(TRAINED + 1, TRAINED + 27):
        now = update(now, as_panel(values[:weeks]), US_RETAIL)
    grown = now.levels["series"].bands.scale / before
    others = np.delete(grown, 4)
    assert grown[4] > 1.5 * others.max()


@cache
def _typed() -> Forecaster:
    """Of stores of types A, B and C whose forecasts are corrected by type, as trees might learn it."""
    kinds = np.array(["A", "B", "C"])[np.arange(STORES) % 3]
    panel = replace(as_panel(world(1.0)[:TRAINED]), static={"type": kinds})
    rng = np.random.default_rng(0)
    x = rng.uniform(0.0, 3.0, (600, len(FEATURES)))
    x[:, FEATURES.index("type")] = rng.integers(0, 3, 600)
    params = {"min_data_in_leaf": 5, "verbose": -1, "num_threads": 1, "deterministic": True}
    data = lightgbm.Dataset(x, 0.4 * (x[:, FEATURES.index("type")] - 1.0), free_raw_data=True)
    trees = lightgbm.train(params, data, num_boost_round=30).model_to_string()
    fitted = Forecaster.fit(panel, ForecasterConfig(horizon=13))
    return replace(fitted, correction=Correction(trees, 0.3))


@pytest.mark.parametrize("kind", ["", "AA"])
@pytest.mark.parametrize("earlier", [False, True], ids=["now", "earlier release"])
def test_trees_read_the_types_they_learnt(kind: str, earlier: bool) -> None:
    """A new store without a type, or of a new one, changes the correction of no other."""
    old = _typed()
    if earlier:  # which did not write the types down
        old = replace(old, learnt={name: value for name, value in old.learnt.items() if name != "types"})
    values = world(1.0)[: TRAINED + 1]
    newcomer = np.full((TRAINED + 1, 1), np.nan)
    newcomer[-1] = 30_000.0
    news = as_panel(np.hstack([values, newcomer]))
    kinds = np.append(old.inputs["static_type"], kind)
    grown = extend(history_panel(old), replace(news, static={"type": kinds})).panel
    new = update(old, grown, US_RETAIL)
    alone = update(old, extend(history_panel(old), as_panel(values)).panel, US_RETAIL)
    rest = np.isin(new.keys, old.keys)
    by_type = [(made.parts["boosting"] / made.parts["residual"]) for made in (new, alone)]
    assert alone.parts["boosting"].std(axis=1).min() > 0
    np.testing.assert_allclose(by_type[0][:, rest], by_type[1], rtol=0.01)
    assert from_state(*to_state(new)).learnt["types"] == ["A", "B", "C"]


def test_a_new_series_is_taken_in() -> None:
    """It gets the panel's weights and bands of its kind's size, and the others go on as without it."""
    old, values = trained("blend"), world(1.0)[: TRAINED + 1]
    newcomer = np.full((TRAINED + 1, 1), np.nan)
    newcomer[-1] = 30_000.0
    panel = as_panel(np.hstack([values, newcomer]))
    grown = extend(history_panel(old), panel)
    assert len(grown.born) == 1
    new = update(old, grown.panel, US_RETAIL)
    alone = update(old, as_panel(values), US_RETAIL)
    place = int(np.searchsorted(new.keys, grown.born[0]))
    rest = np.delete(np.arange(len(new.keys)), place)
    assert np.abs(new.point[:, rest] - alone.point).sum() < 0.01 * alone.point.sum()
    assert 10_000 < new.point[0, place] < 90_000
    low, high = new.limits(80.0)
    assert low[0, place] < new.point[0, place] < high[0, place]
