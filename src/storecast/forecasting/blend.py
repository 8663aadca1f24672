"""The members' weighted mean, its weights earned on the panel's own rolling origins.

No fixed weights are right everywhere: on regular stores looking back a year wins, on promotion-driven items
the recent mean does. So the panel's weights start from a prior and move as far as evidence goes, and
each series' weights start from the panel's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.aligned import MEMBERS, Aligned
from storecast.forecasting.operators import counted, cumulative, ratio, window_sum

__all__ = ["BlendConfig", "Evidence", "blend", "gather", "own_weights", "panel_weights", "recent_residual"]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class BlendConfig:
    """``prior``: weights of MEMBERS before any evidence; ``prior_pull``: how strongly the panel's weights are
    held to it; ``series_prior``: cutoffs of panel evidence that a series' own evidence is mixed with;
    ``residual_keep`` and ``residual_decay``: share of the recent one-step residual carried forward, and
    what of it is left a week later; ``residual_shared``: the part of it taken from the whole store."""

    prior: tuple[float, ...] = (2.0, 1.0, 0.5, 0.0, 0.0)
    prior_pull: float = 16.0
    series_prior: float = 12.0
    residual_keep: float = 0.4
    residual_decay: float = 0.9
    residual_window: int = 4
    residual_shared: float = 0.4
    iterations: int = 120


@dataclass(frozen=True)
class Evidence:
    """Errors of members against each other: ``gram`` (N, M, M) mean products of errors in units of the prior
    blend's own, ``cutoffs`` (N,) rolling origins behind them, ``loss`` (N,) the prior blend's mean absolute
    error in dollars, ``independent`` how many series' worth of independent errors there are."""

    gram: Float
    cutoffs: Float
    loss: Float
    independent: float

    def pooled(self) -> Evidence:
        """One row: the series' evidence weighted by their dollars of error and their number of cutoffs."""
        weight = np.nan_to_num(self.loss) * self.cutoffs
        total = weight.sum()
        if total <= 0:
            size = self.gram.shape[1]
            return Evidence(np.zeros((1, size, size)), np.zeros(1), np.zeros(1), 1.0)
        gram = np.tensordot(weight / total, self.gram, 1)[None]
        cutoffs, loss = np.average(self.cutoffs, weights=weight), np.nanmean(self.loss)
        return Evidence(gram, np.array([cutoffs]), np.array([loss]), self.independent)


def blend(members: Float, weights: Float) -> Float:
    """(R, N) weighted mean of ``members`` (M, R, N) over those that speak; ``weights`` (M, N) or (M, 1)."""
    top, total = np.zeros(members.shape[1:]), np.zeros(members.shape[1:])
    for member, weight in zip(members, weights, strict=True):
        known = np.isfinite(member)
        if known.all():
            top += member * weight
            total += weight
        else:
            top += np.where(known, member, 0.0) * weight
            total += known * weight
    unheard = total <= 0.0
    if unheard.any():  # where only members of weight zero speak, they speak alike
        known = np.isfinite(members) & unheard
        top += np.where(known, members, 0.0).sum(axis=0)
        total += known.sum(axis=0)
    return ratio(top, total)


