"""Department to store to total: points add up to the cent, bands are calibrated on each level's own
residuals.

Sums are like for like: a series that has ended is not in the sums ahead, and where past forecasts are set
beside past sales, both sum the series that were there that week.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.adapting import adapt_bands
from storecast.forecasting.intervals import HORIZONS, Bands, features, fit_bands
from storecast.forecasting.operators import counted
from storecast.forecasting.rolling import Rolling
from storecast.forecasting.timeline import YEAR

__all__ = ["LEFT_OUT", "Level", "adapt_level", "cents", "fit_level", "selling", "summed"]

Float = NDArray[np.float64]
LEFT_OUT = -1  # the place of a series that has ended, in a level of sums
_HEIGHT = 1  # the place among the features of how far the forecast stands above the usual level
_SIZES = (0.3, 3.0)  # bounds of a forecast over what is typical
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
    known = counted(np.isfinite(values))

    def rows(first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.bool_]:
        there: NDArray[np.bool_] = known[last.clip(0)] > known[first.clip(0)]
        return there

    recent = rows(cutoffs - _SILENT, cutoffs)
    then = rows(cutoffs - YEAR - _SILENT, cutoffs - YEAR)
    seasonal = rows(cutoffs - YEAR, cutoffs) & ~then & (known[(cutoffs - YEAR - _SILENT).clip(0)] > 0)
    going: NDArray[np.bool_] = recent | seasonal | (known[cutoffs] == 0)
    return going


@dataclass(frozen=True)
class _Rows:
    """Rolling origins of one level: ``point``, ``actual``, ``slope`` (C, H, S), ``usual`` (C, S), ``of``."""

    point: Float
    actual: Float
    slope: Float
    usual: Float
    of: NDArray[np.int64]

    def sigma(self, bands: Bands, at: int, age: Float) -> Float:
        """(H, S) expected error of the forecast of cutoff number ``at``."""
        horizon = np.arange(1.0, self.point.shape[1] + 1.0)[:, None]
        return bands.sigma(features(horizon, self.point[at], self.usual[at], self.slope[at], age[at]))

    def relative(self, bands: Bands, at: int, age: Float, typical: Float) -> Float:
        """The same in proportion to the forecast's size, ``typical`` (S,) being that of the year before the
        fit: so that a few weeks' errors tell of other seasons too."""
        horizon = np.arange(1.0, self.point.shape[1] + 1.0)[:, None]
        x = features(horizon, self.point[at], self.usual[at], self.slope[at], age[at])
        x[_HEIGHT] = 0.0
        size = np.abs(np.nan_to_num(self.point[at])) / np.maximum(typical, 1e-9)
        out: Float = bands.sigma(x) * np.clip(size, *_SIZES)
        return out


def _rows(rolling: Rolling, of: NDArray[np.int64], size: int, live: NDArray[np.bool_] | None) -> _Rows:
    """The origins as ``fit_level`` takes them."""
    point, actual, usual, slope = rolling.point, rolling.actual, rolling.state["usual"], rolling.slope
    if live is not None:
        origins = [  # one by one, as each by itself fits the cache
            _origin(*of_one, live[c], of, size, judged=c < len(live) - 1)
            for c, of_one in enumerate(zip(point, actual, slope, strict=True))
        ]
        point, actual, slope = (np.stack(parts) for parts in zip(*origins, strict=True))
        usual = np.nan_to_num(summed(np.where(live, usual, np.nan), of, size))
        of = np.where(live[-1], of, LEFT_OUT)
        point[-1], slope[-1] = np.nan_to_num(point[-1]), np.nan_to_num(slope[-1])
    return _Rows(point, actual, slope, usual, of)


def _origin(
    point: Float,
    actual: Float,
    slope: Float,
    live: NDArray[np.bool_],
    of: NDArray[np.int64],
    size: int,
    *,
    judged: bool,
) -> tuple[Float, Float, Float]:
    """(H, S) sums of one origin's forecasts and actuals, and their slope, over the series that are ``live``
    (N,), and where it is ``judged`` that sold that week."""
    there = live & np.isfinite(actual) if judged else np.broadcast_to(live, point.shape)
    point, actual = np.where(there, point, np.nan), np.where(there, actual, np.nan)
    weight = np.abs(point)
    slip = summed(slope * weight, of, size) / np.maximum(summed(weight, of, size), 1e-9)
    return summed(point, of, size), summed(actual, of, size), slip


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
    rows = _rows(rolling, of, len(keys), live)
    inner = rolling.inner
    age = np.broadcast_to(age, rows.usual.shape)
    weeks = int(rolling.cutoffs[-1] - rolling.cutoffs[0])
    bands = fit_bands(
        rows.point[inner], rows.actual[inner], rows.usual, rows.slope[inner], age, block, floor, weeks
    )
    return Level(keys, rows.of, bands, rows.sigma(bands, -1, age))


def adapt_level(
    rolling: Rolling,
    of: NDArray[np.int64],
    keys: NDArray[np.str_],
    block: NDArray[np.int64],
    floor: Float,
    age: Float,
    live: NDArray[np.bool_] | None,
    kept: Level,
    new: int,
    typical: Float,
) -> Level:
    """The level ``kept`` gone on by ``new`` weeks, its bands adapted to each of them in turn; see
    ``adapt_bands``. ``rolling`` holds origins before those weeks; ``typical`` (S,) dollars of a week in the
    last year before the fit, NaN where unknown; else as in ``fit_level``."""
    rows = _rows(rolling, of, len(keys), live)
    age = np.broadcast_to(age, rows.usual.shape)
    typical = np.where(np.isfinite(typical), typical, np.abs(rows.usual[-1]))
    scale = _scale_of(kept, keys, np.abs(rows.usual[-1]), block)
    bands = replace(kept.bands, scale=scale, floor=floor)
    last = int(rolling.cutoffs[-1])
    for week in range(last - new, last):
        seen = [
            (i, week - int(c))
            for i, c in enumerate(rolling.cutoffs[:-1])
            if week - int(c) < rows.point.shape[1] and week - int(c) + 1 in HORIZONS
        ]
        if not seen:
            continue
        residual = np.stack([rows.actual[i, h] - rows.point[i, h] for i, h in seen])
        sigma = np.stack([rows.relative(bands, i, age, typical)[h] for i, h in seen])
        bands = adapt_bands(bands, residual, sigma, np.array([h + 1.0 for _, h in seen]))
    return Level(keys, rows.of, bands, rows.relative(bands, -1, age, typical))


def _scale_of(kept: Level, keys: NDArray[np.str_], usual: Float, block: NDArray[np.int64]) -> Float:
    """(S,) the scales that were earned; of a new key what is usual in its block, else in all, relative to
    the ``usual`` level (S,)."""
    at = np.searchsorted(kept.keys, keys).clip(max=len(kept.keys) - 1)
    known = kept.keys[at] == keys
    scale = np.where(known, kept.bands.scale[at], np.nan)
    for i in np.flatnonzero(~known):
        peers = known & (usual > 0) & (block == block[i])
        peers = peers if peers.any() else known & (usual > 0)
        share = float(np.median(scale[peers] / usual[peers])) if peers.any() else 0.1
        scale[i] = max(share * usual[i], 1e-6)
    return scale
