"""Sales beside the same weeks a year earlier, holidays on holidays, on a scale of shares.

The scale is u = asinh(y / 2s), s a tenth of the series' usual week: a logarithm for sales as usual, and
finite and tame around zero and for negative weeks. It is free of the unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.aligned import block_index
from storecast.forecasting.calendar import Calendar
from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.drift.medians import medians
from storecast.forecasting.effects import moving_holidays
from storecast.forecasting.operators import look_back
from storecast.forecasting.panel import Panel
from storecast.forecasting.timeline import make_timeline

__all__ = ["Comparison", "compare", "spread"]

Float = NDArray[np.float64]
_SHARE_OF_USUAL = 0.1
_NORMAL = 1.4826  # standard deviation of a normal law over its median absolute deviation


@dataclass(frozen=True)
class Comparison:
    """``now`` (T, N) and ``before`` (T + 1, N): u of each week and of what it looks back to a year earlier;
    ``sold`` and ``back`` (T, N) the same in sales, moving holidays taken out; ``sigma`` (N,) usual
    difference; ``slip`` (T, N) what a week's slip of the calendar would change in u; ``peers`` (T, N) u
    beside the block's index of the same week. NaN where not known."""

    now: Float
    before: Float
    sold: Float
    back: Float
    sigma: Float
    slip: Float
    peers: Float

    @property
    def difference(self) -> Float:
        """(T, N) now - before."""
        out: Float = self.now - self.before[:-1]
        return out


def compare(panel: Panel, calendar: Calendar, learn: int, config: DriftConfig) -> Comparison:
    """Each week of ``panel`` beside a year earlier; scales are learnt on the first ``learn`` weeks alone."""
    values = panel.values
    rows = len(values)
    block = np.unique(panel.blocks, return_inverse=True)[1].astype(np.int64)
    blocks = int(block.max()) + 1
    span = np.concatenate([panel.weeks, panel.weeks[-1:] + np.timedelta64(7, "D")])
    timeline = make_timeline(span, 1, calendar)
    holidays = moving_holidays(block_index(values[:learn], block, blocks), timeline)[:, block]
    sold = values / holidays[:rows]
    scale = 2.0 * _SHARE_OF_USUAL * _usual(sold[:learn])
    back = look_back(sold, timeline.low[0], timeline.part[0])
    now, before = np.arcsinh(sold / scale), np.arcsinh(back / scale)
    sigma = spread((now - before[:-1])[:learn], config.least_weeks)
    steep = np.abs(np.diff(before, axis=0))
    slip = np.fmax(steep, np.concatenate([np.full((1, steep.shape[1]), np.nan), steep[:-1]]))
    return Comparison(now, before, sold, back[:-1], sigma, slip, _beside_peers(now, sold, block, blocks))


def _usual(sold: Float) -> Float:
    """(N,) the middle week's sales, without sign; NaN for a series that never sold."""
    seen = np.isfinite(sold)
    some = seen.any(axis=0)
    size = np.where(seen, np.abs(sold), np.nan)
    size[:, ~some] = 0.0
    if not len(size):
        return np.full(sold.shape[1], np.nan)
    usual = np.fmax(medians(size), 0.5 * np.nanmean(size, axis=0))
    return np.where(usual > 0, usual, np.nan)


def spread(values: Float, least: int) -> Float:
    """(N,) standard deviation about the median that outliers do not bend; NaN below ``least`` known weeks or
    where nothing moves."""
    known = np.isfinite(values).sum(axis=0) >= least
    out = np.full(values.shape[1], np.nan)
    if known.any():
        part = values[:, known]
        off = np.abs(part - medians(part))
        # Of a series that mostly stands still the median says nothing.
        out[known] = np.fmax(_NORMAL * medians(off), 0.5 * np.nanmean(off, axis=0))
    return np.where(out > 0, out, np.nan)


def _beside_peers(now: Float, sold: Float, block: NDArray[np.int64], blocks: int) -> Float:
    index = block_index(sold, block, blocks)
    with np.errstate(invalid="ignore", divide="ignore"):
        level = np.where(index > 0, np.log(index), np.nan)
    out: Float = now - level[:, block]
    alone = np.bincount(block, np.isfinite(sold).any(axis=0), blocks) < 3
    out[:, alone[block]] = np.nan
    return out
