"""Back-tests: which rows they hold, what stands in them, and which cutoffs are refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.backtest import (
    LEAST_WEEKS,
    Backtest,
    backtest,
    output_columns,
    rolling_cutoffs,
    week_weights,
)
from storecast.forecasting.baselines import naive_growth, seasonal_naive
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.panel import Panel
from tests.forecasting.panels import as_panel, season_of, weeks_from

ALIGNED = ForecasterConfig(model="aligned", horizon=13)


def _values(rows: int = 110, size: int = 6, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    season = season_of(weeks_from("2010-02-05", rows), 0.3)[:, None]
    return 1000.0 * season * np.exp(0.1 * rng.standard_normal((rows, size)))


def _departments(values: NDArray[np.float64]) -> Panel:
    return as_panel(values, stores=["a", "a", "b", "b", "c", "c"], blocks=["x", "y"] * 3)


def _run(panel: Panel, *weeks: int, config: ForecasterConfig = ALIGNED) -> Backtest:
    """Cutoffs after so many known weeks."""
    return backtest(panel, config, [panel.weeks[w - 1] for w in weeks], US_RETAIL)


def test_every_row_that_has_an_actual_and_no_other():
    """One row a series, week and cutoff with an actual; the horizon ends with the data."""
    values = _values()
    values[80:90, 1] = math.nan
    found = _run(as_panel(values), 78, 104).rows
    expected = {
        (f"s{i:03d}", 78 if c == 78 else 104, h)
        for c in (78, 104)
        for i in range(6)
        for h in range(1, 14)
        if c + h <= 110 and not math.isnan(values[c + h - 1, i])
    }
    weeks = weeks_from("2010-02-05", 110)
    known = {pd.Timestamp(weeks[77]): 78, pd.Timestamp(weeks[103]): 104}
    rows = [(u, known[c], h) for u, c, h in zip(found["unique_id"], found["cutoff"], found["h"], strict=True)]
    assert len(rows) == len(set(rows))
    assert set(rows) == expected
    for (key, c, h), ds, y in zip(rows, found["ds"], found["y"], strict=True):
        assert ds == pd.Timestamp(str(weeks[c + h - 1]))
        assert y == values[c + h - 1, int(key[1:])]


def test_rows_hold_the_forecast_of_a_fit_at_the_cutoff():
    """Points, bands and both naives are those of the panel cut there; all columns are finite."""
    values = _values()
    made = _run(_departments(values), 90)
    cut = Forecaster.fit(_departments(values[:90]), ALIGNED)
    columns = output_columns((80.0, 95.0))
    for level, frame in (("series", made.rows), *made.higher.items()):
        assert list(frame[columns].columns) == columns
        assert np.isfinite(frame[columns].select_dtypes("number").to_numpy()).all()
        low, high = cut.limits(80.0, level)
        np.testing.assert_array_equal(frame["storecast"], cut.points(level).T.ravel())
        np.testing.assert_array_equal(frame["storecast-lo-80"], low.T.ravel())
        np.testing.assert_array_equal(frame["storecast-hi-80"], high.T.ravel())
    np.testing.assert_allclose(made.rows["seasonal-naive"], seasonal_naive(values[:90], 13).T.ravel())
    np.testing.assert_allclose(made.rows["naive-growth"], naive_growth(values[:90], 13).T.ravel())
    assert made.higher["total"]["y"].to_numpy() == pytest.approx(values[90:103].sum(axis=1))
    assert set(made.higher["store"]["unique_id"]) == {"a", "b", "c"}
    squares = (values[52:90] - values[:38]) ** 2
    np.testing.assert_allclose(made.rows["naive_mse"], np.repeat(squares.mean(axis=0), 13))


@pytest.mark.parametrize("model", ["aligned", "blend", "seasonal-naive"])
def test_a_series_that_begins_later_is_unknown_at_the_cutoff(model: str):
    """Its rows are not in the back-test, and neither others' forecasts nor the total's change for it."""
    values = _values(126)
    late = np.concatenate([values, values[:, :2] * 3.0], axis=1)
    late[:112, 6:] = math.nan
    config = replace(ALIGNED, model=model)
    with_late, without = _run(as_panel(late), 110, config=config), _run(as_panel(values), 110, config=config)
    assert set(with_late.rows["unique_id"]) == {f"s{i:03d}" for i in range(6)}
    pd.testing.assert_frame_equal(with_late.rows, without.rows)
    pd.testing.assert_frame_equal(with_late.higher["total"], without.higher["total"])


def test_weights_come_from_the_files_flags_else_from_the_calendar():
    """Flagged weeks weigh five; without flags the calendar's holidays do."""
    panel = as_panel(_values())
    np.testing.assert_array_equal(week_weights(panel, US_RETAIL), US_RETAIL.weights(panel.weeks))
    flags = np.zeros(110, dtype=bool)
    flags[[92, 95]] = True
    flagged = replace(panel, flagged=flags)
    rows = _run(flagged, 90).rows
    assert sorted(set(rows.loc[rows["weight"] == 5.0, "h"])) == [3, 6]
    assert set(rows["weight"]) == {1.0, 5.0}


