"""The features of a direct forecaster, one cell at a time: the oracle of their tests.

Plain loops over one series, cutoff and week. The look-back rows of the timeline and the weeks that
``open_weeks`` strikes out are taken as given; their own tests prove those.
"""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np

from storecast.forecasting.timeline import Timeline
from tests.forecasting.slow_members import slow_index

__all__ = ["back", "calendar_features", "growth", "history_features", "index_of", "mean", "scale_of"]


def mean(numbers: list[float]) -> float:
    """Mean of what is known, NaN of nothing."""
    known = [x for x in numbers if not math.isnan(x)]
    return sum(known) / len(known) if known else math.nan


def back(values: list[float], timeline: Timeline, row: int, years: int) -> float:
    """The value ``years`` before ``row`` by date, read from ``values`` alone."""
    low, part = int(timeline.low[years - 1, row]), float(timeline.part[years - 1, row])
    near = [(low, 1.0 - part), (low + 1, part)]
    known = [(values[i], w) for i, w in near if 0 <= i < len(values) and not math.isnan(values[i])]
    weight = sum(w for _, w in known)
    return sum(v * w for v, w in known) / weight if weight >= 0.3 else math.nan


def scale_of(values: list[float]) -> float:
    for window in (values[-52:], values):
        size = mean([abs(v) for v in window])
        if size > 0:
            return size
        if size == 0:
            break
    return 1.0


def growth(values: list[float], timeline: Timeline, width: int) -> float:
    now = then = 0.0
    for t in range(max(0, len(values) - width), len(values)):
        before = back(values, timeline, t, 1)
        if not math.isnan(values[t]) and not math.isnan(before):
            now, then = now + values[t], then + before
    return min(max(now / then, 0.5), 2.0) if then > 0 else math.nan


def index_of(columns: list[list[float]]) -> list[float]:
    """Sales of a block as a share of the usual sales of those that sold, at the block's usual sales."""
    return slow_index(np.array(columns).T)


def history_features(values: list[float]) -> dict[str, float]:
    """Lags and rolling statistics at the end of ``values``."""
    scale = scale_of(values)
    out = {"log_scale": math.log(scale), "weeks_known": float(sum(not math.isnan(v) for v in values))}
    for k in (1, 2, 3, 4, 8, 13, 26, 39, 52):
        out[f"lag_{k}"] = values[-k] / scale if k <= len(values) else math.nan
    for width in (4, 8, 13, 26, 52):
        known = [v / scale for v in values[-width:] if not math.isnan(v)]
        middle = mean(known)
        out[f"mean_{width}"] = middle
        out[f"std_{width}"] = math.sqrt(mean([(v - middle) ** 2 for v in known])) if known else math.nan
        out[f"min_{width}"] = min(known, default=math.nan)
        out[f"max_{width}"] = max(known, default=math.nan)
    return out


def calendar_features(day: date, holidays: dict[str, list[date]]) -> dict[str, float]:
    """Of the week that ends on ``day``; ``holidays`` name -> days."""
    angle = 2 * math.pi * (day - date(day.year, 1, 1)).days / 365.25
    out = {
        "week_of_year": float(round((day - date(day.year, 1, 1)).days / 7)),
        "month": float(day.month),
        "day_of_month": float(day.day),
        "sin_1": math.sin(angle),
        "cos_1": math.cos(angle),
        "sin_2": math.sin(2 * angle),
        "cos_2": math.cos(2 * angle),
    }
    week = {day - timedelta(days=i) for i in range(7)}
    for name, days in holidays.items():
        out[f"is {name}"] = 1.0 if week & set(days) else 0.0
        nearest = min(((d - day).days for d in days), key=abs)
        out[f"days to {name}"] = float(nearest) if abs(nearest) <= 63 else math.nan
    return out
