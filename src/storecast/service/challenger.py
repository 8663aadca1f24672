"""A version on trial beside the one that serves: which series it answers, and how far it is from that one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.promotion import TableMoves, compare_tables, in_share
from storecast.ports import Trial
from storecast.service.champion import Champion

__all__ = ["Challenger"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
_NOWHERE = -1


@dataclass(frozen=True)
class Challenger:
    """``version`` beside the one with the digest ``beside``, of whose N series ``place`` (N,) says where each
    is in it, -1 for nowhere, and ``takes`` (N,) whether it answers it.

    ``apart``, ``size`` (H + 1, N): sums over the first weeks of what serves, of the differences and of what
    they are differences from; 0 where only one of both forecasts. ``moves``: the whole tables compared.
    """

    trial: Trial
    version: Champion
    beside: str
    place: list[int]
    takes: list[bool]
    apart: Float
    size: Float
    moves: TableMoves

    @classmethod
    def of(cls, trial: Trial, version: Champion, champion: Champion) -> Challenger:
        """``version`` beside ``champion``, as ``trial`` says."""
        old, new = champion.views["series"], version.views["series"]
        place = np.array([new.place.get(name, _NOWHERE) for name in old.names], dtype=np.int64)
        week = np.array([version.week_at.get(day, _NOWHERE) for day in champion.weeks], dtype=np.int64)
        share = trial.share if trial.kind == "canary" else 0.0
        takes = in_share(trial.digest, old.names, share) & (place != _NOWHERE)
        there = (week != _NOWHERE)[:, None] & (place != _NOWHERE)
        ours = new.point[np.maximum(week, 0)[:, None], np.maximum(place, 0)]
        blank = np.zeros((1, len(place)))
        return cls(
            trial,
            version,
            champion.info.digest,
            place.tolist(),
            takes.tolist(),
            np.concatenate([blank, np.cumsum(np.where(there, np.abs(ours - old.point), 0.0), axis=0)]),
            np.concatenate([blank, np.cumsum(np.where(there, np.abs(old.point), 0.0), axis=0)]),
            compare_tables(version.forecaster, champion.forecaster),
        )

    def now(self, champion: Champion) -> TableMoves:
        """The tables compared as they are in memory at this moment."""
        mine, theirs = self.version.views["series"].point, champion.views["series"].point
        return compare_tables(
            replace(self.version.forecaster, point=mine), replace(champion.forecaster, point=theirs)
        )
