"""Effects that are divided out before years are compared, and multiplied back: moving holidays, promotions.

And weeks that tell nothing about the usual level: closures, and the part-open weeks around them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.operators import counted, cumulative, ratio, window_sum
from storecast.forecasting.timeline import YEAR, Timeline

__all__ = ["moving_holidays", "open_weeks"]

Float = NDArray[np.float64]
_LEAST_WEEKS = 60  # below, a moving holiday cannot be told from its week of the year
_RIDGE, _SMOOTH_RIDGE, _HOLIDAY_RIDGE = 1.0, 0.01, 0.1
_DOUBT = 0.5  # of a moving holiday's squared standard error that its effect is shrunk by
_HARMONICS = 2  # of the smooth season
_BOUNDS = (0.5, 2.0)
_REGULAR = 0.9  # share of weeks with sales from which a zero is a closure and not a slow week
_CLOSED_WEEKS, _PART_OPEN = 3, 0.6


def moving_holidays(index: Float, timeline: Timeline) -> Float:
    """(R, B) multipliers of the weeks around moving holidays for each block's ``index`` (T, B).

    A ridge regression of the log index on trend, a smooth season, week of year and the weeks before, of and
    after each moving holiday; the holidays' penalty is a tenth of the weeks', so that what moves with the
    holiday goes to the holiday, and the smooth season hardly has one: else the part of a high spring that
    the weeks' penalty leaves over would pass for Easter. What two Easters tell badly is shrunk, by its
    square over its square plus half its squared standard error. Ones where the history is too short to tell
    them apart.
    """
    rows, moving = len(index), timeline.moving
    out = np.ones((len(timeline.weeks), index.shape[1]))
    if rows < _LEAST_WEEKS or moving.shape[1] == 0:
        return out
    smooth = _smooth(timeline, rows)
    design = np.concatenate([np.eye(54)[timeline.week_of_year[:rows]], smooth, moving[:rows]], axis=1)
    holidays = moving.shape[1]
    penalty = np.diag([_RIDGE] * 54 + [_SMOOTH_RIDGE] * smooth.shape[1] + [_HOLIDAY_RIDGE] * holidays)
    usable = np.isfinite(index) & (np.nan_to_num(index) > 0)
    patterns, pattern_of = np.unique(usable, axis=1, return_inverse=True)
    for p in range(patterns.shape[1]):  # blocks with the same known weeks share one solve
        seen, columns = patterns[:, p], np.flatnonzero(pattern_of.ravel() == p)
        if seen.sum() < _LEAST_WEEKS:
            continue
        log = np.log(index[np.ix_(seen, columns)])
        x = design[seen]
        centred = log - log.mean(axis=0)
        inverse = np.linalg.inv(x.T @ x + penalty)
        slopes = inverse @ (x.T @ centred)
        freedom = max(len(x) - float(np.trace(inverse @ (x.T @ x))), 1.0)
        noise = ((centred - x @ slopes) ** 2).sum(axis=0) / freedom
        own, doubt = slopes[-holidays:], np.diag(inverse)[-holidays:, None] * noise
        own = own * ratio(own**2, own**2 + _DOUBT * doubt)
        out[:, columns] = np.clip(np.exp(moving @ np.nan_to_num(own)), *_BOUNDS)
    return out


def _smooth(timeline: Timeline, rows: int) -> Float:
    """(T, 1 + 2 K) trend in years, and sine and cosine of the day of the year."""
    weeks = timeline.weeks[:rows]
    day = (weeks - weeks.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.float64)
    angles = [2.0 * np.pi * k * day / 365.25 for k in range(1, _HARMONICS + 1)]
    return np.stack([np.arange(rows) / YEAR, *map(np.sin, angles), *map(np.cos, angles)], axis=1)


def open_weeks(values: Float) -> Float:
    """``values`` (T, N) with weeks that do not tell the usual level set to missing.

    In a series that otherwise sells every week, a zero is a closed week. After a gap of three weeks
    or more, and in the week before it, sales below 0.6 of the neighbouring weeks' mean are part-open.
    """
    known = np.isfinite(values)
    count = known.sum(axis=0)
    positive = (np.nan_to_num(values) > 0).sum(axis=0)
    filled_share = positive / np.maximum(count, 1)
    regular = filled_share >= _REGULAR
    zero_run = (values == 0) & regular
    out: Float = np.where(zero_run, np.nan, values)
    gap = ~np.isfinite(out)
    if not gap.any():
        return out
    missing = window_sum(counted(gap), _CLOSED_WEEKS)
    total, weeks = cumulative(out), counted(~gap)
    before = ratio(window_sum(total, 8), window_sum(weeks, 8))
    ahead_total, ahead_weeks = _ahead(total, 8), _ahead(weeks, 8)
    after = ratio(ahead_total, ahead_weeks)
    rows = len(out)
    for t in range(1, rows - 1):
        closed_before = missing[t] >= min(_CLOSED_WEEKS, t)
        reopened = closed_before & (t >= _CLOSED_WEEKS) & (out[t] < _PART_OPEN * after[t])
        end = min(t + 1 + _CLOSED_WEEKS, rows)
        closing = (missing[end] >= _CLOSED_WEEKS) & gap[t + 1 : end].all(axis=0) & (end - t > _CLOSED_WEEKS)
        out[t] = np.where(
            regular & (reopened | (closing & (out[t] < _PART_OPEN * before[t]))), np.nan, out[t]
        )
    return out


def _ahead(running: Float, width: int) -> Float:
    """(T, N) sums of the ``width`` weeks after each row."""
    rows = len(running) - 1
    end = np.minimum(np.arange(rows) + 1 + width, rows)
    out: Float = running[end] - running[np.arange(1, rows + 1)]
    return out
