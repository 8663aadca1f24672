"""Back-tests by rolling origin: what the forecaster would have said at past cutoffs, beside both naives.

Each cutoff gets a panel that ends there (``Panel.up_to``), so no later value can reach the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.baselines import BASELINES
from storecast.forecasting.calendar import HOLIDAY_WEIGHT, Calendar, Days
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.hierarchy import Level, cents
from storecast.forecasting.operators import ratio
from storecast.forecasting.panel import DS, UNIQUE_ID, Panel, Y, forecast_frame, known_columns
from storecast.forecasting.timeline import YEAR

__all__ = [
    "LEAST_WEEKS",
    "Backtest",
    "backtest",
    "output_columns",
    "rolling_cutoffs",
    "week_weights",
    "with_actuals",
]

Float = NDArray[np.float64]
LEAST_WEEKS = 8  # of history before a cutoff
_HIGHER = ("store", "total")


@dataclass(frozen=True)
class Backtest:
    """``rows``: one row a series, week and cutoff that has an actual, with the columns of
    ``output_columns`` and ``store, h, naive_mse``; ``higher``: the same for stores and total, by level,
    where the panel has them, actuals and forecasts summed over the series that have an actual that week."""

    model: str
    horizon: int
    cutoffs: tuple[np.datetime64, ...]
    levels: tuple[float, ...]
    rows: pd.DataFrame
    higher: dict[str, pd.DataFrame]


def output_columns(levels: Sequence[float]) -> list[str]:
    """Columns of a written back-test, in order."""
    return [UNIQUE_ID, DS, "cutoff", Y, "weight", *known_columns(tuple(levels)), *BASELINES]


def rolling_cutoffs(weeks: Days, horizon: int, windows: int, step: int) -> list[np.datetime64]:
    """The last ``windows`` cutoffs whose whole horizon has actuals, ``step`` weeks apart, oldest first."""
    if windows < 1 or step < 1:
        raise RequestError(
            "A back-test needs windows that lie apart.",
            expected="1 window or more, 1 week apart or more",
            found=f"{windows} windows, {step} weeks apart",
            remedy="Ask for one window or more, a week or more apart.",
        )
    last = len(weeks) - horizon
    index = [last - step * i for i in range(windows)][::-1]
    usable = [i for i in index if i >= LEAST_WEEKS]
    if not usable:
        raise RequestError(
            "The history is too short for a back-test of this horizon.",
            expected=f"at least {horizon + LEAST_WEEKS} weeks",
            found=f"{len(weeks)} weeks",
            remedy="Shorten --horizon, or give more history.",
        )
    return [np.datetime64(weeks[i - 1], "D") for i in usable]


def week_weights(panel: Panel, calendar: Calendar) -> Float:
    """(T,) weight of each week in wmae: the file's own holiday flags where it has them, else the
    calendar's."""
    if panel.flagged is None:
        return calendar.weights(panel.weeks)
    return np.where(panel.flagged, HOLIDAY_WEIGHT, 1.0)


def with_actuals(panel: Panel, cutoffs: Sequence[np.datetime64], horizon: int) -> tuple[np.datetime64, ...]:
    """Those of ``cutoffs`` within whose horizon a series that had begun by then has an actual, oldest first;
    raises RequestError for one that leaves too little history or no week."""
    out, seen = [], np.isfinite(panel.values)
    for cutoff in sorted(set(cutoffs)):
        known = _known_weeks(panel, cutoff)
        if (seen[known : known + horizon] & seen[:known].any(axis=0)).any():
            out.append(cutoff)
    return tuple(out)


