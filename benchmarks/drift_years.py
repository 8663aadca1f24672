"""Clean years that resemble a panel: its calendar profile with its own residuals, drawn anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.panel import Panel
from storecast.forecasting.timeline import YEAR, make_timeline

__all__ = ["resampled"]

Float = NDArray[np.float64]
_LEAST = 0.9  # share of weeks that a series must know to be drawn anew
_MEMORY = 0.95  # most of a residual that is carried to the next week


def resampled(panel: Panel, seed: int, observed: Mapping[str, Float]) -> Panel:
    """A panel of the same weeks and (complete) series as ``panel`` in which nothing drifts, of ``seed``.

    A series is its profile over the calendar (the mean of its logs over the years, weeks aligned by date and
    holiday, growth apart) times residuals of first order: their innovations are drawn a week at a time for
    all series, weeks at holidays from weeks at holidays.
    """
    rng = np.random.default_rng([seed, 7])
    keep = (np.isfinite(panel.values) & (panel.values > 0)).mean(axis=0) >= _LEAST
    keep &= np.arange(len(panel.keys)) < len(next(iter(observed.values()))[0])
    values = panel.values[:, keep]
    log = np.where(values > 0, np.log(np.where(values > 0, values, 1.0)), np.nan)
    rows = len(log)
    years = np.arange(rows)[:, None] / YEAR
    base, part = _phases(panel)
    growth = np.nanmean(log[YEAR:] - log[:-YEAR], axis=0)
    flat = log - growth * years
    profile = _profile(flat, base)
    smooth = _at(profile, base, part)
    residual = np.nan_to_num(flat - smooth)
    many = rows / YEAR  # years that each mean is over: what the mean has taken of its own weeks is given back
    residual *= np.sqrt(many / (many - 1.0))
    memory = np.clip((residual[1:] * residual[:-1]).sum(axis=0) / (residual**2).sum(axis=0), 0.0, _MEMORY)
    innovations = residual[1:] - memory * residual[:-1]
    innovations -= innovations.mean(axis=0)
    holiday = US_RETAIL.weights(panel.weeks) > 1.0
    near = holiday | np.roll(holiday, 1) | np.roll(holiday, -1)
    drawn = np.where(
        near, rng.choice(np.flatnonzero(near[1:]), rows), rng.choice(np.flatnonzero(~near[1:]), rows)
    )
    path = np.zeros_like(residual)
    path[0] = residual[rng.integers(rows)]
    for t in range(1, rows):
        path[t] = memory * path[t - 1] + innovations[drawn[t]]
    made = np.round(np.exp(smooth + growth * years + path), 2)
    return replace(
        panel,
        keys=panel.keys[keep],
        values=made,
        stores=panel.stores[keep],
        blocks=panel.blocks[keep],
        static={},
        observed={name: v[:rows, : int(keep.sum())] for name, v in observed.items()},
    )


def _phases(panel: Panel) -> tuple[NDArray[np.int64], Float]:
    """(T,) which of the first year's weeks each week corresponds to, and the part of it that lies in the
    next."""
    years = -(-len(panel.weeks) // YEAR)
    timeline = make_timeline(panel.weeks, years, US_RETAIL)
    base, part = np.arange(len(panel.weeks)), np.zeros(len(panel.weeks))
    for low, share in zip(timeline.low, timeline.part, strict=True):
        use = (base > YEAR) & (low >= 0) & (low < YEAR)
        base, part = np.where(use, low, base), np.where(use, share, part)
    return np.clip(base, 0, YEAR), part


def _profile(flat: Float, base: NDArray[np.int64]) -> Float:
    out = np.stack([np.nanmean(flat[base == week], axis=0) for week in range(YEAR)])
    return np.concatenate([out, out[:2]])


def _at(profile: Float, base: NDArray[np.int64], part: Float) -> Float:
    out: Float = (1.0 - part[:, None]) * profile[base] + part[:, None] * profile[base + 1]
    return out
