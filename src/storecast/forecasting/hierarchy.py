"""Department to store to total: points add up to the cent, bands are calibrated on each level's own
residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.intervals import Bands, features, fit_bands
from storecast.forecasting.rolling import Rolling

__all__ = ["Level", "cents", "fit_level", "summed"]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """One level of the hierarchy: ``keys`` (S,), ``of`` (N,) each series' place in it, its bands and the
    expected error ``sigma`` (H, S) of the final cutoff's forecast, dollars."""

    keys: NDArray[np.str_]
    of: NDArray[np.int64]
    bands: Bands
    sigma: Float

    def total(self, values: Float) -> Float:
        """(..., S) sums of (..., N) values, NaN where none is known."""
        if len(self.keys) == len(self.of):
            return values
        return summed(values, self.of, len(self.keys))


def cents(point: Float) -> Float:
    """Rounded to cents, so that sums of the rounded are exact to the cent."""
    return np.round(point, 2)


def summed(values: Float, of: NDArray[np.int64], count: int) -> Float:
    """(..., count) sums over the last axis by ``of``; missing values are left out, NaN where all are."""
    if count == 1:
        there = np.isfinite(values)
        whole = values.sum(axis=-1, keepdims=True, where=there)
        return np.where(there.any(axis=-1, keepdims=True), whole, np.nan)
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], np.arange(count))
    known = np.isfinite(values[..., order])
    total = np.add.reduceat(np.where(known, values[..., order], 0.0), starts, axis=-1)
    return np.where(np.add.reduceat(known, starts, axis=-1) > 0, total, np.nan)


def fit_level(
    rolling: Rolling, of: NDArray[np.int64], keys: NDArray[np.str_], block: NDArray[np.int64], floor: Float
) -> Level:
    """Bands of one level from the residuals of its own sums; ``block`` and ``floor`` (S,) are the level's."""
    same = len(keys) == len(of)

    def up(values: Float) -> Float:
        return values if same else summed(values, of, len(keys))

    point, actual, usual = up(rolling.point), up(rolling.actual), up(rolling.state["usual"])
    slope = rolling.slope
    if not same:
        weight = np.abs(rolling.point)
        slope = up(slope * weight) / np.maximum(up(weight), 1e-9)
    inner = rolling.inner
    bands = fit_bands(point[inner], actual[inner], usual, slope[inner], block, floor)
    horizon = np.arange(1.0, point.shape[1] + 1.0)[:, None]
    return Level(keys, of, bands, bands.sigma(features(horizon, point[-1], usual[-1], slope[-1])))
