"""Dates that are a week off: the new weeks look like last year's a week before or after their own.

The evidence is a likelihood ratio. By chance it exceeds a level as seldom as one over it, whatever the level,
so its inverse is a p-value; what the series of a group have in common counts once (Kish's design effect). It
must be as rare among the panel's own earlier weeks too. In a bland season nothing tells a week from the next,
and nothing is said.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.drift.evidence import Evidence
from storecast.forecasting.drift.expected import Comparison
from storecast.forecasting.drift.groups import Group
from storecast.forecasting.drift.tail import p_values
from storecast.forecasting.operators import counted, cumulative, ratio, window_sum

__all__ = ["shifted_evidence"]

Float = NDArray[np.float64]
_SHIFTS = (1, -1)  # weeks ahead of its date that a week's sales are from
_CAP = 3.0  # usual differences, beyond which a week says no more


def shifted_evidence(
    compared: Comparison, grouped: list[Group], looks: int, config: DriftConfig
) -> list[Evidence]:
    """Evidence at the last ``looks`` weeks that dates are a week off; ``size`` is 1 where they are a week
    late, -1 where early."""
    rows = len(compared.now)
    windows = (1, *config.windows)
    scale = compared.sigma * np.sqrt(1.0 + (config.slip * np.nan_to_num(compared.slip) / compared.sigma) ** 2)
    gap = max(windows)
    level = _level(compared.difference, gap, config)
    as_dated = (compared.difference - level) / scale
    learnt = as_dated[: rows - looks]
    gains = []
    for shift in _SHIFTS:
        at = np.arange(rows) + shift
        other = np.where((at >= 0)[:, None], compared.before[np.maximum(at, 0)], np.nan)
        shifted = (compared.now - other - level) / scale
        gains.append(0.5 * (np.minimum(as_dated**2, _CAP**2) - np.minimum(shifted**2, _CAP**2)))
    out = []
    for group in grouped:
        size = len(group.keys)
        if group.level == "block" or (group.level == "series" and len(grouped) > 2):
            continue  # a file comes by the store
        best = np.full((rows, size), -np.inf)
        direction, weeks = np.ones((rows, size)), np.ones((rows, size), dtype=np.int64)
        share = _independent(learnt, group)
        for shift, gain in zip(_SHIFTS, gains, strict=True):
            summed = _sum_by(gain, group) * share
            for window in windows:
                total = window_sum(cumulative(summed), window)[1:]
                more = total > best
                best = np.where(more, total, best)
                direction, weeks = np.where(more, -float(shift), direction), np.where(more, window, weeks)
        known = _sum_by(np.isfinite(as_dated).astype(np.float64), group) > 0
        best = np.where(known, best, np.nan)
        law = partial(_by_chance, len(_SHIFTS) * len(windows))
        p = p_values(np.maximum(best, 0.0), looks, gap, law, config)
        direction, weeks = direction[rows - looks :], weeks[rows - looks :]
        began = np.arange(rows - looks, rows)[:, None] + 1 - weeks
        out.append(Evidence("shifted-dates", group.level, "sales", group.keys, group.of, p, direction, began))
    return out


def _by_chance(tries: int, gain: Float) -> Float:
    out: Float = tries * np.exp(-gain)
    return out


def _level(difference: Float, gap: int, config: DriftConfig) -> Float:
    """(T, N) the usual difference before the last ``gap`` weeks; 0 where little is known."""
    total = window_sum(cumulative(difference), config.reference)[:-1]
    count = window_sum(counted(np.isfinite(difference)), config.reference)[:-1]
    out = np.zeros_like(difference)
    usual = np.where(count >= config.least_reference, ratio(total, count), 0.0)
    out[gap:] = usual[:-gap]
    return out


def _sum_by(values: Float, group: Group) -> Float:
    """(T, K) sums of (T, N) ``values`` by group, what is not known left out."""
    filled = np.nan_to_num(values)
    if group.level == "series":
        return filled
    order = np.argsort(group.of, kind="stable")
    starts = np.searchsorted(group.of[order], np.arange(len(group.keys)))
    out: Float = np.add.reduceat(filled[:, order], starts, axis=1)
    return out


def _independent(learnt: Float, group: Group) -> Float:
    """(K,) 1 over the design effect: n series that share a part r of their error are n / (1 + (n - 1) r)."""
    if group.level == "series":
        return np.ones(len(group.keys))
    z = np.clip(learnt, -_CAP, _CAP)
    z = z - ratio(np.nan_to_num(z).sum(axis=0), np.isfinite(z).sum(axis=0).astype(np.float64))
    count = _sum_by(np.isfinite(z).astype(np.float64), group)
    mean = ratio(_sum_by(z, group), count)
    square = ratio(_sum_by(z**2, group), count)
    some = count > 0
    n = np.maximum(count.sum(axis=0) / np.maximum(some.sum(axis=0), 1), 1.0)
    top = np.where(some, mean, 0.0) ** 2
    whole = ratio(top.sum(axis=0), np.where(some, square, 0.0).sum(axis=0))
    shared = np.clip((np.nan_to_num(whole, nan=1.0) - 1.0 / n) / np.maximum(1.0 - 1.0 / n, 1e-9), 0.0, 1.0)
    out: Float = 1.0 / (1.0 + (n - 1.0) * shared)
    return out
