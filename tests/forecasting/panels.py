"""Panels that tests construct: plain arrays in, a panel out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.panel import Panel

__all__ = ["FRIDAY", "as_panel", "season_of", "weeks_from"]

Float = NDArray[np.float64]
FRIDAY = "2010-02-05"


def weeks_from(first: str, count: int) -> NDArray[np.datetime64]:
    """``count`` consecutive anchor dates."""
    return np.asarray(np.datetime64(first, "D") + 7 * np.arange(count))


def as_panel(
    values: Float,
    *,
    first: str = FRIDAY,
    stores: Sequence[str] | None = None,
    blocks: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
) -> Panel:
    """A panel of (T, N) ``values``; every series is its own store and all are one block unless named."""
    size = values.shape[1]
    names = np.array(keys if keys is not None else [f"s{i:03d}" for i in range(size)])
    return Panel(
        weeks=weeks_from(first, len(values)),
        keys=names,
        values=np.asarray(values, dtype=np.float64),
        stores=names if stores is None else np.array(stores),
        blocks=np.full(size, "") if blocks is None else np.array(blocks),
    )


def season_of(weeks: NDArray[np.datetime64], height: float = 0.2) -> Float:
    """(T,) a smooth yearly season that follows the calendar date, mean one."""
    year = weeks.astype("datetime64[Y]")
    following = (year + np.timedelta64(1, "Y")).astype("datetime64[D]")
    length = (following - year.astype("datetime64[D]")).astype(float)
    share = (weeks - year.astype("datetime64[D]")).astype(float) / length
    out: Float = 1.0 + height * np.sin(2.0 * np.pi * share)
    return out
