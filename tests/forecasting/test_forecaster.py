"""The fitted forecaster: what it holds, what it refuses, and that it survives storage bit for bit."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.aligned import AlignedConfig
from storecast.forecasting.blend import BlendConfig
from storecast.forecasting.boosting import BoostingConfig
from storecast.forecasting.forecaster import PARTS, Forecaster, ForecasterConfig
from storecast.forecasting.frames import forecast_rows, forecast_table
from storecast.forecasting.models import MODELS, ModelConfig
from storecast.forecasting.panel import Panel
from storecast.forecasting.state import from_state, to_state
from tests.forecasting.panels import as_panel, season_of, weeks_from

ALIGNED = ForecasterConfig(model="aligned", horizon=13)


def _values(rows: int = 120, size: int = 6, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    season = season_of(weeks_from("2010-02-05", rows), 0.3)[:, None]
    return rng.uniform(500, 1500, size) * season * np.exp(0.1 * rng.standard_normal((rows, size)))


def _departments(rows: int = 120) -> Panel:
    values = _values(rows)
    values[: rows - 20, 3] = math.nan
    panel = as_panel(values, stores=["1", "1", "2", "2", "10", "10"], blocks=["a", "b"] * 3)
    panel = replace(panel, keys=np.array(["10_a", "10_b", "1_a", "1_b", "2_a", "2_b"]))
    kinds = np.array(["A", "A", "B", "B", "A", "A"], dtype=object)
    return replace(panel, static={"type": kinds, "size": np.arange(6.0)})


@pytest.mark.parametrize("model", MODELS)
def test_it_comes_back_from_storage_bit_for_bit(model: str):
    """Arrays, texts and JSON metadata make the same forecaster: points, bands, parts, notes, constants."""
    fitted = Forecaster.fit(_departments(), ForecasterConfig(model=model, horizon=13, seed=3))
    arrays, texts, meta = to_state(fitted)
    assert all(a.dtype != object for a in arrays.values())
    again = from_state(arrays, texts, json.loads(json.dumps(meta)))
    assert again.config == fitted.config
    assert again.notes == fitted.notes
    assert again.learnt == fitted.learnt
    assert again.correction == fitted.correction
    assert again.cutoff == fitted.cutoff == np.datetime64("2012-05-18")
    for name in fitted.levels:
        np.testing.assert_array_equal(again.points(name), fitted.points(name))
        for level in (50.0, 80.0, 95.0):
            np.testing.assert_array_equal(again.limits(level, name), fitted.limits(level, name))
    for name in PARTS:
        np.testing.assert_array_equal(again.parts[name], fitted.parts[name])
    one, other = to_state(again), (arrays, texts, meta)
    assert one[1] == other[1]
    assert json.loads(json.dumps(one[2])) == json.loads(json.dumps(other[2]))
    for name, values in arrays.items():
        np.testing.assert_array_equal(one[0][name], values)


def test_constants_of_ones_own_come_back():
    """A configuration that is not the default is restored with all its parts, tuples as tuples."""
    config = ForecasterConfig(
        "aligned",
        horizon=4,
        seed=9,
        models=ModelConfig(
            AlignedConfig(trend_keep=0.5, rates=(0.2,)), BlendConfig(prior=(1.0, 1.0, 1.0, 0.0, 0.0)), step=6
        ),
        boosting=BoostingConfig(rounds=7),
    )
    arrays, texts, meta = to_state(Forecaster.fit(as_panel(_values()), config))
    meta = json.loads(json.dumps(meta))
    assert from_state(arrays, texts, meta).config == config
    meta["config"]["later"] = 1
    meta["config"]["boosting"]["later"] = 1
    assert from_state(arrays, texts, meta).config == config


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (ForecasterConfig(model="prophet"), "prophet"),
        (ForecasterConfig(horizon=0), "0"),
        (ForecasterConfig(horizon=53), "53"),
        (ForecasterConfig(horizon=-1), "-1"),
    ],
)
def test_what_cannot_be_fitted_is_refused(config: ForecasterConfig, found: str):
    """An unknown model and a horizon out of range are refused with what would do."""
    with pytest.raises(RequestError) as refusal:
        Forecaster.fit(as_panel(_values()), config)
    assert refusal.value.found == found
    assert refusal.value.expected
    assert refusal.value.remedy


@pytest.mark.parametrize("level", [0.0, 0.99, 99.81, 100.0, -5.0, math.nan])
def test_levels_out_of_range_are_refused(level: float):
    """No band covers less than 1 or more than 99.8 percent here."""
    fitted = Forecaster.fit(as_panel(_values()), ALIGNED)
    with pytest.raises(RequestError, match="level"):
        fitted.limits(level)
    assert np.isfinite(fitted.limits(1.0)).all()
    assert np.isfinite(fitted.limits(99.8)).all()


def test_levels_of_the_hierarchy_that_are_not_there_are_refused():
    """A flat panel has no stores beside its series."""
    fitted = Forecaster.fit(as_panel(_values()), ALIGNED)
    with pytest.raises(RequestError, match="'store'") as refusal:
        fitted.points("store")
    assert refusal.value.expected == "series or total"


def test_weeks_go_on_where_the_history_ends():
    """The first forecast week follows the last known one; every week of the horizon comes once."""
    fitted = Forecaster.fit(as_panel(_values()), ALIGNED)
    assert fitted.weeks.tolist() == weeks_from("2010-02-05", 133)[120:].tolist()
    assert fitted.point.shape == (13, 6)


def test_rows_are_looked_up_by_date_and_by_horizon():
    """Asked rows come in their order, with the point and bands of their series and week, index kept."""
    fitted = Forecaster.fit(_departments(), ALIGNED)
    weeks = pd.to_datetime(fitted.weeks)
    asked = pd.DataFrame(
        {"unique_id": ["2_b", "10_a", "2_b"], "ds": [weeks[12], weeks[0], weeks[3]]}, index=[7, 3, 5]
    )
    found = forecast_rows(fitted, asked, (80.0,))
    expected = [fitted.point[12, 5], fitted.point[0, 0], fitted.point[3, 5]]
    assert found["storecast"].tolist() == expected
    assert found.index.tolist() == [7, 3, 5]
    low, high = fitted.limits(80.0)
    assert found["storecast-lo-80"].tolist() == [low[12, 5], low[0, 0], low[3, 5]]
    assert found["storecast-hi-80"].tolist() == [high[12, 5], high[0, 0], high[3, 5]]
    by_horizon = asked.drop(columns="ds").assign(horizon=[13, 1, 4])
    pd.testing.assert_frame_equal(forecast_rows(fitted, by_horizon, (80.0,)), found)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("horizon", 0),
        ("horizon", 14),
        ("horizon", -3),
        ("horizon", 1.5),
        ("horizon", math.nan),
        ("horizon", 1e30),
        ("horizon", "soon"),
        ("ds", "soon"),
        ("ds", pd.Timestamp("2012-05-18")),
        ("ds", pd.Timestamp("2012-05-26")),
        ("ds", pd.Timestamp("2013-01-04")),
        ("ds", pd.NaT),
    ],
)
def test_rows_of_other_weeks_are_refused(column: str, value: Any):
    """Weeks of the past, beyond the horizon, between the weekly days or blank are refused by their row."""
    fitted = Forecaster.fit(as_panel(_values()), ALIGNED)
    good = fitted.weeks[0] if column == "ds" else 1
    asked = pd.DataFrame({"unique_id": ["s000", "s001"], column: [good, value]})
    with pytest.raises(RequestError) as refusal:
        forecast_rows(fitted, asked, (80.0,))
    assert "row 2" in refusal.value.where
    assert "2012-05-25 to 2012-08-17" in refusal.value.expected


def test_rows_that_do_not_say_what_they_ask_are_refused():
    """Without a series, or without a week, nobody can tell which forecast is meant."""
    fitted = Forecaster.fit(as_panel(_values()), ALIGNED)
    for asked in ({"unique_id": ["s000"]}, {"horizon": [1]}, {}):
        with pytest.raises(RequestError, match="which forecasts") as refusal:
            forecast_rows(fitted, pd.DataFrame(asked), ())
        assert "unique_id" in refusal.value.expected


def test_rows_of_unknown_series_are_refused():
    """A series that was not learnt is refused by name, with near ones."""
    fitted = Forecaster.fit(as_panel(_values()), ALIGNED)
    for name in ("s0", "zzz", "", "S001"):
        with pytest.raises(RequestError, match="series") as refusal:
            forecast_rows(fitted, pd.DataFrame({"unique_id": ["s001", name], "horizon": [1, 1]}), ())
        assert refusal.value.found == name
        assert "6 series" in refusal.value.expected


def test_the_table_goes_in_the_order_people_count():
    """Series 1, 2, 10 in this order, levels narrow first, notes where a forecast rests on others."""
    fitted = Forecaster.fit(_departments(), ALIGNED)
    table = forecast_table(fitted, 2, (95.0, 80.0))
    assert table["unique_id"].tolist()[::2] == ["1_a", "1_b", "2_a", "2_b", "10_a", "10_b"]
    assert list(table.columns[2:7]) == [
        "storecast",
        *("storecast-lo-80", "storecast-hi-80"),
        *("storecast-lo-95", "storecast-hi-95"),
    ]
    point = {key: fitted.point[:2, i].tolist() for i, key in enumerate(fitted.keys.tolist())}
    for key, part in table.groupby("unique_id"):
        assert part["storecast"].tolist() == point[str(key)]
    assert set(table.loc[table["note"] != "", "unique_id"]) == {"1_b"}


def test_the_last_part_is_the_forecast():
    """The running sums of the explanation end at the point, to the cent."""
    for model in MODELS:
        fitted = Forecaster.fit(_departments(), ForecasterConfig(model=model, horizon=13))
        np.testing.assert_array_equal(fitted.parts["limits"], fitted.point)
        assert all(np.isfinite(fitted.parts[name]).all() for name in PARTS)


def test_points_stay_within_twice_the_highest_week():
    """A series that doubled within weeks is not forecast beyond twice its highest week, nor below zero."""
    values = _values(70, 4)
    values[:, 0] = 10.0
    values[62:, 0] = 10.0 * 1.8 ** np.arange(1, 9)
    values[:, 1] = np.linspace(1000.0, 5.0, 70)
    point = Forecaster.fit(as_panel(values), replace(ALIGNED, horizon=52)).point
    assert point[:, 0].max() <= 2.0 * values[:, 0].max()
    assert point.min() >= 0.0


def test_series_that_rest_on_others_say_so():
    """Less than a year of history, and none at all, are named; others are not."""
    values = _values()
    values[:70, 1] = math.nan
    values[:, 2] = math.nan
    fitted = Forecaster.fit(as_panel(values), ALIGNED)
    assert fitted.notes.keys() == {"s001", "s002"}
    assert "50 weeks" in fitted.notes["s001"]
    assert "no history" in fitted.notes["s002"]
    others = fitted.point[:, [0, 1, 3, 4, 5]]
    np.testing.assert_allclose(fitted.point[:, 2], others.mean(axis=1), rtol=1e-3)
