"""No forecast knows what came later, and none depends on who else asks, in which order or how often."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from storecast.forecasting.backtest import Backtest, backtest, output_columns
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.models import MODELS
from storecast.forecasting.panel import Panel
from storecast.forecasting.sample import SampleSpec, make_sample

ROWS, CUTOFFS = 124, (60, 108)
POISONS = {"missing": math.nan, "huge": 1e12, "negative": -1e6, "zero": 0.0}


def _frame() -> pd.DataFrame:
    """Departments with everything that happens: closures, late starts, ends, gaps, slow items."""
    spec = SampleSpec(
        stores=6, departments=3, weeks=ROWS, closed_share=0.2, new_share=0.2, gap_share=0.03, seed=5
    )
    return make_sample(spec)


@pytest.fixture(scope="module")
def panel() -> Panel:
    """The sample as it is."""
    return Panel.from_frame(_frame())


def _poisoned(panel: Panel, known: int, poison: float) -> Panel:
    """The panel with every sale, observation and flag after ``known`` weeks replaced."""

    def spoil(values: NDArray[np.float64]) -> NDArray[np.float64]:
        out = values.copy()
        out[known:] = poison
        return out

    flagged = None if panel.flagged is None else panel.flagged.copy()
    if flagged is not None:
        flagged[known:] = ~flagged[known:]
    observed = {name: spoil(values) for name, values in panel.observed.items()}
    return replace(panel, values=spoil(panel.values), observed=observed, flagged=flagged)


def _config(model: str, horizon: int = 16) -> ForecasterConfig:
    return ForecasterConfig(model=model, horizon=horizon)


def _same(one: Forecaster, other: Forecaster) -> None:
    """Every number that can be served is equal bit for bit."""
    for name, level in one.levels.items():
        np.testing.assert_array_equal(one.points(name), other.points(name))
        np.testing.assert_array_equal(level.sigma, other.levels[name].sigma)
        for coverage in (80.0, 95.0):
            np.testing.assert_array_equal(one.limits(coverage, name), other.limits(coverage, name))
    for name, part in one.parts.items():
        np.testing.assert_array_equal(part, other.parts[name])
    for name, naive in one.naive.items():
        np.testing.assert_array_equal(naive, other.naive[name])
    assert one.notes == other.notes


@pytest.mark.parametrize("known", CUTOFFS)
@pytest.mark.parametrize("model", MODELS)
def test_nothing_after_the_cutoff_is_read(panel: Panel, model: str, known: int):
    """Missing, huge, negative or zero sales after the cutoff, and observations and flags that lie, change no
    bit of points, bands, naives, explanations and notes; nor does it matter that later rows exist at all."""
    cutoff = panel.weeks[known - 1]
    clean = Forecaster.fit(panel.up_to(cutoff), _config(model))
    for poison in list(POISONS.values())[: 2 if model == "boosting" else 4]:
        _same(Forecaster.fit(_poisoned(panel, known, poison).up_to(cutoff), _config(model)), clean)
    frame = _frame()
    cut = Panel.from_frame(frame[frame["ds"] <= pd.Timestamp(str(cutoff))])
    _same(Forecaster.fit(cut, _config(model)), clean)


def _forecasts(made: Backtest) -> pd.DataFrame:
    """What was forecast, without what came."""
    columns = [c for c in output_columns(made.levels) if c not in ("y", "weight")]
    return made.rows.set_index(["unique_id", "ds", "cutoff"])[columns[3:]]


@pytest.mark.parametrize("model", MODELS)
def test_a_back_test_forecasts_from_what_was_known(panel: Panel, model: str):
    """Rows of a back-test on a panel spoilt after the cutoff hold the same forecasts, bands and naives."""
    cutoff = [panel.weeks[CUTOFFS[1] - 1]]
    clean = _forecasts(backtest(panel, _config(model), cutoff, US_RETAIL))
    spoilt = _forecasts(backtest(_poisoned(panel, CUTOFFS[1], 1e12), _config(model), cutoff, US_RETAIL))
    both = clean.index.intersection(spoilt.index)
    assert len(both) == len(clean) > 0
    pd.testing.assert_frame_equal(clean, spoilt.loc[clean.index])


@pytest.mark.parametrize("model", MODELS)
def test_a_past_value_is_read(panel: Panel, model: str):
    """The poison works: in the last known weeks it does change the forecasts."""
    known = CUTOFFS[1]
    cutoff = panel.weeks[known - 1]
    clean = Forecaster.fit(panel.up_to(cutoff), _config(model))
    spoilt = Forecaster.fit(_poisoned(panel, known - 30, 1e6).up_to(cutoff), _config(model))
    assert not np.array_equal(clean.point, spoilt.point)


@pytest.mark.parametrize("model", MODELS)
def test_the_same_data_gives_the_same_bits(panel: Panel, model: str):
    """A second fit, and one of the rows in another order, are equal bit for bit."""
    first = Forecaster.fit(panel, _config(model))
    _same(first, Forecaster.fit(panel, _config(model)))
    shuffled = _frame().sample(frac=1.0, random_state=3)
    _same(first, Forecaster.fit(Panel.from_frame(shuffled), _config(model)))


def _renamed(panel: Panel) -> tuple[Panel, NDArray[np.int64]]:
    """The same series under keys of another order, and where each of them went."""
    order = np.random.default_rng(0).permutation(len(panel.keys))
    fresh = Panel(
        weeks=panel.weeks,
        keys=np.array([f"k{i:03d}" for i in range(len(order))]),
        values=panel.values[:, order],
        stores=panel.stores[order],
        blocks=panel.blocks[order],
        static={name: values[order] for name, values in panel.static.items()},
        observed={name: values[:, order] for name, values in panel.observed.items()},
        flagged=panel.flagged,
    )
    return fresh, order


@pytest.mark.parametrize(("model", "tolerance"), [("aligned", 1e-6), ("naive-growth", 0.0), ("blend", 0.02)])
def test_the_order_of_series_does_not_matter(panel: Panel, model: str, tolerance: float):
    """A series' forecast does not depend on its place; trees draw rows by place and may differ a little."""
    first = Forecaster.fit(panel, _config(model))
    renamed, order = _renamed(panel)
    other = Forecaster.fit(renamed, _config(model))
    typical = np.abs(first.point[:, order]).mean(axis=0) + 1.0
    assert (np.abs(other.point - first.point[:, order]) / typical).max() <= tolerance + 1e-12
    assert (
        np.abs(other.limits(80.0)[1] - first.limits(80.0)[1][:, order]) / typical
    ).max() <= 2 * tolerance + 1e-12


@pytest.mark.parametrize("model", ["seasonal-naive", "naive-growth"])
def test_naives_know_no_other_series(panel: Panel, model: str):
    """A naive's forecast of one series is the same when it is alone."""
    whole = Forecaster.fit(panel, _config(model))
    for i in (0, 7):
        alone = Panel(
            weeks=panel.weeks,
            keys=panel.keys[[i]],
            values=panel.values[:, [i]],
            stores=panel.stores[[i]],
            blocks=panel.blocks[[i]],
        )
        np.testing.assert_array_equal(Forecaster.fit(alone, _config(model)).point[:, 0], whole.point[:, i])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("unit", [1e6])
def test_the_unit_of_sales_does_not_matter(panel: Panel, model: str, unit: float):
    """Sales in millionths are forecast alike; trees may draw a line elsewhere in a tie."""
    dollars = Forecaster.fit(panel, _config(model))
    other = Forecaster.fit(replace(panel, values=panel.values * unit), _config(model))
    typical = np.abs(dollars.point).mean(axis=0) + 1.0
    assert (np.abs(other.point / unit - dollars.point) / typical).max() < (
        0.02 if model == "boosting" else 0.005
    )
