"""Bands from out-of-sample residuals: split conformal quantiles of residuals scaled by their expected size.

sigma = the series' own error (shrunk to its block's) x exp(slopes . x), where x is the log of the horizon,
how far the forecast stands above the usual level, what a week's slip of the calendar would change there, and
how young the series is. The second and third see a Christmas coming even where no rolling origin held one.
Slopes are non-negative and estimated by Laplace likelihood; the quantiles of residual / sigma are pooled over
all series. Any coverage level is then arithmetic. After Romano, Patterson and Candes (2019), with a
parametric scale.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.operators import ratio

__all__ = [
    "HORIZONS",
    "PROBABILITIES",
    "Bands",
    "features",
    "fit_bands",
    "independent",
    "widening",
]

Float = NDArray[np.float64]
PROBABILITIES: Float = np.concatenate([[0.001, 0.0025], np.linspace(0.005, 0.995, 199), [0.9975, 0.999]])
HORIZONS: Float = np.array([1.0, 2.0, 4.0, 8.0, 13.0, 26.0])  # weeks ahead between which bands are told apart
_OWN_WEIGHT = 4.0  # rolling origins of its block's error that a series' own is mixed with
_SAMPLE, _SLOPE_SAMPLE = 400_000, 60_000  # residuals that the quantiles and the slopes are learnt from
_ROUNDS = 25
_BLOCK_WEEKS = 13.0  # of residuals that tell about as much as one independent error
_SHARED = 0.15  # of a series' error that the others of its level have too
_LEAST_FREEDOM = 1.5
_MOST_RELATIVE = 2.0  # times the usual level that a block's mean error may be
_FEATURES = 5
_YEAR = 52.0  # weeks, from which a series is young no more
_INFANT = 8.0  # weeks, below which a level is hardly known
_YOUTH_PRIOR = (0.3, 0.3)  # slopes of youth where no series was young at any rolling origin


@dataclass(frozen=True)
class Bands:
    """``scale`` (N,) dollars; ``slopes`` (5,) of ``features``; ``quantiles`` of residual / sigma at
    PROBABILITIES; ``floor`` (N,) dollars no band goes below; ``by_horizon`` (6,) log of what live weeks have
    made of the widths at HORIZONS, zero when fitted."""

    scale: Float
    slopes: Float
    quantiles: Float
    floor: Float
    by_horizon: Float = field(default_factory=lambda: np.zeros(len(HORIZONS)))

    def sigma(self, x: Float) -> Float:
        """(H, N) expected size of the error, dollars; ``x`` (5, H, N)."""
        learnt = np.interp(x[0], np.log(HORIZONS), self.by_horizon)
        out: Float = self.scale * np.exp(np.tensordot(self.slopes, x, 1) + learnt)
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


def features(horizon: Float, point: Float, usual: Float, slope: Float, age: Float) -> Float:
    """(5, ...) log of the ``horizon`` in weeks, log of ``point`` over the ``usual`` level where above it,
    calendar ``slope``, and of the ``age`` in known weeks: whether it is less than a year, and the log of how
    much less than eight weeks; all of one broadcast shape."""
    above = ratio(np.maximum(point, 0.0), np.broadcast_to(usual, point.shape))
    height = np.log(np.clip(np.where(np.isfinite(above), above, 1.0), 1.0, 20.0))
    parts = (np.log(horizon), height, np.minimum(slope, 2.0), *_youth(age))
    return np.stack([np.broadcast_to(x, point.shape) for x in parts])


def _youth(age: Float) -> Float:
    """(2, ...) whether there is no year to look back to, and how little of a level there is."""
    return np.stack([age < _YEAR, np.log(_INFANT / np.clip(age, 1.0, _INFANT))])


def fit_bands(
    point: Float,
    actual: Float,
    usual: Float,
    slope: Float,
    age: Float,
    block: NDArray[np.int64],
    floor: Float,
    weeks: int,
) -> Bands:
    """Learn bands from forecasts ``point`` and ``actual`` (C, H, N), NaN where unknown.

    ``usual`` (C + 1, N) dollars, the level known at each cutoff and at the final one, against which a
    series' error is measured before its block's is mixed in; ``slope`` (C, H, N) as in ``Rolling``;
    ``age`` (C + 1, N) weeks known of each series then; ``weeks`` of the history that the residuals are from.
    """
    residual = actual - point
    known = np.isfinite(residual)
    young = _youth_slopes(residual, known, usual, age)
    residual *= np.exp(-np.tensordot(young, _youth(age[:-1]), 1))[:, None, :]
    count = known.sum(axis=(0, 1)).astype(np.float64)
    origins = known.any(axis=1).sum(axis=0).astype(np.float64)
    own = ratio(np.abs(residual).sum(axis=(0, 1), where=known), count)
    scale = _shrunk(own, origins, np.abs(usual[-1]), block)
    if not known.any():
        return Bands(scale, np.zeros(_FEATURES), _laplace(), floor)
    at = _sample(known.ravel())
    c, h, series = np.unravel_index(at, residual.shape)
    z = residual.ravel()[at] / scale[series]
    x = features(
        h.astype(np.float64) + 1.0, point.ravel()[at], usual[c, series], slope.ravel()[at], age[c, series]
    )[: -len(young)]
    some = slice(None, None, max(1, len(z) // _SLOPE_SAMPLE))
    slopes = _slopes(np.abs(z[some]), x[:, some])
    z = z / np.exp(slopes @ x)
    size = int(known.any(axis=(0, 1)).sum())
    middle = np.median(z)
    wider = widening(weeks, independent(size))
    quantiles = middle + wider * (np.quantile(z, PROBABILITIES) - middle)  # so that they rise
    return Bands(scale, np.append(slopes, young), quantiles, floor)


def _youth_slopes(residual: Float, known: NDArray[np.bool_], usual: Float, age: Float) -> Float:
    """(2,) how the error falls with age, told before a series' own error is: what is known of a series from
    when it was young only would pass for its nature."""
    x = _youth(age[:-1])
    size, count = np.abs(residual).sum(axis=1, where=known), known.sum(axis=1)
    some = (count > 0) & (usual[:-1] > 0)
    if not x[:, some].any():
        return np.array(_YOUTH_PRIOR)
    relative = size[some] / count[some] / usual[:-1][some]
    return _slopes(relative, x[:, some])


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


def independent(size: int) -> float:
    """How many independent series tell as much as ``size`` that share a part r of their error: N /
    (1 + (N - 1) r), Kish's design effect."""
    return size / (1.0 + (size - 1) * _SHARED)


def widening(weeks: float, series: float) -> Float:
    """Student's t over normal quantiles at PROBABILITIES, by Cornish and Fisher's expansion.

    Rolling origins overlap and series share their weeks: a year of one series' residuals knows less of the
    tails than their number suggests. The degrees of freedom are the 13-week blocks in ``weeks`` of
    ``independent`` series.
    """
    v = max(weeks / _BLOCK_WEEKS * series, _LEAST_FREEDOM)
    z2 = np.array([NormalDist().inv_cdf(p) for p in PROBABILITIES]) ** 2
    out: Float = 1.0 + (z2 + 1.0) / (4.0 * v) + (5.0 * z2**2 + 16.0 * z2 + 3.0) / (96.0 * v**2)
    return out


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
