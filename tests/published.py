"""Fitted forecasters small enough to publish by the dozen, and their artifacts."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.jobs.train import content_of
from storecast.ports import ArtifactContent
from tests.forecasting.panels import as_panel, season_of, weeks_from

__all__ = ["content", "fitted", "scaled"]

WEEKS, SIZE = 120, 4


@cache
def fitted(seed: int = 0, weeks: int = WEEKS, size: int = SIZE) -> Forecaster:
    """A naive of ``size`` seasonal series; those of one ``seed`` continue each other as ``weeks`` grow."""
    rng = np.random.default_rng(seed)
    season = season_of(weeks_from("2010-02-05", WEEKS + 60))
    base = rng.uniform(5_000.0, 50_000.0, 12)
    noise = rng.normal(1.0, 0.03, (WEEKS + 60, 12))
    values = np.round(season[:, None] * base * noise, 2)
    return Forecaster.fit(as_panel(values[:weeks, :size]), ForecasterConfig(model="naive-growth", horizon=13))


def scaled(forecaster: Forecaster, factor: float) -> Forecaster:
    """The same forecaster with every forecast, and its explanation, times ``factor``."""
    parts = {name: values * factor for name, values in forecaster.parts.items()}
    return replace(forecaster, point=forecaster.point * factor, parts=parts)


def content(forecaster: Forecaster, **meta: object) -> ArtifactContent:
    """Its artifact, as training registers it."""
    return content_of(forecaster, **meta)
