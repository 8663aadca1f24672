"""Weekly panels of other retailers: constructed worlds in which the best method is not always the same.

Each world is a function of a seed that gives only ``unique_id, ds, y``. Where weeks are missing, where
promotions rule or where most weeks are zero, looking back a year is not the answer.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.sample.days import weekly_season
from storecast.forecasting.sample.effects import (
    choose,
    close_for_months,
    drift,
    end_early,
    leave_gaps,
    level_shifts,
    open_late,
    promotion_lift,
    quirk_profile,
    sell_units,
)
from storecast.forecasting.sample.frames import plain_frame
from storecast.forecasting.sample.kinds import DEPARTMENT_KINDS, STORE_KINDS, loadings

__all__ = ["WORLDS", "World"]

Float = NDArray[np.float64]
Days = NDArray[np.datetime64]
Random = np.random.Generator


class World(Protocol):
    """A world's function: ``unique_id, ds, y`` of ``series`` series over ``weeks`` weeks."""

    def __call__(self, seed: int, *, series: int = ..., weeks: int = ...) -> pd.DataFrame:
        """The world of ``seed``; raises RequestError below 10 weeks or 1 series."""
        ...


def _weeks(first: str, count: int, series: int) -> Days:
    """(T,) the weeks' dates; refuses a world too small for stores to open and close in."""
    if count < 10 or series < 1:
        raise RequestError(
            "The world cannot be made: it is too small.",
            expected="at least 10 weeks and 1 series",
            found=f"{count} weeks, {series} series",
            remedy="Ask for at least 10 weeks and 1 series.",
        )
    return np.asarray(np.datetime64(first, "D") + 7 * np.arange(count))


def _season(rng: Random, weeks: Days, series: int, kinds: dict[str, dict[str, float]]) -> Float:
    """(T, N) season of series that each are of one of ``kinds``, with tastes of their own."""
    weights = loadings(kinds)[rng.integers(0, len(kinds), series)]
    weights[:, 1:] *= np.exp(0.25 * rng.standard_normal((series, weights.shape[1] - 1)))
    return np.maximum(weekly_season(weeks, quirk_profile(rng)) @ weights.T, 0.02)


def _level(
    rng: Random, weeks: int, series: int, *, typical: float, spread: float, growth: float, wander: float
) -> Float:
    """(T, N) level: log-normal around ``typical``, yearly log ``growth`` deviation, slow ``wander``."""
    sizes, ways, shifts = rng.spawn(3)
    base = np.log(typical) + spread * sizes.standard_normal(series)
    trend = growth * sizes.standard_normal(series) * np.arange(weeks)[:, None] / 52.18
    way = drift(ways, weeks, series, memory=0.97, deviation=wander)
    steps = level_shifts(shifts, weeks, series, a_year=0.1, size=2 * wander)
    return np.asarray(np.exp(base + trend + way + steps))


def _noise(rng: Random, weeks: int, low: float, high: float, series: int) -> Float:
    """(T, N) factors; each series' log deviation lies between ``low`` and ``high``."""
    deviation = rng.uniform(low, high, series)
    return np.asarray(np.exp(deviation * rng.standard_normal((weeks, series))))


def _lives(
    rng: Random, weeks: int, series: int, *, closed: float = 0, new: float = 0, ended: float = 0
) -> Float:
    """(T, N) open share of each week; the three shares never fall on the same series."""
    out = np.ones((weeks, series))
    makers = (close_for_months, open_late, end_early)
    for make, chosen in zip(makers, choose(rng, series, closed, new, ended), strict=True):
        out[:, chosen] *= make(rng, weeks, len(chosen))
    return out


def _frame(prefix: str, weeks: Days, sales: Float) -> pd.DataFrame:
    digits = len(str(sales.shape[1]))
    names = [f"{prefix}{i:0{digits}d}" for i in range(1, sales.shape[1] + 1)]
    return plain_frame(weeks, np.round(sales, 2), names)


def regular(seed: int, *, series: int = 300, weeks: int = 156) -> pd.DataFrame:
    """Stores with season, growth and complete rows; weeks end on Sundays."""
    season, level, noise = np.random.default_rng(seed).spawn(3)
    ds = _weeks("2016-01-10", weeks, series)
    sales = _level(level, weeks, series, typical=60_000, spread=0.5, growth=0.05, wander=0.02)
    return _frame(
        "shop-",
        ds,
        sales * _season(season, ds, series, STORE_KINDS) * _noise(noise, weeks, 0.02, 0.05, series),
    )


