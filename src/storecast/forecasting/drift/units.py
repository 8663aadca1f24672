"""Slips of the unit: sales or an input a hundred or a thousand times what they were."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.drift.evidence import Evidence
from storecast.forecasting.drift.groups import Group, group_middles, most
from storecast.forecasting.drift.runs import lengths, run_p_values
from storecast.forecasting.drift.shifts import changes, scores
from storecast.forecasting.drift.tail import normal_law, p_values
from storecast.forecasting.operators import counted, cumulative, ratio, window_sum

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
    weeks = window_sum(counted(positive), config.reference)[:-1]
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
    unit's factor; ``size`` is that factor. It is as rare as slips are, or as a single week so far off is."""
    rows = len(quotient)
    known = np.isfinite(quotient)
    out: list[Evidence] = []
    single = np.ones((looks, quotient.shape[1]))
    for group in reversed(grouped):  # single series first: what they show together is not rarer than one
        middles = quotient if group.level == "series" else group_middles(quotient, group, config)
        slip = slipped(middles, config)
        _, possible = most(known, known, group, config)
        possible &= np.isfinite(middles)
        flag = possible & (slip != 0)
        if group.level != "series":  # of a group most must be there
            flag &= most(slipped(quotient, config) == slip[:, group.of], known, group, config)[0]
        here = flag[rows - looks :]
        p = run_p_values(flag, possible, looks, config)
        if here.any():
            week = scores(changes(middles, 1, config), 1, rows - looks, config)
            p = np.fmin(p, p_values(week, looks, 1, normal_law(1), config))
        if group.level == "series":
            single = np.where(np.isfinite(p), p, 1.0)
        elif here.any():
            p = np.fmin(p, group_middles(single, group, config))
        p = np.where(here | ~np.isfinite(p), p, 1.0)
        size = np.where(here, np.exp(slip[rows - looks :]), 1.0)
        began = np.arange(rows - looks, rows)[:, None] + 1 - lengths(flag)[rows - looks :]
        out.insert(0, Evidence("unit", group.level, column, group.keys, group.of, p, size, began))
    return out
