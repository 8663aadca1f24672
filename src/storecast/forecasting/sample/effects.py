"""What happens to series: drift, level shifts, promotions, closures, openings, ends, gaps, sparse units.

All functions take a generator and give (T, N) matrices, weeks in rows: a draw for more weeks begins
with the draw for fewer, so that a longer sample continues a shorter one.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from storecast.errors import RequestError

__all__ = [
    "choose",
    "close_for_months",
    "drift",
    "end_early",
    "leave_gaps",
    "level_shifts",
    "open_late",
    "promotion_lift",
    "quirk_profile",
    "sell_units",
]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


def quirk_profile(rng: np.random.Generator) -> Float:
    """(366,) a chain's own bumps through the year: unit deviation, correlated over about five days."""
    raw = rng.standard_normal(366)
    smooth = sum(np.roll(raw, k) for k in range(5))
    return np.asarray((smooth - np.mean(smooth)) / np.std(smooth))


def drift(rng: np.random.Generator, weeks: int, series: int, *, memory: float, deviation: float) -> Float:
    """(T, N) first-order autoregression with stationary ``deviation`` (log scale), stationary from week 0."""
    out = rng.standard_normal((weeks, series))
    out[0] *= deviation
    out[1:] *= deviation * np.sqrt(1 - memory**2)
    for t in range(1, weeks):
        out[t] += memory * out[t - 1]
    return out


def level_shifts(rng: np.random.Generator, weeks: int, series: int, *, a_year: float, size: float) -> Float:
    """(T, N) steps that stay (a rival opens, a road closes): ``a_year`` of them, log ``size`` deviation."""
    when, how_much = rng.spawn(2)
    happens = when.random((weeks, series)) < a_year / 52
    steps = size * how_much.standard_normal((weeks, series))
    return np.asarray(np.cumsum(np.where(happens, steps, 0.0), axis=0))


def promotion_lift(rng: np.random.Generator, weeks: int, series: int, *, a_year: float = 6.0) -> Float:
    """(T, N) factors: irregular promotions of one or two weeks (x 1.5 to 5), then a week or two of a dip.

    Each series has its own habit (rate, usual lift, depth of the dip) and no fixed dates.
    """
    rate = a_year / 52 * np.exp(0.4 * rng.standard_normal(series))
    usual = 0.55 + 0.6 * rng.random(series)
    dip = 0.1 + 0.25 * rng.random(series)
    draws = rng.random((weeks, 3, series))
    start = draws[:, 0] < np.minimum(rate, 0.4)
    long = start & (draws[:, 1] < 0.35)
    lift = np.where(start, usual + 0.5 * draws[:, 2], 0.0)
    lift[1:] = np.maximum(lift[1:], np.where(long[:-1], 0.8 * lift[:-1], 0.0))
    on = lift > 0
    pause = np.zeros_like(lift)
    pause[1:] += np.where(on[:-1], dip, 0.0)
    pause[2:] += np.where(on[:-2], 0.5 * dip, 0.0)
    return np.asarray(np.where(on, np.exp(lift), 1 - np.minimum(pause, 0.6)))


def choose(rng: np.random.Generator, count: int, *shares: float) -> list[Int]:
    """Disjoint sets of indexes below ``count``, one for each share, of exactly round(share x count)."""
    order = rng.permutation(count)
    edges = np.cumsum([0, *(round(share * count) for share in shares)])
    return [np.sort(order[a:b]) for a, b in pairwise(edges)]


def _weeks_down(weeks: int) -> Int:
    return np.arange(weeks)[:, None]


def close_for_months(rng: np.random.Generator, weeks: int, series: int, *, typical: int = 26) -> Float:
    """(T, N) share of each week that is open: a closure of about ``typical`` weeks (NaN: closed all
    week), between two part-open weeks of 1 to 6 days. Both ends lie inside the panel (T >= 6)."""
    longest = weeks - 4
    length = np.clip(np.rint(typical * (0.6 + 0.8 * rng.random(series))), 1, longest).astype(np.int64)
    first = 2 + np.floor(rng.random(series) * (longest - length + 1)).astype(np.int64)
    days = rng.integers(1, 7, size=(2, series))
    t = _weeks_down(weeks)
    part = np.where(t == first - 1, days[0] / 7, np.where(t == first + length, days[1] / 7, 1.0))
    return np.where((t >= first) & (t < first + length), np.nan, part)


def open_late(rng: np.random.Generator, weeks: int, series: int) -> Float:
    """(T, N) NaN before an opening in the first 20 to 80 % of the panel, a part-open first week, then
    a year of growing into the level."""
    first = _between(rng, weeks, series, 0.2, 0.8)
    days = rng.integers(1, 7, size=series)
    age = _weeks_down(weeks) - first
    grown = 1 - 0.25 * np.exp(-np.maximum(age, 0) / 20)
    return np.where(age < 0, np.nan, np.where(age == 0, days / 7, 1.0) * grown)


def end_early(rng: np.random.Generator, weeks: int, series: int) -> Float:
    """(T, N) 1 up to an end in the last 60 to 5 % of the panel, a part-open last week, NaN after it."""
    last = _between(rng, weeks, series, 0.4, 0.95)
    days = rng.integers(1, 7, size=series)
    left = last - _weeks_down(weeks)
    return np.where(left < 0, np.nan, np.where(left == 0, days / 7, 1.0))


def _between(rng: np.random.Generator, weeks: int, series: int, low: float, high: float) -> Int:
    """A week index for each series, at least 1 and at most T - 2."""
    share = low + (high - low) * rng.random(series)
    return np.clip(np.floor(share * weeks).astype(np.int64), 1, weeks - 2)


def leave_gaps(rng: np.random.Generator, present: Bool, share: float) -> Bool:
    """``present`` (T, N) without exactly round(share x present weeks) of them, taken at random.

    Each series keeps its first and last week, so that its life stays what it was. Raises RequestError
    when the weeks between them are too few.
    """
    keep = present.copy()
    any_week = np.flatnonzero(present.any(axis=0))
    inner = present.copy()
    inner[present.argmax(axis=0)[any_week], any_week] = False
    inner[len(present) - 1 - present[::-1].argmax(axis=0)[any_week], any_week] = False
    cells = np.flatnonzero(inner)
    gone = round(share * int(present.sum()))
    if gone > len(cells):
        raise RequestError(
            "The sample cannot be made: so many gaps would leave series without a first or last week.",
            where="gap_share",
            expected=f"at most {len(cells)} rows between the first and the last week of each series",
            found=f"{gone} rows to leave out",
            remedy="Give a smaller gap_share or more weeks.",
        )
    keep.flat[rng.choice(cells, size=gone, replace=False, shuffle=False)] = False
    return keep


def sell_units(rng: np.random.Generator, season: Float, *, low: float = 0.1, high: float = 3.0) -> Float:
    """(T, N) unit counts of slow items: Poisson around a wandering rate between ``low`` and ``high``."""
    weeks, series = season.shape
    wandering, buyers = rng.spawn(2)
    rate = np.exp(rng.uniform(np.log(low), np.log(high), size=series))
    wander = drift(wandering, weeks, series, memory=0.97, deviation=0.35)
    return np.asarray(buyers.poisson(rate * season * np.exp(wander)), dtype=np.float64)
