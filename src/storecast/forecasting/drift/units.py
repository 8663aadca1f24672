"""Slips of the unit: sales or an input a hundred or a thousand times what they were."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.drift.evidence import Evidence
from storecast.forecasting.drift.groups import Group, most
from storecast.forecasting.drift.runs import lengths, run_p_values
from storecast.forecasting.operators import cumulative, ratio, window_sum

__all__ = ["log_ratio", "slipped", "unit_evidence"]

Float = NDArray[np.float64]


def log_ratio(values: Float, back: Float, config: DriftConfig) -> Float:
    """(T, K) log of each week over the year before (``back``, as ``values``), or where that is not known over
    its usual week of the last ``config.reference``; NaN unless both are positive."""
    positive = values > 0
    log = np.full_like(values, np.nan)
    log[positive] = np.log(values[positive])
    then = np.full_like(values, np.nan)
    then[back > 0] = np.log(back[back > 0])
    recent = np.full_like(values, np.nan)
    total = window_sum(cumulative(log), config.reference)[:-1]
    weeks = window_sum(cumulative(np.where(positive, 1.0, np.nan)), config.reference)[:-1]
    recent = np.where(weeks >= config.least_reference, ratio(total, weeks), np.nan)
    out: Float = log - np.where(np.isfinite(then), then, recent)
    return out


def slipped(quotient: Float, config: DriftConfig) -> Float:
    """(T, K) the log of the unit's factor that each log ``quotient`` is near to, 0 where it is near none."""
    out = np.zeros_like(quotient)
    for factor in config.factors:
        out[np.abs(quotient - np.log(factor)) <= np.log(config.near)] = np.log(factor)
    return out


def unit_evidence(
    quotient: Float, column: str, grouped: list[Group], looks: int, config: DriftConfig
) -> list[Evidence]:
    """Evidence at the last ``looks`` weeks that the log ``quotient`` (T, N) of ``column`` to what it was is a
    unit's factor; ``size`` is that factor."""
    rows = len(quotient)
    slip, known = slipped(quotient, config), np.isfinite(quotient)
    out = []
    for group in grouped:
        size = np.ones((looks, len(group.keys)))
        p = np.full((looks, len(group.keys)), np.nan)
        run = np.zeros((looks, len(group.keys)), dtype=np.int64)
        for factor in config.factors:  # another factor next week is another slip
            flag, possible = most(slip == np.log(factor), known, group, config)
            mine = run_p_values(flag, possible, looks, config)
            here = flag[rows - looks :]
            size = np.where(here, factor, size)
            run = np.where(here, lengths(flag)[rows - looks :], run)
            p = np.where(np.isfinite(p), np.fmin(p, mine), mine)
        p = np.minimum(1.0, len(config.factors) * p)
        began = np.arange(rows - looks, rows)[:, None] + 1 - run
        out.append(Evidence("unit", group.level, column, group.keys, group.of, p, size, began))
    return out
