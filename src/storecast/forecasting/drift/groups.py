"""Faults of the file that show in a whole store, department or panel at once, and in single series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.drift.parts import middle
from storecast.forecasting.panel import Panel

__all__ = ["Group", "group_middles", "groups", "most"]

Float = NDArray[np.float64]

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Group:
    """The ``keys`` (K,) of one ``level``, and ``of`` (N,) the place of each series among them."""

    level: str
    keys: NDArray[np.str_]
    of: NDArray[np.int64]


def groups(panel: Panel) -> list[Group]:
    """ "panel", of a hierarchy "store" and "block", and "series": from the broadest to the narrowest."""
    out = [Group("panel", np.array([""]), np.zeros(len(panel.keys), dtype=np.int64))]
    if panel.hierarchical:
        for level, labels in (("store", panel.stores), ("block", panel.blocks)):
            names, of = np.unique(labels, return_inverse=True)
            if len(names) > 1:
                out.append(Group(level, names, of.astype(np.int64)))
    return [*out, Group("series", panel.keys, np.arange(len(panel.keys)))]


def most(flag: Bool, possible: Bool, group: Group, config: DriftConfig) -> tuple[Bool, Bool]:
    """(T, K) whether ``flag`` (T, N) holds in most of the series of each key in which it was ``possible``,
    and where that can be said: of a single series always, of a group where it has members enough."""
    if group.level == "series":
        return flag & possible, possible
    size = len(group.keys)
    order = np.argsort(group.of, kind="stable")
    starts = np.searchsorted(group.of[order], np.arange(size))
    chances = np.add.reduceat(possible[:, order].astype(np.int64), starts, axis=1)
    happened = np.add.reduceat((flag & possible)[:, order].astype(np.int64), starts, axis=1)
    some = chances >= config.members
    return some & (happened >= config.most * chances), some


def group_middles(values: Float, group: Group, config: DriftConfig) -> Float:
    """(T, K) median of each key's series; NaN where fewer than ``config.members`` are known."""
    out = np.full((len(values), len(group.keys)), np.nan)
    order = np.argsort(group.of, kind="stable")
    cuts = np.cumsum(np.bincount(group.of, minlength=len(group.keys)))[:-1]
    for k, members in enumerate(np.split(order, cuts)):
        if len(members) >= config.members:
            out[:, k] = middle(values[:, members], np.ones(len(members)), config.members)
    return out
