"""Columns that stand still, and columns that are gone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.drift.evidence import Evidence
from storecast.forecasting.drift.groups import Group, most
from storecast.forecasting.drift.runs import lengths, run_p_values

__all__ = ["gone_evidence", "repeats", "stuck_evidence"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
_REGULAR = 0.9  # share of weeks in which an input is given that is given always


def repeats(values: Float) -> tuple[Bool, Bool]:
    """(T, K) which weeks hold to the last digit what the week before did, zeros apart, and where that can be
    said."""
    same, possible = np.zeros(values.shape, dtype=bool), np.zeros(values.shape, dtype=bool)
    both = np.isfinite(values[1:]) & np.isfinite(values[:-1])
    possible[1:] = both & ((values[1:] != 0) | (values[:-1] != 0))
    same[1:] = possible[1:] & (values[1:] == values[:-1])
    return same, possible


def stuck_evidence(
    values: Float, column: str, grouped: list[Group], looks: int, config: DriftConfig
) -> list[Evidence]:
    """Evidence at the last ``looks`` weeks that ``values`` (T, N) of ``column`` repeat; ``size``: how many
    weeks hold the same.

    Sales of a whole group that repeat once are last week's file under this week's date: shifted dates. They
    stand still from the second time on.
    """
    same, possible = repeats(values)
    out = []
    for group in grouped:
        flag, chance = most(same, possible, group, config)
        p = run_p_values(flag, chance, looks, config)
        if column == "sales" and group.level != "series":
            p = np.fmin(p, _together(same, possible, flag, group, looks))
        rows = len(flag)
        run = lengths(flag)[rows - looks :]
        began = np.arange(rows - looks, rows)[:, None] + 1 - run
        size = run.astype(np.float64)
        whole = (group.keys, group.of)
        if column == "sales" and group.level != "series":
            once = run == 1
            late = np.where(once | ~np.isfinite(p), p, 1.0)
            out.append(
                Evidence("shifted-dates", group.level, column, *whole, late, np.ones_like(size), began)
            )
            p = np.where(once, 1.0, p)
        out.append(Evidence("stuck-input", group.level, column, *whole, p, size + 1.0, began))
    return out


def _together(same: Bool, possible: Bool, flag: Bool, group: Group, looks: int) -> Float:
    """(looks, K) how rare it is that so many series of a group repeat their sales in one week, each as seldom
    as it did before: to the cent they do not depend on each other."""
    first = len(same) - looks
    own = (same[:first].sum(axis=0) + 1.0) / (possible[:first].sum(axis=0) + 2.0)
    size = len(group.keys)
    rarity = np.log(own) * same[first:]
    logs = np.stack([np.bincount(group.of, row, size) for row in rarity])
    out: Float = np.where(flag[first:], np.minimum(1.0, size * np.exp(logs)), 1.0)
    return out


def gone_evidence(
    values: Float, column: str, grouped: list[Group], looks: int, config: DriftConfig
) -> list[Evidence]:
    """Evidence at the last ``looks`` weeks that ``column`` is no longer given in most of a group, though it
    was; ``size``: for how many weeks."""
    known = np.isfinite(values)
    rows = len(known)
    begun = np.zeros_like(known)
    begun[1:] = np.maximum.accumulate(known, axis=0)[:-1]
    before = rows - looks
    weeks = begun[:before].sum(axis=0)
    given = (known & begun)[:before].sum(axis=0) >= _REGULAR * np.maximum(weeks, config.reference)
    begun &= given  # of what is given now and then (markdowns) nothing is missed
    out = []
    for group in grouped:
        flag, chance = most(~known, begun, group, config)
        run = lengths(flag)[rows - looks :]
        began = np.arange(rows - looks, rows)[:, None] + 1 - run
        p = run_p_values(flag, chance, looks, config)
        size = run.astype(np.float64)
        out.append(Evidence("lost-input", group.level, column, group.keys, group.of, p, size, began))
    return out
