"""The naives that every model must beat: last year's week, and last year's week x recent growth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.operators import ratio
from storecast.forecasting.timeline import YEAR

__all__ = ["BASELINES", "naive_growth", "recent_mean", "seasonal_naive"]

Float = NDArray[np.float64]
BASELINES = ("seasonal-naive", "naive-growth")
_GROWTH_WEEKS = 13


def recent_mean(values: Float, window: int = _GROWTH_WEEKS) -> Float:
    """(N,) mean of the known weeks among the last ``window``; of all weeks where none is; 0 without any."""
    mean = np.zeros(values.shape[1])
    for part in (values, values[-window:]):  # the narrower window speaks where it holds a value
        known = np.isfinite(part)
        near = ratio(np.where(known, part, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))
        mean = np.where(np.isfinite(near), near, mean)
    return mean


def seasonal_naive(values: Float, horizon: int) -> Float:
    """(H, N) sales 52 weeks before each target week; the recent mean where that week is missing.

    ``values`` (T, N) is the history known at the cutoff; horizons beyond 52 repeat the last year.
    """
    rows = len(values)
    source = rows + np.arange(horizon) - YEAR * (np.arange(horizon) // YEAR + 1)
    out = np.where((source >= 0)[:, None], values[np.clip(source, 0, rows - 1)], np.nan)
    return np.where(np.isfinite(out), out, recent_mean(values))


def naive_growth(values: Float, horizon: int) -> Float:
    """(H, N) ``seasonal_naive`` x each series' growth of its last 13 weeks over a year before, within 0.5
    to 2."""
    out = seasonal_naive(values, horizon)
    if len(values) <= YEAR:
        return out
    rows = min(_GROWTH_WEEKS, len(values) - YEAR)
    now, then = values[-rows:], values[-rows - YEAR : len(values) - YEAR]
    both = np.isfinite(now) & np.isfinite(then)
    growth = ratio(np.where(both, now, 0.0).sum(axis=0), np.where(both, then, 0.0).sum(axis=0))
    source = len(values) + np.arange(horizon) - YEAR * (np.arange(horizon) // YEAR + 1)
    known = (source >= 0)[:, None] & np.isfinite(values[np.clip(source, 0, len(values) - 1)])
    return np.where(known, out * np.clip(np.nan_to_num(growth, nan=1.0), 0.5, 2.0), out)