def closures(seed: int, *, series: int = 1_000, weeks: int = 135) -> pd.DataFrame:
    """Small stores with promotions of the whole chain every other week; a fifth is closed for about
    half a year: no rows, with part-open weeks before and after."""
    season, level, noise, chain, lives = np.random.default_rng(seed).spawn(5)
    ds = _weeks("2013-01-06", weeks, series)
    # The fortnight's rhythm slips now and then, so the same week a year ago may be the wrong one.
    slips = np.cumsum(chain.random(weeks) < 0.01)
    offer = 1 + 0.30 * ((np.arange(weeks) + slips) % 2 == 0)
    sales = _level(level, weeks, series, typical=38_000, spread=0.35, growth=0.04, wander=0.03)
    sales *= _season(season, ds, series, {"C": STORE_KINDS["C"]}) * offer[:, None]
    sales *= _noise(noise, weeks, 0.03, 0.08, series)
    return _frame("store-", ds, sales * _lives(lives, weeks, series, closed=0.2))


def grocery(seed: int, *, series: int = 4_000, weeks: int = 120) -> pd.DataFrame:
    """Items of a grocer: noisy, wandering, some listed late or delisted; 8 % of the rows are missing."""
    season, level, noise, lives, cuts = np.random.default_rng(seed).spawn(5)
    ds = _weeks("2014-01-05", weeks, series)
    food = {name: DEPARTMENT_KINDS[name] for name in ("grocery", "pharmacy", "confectionery")}
    sales = _level(level, weeks, series, typical=250, spread=1.2, growth=0.08, wander=0.15)
    sales *= _season(season, ds, series, food) * _noise(noise, weeks, 0.08, 0.35, series)
    sales *= _lives(lives, weeks, series, new=0.15, ended=0.08)
    keep = leave_gaps(cuts, ~np.isnan(sales), 0.08)
    return _frame("item-", ds, np.where(keep, sales, np.nan))


def intermittent(seed: int, *, series: int = 2_000, weeks: int = 150) -> pd.DataFrame:
    """Units of slow items: most weeks zero or a few, counted rows from the first week on sale."""
    season, units, lives = np.random.default_rng(seed).spawn(3)
    ds = _weeks("2013-02-02", weeks, series)
    profile = _season(season, ds, series, {name: DEPARTMENT_KINDS[name] for name in ("pharmacy", "home")})
    open_share = _lives(lives, weeks, series, new=0.2)
    return _frame("part-", ds, np.where(np.isnan(open_share), np.nan, sell_units(units, profile)))


def promotions(seed: int, *, series: int = 1_000, weeks: int = 140) -> pd.DataFrame:
    """Items sold by promotions at irregular times that no column announces: spikes, then dips."""
    season, level, noise, lifts = np.random.default_rng(seed).spawn(4)
    ds = _weeks("2017-03-08", weeks, series)
    sales = _level(level, weeks, series, typical=900, spread=0.9, growth=0.05, wander=0.10)
    sales *= _season(season, ds, series, {"pharmacy": DEPARTMENT_KINDS["pharmacy"]})
    sales *= _noise(noise, weeks, 0.08, 0.15, series) * promotion_lift(lifts, weeks, series, a_year=8.0)
    return _frame("sku-", ds, sales)


def openings(seed: int, *, series: int = 400, weeks: int = 150) -> pd.DataFrame:
    """A chain in motion: a quarter of the stores opens and a sixth ends inside the panel."""
    season, level, noise, lives = np.random.default_rng(seed).spawn(4)
    ds = _weeks("2015-06-05", weeks, series)
    sales = _level(level, weeks, series, typical=45_000, spread=0.4, growth=0.06, wander=0.03)
    sales *= _season(season, ds, series, STORE_KINDS) * _noise(noise, weeks, 0.03, 0.06, series)
    return _frame("branch-", ds, sales * _lives(lives, weeks, series, new=0.25, ended=1 / 6))


def seasonal(seed: int, *, series: int = 500, weeks: int = 160) -> pd.DataFrame:
    """Toys, garden and sweets: a few weeks make the year and the rest sells next to nothing."""
    season, level, noise = np.random.default_rng(seed).spawn(3)
    ds = _weeks("2014-09-06", weeks, series)
    sharp = {name: DEPARTMENT_KINDS[name] for name in ("toys", "garden", "confectionery", "school")}
    profile = np.maximum(3 * _season(season, ds, series, sharp) - 2.8, 0.01)
    sales = _level(level, weeks, series, typical=3_000, spread=0.8, growth=0.08, wander=0.06)
    return _frame("line-", ds, sales * profile * _noise(noise, weeks, 0.06, 0.15, series))


def short(seed: int, *, series: int = 200, weeks: int = 70) -> pd.DataFrame:
    """Little history: a panel of 70 weeks, a third of whose stores is younger still."""
    season, level, noise, lives = np.random.default_rng(seed).spawn(4)
    ds = _weeks("2021-01-02", weeks, series)
    sales = _level(level, weeks, series, typical=20_000, spread=0.6, growth=0.06, wander=0.04)
    sales *= _season(season, ds, series, STORE_KINDS) * _noise(noise, weeks, 0.03, 0.08, series)
    return _frame("kiosk-", ds, sales * _lives(lives, weeks, series, new=1 / 3))


WORLDS: dict[str, World] = {
    world.__name__: world
    for world in (closures, grocery, intermittent, openings, promotions, regular, seasonal, short)
}
