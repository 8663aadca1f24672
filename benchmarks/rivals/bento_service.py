"""The trees of ``trees.txt`` (STORECAST_BENCH_TREES) behind BentoML, one worker, rows as an array."""

from __future__ import annotations

import os

import bentoml  # type: ignore[import-not-found]  # in an environment of its own
import lightgbm
import numpy as np

__all__ = ["Sales"]


@bentoml.service(workers=1)
class Sales:
    """One route, /predict."""

    def __init__(self) -> None:
        self._trees = lightgbm.Booster(model_file=os.environ["STORECAST_BENCH_TREES"])

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The forecast of each row."""
        return np.asarray(self._trees.predict(rows, num_threads=1))
