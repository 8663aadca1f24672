"""A loader module for MLflow models in tests: an artifact folder whose forecast is a known formula."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from storecast.ports import ArtifactContent
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.registry_pyfunc import PyfuncForecaster


class Doubling:
    """Forecasts 100 x number + weeks ahead; a band of level L reaches L dollars to each side."""

    def __init__(self, content: ArtifactContent) -> None:
        self.number = content.meta["number"]

    def predict_frame(self, frame: pd.DataFrame, levels: Sequence[float]) -> pd.DataFrame:
        start = np.datetime64("2026-01-02")
        if "ds" in frame:
            ahead = ((frame["ds"].to_numpy() - start) / np.timedelta64(7, "D")).astype(int)
        else:
            ahead = frame["horizon"].to_numpy()
        out = pd.DataFrame({"unique_id": frame["unique_id"], "ds": start + ahead * np.timedelta64(7, "D")})
        out["storecast"] = 100.0 * self.number + ahead
        for level in levels:
            out[f"storecast-lo-{level}"] = out["storecast"] - level
            out[f"storecast-hi-{level}"] = out["storecast"] + level
        return out


def _load_pyfunc(path: str) -> PyfuncForecaster:
    return PyfuncForecaster(Doubling(ArtifactFolders().load(path)))
