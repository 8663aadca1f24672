"""The classic features of a direct forecaster, as arrays: what is known of each target week at a cutoff.

Everything is computed from the rows before the cutoff alone; later rows are cut off first and never read.
Sales features are in units of the series' own scale, so that one model serves all series. NaN means unknown
and stays so; the trees have a branch for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.aligned import block_index
from storecast.forecasting.baselines import recent_mean
from storecast.forecasting.calendar import Calendar, Days, week_of
from storecast.forecasting.effects import open_weeks
from storecast.forecasting.operators import look_back, ratio
from storecast.forecasting.timeline import YEAR, Timeline, make_timeline

if TYPE_CHECKING:
    from storecast.forecasting.panel import Panel

__all__ = ["LAGS", "WINDOWS", "Facts", "Features", "how_expected", "make_facts", "make_features"]

Float = NDArray[np.float64]
LAGS = (1, 2, 3, 4, 8, 13, 26, 39, 52)
WINDOWS = (4, 8, 13, 26, 52)
_YEARS = 3  # of look-back features
_GROWTH_WINDOWS = (13, 26, 52)
_GROWTH_BOUNDS = (0.5, 2.0)
_NEAR = 63  # days; a holiday further off than nine weeks is not on anybody's mind
# Read at the same date of earlier years where the coming value is unknown; the others move slowly, and
# their last value says more.
_SEASONAL = ("temperature", *(f"markdown{i}" for i in range(1, 6)))


@dataclass(frozen=True)
class Facts:
    """What the calendar alone says of T weeks: a ``timeline``, and ``names`` (K,) with ``table`` (T, K)."""

    timeline: Timeline
    names: tuple[str, ...]
    table: Float


@dataclass(frozen=True)
class Features:
    """Features of H target weeks x N series at one cutoff, and what a forecast of them starts from.

    ``names`` (F,) in the order of the columns: those of a ``series`` (S, N), of a ``week`` (W, H) and of a
    ``pair`` (P, H, N) of both. In dollars: ``base`` (H, N), last year's same date x growth, or the recent
    mean where no year is known; ``scale`` (N,), always positive; ``last_year`` (H, N), NaN where unknown;
    ``slip`` (H, N), what last year's sales changed from that date to the week beside it, 0 where unknown.
    """

    names: tuple[str, ...]
    series: Float
    week: Float
    pair: Float
    base: Float
    scale: Float
    last_year: Float
    slip: Float

    def rows(self, at: NDArray[np.int64] | None = None) -> Float:
        """(R, F) the rows ``at`` flat indices h * N + n, all H * N of them without."""
        size = self.base.shape[1]
        at = np.arange(self.base.size) if at is None else at
        h, n = np.divmod(at, size)
        out = np.empty((len(at), len(self.names)))
        s, w = len(self.series), len(self.series) + len(self.week)
        out[:, :s] = self.series.T[n]
        out[:, s:w] = self.week.T[h]
        out[:, w:] = self.pair.reshape(len(self.pair), -1).T[at]
        return out


def make_facts(weeks: Days, calendar: Calendar) -> Facts:
    """Calendar features of ``weeks`` (T + H + 1,), history, horizon and a week more; they need no sales.

    Week of year, month and day of it, two harmonics of the year; for each holiday whether it falls in the
    week, and the signed days to the nearest one within nine weeks; for a moving holiday how many days nearer
    or further it is than at the same date last year.
    """
    timeline = make_timeline(weeks, _YEARS, calendar)
    month = weeks.astype("datetime64[M]")
    angle = (
        2.0
        * np.pi
        * ((weeks - weeks.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) / 365.25)
    )
    columns = {
        "week_of_year": timeline.week_of_year.astype(np.float64),
        "month": (month.astype(np.int64) % 12 + 1).astype(np.float64),
        "day_of_month": (weeks - month.astype("datetime64[D]")).astype(np.float64) + 1.0,
    }
    for k in (1, 2):
        columns |= {f"sin_{k}": np.sin(k * angle), f"cos_{k}": np.cos(k * angle)}
    for rule in calendar.rules:
        days = calendar.days(rule, weeks)
        flag, near = np.zeros(len(weeks)), np.full(len(weeks), np.nan)
        if len(days):
            at = week_of(days, weeks)
            flag[at[(at >= 0) & (at < len(weeks))]] = 1.0
            gap = (days[None, :] - weeks[:, None]).astype(np.float64)
            near = gap[np.arange(len(weeks)), np.abs(gap).argmin(axis=1)]
            near = np.where(np.abs(near) <= _NEAR, near, np.nan)
        columns |= {f"is {rule.name}": flag, f"days to {rule.name}": near}
        if rule.moves:
            then = look_back(near[:, None], timeline.low[0], timeline.part[0])[:, 0]
            columns[f"{rule.name} moved"] = near - then
    return Facts(timeline, tuple(columns), np.stack(list(columns.values()), axis=1))


def make_features(
    panel: Panel,
    cutoff: int,
    horizon: int,
    facts: Facts,
    known_future: Mapping[str, Float] | None = None,
) -> Features:
    """Features of the ``horizon`` weeks after the first ``cutoff`` weeks of ``panel``.

    ``facts`` covers at least ``cutoff + horizon + 1`` weeks from the panel's first on. ``known_future``
    name -> (H, N): values of observed variables in the target weeks as far as they are given (NaN: not
    given). Each variable speaks twice: by its value (as given; else as expected) and by its ``surprise`` (as
    given less as expected; NaN where not given). To be expected is the last known value; for temperature the
    mean of the same date in earlier years, where known; for markdowns that mean or NaN, since a
    promotion nobody announced is not one that goes on.
    """
    values = open_weeks(panel.values[:cutoff])
    timeline, ahead = facts.timeline, slice(cutoff, cutoff + horizon)
    lately = slice(max(0, cutoff - YEAR), cutoff)
    scale = _scale(values)
    names, of = np.unique(panel.blocks, return_inverse=True)
    block = of.astype(np.int64)
    index = block_index(values, block, len(names))
    series = _history(values, scale)
    own = _growths(values[lately], _same_date(values, timeline, 0, lately))
    whole = [g[block] for g in _growths(index[lately], _same_date(index, timeline, 0, lately))]
    for width, mine, blocks in zip(_GROWTH_WINDOWS, own, whole, strict=True):
        series |= {f"growth_{width}": mine, f"block_growth_{width}": blocks}
    shared = np.nan_to_num(whole[0], nan=1.0)
    growth = 0.5 * np.where(np.isfinite(own[0]), own[0], shared) + 0.5 * shared
    week = {"horizon": np.arange(1.0, horizon + 1.0)}
    week |= dict(zip(facts.names, facts.table[ahead].T, strict=True))
    coming = [_same_date(values, timeline, k, ahead) for k in range(_YEARS)]
    base = _base(values, coming, growth)
    pair = _same_dates(coming, scale) | {"base": base / scale}
    beside = [slice(ahead.start + o, ahead.stop + o) for o in (-1, 1)]
    before, after = (_same_date(values, timeline, 0, rows) for rows in beside)
    pair |= {"same_date_before": before / scale, "same_date_after": after / scale}
    usual = recent_mean(index, YEAR)
    height = _same_date(index, timeline, 0, ahead)
    pair["block_height"] = ratio(height, np.broadcast_to(usual, height.shape))[:, block]
    for name, observed in panel.observed.items():
        given = None if known_future is None else known_future.get(name)
        pair |= _exogenous(name, observed[:cutoff], timeline, ahead, given)
    slip = np.maximum(np.nan_to_num(np.abs(before - coming[0])), np.nan_to_num(np.abs(after - coming[0])))
    return Features(
        (*series, *week, *pair),
        np.stack(list(series.values())),
        np.stack(list(week.values())),
        np.stack(list(pair.values())),
        base,
        scale,
        coming[0],
        slip,
    )


def _scale(values: Float) -> Float:
    """(N,) mean size of the last year's known weeks, of all where none is known there, else one."""
    scale = recent_mean(np.abs(values), YEAR)
    return np.where(scale > 0, scale, 1.0)


