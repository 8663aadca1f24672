"""Lasting changes: the mean of the last weeks against the weeks before, on the scale of a series' habit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.drift.medians import medians
from storecast.forecasting.operators import counted, cumulative, ratio, window_sum

__all__ = ["changes", "scores", "smaller"]

Float = NDArray[np.float64]
_CAP = 6.0  # usual changes beyond which an old one is no more habit than this
_NORMAL = 1.4826


def changes(values: Float, window: int, config: DriftConfig) -> Float:
    """(T, K) mean of the last ``window`` weeks minus that of ``config.reference`` weeks before them.

    Scaled so that missing weeks make it no wilder; NaN where half of the window is not known, or fewer than
    ``config.least_reference`` weeks before it.
    """
    rows = len(values)
    total = cumulative(values)
    count = counted(np.isfinite(values))
    here, weeks = window_sum(total, window)[1:], window_sum(count, window)[1:]
    past = np.zeros_like(here)
    before = np.zeros_like(here)
    past[window:] = window_sum(total, config.reference)[1 : rows - window + 1]
    before[window:] = window_sum(count, config.reference)[1 : rows - window + 1]
    out = ratio(here, weeks) - ratio(past, before)
    enough = (2 * weeks >= window) & (before >= config.least_reference)
    usual = 1.0 / window + 1.0 / config.reference
    with np.errstate(divide="ignore"):
        shrink = np.sqrt(usual / (1.0 / np.maximum(weeks, 1e-9) + 1.0 / np.maximum(before, 1e-9)))
    return np.where(enough, out * shrink, np.nan)


def scores(change: Float, window: int, learn: int, config: DriftConfig) -> Float:
    """(T, K) each change over its usual size, known from changes that ended before the window began, as a
    score of a normal law.

    The usual size is the series' own mean square, mixed with that of all series as far as its own is little
    known: overlapping windows tell ``1 / window`` of what they number. How little it is known makes the score
    smaller (Student's t to normal, after Wallace 1959).
    """
    seen = np.isfinite(change)
    first = change[:learn]
    cap = np.full(change.shape[1], np.inf)
    some = seen[:learn].sum(axis=0) >= config.least_reference
    if some.any():
        cap[some] = _CAP * _NORMAL * medians(np.abs(first[:, some]))
    cap = np.where(cap > 0, cap, np.inf)
    square = np.where(seen, np.minimum(np.abs(change), cap) ** 2, 0.0)
    total, count = np.cumsum(square, axis=0), np.cumsum(seen, axis=0).astype(np.float64)
    own = np.full_like(change, np.nan)
    weeks = np.zeros_like(change)
    own[window:] = ratio(total, count)[:-window]
    weeks[window:] = count[:-window]
    heard = weeks >= config.least_reference
    own = np.where(heard, own, np.nan)
    typical = medians(own.T)[:, None]
    known = np.where(heard, weeks, 0.0) / window
    prior = config.prior_weeks / window if change.shape[1] >= config.members else 0.0
    freedom = known + prior
    mixed = ratio(known * np.nan_to_num(own) + prior * np.nan_to_num(typical), freedom)
    out = np.full_like(change, np.nan)
    use = heard & (mixed > 0)
    out[use] = _as_normal(change[use] / np.sqrt(mixed[use]), freedom[use])
    return out


def _as_normal(t: Float, freedom: Float) -> Float:
    """The normal score that is as rare as Student's ``t`` of so many degrees of ``freedom``."""
    factor = (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    out: Float = np.sign(t) * factor * np.sqrt(freedom * np.log1p(t**2 / freedom))
    return out


def smaller(left: Float, right: Float) -> Float:
    """The smaller of two scores where they have one sign, else 0; ``left`` where ``right`` is not known."""
    both = np.where(
        np.sign(left) == np.sign(right), np.sign(left) * np.minimum(np.abs(left), np.abs(right)), 0.0
    )
    out: Float = np.where(np.isfinite(right), np.where(np.isfinite(left), both, np.nan), left)
    return out
