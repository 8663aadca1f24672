"""The departments of the sample: kinds, shares of the store, drift of their own, returns and sparse rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.sample.effects import drift
from storecast.forecasting.sample.kinds import DEPARTMENT_KINDS, LARGEST, loadings
from storecast.forecasting.sample.stores import Stores

__all__ = ["Departments", "make_departments"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]

_TYPICAL = 15_000.0  # dollars a week of a middling department: noise and returns are told against it


@dataclass(frozen=True)
class Departments:
    """M pairs of store and department: ``store`` (M,) index, ``dept`` (M,) index, ``weights`` (M, K) of
    the season's components, ``base`` (M,) dollars a week, ``level`` (T, M) log factor on top of the
    store's, ``noise`` (M,) log deviation of one week, ``recorded`` (M,) share of weeks with a row,
    ``returning`` (M,) share of weeks in which returns exceed sales."""

    store: Int
    dept: Int
    weights: Float
    base: Float
    level: Float
    noise: Float
    recorded: Float
    returning: Float


def make_departments(rng: np.random.Generator, weeks: int, departments: int, stores: Stores) -> Departments:
    """Spread each store over ``departments``; the largest is in every store, small ones in some.

    Shares fall off as in life: a few departments carry the store, many are small; of the smallest
    tenth only some weeks have a row, and small ones now and then take back more than they sell.
    """
    attributes, mix, trends, own = rng.spawn(4)
    n = len(stores.size)
    kind = attributes.integers(0, len(DEPARTMENT_KINDS), size=departments)
    share = np.exp(1.4 * attributes.standard_normal(departments))
    largest = int(np.argmax(share))
    kind[largest] = list(DEPARTMENT_KINDS).index(LARGEST)
    rank = np.argsort(np.argsort(share)) / departments
    carried = mix.random((n, departments)) < 0.35 + 1.3 * rank
    carried[:, largest] = True
    taste = share * np.exp(0.35 * mix.standard_normal((n, departments))) * carried
    taste /= taste.sum(axis=1, keepdims=True)
    store, dept = np.nonzero(carried)
    base = (stores.base[:, None] * taste)[store, dept]
    small = np.clip(_TYPICAL / base, 0.05, 1e4)
    weights = loadings(DEPARTMENT_KINDS)[kind[dept]]
    # The store's own strength in a part of the season, told against the mean store, carries over.
    usual = stores.weights.mean(axis=0)
    strength = np.divide(stores.weights, usual, out=np.ones_like(stores.weights), where=usual != 0)
    weights = weights * np.clip(strength, 0.2, 3.0)[store] * np.exp(0.15 * mix.standard_normal(weights.shape))
    weights[:, 0] = 1.0
    growth = 0.03 * trends.standard_normal(departments)
    level = (
        (growth * np.arange(weeks)[:, None] / 52.18)[:, dept]
        + drift(trends, weeks, departments, memory=0.9, deviation=0.03)[:, dept]
        + drift(own, weeks, len(store), memory=0.95, deviation=0.05)
    )
    sparse = (rank[dept] < 0.1) & (dept != largest)
    return Departments(
        store=store,
        dept=dept,
        weights=weights,
        base=base,
        level=level,
        noise=np.clip(0.04 * small**0.3, 0.025, 0.35),
        recorded=np.where(sparse, mix.uniform(0.1, 0.7, len(store)), 1.0),
        returning=np.where(small > 10, 0.02, 0.0),
    )
