"""Masked operators against loops over single weeks and series."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from storecast.forecasting.operators import counted, cumulative, look_back, ratio, smoothed, window_sum

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 3))
SALES = st.integers(-50, 1000).map(float)
VALUES = st.one_of(
    hnp.arrays(np.float64, SHAPES, elements=st.one_of(st.just(math.nan), SALES)),
    hnp.arrays(np.float64, SHAPES, elements=SALES),  # no week missing: a way of its own
)


def _close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_ratio_knows_nothing_where_the_bottom_is_not_positive():
    """Division by zero, by a negative and by an unknown give NaN without a warning; shapes broadcast."""
    found = ratio(np.array([[1.0], [2.0]]), np.array([2.0, 0.0, -1.0, math.nan]))
    _close(found, np.array([[0.5, math.nan, math.nan, math.nan], [1.0, math.nan, math.nan, math.nan]]))


@given(VALUES, st.data())
def test_look_back_by_a_loop(values: np.ndarray, data: st.DataObject):
    """Known neighbours speak by their weight; below 0.3 of it, or outside the rows, nothing is known."""
    rows = data.draw(st.integers(1, 12))
    low = np.array(data.draw(st.lists(st.integers(-3, len(values) + 2), min_size=rows, max_size=rows)))
    parts = st.sampled_from([0.0, 0.1, 0.25, 0.29, 0.31, 0.5, 0.69, 0.71, 0.9])
    part = np.array(data.draw(st.lists(parts, min_size=rows, max_size=rows)))
    expected = np.full((rows, values.shape[1]), math.nan)
    for r in range(rows):
        for i in range(values.shape[1]):
            top, known = 0.0, 0.0
            for row, weight in ((low[r], 1.0 - part[r]), (low[r] + 1, part[r])):
                if 0 <= row < len(values) and weight > 0 and not math.isnan(values[row, i]):
                    top += weight * values[row, i]
                    known += weight
            if known >= 0.3:
                expected[r, i] = top / known
    _close(look_back(values, low, part), expected)


@given(VALUES, st.integers(1, 60))
def test_running_sums_by_a_loop(values: np.ndarray, width: int):
    """Row c is the sum of the known among the first c weeks, or the last ``width`` of them."""
    running, weeks = cumulative(values), counted(np.isfinite(values))
    assert running.shape == weeks.shape == (len(values) + 1, values.shape[1])
    for c in range(len(values) + 1):
        _close(running[c], np.nansum(values[:c], axis=0))
        assert weeks[c].tolist() == np.isfinite(values[:c]).sum(axis=0).tolist()
        _close(window_sum(running, width)[c], np.nansum(values[max(0, c - width) : c], axis=0))


@given(VALUES, st.lists(st.sampled_from([0.05, 0.2, 0.5]), min_size=1, max_size=3, unique=True))
def test_smoothed_by_a_loop(values: np.ndarray, rates: list[float]):
    """The mean over rates of weighted means in which every week that passes fades the earlier ones."""
    prior = 1.0
    expected = np.zeros((len(values) + 1, values.shape[1]))
    for c in range(1, len(values) + 1):
        for i in range(values.shape[1]):
            levels = []
            for rate in rates:
                top, weight = 0.0, prior * (1 - rate) ** c
                for t in range(c):
                    if not math.isnan(values[t, i]):
                        w = rate * (1 - rate) ** (c - 1 - t)
                        top += w * values[t, i]
                        weight += w
                levels.append(top / weight)
            expected[c, i] = np.mean(levels)
    _close(smoothed(values, rates, prior), expected)


def test_smoothed_keeps_a_level_over_missing_weeks():
    """A gap changes nothing of what was known; a constant is found as it is."""
    values = np.full((60, 2), math.nan)
    values[:40, 0] = 70.0
    values[:40, 1] = 70.0
    values[40:, 1] = 70.0
    found = smoothed(values, (0.1, 0.5), 1.0)
    _close(found[60, 0], found[40, 0])
    assert abs(found[60, 1] - 70.0) < 0.1


def test_smoothed_over_decades_without_a_value():
    """A series that ended, or had not begun, for thousands of weeks keeps what is known."""
    values = np.full((3000, 2), math.nan)
    values[:100, 0] = 5.0
    values[2900:, 1] = 5.0
    found = smoothed(values, (0.05, 0.5), 1.0)
    assert np.isfinite(found).all()
    _close(found[3000, 0], found[100, 0])
    assert abs(found[3000, 1] - 5.0) < 0.1
    assert found[2900, 1] == 0.0
