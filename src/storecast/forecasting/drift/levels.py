"""Level shifts: sales that moved for weeks, against the same weeks of last year and against their peers.

A series that merely has a season of its own moves against its peers but as it did last year; one whose last
year was odd moves against last year but not against its peers. What counts is the smaller of the two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.drift.evidence import Evidence
from storecast.forecasting.drift.expected import Comparison
from storecast.forecasting.drift.parts import Part, split
from storecast.forecasting.drift.shifts import changes, scores, smaller
from storecast.forecasting.drift.tail import normal_law, p_values
from storecast.forecasting.panel import Panel

__all__ = ["lasting", "level_evidence", "sales_parts"]

Float = NDArray[np.float64]


def sales_parts(compared: Comparison, panel: Panel, config: DriftConfig) -> tuple[list[Part], list[Part]]:
    """Parts of the difference from last year, and of that from the peers."""
    heard = np.isfinite(compared.sigma)
    weights = np.where(heard, 1.0 / np.where(heard, compared.sigma, 1.0), 0.0)
    difference = np.where(heard, compared.difference, np.nan)
    beside = np.where(heard, compared.peers, np.nan)
    return (
        split(difference, compared.slip, weights, panel, config),
        split(beside, compared.slip, weights, panel, config),
    )


def lasting(
    values: Float, peers: Float | None, learn: int, config: DriftConfig
) -> tuple[Float, Float, NDArray[np.int64]]:
    """Score, size and weeks (T, K) of the lasting change of each column that stands out most."""
    best = np.full_like(values, np.nan)
    size = np.full_like(values, np.nan)
    weeks = np.zeros(values.shape, dtype=np.int64)
    for window in config.windows:
        change = changes(values, window, config)
        score = scores(change, window, learn, config)
        if peers is not None:
            beside = scores(changes(peers, window, config), window, learn, config)
            score = smaller(score, beside)
        more = np.isfinite(score) & ~(np.abs(score) <= np.abs(np.nan_to_num(best, nan=-1.0)))
        more |= np.isfinite(score) & ~np.isfinite(best)
        best, size = np.where(more, score, best), np.where(more, change, size)
        weeks = np.where(more, window, weeks)
    return best, size, weeks


def level_evidence(
    differences: list[Part], beside: list[Part], looks: int, config: DriftConfig
) -> list[Evidence]:
    """Evidence of level shifts at the last ``looks`` weeks, of every level of the hierarchy."""
    out = []
    for part, peers in zip(differences, beside, strict=True):
        if not np.isfinite(part.values).any():
            continue
        rows = len(part.values)
        whole = part.level == "panel"  # it has no peers
        learn = rows - looks
        besides = None if whole else peers.smoothed(learn, config)
        score, size, weeks = lasting(part.smoothed(learn, config), besides, learn, config)
        p = p_values(score, looks, max(config.windows), normal_law(len(config.windows)), config)
        began = np.arange(rows - looks, rows)[:, None] + 1 - weeks[rows - looks :]
        out.append(
            Evidence(
                "level",
                part.level,
                "sales",
                part.keys,
                part.of,
                p,
                np.expm1(size[rows - looks :]),
                began,
                deviation=part.values,
                form="log",
            )
        )
    return out
