"""Small sales files whose verdicts are known by construction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.forecasting.calendar import US_RETAIL
from storecast.stores.sales_files import SalesFiles

__all__ = ["CALENDAR", "FIRST", "SALES", "departments", "noisy", "repeating", "write"]

FIRST = "2010-02-05"
CALENDAR = US_RETAIL
SALES = SalesFiles()


def noisy(weeks: int = 150, series: int = 6, seed: int = 1) -> NDArray[np.float64]:
    """A smooth season, and noise in every week: whoever averages years beats whoever repeats one."""
    noise = np.random.default_rng(seed).standard_normal((weeks, series))
    season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(weeks) / 52.18)
    size = np.linspace(1, 3, series)
    values: NDArray[np.float64] = np.round(10_000 * season[:, None] * (1 + 0.15 * noise) * size, 2)
    return values


def repeating(weeks: int = 150, series: int = 4) -> NDArray[np.float64]:
    """Each week is that of 52 weeks earlier to the cent, and neighbours have nothing in common: no model can
    beat the seasonal naive, which is never wrong."""
    year = np.random.default_rng(7).uniform(8_000, 12_000, (52, series))
    return np.round(np.vstack([year] * 4)[:weeks], 2)


def departments(weeks: int = 120, stores: int = 3, depts: int = 3) -> NDArray[np.float64]:
    """(T, stores x depts) departments of different size with the noise of ``noisy``."""
    return noisy(weeks, stores * depts, seed=3)


def write(
    path: Path,
    values: NDArray[np.float64],
    *,
    keys: list[str] | None = None,
    depts: int = 0,
    first: str = FIRST,
) -> str:
    """Write (T, N) ``values`` in the long shape, a column for store and department where there are ``depts``
    in each store; NaN is a missing row."""
    weeks = pd.date_range(first, periods=len(values), freq="7D")
    parts = []
    for i in range(values.shape[1]):
        if depts:
            store, dept = str(i // depts + 1), str(i % depts + 1)
            columns = {"unique_id": f"{store}_{dept}", "ds": weeks, "y": values[:, i]}
            columns |= {"store": store, "dept": dept}
        else:
            columns = {"unique_id": keys[i] if keys else str(i + 1), "ds": weeks, "y": values[:, i]}
        parts.append(pd.DataFrame(columns))
    frame = pd.concat(parts).dropna(subset="y")
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return str(path)
