"""Trees of which most columns are known: the bits that LightGBM itself gives, or none at all."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.direct.trees import evaluate
from storecast.service.narrowed import Narrowed

Float = NDArray[np.float64]
FREE = (1, 4, 6)


def _data(rows: int = 3000, columns: int = 8) -> tuple[Float, Float]:
    """Numbers around zero, whole ones, some missing; what is to be learnt depends on all of them."""
    draw = np.random.default_rng(4)
    x = draw.normal(0, 1, (rows, columns))
    x[:, 2:5] = np.round(3 * x[:, 2:5])
    x[:, 5:][draw.random((rows, columns - 5)) < 0.15] = np.nan
    y = np.nan_to_num(x).prod(axis=1) + np.nan_to_num(np.sin(3 * x)).sum(axis=1) + np.isnan(x[:, 6])
    return x, y


def _grown(x: Float, y: Float, rounds: int = 40, kinds: Any = "auto", **more: Any) -> str:
    params = {"objective": "regression_l1", "min_data_in_leaf": 5, "num_threads": 1, "verbose": -1, **more}
    data = lightgbm.Dataset(x, y, categorical_feature=kinds)
    text: str = lightgbm.train(params, data, num_boost_round=rounds).model_to_string()
    return text


@pytest.mark.parametrize(
    "how", [{"num_leaves": 2}, {"num_leaves": 31}, {"num_leaves": 32}, {"num_leaves": 64}, {"max_bin": 15}]
)
def test_the_sum_is_lightgbms_to_the_last_bit(how: dict[str, Any]) -> None:
    """Rows in any order and number, their free columns as they are, or changed to numbers seen in training,
    thresholds themselves, nothing, next to nothing, and far beyond."""
    x, y = _data()
    text = _grown(x, y, **how)
    narrowed = Narrowed.of(text, x, FREE)
    assert narrowed is not None
    every = np.arange(len(x))
    assert np.array_equal(narrowed.evaluate(every, narrowed.free(every)), evaluate(text, x))
    draw = np.random.default_rng(9)
    line = next(line for line in text.splitlines() if line.startswith("threshold="))
    odd = [np.nan, 0.0, -0.0, 1e-40, -1e-36, 1e-35, 2e-35, 1e30, -1e30]
    odd += [float(threshold) for threshold in line.partition("=")[2].split()]
    for rows in (1, 7, 2500):
        at = draw.integers(0, len(x), rows)
        free = x[draw.integers(0, len(x), rows)][:, FREE]
        changed = draw.random(free.shape) < 0.4
        free[changed] = draw.choice(odd, changed.sum())
        whole = x[at]
        whole[:, FREE] = free
        assert np.array_equal(narrowed.evaluate(at, free), evaluate(text, whole))


def test_trees_that_split_on_nothing_free_or_on_nothing_at_all() -> None:
    """Then nothing changes, whatever is put into the free columns."""
    x, y = _data()
    x[:, FREE] = 1.0
    for target in (y, np.full(len(y), 3.5)):
        text = _grown(x, target)
        narrowed = Narrowed.of(text, x, FREE)
        assert narrowed is not None
        at = np.arange(50)
        assert np.array_equal(narrowed.evaluate(at, np.full((50, 3), 9.0)), evaluate(text, x[:50]))


@pytest.mark.parametrize(
    "how",
    [
        {"num_leaves": 65},
        {"kinds": [3]},
        {"linear_tree": True, "objective": "regression"},
        {"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1},
        {"zero_as_missing": True},
        {"objective": "multiclass", "num_class": 3},
    ],
)
def test_what_is_not_understood_is_left_to_lightgbm(how: dict[str, Any]) -> None:
    """More leaves than bits, categories, lines in leaves, means, zeros that count as missing, classes."""
    x, y = _data()
    x[:, 3] = np.abs(x[:, 3])
    target = np.digitize(y, [-1.0, 1.0]).astype(float) if "num_class" in how else y + 9 * (x[:, 3] % 2)
    assert Narrowed.of(_grown(x, target, 5, **how), x, FREE) is None
