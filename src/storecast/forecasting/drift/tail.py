"""How rare a score is: the tail of the panel's own earlier scores, carried on beyond the highest of them.

Beyond a high quantile scores follow a generalized Pareto law (Pickands 1975), whose shape and scale come from
quantiles of the excess and not from its extremes: a fault that the history holds does not make the next one
usual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import erfc

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.drift.config import DriftConfig

__all__ = ["Tail", "fit_tail", "normal_law", "p_values"]

Float = NDArray[np.float64]
_EXCESSES, _LEAST_SHARE, _MOST_SHARE = 400, 0.005, 0.1  # how many scores make the tail, and what share of all
_SHAPES = (0.0, 0.6)
_PRIOR_EXCESSES = 100.0  # that the prior shape counts as
_LEAST = 20  # scores


@dataclass(frozen=True)
class Tail:
    """P(score > x) = ``share`` (1 + ``shape`` (x - ``start``) / ``scale``) ** (-1 / ``shape``) from ``start``
    on; below it nothing is claimed but that it is ``share`` or more."""

    start: float
    share: float
    scale: float
    shape: float

    def beyond(self, score: Float) -> Float:
        """P(score > x); 1 below the tail's start."""
        excess = np.maximum(score - self.start, 0.0) / self.scale
        bent = max(self.shape, 1e-6)
        far = (1.0 + bent * excess) ** (-1.0 / bent)
        out: Float = np.where(score > self.start, self.share * far, 1.0)
        return out


def fit_tail(earlier: Float, config: DriftConfig) -> Tail | None:
    """The tail of ``earlier`` absolute scores (n,), finite; None where they are too few."""
    n = len(earlier)
    if n < _LEAST:
        return None
    share = float(np.clip(_EXCESSES / n, _LEAST_SHARE, _MOST_SHARE))
    levels = 1.0 - share * np.array([1.0, 0.5, 0.125])
    start, half, eighth = np.interp(levels * (n - 1), np.arange(n), np.sort(earlier))
    middle, far = half - start, eighth - start
    if middle <= 0:
        return Tail(float(start), share, max(float(start), 1.0), config.tail_prior)
    # With a = 2 ** shape the quantiles of the excess stand as a^2 + a + 1 to 1.
    a = (np.sqrt(max(4.0 * far / middle - 3.0, 0.0)) - 1.0) / 2.0
    found = np.log2(max(a, 1.0))
    weight = share * n / (share * n + _PRIOR_EXCESSES)
    shape = float(np.clip(weight * found + (1.0 - weight) * config.tail_prior, *_SHAPES))
    scale = middle / np.log(2.0) if shape < 1e-6 else middle * shape / (2.0**shape - 1.0)
    return Tail(float(start), share, float(scale), shape)


def p_values(
    scores: Float, looks: int, gap: int, law: Callable[[Float], Float], config: DriftConfig
) -> Float:
    """(looks, K) p-values of the last ``looks`` rows of ``scores`` (T, K), without regard to sign, corrected
    for all scores of its row (Bonferroni); NaN where not known, or where too few came before.

    The larger of two: how rare it is among the rows more than ``gap`` weeks before it, and by the ``law``
    that scores should follow, which speaks where the earlier ones are few.
    """
    rows = len(scores)
    out = np.full((looks, scores.shape[1]), np.nan)
    size = np.abs(scores)
    for look in range(looks):
        row = rows - looks + look
        here = size[row]
        judged = np.isfinite(here)
        if not judged.any():
            continue
        earlier = size[: max(row - gap, 0)]
        tail = fit_tail(earlier[np.isfinite(earlier)], config)
        if tail is not None:
            p = np.maximum(tail.beyond(here[judged]), law(here[judged]))
            out[look, judged] = np.minimum(1.0, judged.sum() * p)
    return out


def normal_law(tries: int) -> Callable[[Float], Float]:
    """P(the largest of ``tries`` normal scores, without regard to sign, > x), at most."""

    def law(score: Float) -> Float:
        return np.array([tries * erfc(x / np.sqrt(2.0)) for x in score.tolist()])

    return law
