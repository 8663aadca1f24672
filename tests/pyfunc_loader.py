"""A loader module for MLflow models in tests: an artifact folder whose forecast is a known formula."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from storecast.ports import ArtifactContent
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.registry_pyfunc import PyfuncForecaster


class Doubling:
    """Forecasts 100 x number + weeks ahead of any series; a band of level L reaches L dollars each way."""

    cutoff = np.datetime64("2026-01-02")
    weeks = cutoff + 7 * np.arange(1, 53)

    def __init__(self, content: ArtifactContent) -> None:
        self.point = 100.0 * content.meta["number"] + np.arange(1.0, 53.0)[:, None]

    def locate(
        self, keys: NDArray[np.str_], horizon: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return horizon - 1, np.zeros(len(keys), dtype=np.int64)

    def limits(self, coverage: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.point - coverage, self.point + coverage


def _load_pyfunc(path: str) -> PyfuncForecaster:
    stand_in: Any = Doubling(ArtifactFolders().load(path))
    return PyfuncForecaster(stand_in)
