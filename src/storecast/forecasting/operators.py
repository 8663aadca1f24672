"""Masked linear operators over weeks: look-backs, running windows, exponential smoothing.

All work on (T, N) matrices, weeks by series, where NaN is a missing week and never a zero. A running
result has T + 1 rows: row c is what is known after the first c weeks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["counted", "cumulative", "look_back", "ratio", "smoothed", "window_sum"]

Float = NDArray[np.float64]
_KNOWN = 0.3  # least weight of known neighbours that a look-back needs
_FADED = 1e-100  # weight below which nothing ages further: decades without a value must not become 0 / 0


def ratio(top: Float, bottom: Float) -> Float:
    """``top / bottom``, NaN where the bottom is not positive."""
    if (bottom > 0).all():  # as on most panels, and twice as fast
        quotient: Float = top / bottom
        return quotient
    out = np.full(np.broadcast_shapes(top.shape, bottom.shape), np.nan)
    np.divide(top, bottom, out=out, where=bottom > 0)
    return out


def look_back(values: Float, low: NDArray[np.int64], part: Float) -> Float:
    """(R, N) values at fractional rows ``low + part`` of ``values`` (T, N), NaN where unknown.

    A missing neighbour leaves the other one alone to speak, if it carries 0.3 of the weight or more.
    """
    rows = len(values)
    inside = [(low >= 0) & (low < rows), (low + 1 >= 0) & (low + 1 < rows)]
    weight = [np.where(inside[0], 1.0 - part, 0.0)[:, None], np.where(inside[1], part, 0.0)[:, None]]
    near = [values[np.clip(low, 0, rows - 1)], values[np.clip(low + 1, 0, rows - 1)]]
    if np.isfinite(values).all():  # no week is missing: only the ends of the history are unknown
        whole = weight[0] + weight[1]
        return ratio(near[0] * weight[0] + near[1] * weight[1], np.where(whole < _KNOWN, 0.0, whole))
    top = np.zeros((len(low), values.shape[1]))
    known = np.zeros_like(top)
    for v, w in zip(near, weight, strict=True):
        seen = np.isfinite(v)
        top += np.where(seen, v, 0.0) * w
        known += seen * w
    known[known < _KNOWN] = 0.0
    return ratio(top, known)


def cumulative(values: Float) -> Float:
    """(T + 1, N) running sums, missing weeks left out."""
    return _running(np.where(np.isfinite(values), values, 0.0))


def counted(known: NDArray[np.bool_]) -> Float:
    """(T + 1, N) running numbers of the weeks that are ``known`` (T, N)."""
    return _running(known.astype(np.float64))


def _running(values: Float) -> Float:
    out = np.zeros((len(values) + 1, values.shape[1]))
    for before, week, after in zip(out[:-1], values, out[1:], strict=True):
        np.add(before, week, out=after)  # row by row: numpy's cumsum along weeks takes ten times as long
    return out


def window_sum(running: Float, width: int) -> Float:
    """(T + 1, N) sums of the last ``width`` weeks before each row, from ``cumulative`` sums."""
    out = running.copy()
    if width < len(running):
        out[width:] -= running[:-width]
    return out


def smoothed(values: Float, rates: Sequence[float], prior: float) -> Float:
    """(T + 1, N) exponentially smoothed level known after each week, the mean over several ``rates``.

    Each level is a normalized weighted mean in which ``prior`` weeks of zero stand before the first value,
    so that it starts at zero and a missing week only lets the others age. A mean over rates costs nothing
    and proved steadier than choosing one rate a series.
    """
    seen = np.isfinite(values)
    filled = np.where(seen, values, 0.0)
    out = np.zeros((len(values) + 1, values.shape[1]))
    rate = np.array(rates)[:, None]
    top = np.zeros((len(rates), values.shape[1]))
    weight = np.full_like(top, prior)
    for t in range(len(values)):
        fade = np.where(weight > _FADED, 1.0 - rate, 1.0)
        top = top * fade + rate * filled[t]
        weight = weight * fade + rate * seen[t]
        (top / weight).sum(axis=0, out=out[t + 1])
    return out / len(rates)
