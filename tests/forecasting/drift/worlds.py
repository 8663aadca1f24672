"""Worlds with known answers: stores that sell by the calendar, and one fault at a known week."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.panel import Panel
from tests.forecasting.panels import season_of, weeks_from

__all__ = ["FIRST", "WEEKS", "chain", "change", "stuck"]

Float = NDArray[np.float64]
WEEKS = 130
FIRST = 118  # the row from which a fault holds


def chain(
    seed: int = 0, *, stores: int = 20, departments: int = 0, weeks: int = WEEKS, noise: float = 0.03
) -> Panel:
    """Stores (with ``departments`` each) that grow, with a season, a Christmas and weather; nothing
    drifts."""
    rng = np.random.default_rng(seed)
    days = weeks_from("2010-02-05", weeks)
    size = stores * max(departments, 1)
    store = np.repeat(np.arange(stores), max(departments, 1))
    christmas = np.isin(days.astype("datetime64[M]").astype(int) % 12, [11]).astype(float)
    height = rng.uniform(0.1, 0.4, size)
    base = np.exp(rng.normal(10.0, 0.7, size))
    log = np.log(season_of(days)[:, None]) + christmas[:, None] * height
    log = log + 0.03 * np.arange(weeks)[:, None] / 52.0
    log = log + noise * rng.standard_normal((weeks, size)) + 0.005 * rng.standard_normal((weeks, 1))
    names = np.array([f"{i + 1:02d}" for i in range(stores)])[store]
    blocks = np.tile([f"{d + 1:02d}" for d in range(max(departments, 1))], stores)
    keys = np.array([f"{s}_{b}" for s, b in zip(names, blocks, strict=True)]) if departments else names
    warmth = 60.0 - 25.0 * np.cos(2.0 * np.pi * np.arange(weeks) / 52.18)[:, None]
    warmth = warmth + rng.normal(0.0, 3.0, (weeks, 1)) + rng.normal(0.0, 2.0, (weeks, stores))
    fuel = 3.0 + np.cumsum(rng.normal(0.0, 0.03, (weeks, 1)), axis=0) + rng.normal(0.0, 0.01, (weeks, stores))
    jobs = (7.0 + np.cumsum(rng.normal(0.0, 0.2, (weeks, stores)), axis=0))[13 * (np.arange(weeks) // 13)]
    inputs = {"temperature": warmth, "fuel_price": fuel, "unemployment": jobs}
    return Panel(
        weeks=days,
        keys=keys,
        values=np.round(base * np.exp(log), 2),
        stores=names,
        blocks=blocks if departments else np.full(size, ""),
        observed={name: np.round(v, 3)[:, store] for name, v in inputs.items()},
    )


def change(panel: Panel, values: Float) -> Panel:
    """The panel with other sales."""
    return replace(panel, values=values)


def stuck(panel: Panel, column: str, first: int = FIRST) -> Panel:
    """The panel whose input holds its last value from row ``first`` on."""
    values = panel.observed[column].copy()
    values[first:] = values[first - 1]
    return replace(panel, observed={**panel.observed, column: values})
