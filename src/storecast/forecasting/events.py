"""Known events of single series or blocks: closures, openings, promotions, holidays of one's own.

A closure's weeks tell nothing of the usual level and sell nothing ahead; an opening's weeks before the
first say the same. A promotion's or holiday's effect is estimated from its past weeks, pooled over the
panel by kind, divided out of the history and multiplied onto the weeks ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.calendar import Days, week_of
from storecast.forecasting.operators import ratio

__all__ = ["Event", "EventEffects", "apply_events"]

Float = NDArray[np.float64]
_LIFTS = ("promotion", "holiday")
_NEIGHBOURS = 6  # weeks on both sides that say what would have been sold
_PRIOR_WEEKS = 8.0  # weeks of no effect that an estimate is averaged with
_BOUNDS = (0.2, 5.0)


@dataclass(frozen=True)
class Event:
    """``kind`` is closure, opening, promotion or holiday; ``first`` and ``last`` its days; it concerns the
    series whose key, store or block is named, all where ``series`` and ``block`` are empty."""

    kind: str
    first: np.datetime64
    last: np.datetime64
    series: str = ""
    block: str = ""


@dataclass(frozen=True)
class EventEffects:
    """``values`` (T, N) with closed weeks missing; ``lift`` (T + H, N) multipliers; ``closed`` (H, N) weeks
    ahead; ``shut`` (N,) whether the last week known was closed; ``lifts`` kind -> the multiplier that was
    estimated."""

    values: Float
    lift: Float
    closed: NDArray[np.bool_]
    shut: NDArray[np.bool_]
    lifts: dict[str, float]


def apply_events(
    values: Float,
    weeks: Days,
    horizon: int,
    events: Sequence[Event],
    keys: NDArray[np.str_],
    stores: NDArray[np.str_],
    blocks: NDArray[np.str_],
) -> EventEffects:
    """Sort ``events`` into what is known of ``values`` (T, N) and of the ``horizon`` weeks ahead."""
    rows = len(weeks)
    span = rows + horizon
    closed = np.zeros((span, len(keys)), dtype=bool)
    marked = {kind: np.zeros((span, len(keys)), dtype=bool) for kind in _LIFTS}
    for event in events:
        concerned = np.ones(len(keys), dtype=bool)
        if event.series:
            concerned &= (keys == event.series) | (stores == event.series)
        if event.block:
            concerned &= blocks == event.block
        first, last = week_of(np.array([event.first, event.last]), weeks)
        stretch = slice(max(int(first), 0), max(int(last) + 1, 0))
        if event.kind == "closure":
            closed[stretch, concerned] = True
        elif event.kind == "opening":
            closed[: max(int(first), 0), concerned] = True
        else:
            marked[event.kind][stretch, concerned] = True
    known = np.where(closed[:rows], np.nan, values)
    lift = np.ones((span, len(keys)))
    lifts = {}
    for kind, mask in marked.items():
        if mask.any():
            lifts[kind] = _lift(known, mask[:rows])
            lift[mask] *= lifts[kind]
    return EventEffects(known, lift, closed[rows:], closed[rows - 1], lifts)


def _lift(values: Float, mask: NDArray[np.bool_]) -> float:
    """Sales of the marked weeks over what their unmarked neighbours sold, pooled, shrunk to no effect."""
    usual = np.where(mask, np.nan, values)
    sold, expected, weeks = 0.0, 0.0, 0
    for t in np.flatnonzero(mask.any(axis=1)):
        near = usual[max(t - _NEIGHBOURS, 0) : t + _NEIGHBOURS + 1]
        there = np.isfinite(near)
        mean = ratio(np.where(there, near, 0.0).sum(axis=0), there.sum(axis=0).astype(np.float64))
        use = mask[t] & np.isfinite(values[t]) & (np.nan_to_num(mean) > 0)
        sold += float(values[t][use].sum())
        expected += float(mean[use].sum())
        weeks += int(use.sum())
    if weeks == 0 or expected <= 0:
        return 1.0
    effect = np.log(max(sold, 1e-9) / expected) * weeks / (weeks + _PRIOR_WEEKS)
    return float(np.clip(np.exp(effect), *_BOUNDS))
