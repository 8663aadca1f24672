"""Accuracy of points and honesty of bands.

All take arrays of one shape; an entry whose actual (or forecast) is NaN is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["bias", "coverage", "interval_score", "mean_width", "rmsse", "wape", "wmae"]

Float = NDArray[np.float64]


def _pairs(actual: Float, forecast: Float) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = np.isfinite(actual) & np.isfinite(forecast)
    return known


def wmae(actual: Float, forecast: Float, weight: Float) -> float:
    """Weighted mean absolute error, dollars: sum(w |y - f|) / sum(w) (the Walmart competition's metric)."""
    known = _pairs(actual, forecast)
    w = np.broadcast_to(weight, actual.shape)[known]
    return (
        float(np.sum(w * np.abs(actual[known] - forecast[known])) / np.sum(w))
        if known.any()
        else float("nan")
    )


def wape(actual: Float, forecast: Float) -> float:
    """Sum of absolute errors over the sum of absolute actuals, a fraction."""
    known = _pairs(actual, forecast)
    total = float(np.sum(np.abs(actual[known])))
    return float(np.sum(np.abs(actual[known] - forecast[known]))) / total if total > 0 else float("nan")


def bias(actual: Float, forecast: Float) -> float:
    """Sum of (forecast - actual) over the sum of absolute actuals; positive is forecast too high."""
    known = _pairs(actual, forecast)
    total = float(np.sum(np.abs(actual[known])))
    return float(np.sum(forecast[known] - actual[known])) / total if total > 0 else float("nan")


def rmsse(actual: Float, forecast: Float, naive_mse: float) -> float:
    """Root of the mean squared error over ``naive_mse``, the training error of the seasonal naive
    (Hyndman and Koehler 2006, with the seasonal scale)."""
    known = _pairs(actual, forecast)
    if not known.any() or not naive_mse > 0:
        return float("nan")
    return float(np.sqrt(np.mean((actual[known] - forecast[known]) ** 2) / naive_mse))


def coverage(actual: Float, low: Float, high: Float) -> float:
    """Share of actuals inside [low, high]."""
    known = np.isfinite(actual) & np.isfinite(low) & np.isfinite(high)
    inside = (actual[known] >= low[known]) & (actual[known] <= high[known])
    return float(np.mean(inside)) if known.any() else float("nan")


def mean_width(low: Float, high: Float, actual: Float) -> float:
    """Mean width of the bands, dollars, over the entries that have an actual."""
    known = np.isfinite(actual) & np.isfinite(low) & np.isfinite(high)
    return float(np.mean(high[known] - low[known])) if known.any() else float("nan")


def interval_score(actual: Float, low: Float, high: Float, level: float) -> float:
    """Mean interval score, dollars: width plus 2/alpha times what falls outside (Gneiting and Raftery
    2007)."""
    known = np.isfinite(actual) & np.isfinite(low) & np.isfinite(high)
    y, lo, hi = actual[known], low[known], high[known]
    penalty = 2.0 / (1.0 - level / 100.0) * (np.maximum(lo - y, 0.0) + np.maximum(y - hi, 0.0))
    return float(np.mean(hi - lo + penalty)) if known.any() else float("nan")
