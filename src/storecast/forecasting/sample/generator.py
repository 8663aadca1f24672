"""The sample panel: a chain of stores invented from a seed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.sample.days import holiday_weeks, weekly_season
from storecast.forecasting.sample.departments import make_departments
from storecast.forecasting.sample.effects import (
    choose,
    close_for_months,
    end_early,
    leave_gaps,
    open_late,
    promotion_lift,
    quirk_profile,
    sell_units,
)
from storecast.forecasting.sample.frames import long_frame
from storecast.forecasting.sample.stores import make_markdowns, make_region_values, make_stores

__all__ = ["SampleSpec", "make_sample"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
_FEWEST_WEEKS_OF_A_LIFE = 10


@dataclass(frozen=True)
class SampleSpec:
    """What to invent. Shares are between 0 and 1 and are met exactly: round(share x count).

    ``departments`` 0 gives one series a store. ``closed_share``, ``new_share`` and ``ended_share`` are of
    the stores and never fall on the same one; ``intermittent_share`` and ``promotion_share`` are of the
    series and never fall on the same one; ``gap_share`` is of the rows.
    Raises RequestError where a number is out of range.
    """

    stores: int = 45
    weeks: int = 143
    first_week: date = date(2010, 2, 5)
    departments: int = 0
    closed_share: float = 0.0
    new_share: float = 0.0
    ended_share: float = 0.0
    gap_share: float = 0.0
    intermittent_share: float = 0.0
    promotion_share: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("stores", 1, 100_000),
            ("weeks", 1, 2_000),
            ("departments", 0, 999),
            ("seed", 0, 2**63),
        ):
            _check(name, getattr(self, name), low, high)
        for field in fields(self):
            if field.name.endswith("_share"):
                _check(field.name, getattr(self, field.name), 0, 1)
        lives = self.closed_share + self.new_share + self.ended_share
        _check("closed_share + new_share + ended_share", lives, 0, 1)
        _check("intermittent_share + promotion_share", self.intermittent_share + self.promotion_share, 0, 1)
        if lives > 0:
            _check("weeks", self.weeks, _FEWEST_WEEKS_OF_A_LIFE, 2_000)


def _check(name: str, found: float, low: int, high: int) -> None:
    if not low <= found <= high:
        raise RequestError(
            f"The sample cannot be made: {name} is out of range.",
            where=name,
            expected=f"{low} to {high}",
            found=str(found),
            remedy=f"Give {name} a value from {low} to {high}.",
        )


def _open_share(rng: np.random.Generator, spec: SampleSpec) -> Float:
    """(T, stores) share of the week each store is open, NaN where it has no row."""
    picks, closing, opening, ending = rng.spawn(4)
    open_share = np.ones((spec.weeks, spec.stores))
    closed, new, ended = choose(picks, spec.stores, spec.closed_share, spec.new_share, spec.ended_share)
    for make, generator, chosen in (
        (close_for_months, closing, closed),
        (open_late, opening, new),
        (end_early, ending, ended),
    ):
        if len(chosen):
            open_share[:, chosen] = make(generator, spec.weeks, len(chosen))
    return open_share


def _change_habits(rng: np.random.Generator, spec: SampleSpec, sales: Float, season: Float) -> Float:
    """``sales`` (T, M) with the chosen series made intermittent (units at a price) or promotion-driven."""
    picks, units, prices, promotions = rng.spawn(4)
    slow, promoted = choose(picks, sales.shape[1], spec.intermittent_share, spec.promotion_share)
    out = sales.copy()
    if len(slow):
        price = np.round(np.exp(prices.normal(3.0, 0.8, len(slow))), 2)
        counts = sell_units(units, season[:, slow])
        out[:, slow] = np.where(np.isnan(sales[:, slow]), np.nan, counts * price)
    if len(promoted):
        out[:, promoted] *= promotion_lift(promotions, spec.weeks, len(promoted))
    return out


def make_sample(spec: SampleSpec) -> pd.DataFrame:
    """The panel of ``spec``, the same bits for the same spec on every run.

    Long form, sorted by store, department and week: ``unique_id, ds, y`` (dollars, to the cent),
    ``store``, ``dept`` (with departments), ``type``, ``size``, ``is_holiday``, ``temperature``,
    ``fuel_price``, ``cpi``, ``unemployment``, and with departments ``markdown1`` .. ``markdown5``.
    A missing week is a missing row. Without shares, a panel of more weeks begins with the panel of fewer.
    """
    weeks = np.datetime64(spec.first_week, "D") + 7 * np.arange(spec.weeks)
    chain, people, noises, places, lives, habits, cuts, marks = np.random.default_rng(spec.seed).spawn(8)
    components = weekly_season(weeks, quirk_profile(chain))
    stores = make_stores(people, spec.weeks, spec.stores)
    open_share = _open_share(lives, spec)
    if spec.departments:
        pairs = make_departments(people, spec.weeks, spec.departments, stores)
        store, dept = pairs.store, pairs.dept + 1
        weights, base, noise = pairs.weights, pairs.base, pairs.noise
        level = pairs.level + stores.level[:, store]
    else:
        store, dept = np.arange(spec.stores), None
        weights, base, level = stores.weights, stores.base, stores.level
        noise = np.full(spec.stores, 0.028)
    season = np.maximum(components @ weights.T, 0.02)
    normal, returned, rows = noises.spawn(3)
    shock = noise * normal.standard_normal(level.shape)
    sales = base * season * np.exp(level + shock) * open_share[:, store]
    if spec.departments:
        sales = np.where(returned.random(level.shape) < pairs.returning, -0.1 * sales, sales)
        sales = np.where(rows.random(level.shape) < pairs.recorded, sales, np.nan)
    sales = _change_habits(habits, spec, sales, season)
    sales = np.where(leave_gaps(cuts, ~np.isnan(sales), spec.gap_share), sales, np.nan)
    observed = make_region_values(places, weeks, stores.region)
    if spec.departments:
        observed |= make_markdowns(marks, spec.weeks, stores.size)
    return long_frame(
        weeks,
        np.round(sales, 2),
        store,
        dept,
        static={"type": stores.type, "size": stores.size},
        weekly={"is_holiday": holiday_weeks(weeks)},
        observed=observed,
    )
