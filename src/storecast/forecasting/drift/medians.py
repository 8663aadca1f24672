"""Medians of columns with missing values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["medians"]

Float = NDArray[np.float64]


def medians(values: Float) -> Float:
    """(K,) median of the known values of each column of (T, K); NaN where none is."""
    ranked = np.sort(values, axis=0)  # what is not known goes to the end
    known = np.isfinite(values).sum(axis=0)
    if not len(ranked):
        return np.full(values.shape[1], np.nan)
    columns = np.arange(values.shape[1])
    low, high = ranked[np.maximum(known - 1, 0) // 2, columns], ranked[known // 2 % len(ranked), columns]
    return np.where(known > 0, 0.5 * (low + np.where(known > 0, high, 0.0)), np.nan)