def _same_date(values: Float, timeline: Timeline, year: int, rows: slice) -> Float:
    """(R, N) ``values`` at the same date ``year + 1`` years before; they end at the cutoff."""
    return look_back(values, timeline.low[year, rows], timeline.part[year, rows])


def _history(values: Float, scale: Float) -> dict[str, Float]:
    """name -> (N,) lags and rolling statistics at the end of ``values`` (T, N), in units of ``scale``."""
    rows, size = values.shape
    unknown = np.full(size, np.nan)
    share = values / scale
    out = {"log_scale": np.log(scale), "weeks_known": np.isfinite(values).sum(axis=0).astype(np.float64)}
    out |= {f"lag_{k}": share[rows - k] if k <= rows else unknown for k in LAGS}
    for width in WINDOWS:
        window = share[-width:]
        known = np.isfinite(window)
        count = known.sum(axis=0).astype(np.float64)
        mean = ratio(np.where(known, window, 0.0).sum(axis=0), count)
        square = ratio(
            (np.where(known, window - np.where(count > 0, mean, 0.0), 0.0) ** 2).sum(axis=0), count
        )
        some = count > 0
        out |= {
            f"mean_{width}": mean,
            f"std_{width}": np.sqrt(square),
            f"min_{width}": np.where(some, np.where(known, window, np.inf).min(axis=0), np.nan),
            f"max_{width}": np.where(some, np.where(known, window, -np.inf).max(axis=0), np.nan),
        }
    return out