def test_rolling_cutoffs_by_counting_back():
    """The last cutoff leaves a whole horizon, earlier ones lie a step before it, none without history."""
    weeks = weeks_from("2010-02-05", 100)
    found = rolling_cutoffs(weeks, 13, 3, 13)
    assert found == [weeks[60], weeks[73], weeks[86]]
    assert (weeks[-1] - found[-1]).astype(int) == 13 * 7
    assert rolling_cutoffs(weeks, 90, 5, 1) == [weeks[i - 1] for i in range(LEAST_WEEKS, 11)]
    assert rolling_cutoffs(weeks, 52, 1, 4) == [weeks[47]]


@pytest.mark.parametrize(("horizon", "windows"), [(95, 1), (100, 1), (200, 3)])
def test_a_history_too_short_for_the_horizon_is_refused(horizon: int, windows: int):
    """Where no cutoff leaves history and actuals, the request is refused with what would do."""
    with pytest.raises(RequestError, match="too short") as refusal:
        rolling_cutoffs(weeks_from("2010-02-05", 100), horizon, windows, 1)
    assert str(horizon + LEAST_WEEKS) in refusal.value.expected


@pytest.mark.parametrize(("windows", "step"), [(0, 4), (-1, 4), (3, 0)])
def test_windows_that_are_none_are_refused(windows: int, step: int):
    """No window, or windows that all lie on one week, are refused as such."""
    with pytest.raises(RequestError, match="windows"):
        rolling_cutoffs(weeks_from("2010-02-05", 100), 13, windows, step)


@pytest.mark.parametrize(
    "cutoff", ["2009-12-31", "2010-03-19", "2012-03-09", "2012-03-10", "2030-01-01", "NaT"]
)
def test_cutoffs_without_history_or_actuals_are_refused(cutoff: str):
    """A cutoff before the eighth week, or at or after the last, is refused by name with the range."""
    with pytest.raises(RequestError, match="cutoff") as refusal:
        backtest(as_panel(_values()), ALIGNED, [np.datetime64(cutoff, "D")], US_RETAIL)
    assert "2010-03-26 to 2012-03-02" in refusal.value.expected


def test_cutoffs_without_a_single_actual_are_refused_together():
    """Where all stores are closed after each cutoff, or only new ones sell, the cutoffs are named; one with
    actuals among them is enough."""
    values = _values()
    values[90:100, :5] = math.nan
    values[:100, 5] = math.nan
    values[95:100, 5] = 7.0  # begins after the cutoffs
    panel = as_panel(values)
    closed, open_ = panel.weeks[[90, 91]], panel.weeks[84]
    config = replace(ALIGNED, horizon=4)
    with pytest.raises(RequestError, match="actual") as refusal:
        backtest(panel, config, list(closed), US_RETAIL)
    assert refusal.value.where == f"cutoff {closed[0]}, {closed[1]}"
    assert set(backtest(panel, config, [*closed, open_], US_RETAIL).rows["cutoff"]) == {pd.Timestamp(open_)}


def test_no_cutoff_at_all_is_refused():
    """An empty list of cutoffs asks for nothing."""
    with pytest.raises(RequestError, match="cutoff"):
        backtest(as_panel(_values()), ALIGNED, [], US_RETAIL)


def test_the_first_and_last_cutoff_that_are_allowed():
    """Eight weeks of history, and a single week of actuals, are enough."""
    made = _run(as_panel(_values()), LEAST_WEEKS, 109)
    assert made.rows.groupby("cutoff").size().tolist() == [6 * 13, 6]
    assert np.isfinite(made.rows[output_columns((80.0, 95.0))].select_dtypes("number").to_numpy()).all()


def test_cutoffs_are_sorted_and_counted_once():
    """Cutoffs in any order, twice or on another day of the week are each used once, oldest first."""
    panel = as_panel(_values())
    made = _run(panel, 100, 90, 100)
    assert list(made.cutoffs) == [panel.weeks[89], panel.weeks[99]]
    assert made.rows["cutoff"].is_monotonic_increasing
    assert not made.rows.duplicated(["unique_id", "ds", "cutoff"]).any()


def test_progress_is_told_cutoff_by_cutoff():
    """The share that is done rises to one."""
    told: list[float] = []
    panel = as_panel(_values())
    backtest(panel, ALIGNED, panel.weeks[[89, 99]], US_RETAIL, advance=told.append)  # type: ignore[arg-type]
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_levels_are_free_to_choose():
    """Any levels give their columns."""
    panel = as_panel(_values())
    made = backtest(panel, ALIGNED, [panel.weeks[89]], US_RETAIL, levels=(50.0, 99.5))
    assert list(made.rows[output_columns((50.0, 99.5))].columns)[5:10] == [
        "storecast",
        "storecast-lo-50",
        "storecast-hi-50",
        "storecast-lo-99.5",
        "storecast-hi-99.5",
    ]