def gather(aligned: Aligned, cutoffs: NDArray[np.int64], horizon: int, config: BlendConfig) -> Evidence:
    """Evidence of ``cutoffs`` (each at most T - 1) on weeks up to ``horizon`` ahead that have an actual."""
    rows, size = aligned.values.shape
    m = len(MEMBERS)
    gram = np.zeros((size, m, m))
    together, apart = 0.0, 0.0
    loss, entries, origins = np.zeros(size), np.zeros(size), np.zeros(size)
    prior = _normalized(np.array(config.prior))[:, None]
    for c in cutoffs:
        stretch = slice(int(c), min(int(c) + horizon, rows))
        members = aligned.forecasts(int(c), stretch, int(c))
        actual = aligned.values[stretch]
        first = blend(members, prior)
        seen = np.isfinite(actual) & np.isfinite(members).all(axis=0)
        error = np.where(seen, actual - members, 0.0)
        own = np.where(seen, np.abs(actual - first), 0.0)
        usual = ratio(own.sum(axis=0), seen.sum(axis=0).astype(np.float64))
        # Absolute error, by one step of reweighting: an entry counts by the inverse of its error.
        weight = seen / np.where(np.isfinite(usual) & (usual > 0), own + 0.5 * usual, np.inf)
        relative = np.where(seen, (actual - first) / np.where(usual > 0, usual, np.inf), 0.0)
        there = np.maximum(seen.sum(axis=1), 1)
        together += float(np.sum((relative.sum(axis=1) / there) ** 2))
        apart += float(np.sum((relative**2).sum(axis=1) / there))
        for i in range(m):
            for j in range(i, m):
                gram[:, i, j] += (error[i] * error[j] * weight).sum(axis=0)
        loss += own.sum(axis=0)
        entries += seen.sum(axis=0)
        origins += seen.any(axis=0)
    gram += np.triu(gram, 1).transpose(0, 2, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(loss > 0, 1.0 / loss, 0.0)
    independent = max(1.0, apart / together) if together > 0 else 1.0
    return Evidence(gram * scale[:, None, None], origins, ratio(loss, entries), independent)


def panel_weights(evidence: Evidence, config: BlendConfig) -> Float:
    """(M,) weights for a panel from its pooled evidence (one row); the prior where there is none."""
    prior = _normalized(np.array(config.prior))
    if evidence.cutoffs[0] <= 0:
        return prior
    return _solve(evidence.gram, prior[:, None], _pull(evidence, config), config.iterations)[:, 0]


def own_weights(evidence: Evidence, pooled: Evidence, weights: Float, config: BlendConfig) -> Float:
    """(M, N) weights of each series: its own evidence mixed with the panel's, pulled to the panel's
    weights."""
    n = np.where(np.isfinite(evidence.loss), evidence.cutoffs, 0.0)
    mixed = n[:, None, None] * evidence.gram + config.series_prior * pooled.gram
    mixed = mixed / (n + config.series_prior)[:, None, None]
    prior = np.repeat(weights[:, None], len(n), axis=1)
    return _solve(mixed, prior, _pull(pooled, config), config.iterations)


def _pull(pooled: Evidence, config: BlendConfig) -> float:
    """Evidence grows with the rolling origins, and with the root of the errors that are not the same
    error."""
    root = float(np.sqrt(pooled.independent))
    return config.prior_pull / (max(float(pooled.cutoffs[0]), 1.0) * root)


def _normalized(weights: Float) -> Float:
    out: Float = weights / weights.sum()
    return out


def _solve(gram: Float, prior: Float, pull: float, iterations: int) -> Float:
    """(M, N) minimizers of w' G w + pull |w - prior|^2 on the simplex, by exponentiated gradient
    (Kivinen and Warmuth 1997); ``gram`` (N, M, M), ``prior`` (M, N)."""
    m = gram.shape[1]
    w: Float = (prior + 1.0 / m) / 2.0
    trace = np.trace(gram, axis1=1, axis2=2) / m + pull
    step = 0.5 / np.maximum(trace, 1e-12)
    for _ in range(iterations):
        slope = np.einsum("nij,jn->in", gram, w) + pull * (w - prior)
        w = w * np.exp(np.clip(-step * slope, -5.0, 5.0))
        w = w / w.sum(axis=0)
    return w


def recent_residual(residual: Float, *windows: int) -> list[Float]:
    """For each of ``windows`` (T + 1, N) the mean of the known one-step residuals among the last so many
    weeks, 0 where none is."""
    total, count = cumulative(residual), counted(np.isfinite(residual))
    means = (ratio(window_sum(total, w), window_sum(count, w)) for w in windows)
    return [np.where(np.isfinite(mean), mean, 0.0) for mean in means]
