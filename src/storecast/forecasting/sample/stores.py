"""The stores of the sample: types, sizes, season, level, and the region's weather and economy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.sample.effects import drift, level_shifts
from storecast.forecasting.sample.kinds import STORE_KINDS, loadings

__all__ = ["Stores", "make_markdowns", "make_region_values", "make_stores"]

Float = NDArray[np.float64]
Days = NDArray[np.datetime64]

REGIONS = 6
MARKDOWNS_FROM_WEEK = 92
_TYPE_SHARE = np.array([0.5, 0.35, 0.15])
_TYPICAL_SIZE = np.array([180_000.0, 110_000.0, 42_000.0])
_SUMMER_SHARE = 0.07


@dataclass(frozen=True)
class Stores:
    """N stores: ``type`` (N,) A/B/C, ``size`` (N,) square feet, ``region`` (N,) index, ``weights``
    (N, K) of the season's components, ``base`` (N,) dollars a week, ``level`` (T, N) log factor."""

    type: NDArray[np.str_]
    size: Float
    region: NDArray[np.int64]
    weights: Float
    base: Float
    level: Float


def make_stores(rng: np.random.Generator, weeks: int, stores: int) -> Stores:
    """Draw ``stores`` stores and their levels over ``weeks``.

    The level is a trend (most stores grow a little, some shrink), a slow drift, rare shifts that stay,
    and shocks shared by the region and the chain.
    """
    attributes, levels = rng.spawn(2)
    kind = attributes.choice(3, size=stores, p=_TYPE_SHARE)
    size = np.rint(_TYPICAL_SIZE[kind] * np.exp(0.18 * attributes.standard_normal(stores)))
    region = attributes.integers(0, REGIONS, size=stores)
    base = size * 8.0 * np.exp(0.25 * attributes.standard_normal(stores))
    weights = loadings(STORE_KINDS)[kind]
    summer = attributes.permutation(stores)[: round(_SUMMER_SHARE * stores)]
    weights[summer] = loadings(STORE_KINDS)[-1]
    weights[:, 1:] *= np.exp(0.3 * attributes.standard_normal(weights[:, 1:].shape))
    spread = attributes.standard_normal(stores)
    if stores > 2:  # so that every chain, whatever its seed, has growing and shrinking stores in like measure
        spread = (spread - spread.mean()) / spread.std()
    growth = 0.02 + 0.045 * spread
    chain, regional, own, shifts = levels.spawn(4)
    years = np.arange(weeks)[:, None] / 52.18
    level = (
        growth * years
        + drift(chain, weeks, 1, memory=0.3, deviation=0.005)
        + drift(regional, weeks, REGIONS, memory=0.6, deviation=0.008)[:, region]
        + drift(own, weeks, stores, memory=0.96, deviation=0.012)
        + level_shifts(shifts, weeks, stores, a_year=0.2, size=0.05)
    )
    return Stores(np.array(["A", "B", "C"])[kind], size, region, weights, base, level)


def make_region_values(rng: np.random.Generator, weeks: Days, region: NDArray[np.int64]) -> dict[str, Float]:
    """(T, N) temperature (F), fuel price ($ a gallon), CPI and unemployment (%) of each store's region.

    They run beside the sales and do not drive them, as in most retail panels: a forecaster that leans
    on them is wrong. CPI moves by the month and unemployment by the quarter.
    """
    places, weather, fuel, prices, jobs = rng.spawn(5)
    stores, count = len(region), len(weeks)
    angle = 2 * np.pi * ((weeks - weeks.astype("datetime64[Y]")).astype(np.float64) - 200) / 365.25
    mean, swing = places.uniform(48, 72, REGIONS), places.uniform(10, 25, REGIONS)
    own = places.normal(0, 2, stores)
    climate = mean + swing * np.cos(angle)[:, None]
    temperature = climate + drift(weather, count, REGIONS, memory=0.5, deviation=5)
    price = 2.8 + 0.15 * np.arange(count)[:, None] / 52 + drift(fuel, count, 1, memory=0.98, deviation=0.3)
    price = price + drift(fuel.spawn(1)[0], count, REGIONS, memory=0.9, deviation=0.06)
    month = weeks.astype("datetime64[M]").astype(np.int64)
    quarter = month // 3 - month[0] // 3
    month = month - month[0]
    level = np.where(np.arange(REGIONS) % 2 == 0, 210.0, 140.0) + places.normal(0, 4, REGIONS)
    steps = 0.0018 + 0.0015 * prices.standard_normal((month[-1] + 1, REGIONS))
    moves = -0.12 + 0.15 * jobs.standard_normal((quarter[-1] + 1, REGIONS))
    unemployment = np.maximum(places.uniform(7, 10, REGIONS) + np.cumsum(moves, axis=0), 3.0)
    return {
        "temperature": np.round(temperature[:, region] + own, 2),
        "fuel_price": np.round(np.maximum(price, 1.5)[:, region], 3),
        "cpi": np.round((level * np.exp(np.cumsum(steps, axis=0)))[month][:, region], 4),
        "unemployment": np.round(unemployment[quarter][:, region], 3),
    }


def make_markdowns(rng: np.random.Generator, weeks: int, size: Float) -> dict[str, Float]:
    """(T, N) dollars marked down, five kinds; NaN where none is recorded and in all of the first 92 weeks."""
    known = np.arange(weeks)[:, None] >= MARKDOWNS_FROM_WEEK
    out = {}
    often = (0.95, 0.5, 0.7, 0.8, 0.95)
    for number, (kind, usual) in enumerate(zip(rng.spawn(5), often, strict=True), start=1):
        when, how_much = kind.spawn(2)
        recorded = known & (when.random((weeks, len(size))) < usual)
        amount = np.round(size / 25 * np.exp(how_much.standard_normal((weeks, len(size))) - 0.5), 2)
        out[f"markdown{number}"] = np.where(recorded, amount, np.nan)
    return out
