"""What is done to any model's rolling origins before they are published: limits, stand-ins, levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.hierarchy import Level, adapt_level, fit_level, selling, summed
from storecast.forecasting.operators import ratio
from storecast.forecasting.rolling import Groups, Rolling
from storecast.forecasting.timeline import YEAR

if TYPE_CHECKING:
    from storecast.forecasting.panel import Panel

__all__ = ["ended_notes", "fit_levels", "groups_of", "limit", "stand_in", "still_selling"]

Float = NDArray[np.float64]
_HEADROOM = 2.0  # times the highest week known


def groups_of(panel: Panel) -> Groups:
    """Blocks and stores of the panel's series as indices."""
    block = np.unique(panel.blocks, return_inverse=True)[1].astype(np.int64)
    store = np.unique(panel.stores, return_inverse=True)[1].astype(np.int64)
    return Groups(block, store, panel.hierarchical)


def limit(rolling: Rolling, values: Float, closed: NDArray[np.bool_]) -> None:
    """Keep points within a wide range of what was ever sold; a closed week ahead sells nothing."""
    known = np.isfinite(values)
    highest = np.where(known, values, 0.0).max(axis=0)
    lowest = np.minimum(np.where(known, values, 0.0).min(axis=0), 0.0)
    some = known.any(axis=0)
    np.clip(
        rolling.point,
        np.where(some, lowest, -np.inf),
        np.where(some & (highest > 0), _HEADROOM * highest, np.inf),
        out=rolling.point,
    )
    rolling.point[-1][closed] = 0.0


def stand_in(rolling: Rolling, values: Float, panel: Panel, groups: Groups) -> dict[str, str]:
    """Give series without any history their block's mean, and say which forecasts rest on others' history."""
    known = np.isfinite(values).sum(axis=0)
    notes = {}
    for i in np.flatnonzero(known == 0):
        peers = (groups.block == groups.block[i]) & (known > 0)
        peers = peers if peers.any() else known > 0
        if not peers.any():
            notes[str(panel.keys[i])] = "no history, here or elsewhere: nothing is forecast"
            continue
        for values_ in (rolling.point, rolling.slope):
            values_[..., i] = values_[..., peers].mean(axis=-1)
        for part in rolling.parts.values():
            part[..., i] = part[..., peers].mean(axis=-1)
        rolling.state["usual"][:, i] = rolling.state["usual"][:, peers].mean(axis=-1)
        notes[str(panel.keys[i])] = "no history: the mean of its block"
    for i in np.flatnonzero((known > 0) & (known < YEAR)):
        notes[str(panel.keys[i])] = f"{known[i]} weeks of history: its season is its block's"
    return notes


def fit_levels(
    rolling: Rolling,
    panel: Panel,
    groups: Groups,
    values: Float,
    live: NDArray[np.bool_],
    kept: Mapping[str, Level] | None = None,
    new: int = 0,
    fitted: int = 0,
) -> dict[str, Level]:
    """Bands of the series, of the stores where they have departments, and of the total; ``live`` (C, N) as of
    ``selling``. With ``kept`` they are not learnt but go on from there, by the last ``new`` weeks;
    ``fitted``: how many weeks the fit had seen."""
    size = len(panel.keys)
    age = np.cumsum(np.isfinite(values), axis=0)[rolling.cutoffs - 1].astype(np.float64)
    each = np.arange(size)

    def level(
        name: str,
        of: NDArray[np.int64],
        keys: NDArray[np.str_],
        block: NDArray[np.int64],
        floor: Float,
        age: Float,
        live: NDArray[np.bool_] | None,
    ) -> Level:
        if kept is None or name not in kept:
            return fit_level(rolling, of, keys, block, floor, age, live)
        year = values[max(0, fitted - YEAR) : fitted]
        typical = _mean_size(year if live is None else summed(year, of, len(keys)))
        return adapt_level(rolling, of, keys, block, floor, age, live, kept[name], new, typical)

    levels = {"series": level("series", each, panel.keys, groups.block, _floor(values), age, None)}
    grown = np.full((len(age), 1), np.inf)
    sums = {}
    if groups.hierarchical:
        sums["store"] = (groups.store, np.unique(panel.stores))
    if size > 1:
        sums["total"] = (np.zeros(size, dtype=np.int64), np.array(["total"]))
    for name, (of, keys) in sums.items():
        one_block = np.zeros(len(keys), dtype=np.int64)
        floor = _floor(summed(values, of, len(keys)))
        levels[name] = level(name, of, keys, one_block, floor, grown, live)
    return levels


def still_selling(rolling: Rolling, panel: Panel, shut: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(C, N) ``selling`` at each cutoff; a series that an event says is ``shut`` (N,) for now goes on."""
    live = selling(panel.values, rolling.cutoffs)
    live[-1] |= shut
    return live


def ended_notes(panel: Panel, live: NDArray[np.bool_]) -> dict[str, str]:
    """Key -> what is to be known of each series that is not ``live`` (N,)."""
    notes = {}
    for i in np.flatnonzero(~live):
        last = panel.weeks[np.flatnonzero(np.isfinite(panel.values[:, i]))[-1]]
        notes[str(panel.keys[i])] = f"no row since {last}: taken as ended and left out of the sums"
    return notes


def _mean_size(values: Float) -> Float:
    """(S,) mean size of what is known of (T, S) values, NaN where nothing is."""
    there = np.isfinite(values)
    return ratio(np.abs(np.where(there, values, 0.0)).sum(axis=0), there.sum(axis=0).astype(np.float64))


def _floor(values: Float) -> Float:
    """(N,) zero where sales were never negative, else none."""
    never_negative = np.where(np.isfinite(values), values, 0.0).min(axis=0) >= 0.0
    return np.where(never_negative, 0.0, -np.inf)
