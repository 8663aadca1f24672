"""Bands from out-of-sample residuals: split conformal quantiles of residuals scaled by their expected size.

sigma = the series' own error (shrunk to its block's) x exp(slopes . x), where x is the log of the horizon,
how far the forecast stands above the usual level, and what a week's slip of the calendar would change there.
The last two see a Christmas coming even where no rolling origin held one. Slopes are non-negative and
estimated by Laplace likelihood; the quantiles of residual / sigma are pooled over all series. Any coverage
level is then arithmetic. After Romano, Patterson and Candes (2019), with a parametric scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.operators import ratio

__all__ = ["PROBABILITIES", "Bands", "features", "fit_bands"]

Float = NDArray[np.float64]
PROBABILITIES: Float = np.concatenate([[0.001, 0.0025], np.linspace(0.005, 0.995, 199), [0.9975, 0.999]])
_OWN_WEIGHT = 4.0  # rolling origins of its block's error that a series' own is mixed with
_SAMPLE, _SLOPE_SAMPLE = 400_000, 60_000  # residuals that the quantiles and the slopes are learnt from
_ROUNDS = 25
_WIDEN = 0.5
_MOST_RELATIVE = 2.0  # times the usual level that a block's mean error may be
_FEATURES = 3


@dataclass(frozen=True)
class Bands:
    """``scale`` (N,) dollars; ``slopes`` (3,) of ``features``; ``quantiles`` of residual / sigma at
    PROBABILITIES; ``floor`` (N,) dollars no band goes below."""

    scale: Float
    slopes: Float
    quantiles: Float
    floor: Float

    def sigma(self, x: Float) -> Float:
        """(H, N) expected size of the error, dollars; ``x`` (3, H, N)."""
        out: Float = self.scale * np.exp(np.tensordot(self.slopes, x, 1))
        return out

    def quantile(self, probability: float) -> float:
        """The pooled quantile of residual / sigma; flat beyond the outermost of PROBABILITIES."""
        return float(np.interp(probability, PROBABILITIES, self.quantiles))

    def limits(self, point: Float, sigma: Float, level: float) -> tuple[Float, Float]:
        """Lower and upper limit (H, N) that cover the actual in ``level`` percent of cases."""
        tail = (1.0 - level / 100.0) / 2.0
        low = np.maximum(point + sigma * self.quantile(tail), np.minimum(self.floor, point))
        high = np.maximum(point + sigma * self.quantile(1.0 - tail), point)
        return np.minimum(low, point), high


def features(horizon: Float, point: Float, usual: Float, slope: Float) -> Float:
    """(3, ...) log of the ``horizon`` in weeks, log of ``point`` over the ``usual`` level where above it,
    calendar ``slope``; all of one broadcast shape."""
    above = ratio(np.maximum(point, 0.0), np.broadcast_to(usual, point.shape))
    height = np.log(np.clip(np.where(np.isfinite(above), above, 1.0), 1.0, 20.0))
    return np.stack([np.broadcast_to(np.log(horizon), point.shape), height, np.minimum(slope, 2.0)])


def fit_bands(
    point: Float, actual: Float, usual: Float, slope: Float, block: NDArray[np.int64], floor: Float
) -> Bands:
    """Learn bands from forecasts ``point`` and ``actual`` (C, H, N), NaN where unknown.

    ``usual`` (C + 1, N) dollars, the level known at each cutoff and at the final one, against which a
    series' error is measured before its block's is mixed in; ``slope`` (C, H, N) as in ``Rolling``.
    """
    residual = actual - point
    known = np.isfinite(residual)
    count = known.sum(axis=(0, 1)).astype(np.float64)
    origins = known.any(axis=1).sum(axis=0).astype(np.float64)
    own = ratio(np.abs(residual).sum(axis=(0, 1), where=known), count)
    scale = _shrunk(own, origins, np.abs(usual[-1]), block)
    if not known.any():
        return Bands(scale, np.zeros(_FEATURES), _laplace(), floor)
    at = _sample(known.ravel())
    c, h, series = np.unravel_index(at, residual.shape)
    z = residual.ravel()[at] / scale[series]
    x = features(h.astype(np.float64) + 1.0, point.ravel()[at], usual[c, series], slope.ravel()[at])
    some = slice(None, None, max(1, len(z) // _SLOPE_SAMPLE))
    slopes = _slopes(np.abs(z[some]), x[:, some])
    z = z / np.exp(slopes @ x)
    # Rolling origins overlap, and few of them know less of the tails than their many residuals suggest.
    widen = 1.0 + _WIDEN / max(int(known.any(axis=(1, 2)).sum()), 1)
    return Bands(scale, slopes, widen * np.quantile(z, PROBABILITIES), floor)


def _sample(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices of known entries, in order: all of them, or about 400,000 drawn without listing all."""
    many = int(np.count_nonzero(known))
    if many <= _SAMPLE:
        return np.flatnonzero(known)
    drawn = np.random.default_rng(0).integers(len(known), size=_SAMPLE * len(known) // many)
    drawn.sort()
    drawn = drawn[np.diff(drawn, prepend=-1) > 0]
    return drawn[known[drawn]]


def _shrunk(own: Float, origins: Float, usual: Float, block: NDArray[np.int64]) -> Float:
    """(N,) each series' mean absolute error, mixed with what its block's relative error would make it."""
    usual = np.maximum(usual, 1e-6)
    blocks = int(block.max()) + 1
    heard = np.isfinite(own)
    error = np.bincount(block[heard], own[heard], minlength=blocks)
    level = np.bincount(block[heard], usual[heard], minlength=blocks)
    overall = error.sum() / level.sum() if level.sum() > 0 else 0.1
    # A block whose only series stands near zero says nothing of how large the others' errors are.
    share = np.clip(np.where(level > 0, error / np.maximum(level, 1e-9), overall), 0.0, _MOST_RELATIVE)
    typical = share[block] * usual
    n = np.where(heard, origins, 0.0)
    mixed = (n * np.nan_to_num(own) + _OWN_WEIGHT * typical) / (n + _OWN_WEIGHT)
    return np.maximum(mixed, 1e-6)


def _slopes(size: Float, x: Float) -> Float:
    """Non-negative slopes b that minimize sum(size exp(-(c + b x)) + c + b x) over b and c, by projected
    Newton."""
    design = np.concatenate([np.ones((1, x.shape[1])), x])
    beta = np.zeros(len(design))
    beta[0] = np.log(max(float(size.mean()), 1e-9))
    free = np.ones(len(design), dtype=bool)
    for _ in range(_ROUNDS):
        weight = size * np.exp(-np.clip(beta @ design, -30.0, 30.0))
        slope = design @ (1.0 - weight)
        free[1:] = (beta[1:] > 0) | (slope[1:] < 0)
        curve = (design[free] * weight) @ design[free].T + 1e-6 * x.shape[1] * np.eye(int(free.sum()))
        step = np.zeros(len(beta))
        step[free] = np.linalg.solve(curve, slope[free])
        beta = beta - step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-9))
        beta[1:] = np.clip(beta[1:], 0.0, 3.0)
    return beta[1:]


def _laplace() -> Float:
    """Quantiles of a Laplace error whose mean absolute size is one, for panels without any residual yet."""
    p = PROBABILITIES
    out: Float = np.where(p < 0.5, np.log(2.0 * np.minimum(p, 0.5)), -np.log(2.0 * np.minimum(1.0 - p, 0.5)))
    return out
