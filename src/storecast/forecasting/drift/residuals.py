"""Residual drift: the champion's errors since its cutoff, on the scale of those it said it would make.

The bands of each level are calibrated on that level's own past errors, so that what its series share is in
them already. Errors of neighbouring weeks are taken as one and the same error, which makes the look careful:
a mean over weeks counts no more than one week.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.drift.evidence import Evidence
from storecast.forecasting.drift.tail import fit_tail
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.intervals import PROBABILITIES, Bands
from storecast.forecasting.operators import counted, cumulative, ratio, window_sum
from storecast.forecasting.panel import Panel

__all__ = ["residual_evidence"]

Float = NDArray[np.float64]
_POOL = 20_000  # places at which a pooled distribution is read


def residual_evidence(
    panel: Panel, forecaster: Forecaster, looks: int, config: DriftConfig
) -> list[Evidence]:
    """Evidence at the last ``looks`` weeks of ``panel`` that the forecasts since the cutoff are off to one
    side; ``size`` is sales over forecast minus one."""
    rows = len(panel.weeks)
    first = int((forecaster.weeks[0] - panel.weeks[0]).astype(np.int64)) // 7
    known = min(rows - first, len(forecaster.weeks))
    if known < 1:
        return []
    actual = np.full((known, len(forecaster.keys)), np.nan)
    column = np.searchsorted(panel.keys, forecaster.keys).clip(max=len(panel.keys) - 1)
    same = panel.keys[column] == forecaster.keys
    actual[:, same] = panel.values[first : first + known, column[same]]
    there = np.isfinite(actual)
    place = np.searchsorted(forecaster.keys, panel.keys).clip(max=len(forecaster.keys) - 1)
    ours = forecaster.keys[place] == panel.keys
    out = []
    for name, level in forecaster.levels.items():
        sold, said = level.total(actual), level.total(np.where(there, forecaster.point[:known], np.nan))
        whole = level.total(forecaster.point[:known])
        sigma = level.sigma[:known] * (ratio(np.abs(said), np.abs(whole)) if name != "series" else 1.0)
        error = ratio(sold - said, sigma)
        score, size, weeks = _means(error, sold, said, config)
        p = np.full((looks, len(level.keys)), np.nan)
        change, began = np.zeros_like(p), np.zeros(p.shape, dtype=np.int64)
        at = np.arange(first, first + known) - (rows - looks)
        use = at >= 0
        p[at[use]] = _rarity(score, level.bands, config)[use]
        change[at[use]] = size[use]
        began[at[use]] = (np.arange(first, first + known)[:, None] + 1 - weeks)[use]
        of = np.where(ours, level.of[place], -1)
        shown = np.full((rows, len(level.keys)), np.nan)
        shown[first : first + known] = ratio(sold, said) - 1.0
        level_name = "panel" if name == "total" else name
        keys = np.array([""]) if name == "total" else level.keys
        out.append(
            Evidence(
                "residual", level_name, "sales", keys, of, p, change, began, deviation=shown, form="share"
            )
        )
    return out


def _means(
    error: Float, sold: Float, said: Float, config: DriftConfig
) -> tuple[Float, Float, NDArray[np.int64]]:
    """Score, size and weeks (W, K) of the mean error over the window that stands out most."""
    best, size = np.full_like(error, np.nan), np.full_like(error, np.nan)
    weeks = np.ones(error.shape, dtype=np.int64)
    both = np.isfinite(error)
    sums = [*(cumulative(np.where(both, v, np.nan)) for v in (error, sold, said)), counted(both)]
    for window in config.windows:
        errors, top, bottom, count = (window_sum(s, window)[1:] for s in sums)
        mean = np.where(count >= window, ratio(errors, count), np.nan)
        more = np.isfinite(mean) & ~(np.abs(mean) <= np.abs(best))
        best = np.where(more, mean, best)
        size = np.where(more, ratio(top, bottom) - 1.0, size)
        weeks = np.where(more, window, weeks)
    return best, size, weeks


def _rarity(score: Float, bands: Bands, config: DriftConfig) -> Float:
    """(W, K) p-values of mean errors, corrected for windows and keys: the larger of how rare they are by the
    pooled errors that the bands rest on, and among the errors of all keys so far."""
    places = np.linspace(PROBABILITIES[0], PROBABILITIES[-1], _POOL)
    pooled = fit_tail(np.abs(np.interp(places, PROBABILITIES, bands.quantiles)), config)
    assert pooled is not None
    judged = np.isfinite(score)
    size = np.abs(np.nan_to_num(score))
    rare = pooled.beyond(size)
    for week in range(len(score)):
        others = fit_tail(size[: week + 1][judged[: week + 1]], config)
        if others is not None and score.shape[1] >= config.members:
            rare[week] = np.maximum(rare[week], others.beyond(size[week]))
    tests = judged.sum(axis=1, keepdims=True) * len(config.windows)
    return np.where(judged, np.minimum(1.0, tests * rare), np.nan)
