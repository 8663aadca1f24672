"""Panels whose law is known, for the direct forecaster to find or to be held against."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.panel import Panel
from tests.forecasting.panels import as_panel, season_of, weeks_from

__all__ = ["DEGREES", "EFFECT", "chain", "growing", "until", "weather"]

Float = NDArray[np.float64]
EFFECT, DEGREES = 0.2, 10.0  # so much more is sold when it is so much warmer than usual


def weather(rows: int = 130, size: int = 20, seed: int = 0) -> Panel:
    """Sales follow season and the temperature's surprise; fuel prices wander and do nothing."""
    rng = np.random.default_rng(seed)
    weeks = weeks_from("2010-02-05", rows)
    season = season_of(weeks, 0.2)[:, None]
    surprise = DEGREES * rng.standard_normal((rows, size)).clip(-2.0, 2.0)
    values = rng.gamma(4.0, 300.0, size) * season * (1.0 + EFFECT * surprise / DEGREES)
    values *= np.exp(0.01 * rng.standard_normal((rows, size)))
    observed = {
        "temperature": 60.0 - 20.0 * np.cos(2.0 * np.pi * np.arange(rows) / 52.18)[:, None] + surprise,
        "fuel_price": 3.0 + 0.02 * np.cumsum(rng.standard_normal((rows, size)), axis=0),
    }
    return replace(as_panel(values), observed=observed)


def growing(rows: int = 130, size: int = 20, yearly: float = 0.15, seed: int = 0) -> Panel:
    """Season x steady growth x a little noise."""
    rng = np.random.default_rng(seed)
    weeks = weeks_from("2010-02-05", rows)
    values = rng.gamma(4.0, 300.0, size) * season_of(weeks, 0.3)[:, None]
    values = values * (1.0 + yearly) ** (np.arange(rows)[:, None] / 52.18)
    return as_panel(values * np.exp(0.02 * rng.standard_normal((rows, size))))


def chain(rows: int = 120, stores: int = 4, seed: int = 0) -> Panel:
    """Stores with three departments, types, sizes and what was observed; gaps, a closure, a late start."""
    rng = np.random.default_rng(seed)
    size = 3 * stores
    values = rng.gamma(4.0, 300.0, size) * season_of(weeks_from("2010-02-05", rows), 0.3)[:, None]
    values = values * np.exp(0.1 * rng.standard_normal((rows, size)))
    values[rng.random(rows) < 0.1, 1] = math.nan
    values[rows // 2 : rows // 2 + 8, 2] = math.nan
    values[: rows - 15, 3] = math.nan
    values[:, 4] = math.nan
    names = [f"{i // 3 + 1}" for i in range(size)]
    panel = as_panel(
        values,
        stores=names,
        blocks=[str(i % 3 + 1) for i in range(size)],
        keys=[f"{n}_{i % 3 + 1}" for i, n in enumerate(names)],
    )
    return replace(
        panel,
        static={
            "type": np.array(["AB"[i // 3 % 2] for i in range(size)]),
            "size": np.repeat(rng.integers(30, 200, stores) * 1e3, 3),
        },
        observed={
            "temperature": rng.normal(60.0, 15.0, (rows, size)),
            "markdown1": np.where(np.arange(rows)[:, None] > 90, rng.gamma(2.0, 1e3, (rows, size)), math.nan),
        },
    )


def until(panel: Panel, rows: int) -> Panel:
    """The first ``rows`` weeks."""
    return panel.up_to(panel.weeks[rows - 1])