def _growths(values: Float, before: Float) -> list[Float]:
    """Per window, (N,) sales of its weeks over the same dates' a year before, NaN where no pair is known."""
    both = np.isfinite(values) & np.isfinite(before)
    out = []
    for width in _GROWTH_WINDOWS:  # the longest is what the caller hands in
        there = both[-width:]
        now = np.where(there, values[-width:], 0.0).sum(axis=0)
        then = np.where(there, before[-width:], 0.0).sum(axis=0)
        out.append(np.clip(ratio(now, then), *_GROWTH_BOUNDS))
    return out


def _base(values: Float, coming: list[Float], growth: Float) -> Float:
    """(H, N) the nearest known year's same date x ``growth`` a year; the recent mean where none is known."""
    base = np.broadcast_to(recent_mean(values), coming[0].shape)
    for years, back in reversed(list(enumerate(coming, start=1))):
        base = np.where(np.isfinite(back), back * growth**years, base)
    return base


def _same_dates(coming: list[Float], scale: Float) -> dict[str, Float]:
    """name -> (H, N) each earlier year's sales at the target's date and their mean, in units of ``scale``."""
    return {f"same_date_{k}": b / scale for k, b in enumerate(coming, start=1)} | {
        "same_date_mean": _mean_known(np.stack(coming)) / scale
    }


def _mean_known(stacked: Float) -> Float:
    """Mean over the first axis of what is known, NaN where nothing is."""
    known = np.isfinite(stacked)
    return ratio(np.where(known, stacked, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))


def _exogenous(
    name: str, observed: Float, timeline: Timeline, ahead: slice, given: Float | None
) -> dict[str, Float]:
    """Both features (H, N) of one observed variable, known in ``observed`` (T, N) up to the cutoff."""
    expected = np.broadcast_to(_last(observed), (ahead.stop - ahead.start, observed.shape[1]))
    if name in _SEASONAL:
        mean = _mean_known(np.stack([_same_date(observed, timeline, k, ahead) for k in range(_YEARS)]))
        last = np.nan if name.startswith("markdown") else expected
        expected = np.where(np.isfinite(mean), mean, last)
    if given is None:
        return {name: expected, f"{name}_surprise": np.full(expected.shape, np.nan)}
    return {name: np.where(np.isfinite(given), given, expected), f"{name}_surprise": given - expected}


def how_expected(name: str) -> str:
    """In words, what is taken for an observed variable in a coming week in which it is not given; see
    ``make_features``."""
    if name.startswith("markdown"):
        return "mean of the same date in earlier years, else unknown"
    return "mean of the same date in earlier years" if name in _SEASONAL else "the last known value"


def _last(observed: Float) -> Float:
    """(N,) the last known value of each column, NaN without any."""
    known = np.isfinite(observed)
    at = len(observed) - 1 - known[::-1].argmax(axis=0)
    out: Float = np.where(known.any(axis=0), observed[at, np.arange(observed.shape[1])], np.nan)
    return out
