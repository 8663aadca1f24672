"""What of a difference is the panel's, a store's, a block's and a series' own: medians within medians.

A median of many is not bent by the few that changed, so a change is found where it is: in all, in one store,
in one department, or in a single series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.drift.expected import spread
from storecast.forecasting.panel import Panel

__all__ = ["Part", "middle", "split"]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """``values`` (T, K) of the ``keys`` (K,) of one ``level``; ``slip`` (T, K) what a week's slip of the
    calendar would change in the middle of its series; ``of`` (N,) each series' place among the keys."""

    level: str
    keys: NDArray[np.str_]
    of: NDArray[np.int64]
    values: Float
    slip: Float

    def smoothed(self, learn: int, config: DriftConfig) -> Float:
        """(T, K) values, each week on the scale of one in which the calendar does not matter; scales are
        learnt on the first ``learn`` weeks."""
        sigma = spread(self.values[:learn], config.least_weeks)
        out: Float = self.values / np.sqrt(1.0 + (config.slip * np.nan_to_num(self.slip) / sigma) ** 2)
        return out


def split(values: Float, slip: Float, weights: Float, panel: Panel, config: DriftConfig) -> list[Part]:
    """The parts of ``values`` (T, N): "panel", then of a hierarchy "store" and "block", and "series".

    ``weights`` (N,) how much each series says, 0 for none. Groups of fewer than ``config.members`` that say
    something have no part of their own (NaN), and neither has a panel.
    """
    whole = [("panel", np.zeros(len(panel.keys), dtype=np.int64), np.array([""]))]
    if panel.hierarchical:
        for level, labels in (("store", panel.stores), ("block", panel.blocks)):
            names, of = np.unique(labels, return_inverse=True)
            if len(names) > 1:
                whole.append((level, of.astype(np.int64), names))
    left, out = values, []
    for level, of, keys in whole:
        middles = np.full((len(values), len(keys)), np.nan)
        slips = np.full_like(middles, np.nan)
        order = np.argsort(of, kind="stable")
        for k, members in enumerate(np.split(order, np.cumsum(np.bincount(of, minlength=len(keys)))[:-1])):
            speak = members[weights[members] > 0]
            if len(speak) >= config.members:
                middles[:, k] = middle(left[:, speak], weights[speak], config.members)
                slips[:, k] = middle(slip[:, speak], weights[speak], 1)
        out.append(Part(level, keys, of, middles, slips))
        left = left - np.nan_to_num(middles)[:, of]
    return [*out, Part("series", panel.keys, np.arange(len(panel.keys)), left, slip)]


def middle(values: Float, weights: Float, least: int) -> Float:
    """(T,) weighted median of each row of ``values`` (T, N); NaN where fewer than ``least`` are known."""
    order = np.argsort(values, axis=1, kind="stable")  # what is not known goes to the end
    ranked = np.take_along_axis(values, order, axis=1)
    known = np.isfinite(ranked)
    running = np.cumsum(np.where(known, weights[order], 0.0), axis=1)
    at = (running >= 0.5 * running[:, -1:]).argmax(axis=1)
    out = ranked[np.arange(len(ranked)), at]
    return np.where(known.sum(axis=1) >= least, out, np.nan)
