"""LightGBM as two functions, text in between: the same bits on every run and every machine's core count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["evaluate", "gains", "grow"]

Float = NDArray[np.float64]


def grow(
    x: Float,
    y: Float,
    weight: Float | None,
    *,
    rounds: int,
    learning_rate: float,
    leaves: int,
    min_rows_in_leaf: int,
    feature_share: float,
    row_share: float,
    seed: int,
) -> str:
    """LightGBM's text of trees that minimize the weighted absolute error of ``y`` (R,) from ``x`` (R, F)."""
    import lightgbm

    params = {
        "objective": "regression_l1",
        "learning_rate": learning_rate,
        "num_leaves": leaves,
        "min_data_in_leaf": min_rows_in_leaf,
        "feature_fraction": feature_share,
        "bagging_fraction": row_share,
        "bagging_freq": 1,
        "max_bin": 63,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    data = lightgbm.Dataset(x, y, weight=weight)
    text: str = lightgbm.train(params, data, num_boost_round=rounds).model_to_string()
    return text


def evaluate(model: str, x: Float) -> Float:
    """(R,) predictions for ``x`` (R, F) of the trees in ``model``."""
    import lightgbm

    booster = lightgbm.Booster(model_str=model)
    return np.asarray(booster.predict(x, num_threads=1), dtype=np.float64)


def gains(model: str) -> Float:
    """(F,) by how much each column's splits reduced the loss, in LightGBM's units."""
    import lightgbm

    booster = lightgbm.Booster(model_str=model)
    return np.asarray(booster.feature_importance("gain"), dtype=np.float64)
