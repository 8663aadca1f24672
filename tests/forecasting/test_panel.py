"""The panel: long frames to matrices and back, and what was known at a past week."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.forecasting.panel import Panel, forecast_frame, known_columns, natural_order
from tests.forecasting.panels import as_panel


def _frame() -> pd.DataFrame:
    """Three departments of two stores, one of them from the third week, one with a gap."""
    weeks = pd.date_range("2020-01-03", periods=5, freq="7D")
    rows: list[tuple[object, ...]] = []
    for key, store, dept, kind, size, known in (
        ("10_1", "10", "1", "A", 900.0, [0, 1, 2, 3, 4]),
        ("2_1", "2", "1", "B", 300.0, [0, 1, 3, 4]),
        ("2_7", "2", "7", "B", 300.0, [2, 3, 4]),
    ):
        for w in known:
            rows.append((key, weeks[w], 100.0 * w + len(rows), store, dept, kind, size, w == 3, 20.0 + w))
    names = ["unique_id", "ds", "y", "store", "dept", "type", "size", "is_holiday", "temperature"]
    return pd.DataFrame(rows, columns=names)


def _same(a: Panel, b: Panel) -> None:
    for name, value in vars(a).items():
        other = getattr(b, name)
        if isinstance(value, dict):
            assert value.keys() == other.keys()
            for key, array in value.items():
                np.testing.assert_array_equal(array, other[key])
        else:
            np.testing.assert_array_equal(value, other)


def test_each_row_lands_in_its_cell():
    """Sales and exogenous values stand at their week and series; what has no row is NaN."""
    frame = _frame()
    panel = Panel.from_frame(frame)
    assert panel.keys.tolist() == ["10_1", "2_1", "2_7"]
    assert panel.stores.tolist() == ["10", "2", "2"]
    assert panel.blocks.tolist() == ["1", "1", "7"]
    assert panel.static["size"].tolist() == [900.0, 300.0, 300.0]
    assert np.diff(panel.weeks).astype(int).tolist() == [7] * 4
    assert panel.flagged is not None
    assert panel.flagged.tolist() == [False, False, False, True, False]
    assert panel.hierarchical
    for name, matrix in (("y", panel.values), ("temperature", panel.observed["temperature"])):
        expected = frame.pivot(index="ds", columns="unique_id", values=name).to_numpy()
        np.testing.assert_array_equal(matrix, expected)


@given(st.permutations(range(12)))
def test_the_order_of_rows_does_not_matter(order: list[int]):
    """Any order of the same rows is the same panel, bit for bit."""
    _same(Panel.from_frame(_frame()), Panel.from_frame(_frame().iloc[list(order)]))


def test_a_flat_panel_has_no_groups():
    """Without store and dept each series is its own store in one block; a week nobody sold stays a week."""
    frame = _frame()[["unique_id", "ds", "y"]]
    panel = Panel.from_frame(frame[frame["ds"] != frame["ds"].max() - pd.Timedelta(weeks=2)])
    assert panel.stores.tolist() == panel.keys.tolist()
    assert set(panel.blocks.tolist()) == {""}
    assert not panel.hierarchical
    assert panel.flagged is None
    assert len(panel.weeks) == 5
    assert np.isnan(panel.values[2]).all()


@pytest.mark.parametrize("week", range(5))
def test_up_to_a_week_is_the_panel_of_the_rows_until_then(week: int):
    """Cutting the panel is cutting its rows: of a series that begins later nothing is in it."""
    frame = _frame()
    panel = Panel.from_frame(frame)
    cutoff = panel.weeks[week]
    _same(panel.up_to(cutoff), Panel.from_frame(frame[frame["ds"] <= pd.Timestamp(cutoff)]))
    _same(panel.up_to(cutoff + np.timedelta64(6, "D")), panel.up_to(cutoff))


def test_static_attributes_as_numbers():
    """Text is coded by its rank, numbers stay, what is absent is NaN."""
    panel = Panel.from_frame(_frame())
    assert panel.code("type").tolist() == [0.0, 1.0, 1.0]
    assert panel.code("size").tolist() == [900.0, 300.0, 300.0]
    assert np.isnan(panel.code("colour")).all()
    frame = _frame()
    frame.loc[frame["store"] == "10", "type"] = None
    assert Panel.from_frame(frame).texts("type").tolist()[0] == ""
    np.testing.assert_array_equal(Panel.from_frame(frame).code("type"), [math.nan, 0.0, 0.0])


def test_texts_are_coded_by_the_categories_that_are_given():
    """Each by its place among them, whatever else the panel has; what is not among them is NaN."""
    kinds = np.array(["B", "AA", "", "A"])
    panel = replace(as_panel(np.ones((3, 4))), static={"type": kinds})
    assert panel.categories("type") == ["A", "AA", "B"]
    np.testing.assert_array_equal(panel.code("type", ["A", "B", "C"]), [1.0, math.nan, math.nan, 0.0])
    np.testing.assert_array_equal(panel.code("type", ["", "A", "B"]), [2.0, math.nan, math.nan, 1.0])
    assert np.isnan(panel.code("type", [])).all()


def test_forecast_frame_goes_series_by_series():
    """(H, N) matrices become rows in the order of series, then weeks."""
    weeks = np.array(["2020-01-03", "2020-01-10"], dtype="datetime64[D]")
    point = np.array([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
    found = forecast_frame(np.array(["a", "b", "c"]), weeks, {"storecast": point, "low": point - 1})
    assert found["unique_id"].tolist() == ["a", "a", "b", "b", "c", "c"]
    assert found["ds"].tolist() == [pd.Timestamp(w) for w in weeks] * 3
    assert found["storecast"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert found["low"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_columns_of_a_forecast():
    """The point, then both limits of each level, the narrow band first, without needless decimals."""
    assert known_columns((95.0, 80.0, 99.5)) == [
        "storecast",
        *("storecast-lo-80", "storecast-hi-80"),
        *("storecast-lo-95", "storecast-hi-95"),
        *("storecast-lo-99.5", "storecast-hi-99.5"),
    ]


def test_keys_in_the_order_people_count():
    """2 before 10, store 1's department 9 before its 10, names by letters."""
    keys = np.array(["10", "2", "1_10", "1_9", "b", "a2", "a10", "1"])
    ordered = keys[natural_order(keys)].tolist()
    assert ordered == ["1", "1_9", "1_10", "2", "10", "a2", "a10", "b"]
