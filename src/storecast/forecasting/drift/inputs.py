"""Drift of inputs: temperature, fuel price, CPI, unemployment, markdowns, each in its own way.

What has a season is compared with the same weeks of last year; what wanders from week to week (a price) with
its own last weeks, since last year says nothing of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.calendar import Calendar
from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.drift.evidence import Evidence
from storecast.forecasting.drift.expected import spread
from storecast.forecasting.drift.groups import Group
from storecast.forecasting.drift.levels import lasting
from storecast.forecasting.drift.parts import middle
from storecast.forecasting.drift.shifts import scores
from storecast.forecasting.drift.tail import normal_law, p_values
from storecast.forecasting.operators import look_back
from storecast.forecasting.panel import Panel
from storecast.forecasting.timeline import make_timeline

__all__ = ["by_store", "input_evidence", "last_year"]

Float = NDArray[np.float64]
_STEPS = (1, 2, 4)  # weeks over which a wandering input's moves are looked at
_AMOUNTS = "markdown"  # columns that are amounts: skewed, and on a logarithm's scale


def by_store(panel: Panel, column: str) -> tuple[Float, Group]:
    """(T, S) an input as its store has it (of several series in a store the first that knows it)."""
    values = panel.observed[column]
    if not panel.hierarchical:
        return values, Group("series", panel.keys, np.arange(len(panel.keys)))
    names, of = np.unique(panel.stores, return_inverse=True)
    out = np.full((len(values), len(names)), np.nan)
    for store in range(len(names)):
        for i in np.flatnonzero(of == store):
            unknown = np.isnan(out[:, store])
            if not unknown.any():
                break
            out[unknown, store] = values[unknown, i]
    return out, Group("store", names, of.astype(np.int64))


def last_year(values: Float, panel: Panel, calendar: Calendar) -> Float:
    """(T, K) what ``values`` were in the same weeks a year before."""
    timeline = make_timeline(panel.weeks, 1, calendar)
    return look_back(values, timeline.low[0], timeline.part[0])


def input_evidence(
    values: Float, back: Float, column: str, group: Group, looks: int, config: DriftConfig
) -> list[Evidence]:
    """Evidence at the last ``looks`` weeks that an input moved: of all stores together and of single ones.

    ``values`` and ``back`` (T, S) as of ``by_store`` and ``last_year``; ``size`` is in the input's unit, for
    markdowns relative.
    """
    rows, stores = values.shape
    learn = rows - looks
    amounts = column.startswith(_AMOUNTS)
    if amounts:
        usual = np.nanmedian(np.abs(values[:learn])) if np.isfinite(values[:learn]).any() else np.nan
        scale = usual if usual > 0 else 1.0
        values, back = np.arcsinh(values / scale), np.arcsinh(back / scale)
    seasonal = values - back
    wanders = not _correlation(seasonal[:learn]) < config.walk
    shown = np.diff(values, axis=0, prepend=np.nan) if wanders else seasonal
    weights = np.ones(stores)
    parts = []
    if stores >= config.members:
        common = middle(shown, weights, config.members)[:, None]
        parts.append(("panel", np.array([""]), np.zeros(len(group.of), dtype=np.int64), common))
        shown = shown - np.nan_to_num(common)
    parts.append((group.level, group.keys, group.of, shown))
    out = []
    for level, keys, of, part in parts:
        heard = np.isfinite(spread(part[:learn], config.least_weeks))
        part = np.where(heard, part, np.nan)
        score, size, weeks = _moves(part, learn, config) if wanders else lasting(part, None, learn, config)
        tries, gap = (len(_STEPS), max(_STEPS)) if wanders else (len(config.windows), max(config.windows))
        p = p_values(score, looks, gap, normal_law(tries), config)
        change = size[learn:]
        began = np.arange(learn, rows)[:, None] + 1 - weeks[learn:]
        change = np.expm1(change) if amounts else change
        form = "steps" if wanders else "log" if amounts else "plain"
        out.append(Evidence("input", level, column, keys, of, p, change, began, deviation=part, form=form))
    return out


def _moves(steps: Float, learn: int, config: DriftConfig) -> tuple[Float, Float, NDArray[np.int64]]:
    """Score, size and weeks (T, K) of the move of a wandering input that stands out most."""
    best, size = np.full_like(steps, np.nan), np.full_like(steps, np.nan)
    weeks = np.zeros(steps.shape, dtype=np.int64)
    path = np.cumsum(np.nan_to_num(steps), axis=0)
    for step in _STEPS:
        move = np.full_like(steps, np.nan)
        move[step:] = path[step:] - path[:-step]
        move[np.isnan(steps)] = np.nan
        score = scores(move, step, learn, config)
        more = np.isfinite(score) & ~(np.abs(score) <= np.abs(best))
        best, size = np.where(more, score, best), np.where(more, move, size)
        weeks = np.where(more, step, weeks)
    return best, size, weeks


def _correlation(values: Float) -> float:
    """Correlation of a week with the next, over all columns; NaN where nothing is known."""
    now, then = values[1:], values[:-1]
    both = np.isfinite(now) & np.isfinite(then)
    if both.sum() < 2:
        return float("nan")
    centre = np.median(values[np.isfinite(values)])
    a, b = now[both] - centre, then[both] - centre
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size > 0 else float("nan")
