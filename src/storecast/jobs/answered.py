"""What a version has answered, read back from the log into one table for each level of the hierarchy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.live import LEVELS
from storecast.ports.monitoring import Answer, AnsweredVersion, Answers

__all__ = ["Said", "read_answers"]

Float = NDArray[np.float64]
_COLUMNS = ("storecast", *(f"storecast-{side}-{level:g}" for level in LEVELS for side in ("lo", "hi")))


class Said:
    """Answers about the S keys of one ``level``: ``cells`` (5, H, S) point and limits as they were first
    answered, NaN where they were not. Only the cells that are ``wanted`` (H, S) are waited for."""

    def __init__(self, forecaster: Forecaster, level: str, wanted: NDArray[np.bool_]) -> None:
        keys, of = forecaster.levels[level].keys.tolist(), forecaster.levels[level].of.tolist()
        self.cells: Float = np.full((len(_COLUMNS), *wanted.shape), np.nan)
        self._sums = None if level == "series" else forecaster.points(level)
        self._places = {key: i for i, key in enumerate(keys)}
        self._sum_of = dict(zip(forecaster.keys.tolist(), of, strict=True))
        self._wanted = wanted
        self._heard = np.zeros(wanted.shape, dtype=bool)
        self._open = wanted.sum(axis=0)  # cells of each key still to be heard

    def waits(self, key: str = "") -> bool:
        """Whether anything is still to be heard of ``key``; of any without one."""
        if not key:
            return bool(self._open.any())
        return key in self._places and bool(self._open[self._places[key]])

    def knows(self, key: str) -> bool:
        """Whether this level has it."""
        return key in self._places

    def take(
        self,
        names: Sequence[str],
        h: NDArray[np.int64],
        columns: Mapping[str, Sequence[Any]],
        overridden: Mapping[tuple[int, str], float],
    ) -> None:
        """Write into the cells that nothing was said of before; ``h`` weeks ahead from 0, -1 for none.

        ``overridden``: week and series -> the model's own number, of what a planner said. It stands in for
        the answer, without a band; for a sum that holds one, what the version makes of it by itself.
        """
        n = np.array([self._places.get(key, -1) for key in names], dtype=np.int64)
        rows = np.flatnonzero((h >= 0) & (n >= 0))
        _, first = np.unique(h[rows] * self.cells.shape[2] + n[rows], return_index=True)
        rows = rows[np.sort(first)]
        rows = rows[~self._heard[h[rows], n[rows]]]
        for k, column in enumerate(_COLUMNS):
            if column in columns:
                self.cells[k, h[rows], n[rows]] = np.asarray(columns[column], dtype=np.float64)[rows]
        self._heard[h[rows], n[rows]] = True
        own = {(h, self._sum_of.get(series, -1)): value for (h, series), value in overridden.items()}
        for at in zip(h[rows].tolist(), n[rows].tolist(), strict=True) if own else ():
            if at in own:
                self.cells[:, *at] = np.nan
                self.cells[0, *at] = own[at] if self._sums is None else self._sums[at]
        touched = np.unique(n[rows])
        self._open[touched] = (self._wanted & ~self._heard)[:, touched].sum(axis=0)


def read_answers(
    answers: Answers,
    name: str,
    version: AnsweredVersion,
    forecaster: Forecaster,
    wanted: Mapping[str, NDArray[np.bool_]],
) -> dict[str, Said]:
    """Level -> what ``version`` of ``name`` answered of the cells that are ``wanted`` of it, (H, S) each.

    Raises LogError where the database is away.
    """
    said = {level: Said(forecaster, level, cells) for level, cells in wanted.items()}
    days = forecaster.weeks.astype("datetime64[D]").astype(str).tolist()
    weeks = {day: h for h, day in enumerate(days)}
    for answer in answers.of(name, version):
        levels = _levels_of(answer, said)
        if not any(level.waits(answer.series) for level in levels):
            if not any(level.waits() for level in said.values()):
                break
            continue
        overridden = _overridden(answer, weeks)
        for columns in answers.columns(answer):
            if "storecast" not in columns:
                continue
            told = np.asarray(columns["ds"], dtype="datetime64[D]").astype(str).tolist()
            h = np.array([weeks.get(day, -1) for day in told], dtype=np.int64)
            names = [answer.series] * len(told) if answer.series else list(columns["unique_id"])
            for level in levels:
                level.take(names, h, columns, overridden)
    return said


def _levels_of(answer: Answer, said: Mapping[str, Said]) -> list[Said]:
    """Which levels an answer may speak of: the one that was asked for; rows of a file may name series and
    stores that are sums of series, whose keys differ."""
    for level in ("total", "store"):
        if answer.inputs.startswith(f'{{"by":"{level}"') and level in said:
            return [said[level]]
    if answer.inputs.startswith('{"by":"series"') or "store" not in said:
        return [said["series"]]
    if answer.series:
        return [said["series"] if said["series"].knows(answer.series) else said["store"]]
    return [said["series"], said["store"]]


def _overridden(answer: Answer, weeks: Mapping[str, int]) -> dict[tuple[int, str], float]:
    """Week and series -> the model's own number, of what a planner said."""
    if '"overrides"' not in answer.inputs:
        return {}
    asked = json.loads(answer.inputs)
    return {
        (weeks[o["ds"]], str(o["unique_id"])): float(o["model"])
        for o in asked.get("overrides", ())
        if o["ds"] in weeks
    }
