"""Panels of thousands to a million series, in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd

from storecast.errors import RequestError
from storecast.forecasting.sample.days import weekly_season
from storecast.forecasting.sample.effects import drift, quirk_profile
from storecast.forecasting.sample.frames import plain_frame
from storecast.forecasting.sample.kinds import DEPARTMENT_KINDS, STORE_KINDS, loadings

__all__ = ["SERIES_A_CHUNK", "make_large"]

SERIES_A_CHUNK = 5_000


def make_large(
    n_series: int, weeks: int = 156, seed: int = 0, *, first_week: date = date(2020, 1, 3)
) -> Iterator[pd.DataFrame]:
    """Yield ``unique_id, ds, y`` of ``n_series`` complete series, 5,000 of them a frame, series by series.

    Season, growth, drift and noise of stores and departments of all kinds. Each chunk has its own stream,
    so a series is the same however many follow it, and one chunk is all that memory holds.
    Raises RequestError, at the call, when a count is below 1.
    """
    if n_series < 1 or weeks < 1:
        raise RequestError(
            "The sample cannot be made: it would be empty.",
            expected="at least 1 series and 1 week",
            found=f"{n_series} series, {weeks} weeks",
            remedy="Ask for at least one series and one week.",
        )
    return _chunks(n_series, weeks, seed, first_week)


def _chunks(n_series: int, weeks: int, seed: int, first_week: date) -> Iterator[pd.DataFrame]:
    ds = np.datetime64(first_week, "D") + 7 * np.arange(weeks)
    components = weekly_season(ds, quirk_profile(np.random.default_rng(seed)))
    kinds = loadings(STORE_KINDS | DEPARTMENT_KINDS)
    years = np.arange(weeks)[:, None] / 52.18
    for first in range(0, n_series, SERIES_A_CHUNK):
        rng = np.random.default_rng([seed, first // SERIES_A_CHUNK])
        kind = rng.integers(0, len(kinds), SERIES_A_CHUNK)
        base, growth = rng.normal(8.5, 1.3, SERIES_A_CHUNK), rng.normal(0.02, 0.05, SERIES_A_CHUNK)
        noise = rng.uniform(0.02, 0.15, SERIES_A_CHUNK)
        log_level = drift(rng, weeks, SERIES_A_CHUNK, memory=0.96, deviation=0.05)
        log_level += base + growth * years + noise * rng.standard_normal(log_level.shape)
        sales = np.exp(log_level) * np.maximum(components @ kinds.T, 0.02)[:, kind]
        count = min(SERIES_A_CHUNK, n_series - first)
        names = [f"S{i:07d}" for i in range(first + 1, first + count + 1)]
        yield plain_frame(ds, np.round(sales[:, :count], 2), names)
