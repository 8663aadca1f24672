"""The trees as a scikit-learn regressor: its own checks, pipelines, searches; and as functions of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.utils.estimator_checks import parametrize_with_checks

from storecast.forecasting.direct.encoding import RAW_NAMES
from storecast.forecasting.direct.estimator import DirectBoosting, make_pipeline
from storecast.forecasting.direct.trees import evaluate, gains

Float = NDArray[np.float64]
# Leaves need a number of rows, whatever their weight, and rows are drawn.
_EXCEPT = {
    "check_sample_weight_equivalence_on_dense_data": "rows are drawn and counted, not weights",
}


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [DirectBoosting(rounds=30, learning_rate=0.2, min_rows_in_leaf=3, feature_share=1.0)],
    expected_failed_checks=lambda _: _EXCEPT,
)
def test_scikit_learns_own_checks(estimator: DirectBoosting, check: Callable[[Any], None]):
    """It keeps scikit-learn's contract for regressors."""
    check(estimator)


def _world(seed: int, rows: int = 3000) -> tuple[Float, Float]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 5))
    return x, np.where(x[:, 0] > 0, 3.0, -1.0) + 0.5 * x[:, 1] + 0.1 * rng.normal(size=rows)


def test_it_learns_a_step_and_a_slope():
    """On rows never seen the error is a small part of what the mean would leave; idle columns gain little."""
    model = DirectBoosting(rounds=200, learning_rate=0.1, feature_share=1.0).fit(*_world(0))
    x, y = _world(1)
    assert np.abs(y - model.predict(x)).mean() < 0.1 * np.abs(y - y.mean()).mean()
    gain = gains(model.model_)
    assert gain[0] > gain[1] > 2.0 * gain[2:].max()


@pytest.mark.parametrize(
    "weight", [np.ones(99), np.full(100, -1.0), np.full(100, np.nan), np.zeros(100), np.ones((100, 2))]
)
def test_weights_that_mean_nothing_are_refused(weight: Float):
    """Of another length, negative, unknown or all zero: a ValueError, as scikit-learn's callers expect."""
    x, y = _world(0, rows=100)
    with pytest.raises(ValueError, match="Sample weights must be"):
        DirectBoosting().fit(x, y, sample_weight=weight)


def test_it_minimizes_the_absolute_error():
    """Of targets that no column tells apart it gives the weighted median, not the mean."""
    x = np.zeros((300, 1))
    y = np.repeat([0.0, 1.0, 100.0], 100)
    model = DirectBoosting(rounds=400, learning_rate=0.2, row_share=1.0, feature_share=1.0)
    assert model.fit(x, y).predict(x[:1])[0] == pytest.approx(1.0, abs=0.01)
    weight = np.repeat([1.0, 1.0, 5.0], 100)
    assert model.fit(x, y, sample_weight=weight).predict(x[:1])[0] == pytest.approx(100.0, abs=0.01)


def test_unknown_values_have_their_own_branch():
    """NaN in a column is information: rows that lack it are told from those that have it."""
    x, y = _world(2)
    x[::2, 0] = np.nan
    y[::2] = 7.0
    model = DirectBoosting(rounds=200, learning_rate=0.1, feature_share=1.0).fit(x, y)
    assert np.median(np.abs(model.predict(x[::2]) - 7.0)) < 0.2


def test_the_same_seed_gives_the_same_text():
    """Two fits are the same bytes; another seed draws other rows and columns."""
    x, y = _world(4)
    first, second = (DirectBoosting(seed=5).fit(x, y).model_ for _ in range(2))
    assert first == second
    assert DirectBoosting(seed=6).fit(x, y).model_ != first


def test_a_prediction_does_not_depend_on_its_neighbours():
    """A row alone and a row among others give the same bits, so that rows may be passed in any portions."""
    x, y = _world(5)
    model = DirectBoosting(rounds=50).fit(x, y)
    whole = model.predict(x)
    single = np.concatenate([evaluate(model.model_, x[i : i + 1]) for i in range(0, 3000, 97)])
    assert single.tobytes() == whole[::97].tobytes()


def test_a_copy_has_the_parameters_and_no_trees():
    """``clone`` takes the parameters along and leaves the fit behind."""
    model = DirectBoosting(rounds=7, seed=3).fit(*_world(6, rows=100))
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "model_")


def test_a_pipeline_of_raw_columns_can_be_searched():
    """Preprocessing and trees work as one estimator in a grid search over weeks, texts among the columns."""
    rng = np.random.default_rng(7)
    raw = np.empty((400, len(RAW_NAMES) + 1), dtype=object)
    store = rng.integers(0, 2, 400)
    raw[:, 0] = np.array(["near", "far"])[store]
    raw[:, 1], raw[:, 2] = "1", "A"
    raw[:, 3:] = rng.normal(size=(400, 2))
    y = 10.0 * store + raw[:, 4].astype(float)
    grid = {"boosting__rounds": [1, 150]}
    search = GridSearchCV(
        make_pipeline(DirectBoosting(learning_rate=0.1, feature_share=1.0)), grid, cv=TimeSeriesSplit(3)
    ).fit(raw, y)
    assert search.best_params_ == {"boosting__rounds": 150}
    assert search.score(raw, y) > 0.9
