"""Resampling weeks in blocks, and correcting many p-values at once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["block_length", "gain_deviations", "holm"]

Float = NDArray[np.float64]
_BLOCK_WEEKS = 6


def block_length(weeks: NDArray[np.datetime64]) -> int:
    """How many of the distinct sorted ``weeks`` are drawn together: those within 6 weeks, more in long tests.

    The optimal order is n^(1/3) (Künsch 1989), here 1.5 n^(1/3); below 60 weeks that is too short for errors
    that last a month, and a third of the weeks is the most that leaves something to draw from. Weeks far
    apart, such as holidays, stand alone.
    """
    n = len(weeks)
    if n < 2:
        return 1
    apart = float(np.median(np.diff(weeks.astype("datetime64[D]")).astype(np.float64))) / 7.0
    within = max(_BLOCK_WEEKS, math.ceil(1.5 * n ** (1 / 3)))
    return int(max(1, min(round(within / max(apart, 1.0)), n // 3)))


def gain_deviations(
    gains: Float, weights: Float, starts: NDArray[np.int64], scale: Float, length: int
) -> Float:
    """(B, K) draws of the error of the ratios sum(gains) / sum(weights), by the circular block bootstrap
    (Politis and Romano 1992).

    ``gains`` (n, K) and ``weights`` (n,) are sums by week, in order; ``starts`` (B, ceil(n / length)) first
    weeks of the blocks, the last block cut so that n weeks are drawn.

    Two corrections for short tests, without which noise passes two to three times as often as it should: a
    block overlaps the whole it is compared with, undone by sqrt(n / (n - length)); and the scale of the draws
    is an estimate from few blocks, as in Student's t, so that each is divided by ``scale`` (B,), draws of
    sqrt(chi2 / df) with df = n / length - 1.
    """
    n = len(weights)
    at = ((starts[:, :, None] + np.arange(length)) % n).reshape(len(starts), -1)[:, :n]  # (B, n)
    drawn = gains[at].sum(axis=1) / weights[at].sum(axis=1)[:, None]  # (B, K)
    deviation = drawn - gains.sum(axis=0) / weights.sum()
    out: Float = deviation * math.sqrt(n / (n - length)) / scale[:, None]
    return out


def holm(p: Float) -> Float:
    """P-values corrected for their number, step down (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    out = np.empty_like(stepped)
    out[order] = stepped
    return out
