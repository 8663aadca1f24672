"""Department to store to total: points add up to the cent, bands are calibrated on each level's own
residuals.

Sums are like for like: a series that has ended is not in the sums ahead, and where past forecasts are set
beside past sales, both sum the series that were there that week.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.intervals import Bands, features, fit_bands
from storecast.forecasting.rolling import Rolling
from storecast.forecasting.timeline import YEAR

__all__ = ["LEFT_OUT", "Level", "cents", "fit_level", "selling", "summed"]

Float = NDArray[np.float64]
LEFT_OUT = -1  # the place of a series that has ended, in a level of sums
_SILENT = 8  # weeks without a row after which a series that sold in these weeks a year ago has ended


@dataclass(frozen=True)
class Level:
    """One level of the hierarchy: ``keys`` (S,), ``of`` (N,) each series' place in it or LEFT_OUT, its bands
    and the expected error ``sigma`` (H, S) of the final cutoff's forecast, dollars."""

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
    """(..., count) sums over the last axis by ``of``; missing values and those LEFT_OUT are not in them, NaN
    where none is."""
    if count == 1 and (of == 0).all():
        there = np.isfinite(values)
        whole = values.sum(axis=-1, keepdims=True, where=there)
        return np.where(there.any(axis=-1, keepdims=True), whole, np.nan)
    order = np.argsort(of, kind="stable")
    order = order[np.searchsorted(of[order], 0) :]
    places, starts = np.unique(of[order], return_index=True)
    out = np.full((*values.shape[:-1], count), np.nan)
    if not places.size:
        return out
    values = values[..., order]
    known = np.isfinite(values)
    total = np.add.reduceat(np.where(known, values, 0.0), starts, axis=-1)
    out[..., places] = np.where(np.add.reduceat(known, starts, axis=-1) > 0, total, np.nan)
    return out


def selling(values: Float, cutoffs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(C, N) whether each series of ``values`` (T, N) goes on as seen from each cutoff.

    It has ended once it has no row for eight weeks, unless it had none in these weeks a year earlier either
    and sold since: what comes back every season goes on. A series that never had a row goes on.
    """
    known = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(np.isfinite(values), axis=0)])

    def rows(first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.bool_]:
        there: NDArray[np.bool_] = known[last.clip(0)] > known[first.clip(0)]
        return there

    recent = rows(cutoffs - _SILENT, cutoffs)
    then = rows(cutoffs - YEAR - _SILENT, cutoffs - YEAR)
    seasonal = rows(cutoffs - YEAR, cutoffs) & ~then & (known[(cutoffs - YEAR - _SILENT).clip(0)] > 0)
    going: NDArray[np.bool_] = recent | seasonal | (known[cutoffs] == 0)
    return going


def fit_level(
    rolling: Rolling,
    of: NDArray[np.int64],
    keys: NDArray[np.str_],
    block: NDArray[np.int64],
    floor: Float,
    age: Float,
    live: NDArray[np.bool_] | None = None,
) -> Level:
    """Bands of one level from the residuals of its own sums; ``block`` and ``floor`` (S,) are the level's.

    ``age`` (C, S or 1) weeks known of each key at each cutoff; ``live`` (C, N) of ``selling`` for a level of
    sums, ``of`` (N,) without regard to it; None: every series is a key of its own.
    """
    point, actual, usual, slope = rolling.point, rolling.actual, rolling.state["usual"], rolling.slope
    if live is not None:
        there = np.broadcast_to(live[:, None, :], point.shape).copy()
        there[:-1] &= np.isfinite(actual[:-1])
        weight = np.abs(np.where(there, point, np.nan))
        slope = summed(slope * weight, of, len(keys)) / np.maximum(summed(weight, of, len(keys)), 1e-9)
        point, actual = (summed(np.where(there, v, np.nan), of, len(keys)) for v in (point, actual))
        usual = np.nan_to_num(summed(np.where(live, usual, np.nan), of, len(keys)))
        of = np.where(live[-1], of, LEFT_OUT)
        point[-1], slope[-1] = np.nan_to_num(point[-1]), np.nan_to_num(slope[-1])
    inner = rolling.inner
    age = np.broadcast_to(age, usual.shape)
    weeks = int(rolling.cutoffs[-1] - rolling.cutoffs[0])
    bands = fit_bands(point[inner], actual[inner], usual, slope[inner], age, block, floor, weeks)
    horizon = np.arange(1.0, point.shape[1] + 1.0)[:, None]
    x = features(horizon, point[-1], usual[-1], slope[-1], age[-1])
    return Level(keys, of, bands, bands.sigma(x))
