"""The trees as a scikit-learn regressor, for pipelines, searches and everything else that speaks it.

This module alone imports scikit-learn when it is imported; nothing that forecasts imports it before it
trains.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from storecast.forecasting.direct.encoding import make_preprocessing
from storecast.forecasting.direct.trees import evaluate, grow

__all__ = ["DirectBoosting", "make_pipeline"]


def _weights(sample_weight: ArrayLike, rows: int) -> NDArray[np.float64]:
    weight = np.asarray(sample_weight, dtype=np.float64)
    weight = np.full(rows, float(weight)) if weight.ndim == 0 else weight
    if weight.shape != (rows,) or not np.isfinite(weight).all() or weight.min() < 0 or weight.max() == 0:
        # scikit-learn's protocol asks for a ValueError, as its own validation raises.
        raise ValueError(
            f"Sample weights must be ({rows},), finite, not negative and not all zero; found {weight.shape}."
        )
    return weight


class DirectBoosting(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Gradient boosting of the weighted absolute error by LightGBM: one thread, seeded, NaN allowed.

    Parameters are those of ``DirectConfig`` under the same names. After ``fit``: ``model_`` (the trees as
    LightGBM text) and ``n_features_in_``.
    """

    def __init__(
        self,
        *,
        rounds: int = 150,
        learning_rate: float = 0.04,
        leaves: int = 31,
        min_rows_in_leaf: int = 30,
        feature_share: float = 0.15,
        row_share: float = 0.7,
        seed: int = 0,
    ) -> None:
        self.rounds = rounds
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.min_rows_in_leaf = min_rows_in_leaf
        self.feature_share = feature_share
        self.row_share = row_share
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Grow trees on ``X`` (R, F), NaN = unknown, and ``y`` (R,), finite."""
        x, target = validate_data(
            self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", y_numeric=True, ensure_min_samples=2
        )
        weight = None if sample_weight is None else _weights(sample_weight, len(x))
        self.model_ = grow(x, np.asarray(target, dtype=np.float64), weight, **self.get_params())
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """(R,) predictions for ``X`` (R, F)."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return evaluate(self.model_, x)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def make_pipeline(estimator: DirectBoosting | None = None) -> Pipeline:
    """Preprocessing of raw columns (see ``make_preprocessing``), then the trees."""
    return Pipeline([("preprocessing", make_preprocessing()), ("boosting", estimator or DirectBoosting())])
