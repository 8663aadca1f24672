"""Bands that follow live weeks: how wide by the weeks ahead, in what shape, and each series' own scale.

Nothing later than the week is used. Widths follow misses: where more of the actuals lay outside the band than
may, the log of its width grows by a step in proportion, and shrinks where fewer did, so that over time the
share of misses is the one promised whatever the errors do (Gibbs and Candes 2021; on the scale of scores:
Angelopoulos, Candes and Tibshirani 2023), at each horizon for itself, as errors of other horizons tell little
of it (Wang and Hyndman 2024). What all horizons say together moves all; by what one says alone it moves less
(shrunk to the pooled). Each level of the hierarchy has bands, and so widths, of its own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.intervals import HORIZONS, PROBABILITIES, Bands, independent, widening

__all__ = ["adapt_bands"]

Float = NDArray[np.float64]
_TRACKED = 80.0  # percent: the band whose misses move the widths
_STEP, _STEP_APART = 0.8, 0.3  # of the log width, for all horizons together and for one apart from them
_FURTHEST = float(np.log(10.0))  # that widths may move from what was fitted
_FORGETTING = 0.05  # of the shape that a week of many independent series replaces
_OWN_FORGETTING = 0.05  # of a series' own scale
_OWN_BOUNDS = (0.25, 4.0)  # of what one week may say of it
_ATOMS = 2000  # by which quantiles are stood for when they are mixed with residuals


def adapt_bands(bands: Bands, residual: Float, sigma: Float, horizon: Float) -> Bands:
    """Bands after one more week.

    ``residual`` and ``sigma`` (K, N): actual minus forecast of that week from K earlier cutoffs, ``horizon``
    (K,) weeks before it, NaN where unknown, and the error that was expected by ``bands``. Few series, whose
    week says little, move them less.
    """
    known: NDArray[np.bool_] = np.isfinite(residual) & (sigma > 0)
    if not known.any():
        return bands
    z = np.divide(residual, sigma, out=np.full(residual.shape, np.nan), where=known)
    heard = np.asarray(known.any(axis=0))
    series = independent(int(heard.sum()))
    trust = series / (series + 1.0)
    return replace(
        bands,
        scale=_own_scales(bands, z, known, heard),
        quantiles=_shape(bands, z[known], _FORGETTING * trust, series),
        by_horizon=_widths(bands, z, known, horizon, trust),
    )


def _widths(bands: Bands, z: Float, known: NDArray[np.bool_], horizon: Float, trust: float) -> Float:
    """(6,) log widths at HORIZONS after the misses of one week, ``z`` (K, N) residual / sigma."""
    tail = 0.5 - _TRACKED / 200.0
    missed = known & ((z < bands.quantile(tail)) | (z > bands.quantile(1.0 - tail)))
    at = (horizon[:, None] == HORIZONS).astype(np.float64)
    count = known.sum(axis=1) @ at
    if not count.any():
        return bands.by_horizon
    there = count > 0
    excess = np.where(there, missed.sum(axis=1) @ at / np.maximum(count, 1.0) - 2.0 * tail, 0.0)
    shared = float(excess[there].mean())
    apart = np.where(there, excess - shared, 0.0)  # a horizon that is not seen goes with the others
    moved: Float = bands.by_horizon + trust * (_STEP * shared + _STEP_APART * apart)
    return np.clip(moved, -_FURTHEST, _FURTHEST)


def _own_scales(bands: Bands, z: Float, known: NDArray[np.bool_], heard: NDArray[np.bool_]) -> Float:
    """(N,) scales: each series' follows its own errors beside the others', slowly."""
    off = np.abs(z - bands.quantile(0.5))
    own = off.sum(axis=0, where=known)[heard] / known.sum(axis=0)[heard]
    scale = bands.scale.copy()
    if len(own) > 1 and own.mean() > 0:
        scale[heard] *= 1.0 + _OWN_FORGETTING * (np.clip(own / own.mean(), *_OWN_BOUNDS) - 1.0)
    return scale


def _shape(bands: Bands, z: Float, share: float, series: float) -> Float:
    """Quantiles at PROBABILITIES of the mixture of the bands' own and of ``z``, a ``share`` of it, so that
    past weeks' weights decay by a constant factor (Barber, Candes, Ramdas and Tibshirani 2023). ``z`` are
    widened as at the fit, by as many weeks as weights that decay so are worth: (2 - share) / share."""
    middle = bands.quantile(0.5)
    wider = widening((2.0 - share) / share, series)
    z = middle + (z - middle) * np.interp(z, bands.quantiles, wider)
    atoms = np.interp((np.arange(_ATOMS) + 0.5) / _ATOMS, PROBABILITIES, bands.quantiles)
    values = np.concatenate([atoms, z])
    weight = np.concatenate([np.full(_ATOMS, (1.0 - share) / _ATOMS), np.full(len(z), share / len(z))])
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weight[order]) - 0.5 * weight[order]
    out: Float = np.interp(PROBABILITIES, below, values[order])
    return out