def backtest(
    panel: Panel,
    config: ForecasterConfig,
    cutoffs: Sequence[np.datetime64],
    calendar: Calendar,
    *,
    levels: tuple[float, ...] = (80.0, 95.0),
    events: Sequence[Event] = (),
    advance: Callable[[float], None] = lambda share: None,
) -> Backtest:
    """Fit at each of ``cutoffs`` and set the forecasts beside what came; raises RequestError for a cutoff
    that leaves no history or no week, where none is given, or where none leaves an actual."""
    if not len(cutoffs):
        raise RequestError(
            "No cutoff is given to back-test at.",
            expected="one week of the panel or more",
            found="none",
            remedy="Name a cutoff, or ask for one window or more.",
        )
    if not with_actuals(panel, cutoffs, config.horizon):
        raise RequestError(
            "No cutoff leaves an actual to set the forecasts beside.",
            where="cutoff " + ", ".join(str(cutoff) for cutoff in sorted(set(cutoffs))),
            expected=f"sales in the {config.horizon} weeks after it, of series that had begun by then",
            found="none",
            remedy="Choose another cutoff, or a longer horizon.",
        )
    weights = week_weights(panel, calendar)
    rows: list[pd.DataFrame] = []
    higher: dict[str, list[pd.DataFrame]] = {name: [] for name in _HIGHER}
    for i, cutoff in enumerate(sorted(set(cutoffs))):
        known = _known_weeks(panel, cutoff)
        seen = panel.up_to(cutoff)
        fitted = Forecaster.fit(seen, config, calendar, events)
        ahead = slice(known, min(known + config.horizon, len(panel.weeks)))
        actual = panel.values[ahead][:, np.isin(panel.keys, seen.keys)]
        for name, level in fitted.levels.items():
            frame = _frame(fitted, name, actual, weights[ahead], levels, cutoff)
            frame["naive_mse"] = np.repeat(_naive_mse(seen.values, level), len(actual))
            frame["store"] = np.repeat(seen.stores if name == "series" else level.keys, len(actual))
            frame = frame[np.isfinite(frame[Y])]
            (rows if name == "series" else higher[name]).append(frame)
        advance((i + 1) / len(cutoffs))
    return Backtest(
        config.model,
        config.horizon,
        tuple(sorted(set(cutoffs))),
        levels,
        pd.concat(rows, ignore_index=True),
        {name: pd.concat(frames, ignore_index=True) for name, frames in higher.items() if frames},
    )


def _known_weeks(panel: Panel, cutoff: np.datetime64) -> int:
    known = int(np.searchsorted(panel.weeks, cutoff, side="right"))
    if not LEAST_WEEKS <= known < len(panel.weeks):
        first, last = panel.weeks[min(LEAST_WEEKS, len(panel.weeks)) - 1], panel.weeks[-2:][0]
        raise RequestError(
            "This cutoff leaves too little history before it, or no actual after it.",
            where=f"--cutoff {cutoff}",
            expected=f"a week from {first} to {last}",
            found=str(cutoff),
            remedy="Choose a cutoff in that range; it is the last week the model may see.",
        )
    return known


def _frame(
    fitted: Forecaster,
    level: str,
    actual: Float,
    weight: Float,
    levels: tuple[float, ...],
    cutoff: np.datetime64,
) -> pd.DataFrame:
    at = fitted.levels[level]
    weeks, size = len(actual), len(at.keys)
    there = np.isfinite(actual) if len(at.of) > size else np.ones(actual.shape, dtype=bool)

    def like(values: Float) -> Float:
        """Sums over the series that have an actual that week."""
        return at.total(np.where(there, values[:weeks], np.nan))

    point = like(fitted.point)
    share = ratio(point, fitted.points(level)[:weeks]) if len(at.of) > size else 1.0
    columns: dict[str, Float] = {
        Y: at.total(actual),
        "weight": np.broadcast_to(weight[:, None], (weeks, size)),
        "storecast": cents(point),
    }
    for coverage in levels:
        limits = at.bands.limits(point, at.sigma[:weeks] * share, coverage)
        for side, limit in zip(("lo", "hi"), limits, strict=True):
            columns[f"storecast-{side}-{coverage:g}"] = cents(limit)
    columns |= {name: like(values) for name, values in fitted.naive.items()}
    frame = forecast_frame(at.keys, fitted.weeks[:weeks], columns)
    frame["cutoff"] = cutoff.astype("datetime64[ns]")
    frame["h"] = np.tile(np.arange(1, weeks + 1), size)
    return frame


def _naive_mse(values: Float, level: Level) -> Float:
    """(S,) mean squared error of the seasonal naive within the history, the scale of rmsse."""
    if len(values) <= YEAR:
        return np.full(len(level.keys), np.nan)
    error = level.total(values[YEAR:] - values[:-YEAR])
    known = np.isfinite(error)
    squared = np.where(known, error, 0.0) ** 2
    return ratio(squared.sum(axis=0), known.sum(axis=0).astype(np.float64))
