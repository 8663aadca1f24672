"""Live accuracy: logged forecasts joined to the sales that came, by series, week and horizon.

The rules of the count:

- A forecast counts once for each version, series, week and horizon, however often it was asked: the first
  answer, for a version says the same each time but where inputs were given with the question.
- ``last`` counts once for each series and week: the answer of the version with the latest cutoff, which is
  what people had in hand when the week came.
- What a planner overrode counts with the model's own number, and without a band.
- What-if questions and explanations are no forecasts. Sums over departments are judged by their series.
- A version sees no week that it forecasts, so that it does not matter when it was asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storecast.errors import StorecastError
from storecast.forecasting.calendar import calendar_of
from storecast.forecasting.forecaster import HORIZON_LIMIT, Forecaster
from storecast.forecasting.live import LEVELS, LiveRows, Tally
from storecast.forecasting.state import from_state
from storecast.ports import ArtifactContent
from storecast.ports.monitoring import Answer, AnsweredVersion, Answers
from storecast.ports.records import Actuals

__all__ = ["PROMISED_BY", "LiveAccuracy", "Sales", "live_accuracy", "read_sales"]

Float = NDArray[np.float64]
PROMISED_BY = "naive-growth"  # the naive whose error the back-test's is set against
_COLUMNS = ("storecast", *(f"storecast-{side}-{level:g}" for level in LEVELS for side in ("lo", "hi")))


@dataclass(frozen=True)
class Sales:
    """All actuals: ``y`` (W, S) dollars, NaN where unknown, of ``weeks`` (W,) and ``keys`` (S,)."""

    keys: NDArray[np.str_]
    weeks: NDArray[np.datetime64]
    y: Float

    @property
    def last(self) -> str | None:
        """The last week that is known."""
        return str(self.weeks[-1]) if len(self.weeks) else None

    def of(self, forecaster: Forecaster) -> Float:
        """(H, N) actuals of the weeks and series of ``forecaster``."""
        out = np.full(forecaster.point.shape, np.nan)
        if not self.y.size:
            return out
        weeks = forecaster.weeks.astype("datetime64[D]")
        row = np.searchsorted(self.weeks, weeks).clip(max=len(self.weeks) - 1)
        column = np.searchsorted(self.keys, forecaster.keys).clip(max=len(self.keys) - 1)
        h = np.flatnonzero(self.weeks[row] == weeks)
        n = np.flatnonzero(self.keys[column] == forecaster.keys)
        out[np.ix_(h, n)] = self.y[np.ix_(row[h], column[n])]
        return out


@dataclass(frozen=True)
class LiveAccuracy:
    """``each`` forecast once, and the ``last`` of each series and week; ``answers``: log entries that count;
    ``unknown``: versions that answered and cannot be read any more."""

    each: Tally
    last: Tally
    answers: int
    unknown: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """All figures by group."""
        tables = {by: self.each.figures(by) for by in ("version", "store", "horizon", "week")}
        return {
            "answers": self.answers,
            "rows": self.each.rows,
            "all": self.each.figures("all").get("all"),
            "last": self.last.figures("all").get("all"),
            "by": tables,
            "unknown_versions": list(self.unknown),
        }


def read_sales(actuals: Actuals) -> Sales:
    """All actuals as a matrix."""
    places: dict[str, int] = {}
    at: dict[str, int] = {}
    cells: list[tuple[int, int, float]] = []
    for row in actuals.each():
        place = places.setdefault(row.unique_id, len(places))
        cells.append((at.setdefault(row.ds, len(at)), place, row.y))
    keys, weeks = np.array(list(places), dtype=str), np.array(list(at), dtype="datetime64[D]")
    y = np.full((len(weeks), len(keys)), np.nan)
    if cells:
        at_week, at_key, values = (np.array(column) for column in zip(*cells, strict=True))
        y[at_week.astype(np.int64), at_key.astype(np.int64)] = values
    by_week, by_key = np.argsort(weeks), np.argsort(keys)
    return Sales(keys[by_key], weeks[by_week], y[np.ix_(by_week, by_key)])


def live_accuracy(
    answers: Answers,
    sales: Sales,
    load: Callable[[AnsweredVersion], ArtifactContent],
    name: str,
    advance: Callable[[float], None] = lambda share: None,
) -> LiveAccuracy:
    """Judge the logged forecasts of all versions of ``name``, one version in memory at a time.

    ``load`` gives a version's artifact; one that it refuses is named in the result. Raises LogError where the
    database is away.
    """
    each, last, unknown = Tally(), Tally(), []
    found: list[tuple[np.datetime64, AnsweredVersion]] = []
    versions = answers.versions(name)
    taken = np.zeros(sales.y.shape, dtype=bool)
    for version in versions:
        try:
            content = load(version)
            found.append((np.datetime64(str(content.arrays["history_weeks"][-1]), "D"), version))
        except (StorecastError, KeyError):
            unknown.append(version.version)
    found.sort(key=lambda item: (item[0], item[1].version), reverse=True)
    for done, (_, version) in enumerate(found):
        content = load(version)
        forecaster = from_state(content.arrays, content.texts, content.meta)
        actual = sales.of(forecaster)
        if np.isfinite(actual).any():
            cells = _answered(answers, name, version, forecaster, np.isfinite(actual))
            said = np.isfinite(cells[0]) & np.isfinite(actual)
            weights = calendar_of(content.meta.get("calendar", {})).weights(forecaster.weeks)
            ratio = _promised(content.meta)
            each.add(_rows(version.version, forecaster, cells, actual, weights, said, ratio))
            fresh = said & ~_taken(taken, sales, forecaster, said)
            last.add(_rows(version.version, forecaster, cells, actual, weights, fresh, ratio))
        advance((done + 1) / len(found))
    return LiveAccuracy(each, last, sum(version.entries for version in versions), tuple(unknown))


def _promised(facts: Mapping[str, Any]) -> Float:
    """(52,) error over the naive's in the back-test, by weeks ahead; NaN without one."""
    out = np.full(HORIZON_LIMIT, np.nan)
    table = facts.get("planning", {}).get("backtest", {}).get("tables", {}).get("horizon", {})
    own, naive = table.get("wape", []), table.get(f"wape:{PROMISED_BY}", [])
    for label, ours, theirs in zip(table.get("segment", []), own, naive, strict=True):
        first, last = (int(part) for part in label.split("-"))
        if ours is not None and theirs:
            out[first - 1 : last] = ours / theirs
    return out


def _taken(
    taken: NDArray[np.bool_], sales: Sales, forecaster: Forecaster, said: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(H, N) which cells a later version has spoken for; those ``said`` are spoken for from now on."""
    h, n = np.nonzero(said)
    row = np.searchsorted(sales.weeks, forecaster.weeks.astype("datetime64[D]")[h])
    column = np.searchsorted(sales.keys, forecaster.keys[n])
    out = np.zeros(said.shape, dtype=bool)
    out[h, n] = taken[row, column]
    taken[row, column] = True
    return out


def _answered(
    answers: Answers,
    name: str,
    version: AnsweredVersion,
    forecaster: Forecaster,
    wanted: NDArray[np.bool_],
) -> Float:
    """(5, H, N) point and limits as they were first answered, NaN where they were not."""
    cells = np.full((len(_COLUMNS), *forecaster.point.shape), np.nan)
    places = {key: i for i, key in enumerate(forecaster.keys.tolist())}
    weeks = {week: i for i, week in enumerate(forecaster.weeks.astype("datetime64[D]").astype(str).tolist())}
    open_ = wanted.sum(axis=0)  # cells of each series still to be heard
    heard = np.zeros(wanted.shape, dtype=bool)
    for answer in answers.of(name, version):
        if answer.series and (answer.series not in places or not open_[places[answer.series]]):
            continue
        said = _overridden(answer)
        for columns in answers.columns(answer):
            _take(cells, heard, columns, answer.series, places, weeks, said)
        if answer.series:
            place = places[answer.series]
            open_[place] = (wanted[:, place] & ~heard[:, place]).sum()
        else:
            open_ = (wanted & ~heard).sum(axis=0)
        if not open_.any():
            break
    return cells


def _overridden(answer: Answer) -> Mapping[tuple[str, str], float]:
    """Series and week -> the model's own number, of what a planner said."""
    if '"overrides"' not in answer.inputs:
        return {}
    asked = json.loads(answer.inputs)
    return {(o["unique_id"], o["ds"]): float(o["model"]) for o in asked.get("overrides", ())}


def _take(
    cells: Float,
    heard: NDArray[np.bool_],
    columns: Mapping[str, Sequence[Any]],
    series: str,
    places: Mapping[str, int],
    weeks: Mapping[str, int],
    said: Mapping[tuple[str, str], float],
) -> None:
    """Write what a piece of an answer says into the cells that nothing was said of before."""
    if "storecast" not in columns:
        return
    ds = columns["ds"]
    days: list[str] = np.asarray(ds, dtype="datetime64[D]").astype(str).tolist()
    names = [series] * len(days) if series else list(columns["unique_id"])
    h = np.array([weeks.get(day, -1) for day in days], dtype=np.int64)
    n = np.array([places.get(key, -1) for key in names], dtype=np.int64)
    rows = np.flatnonzero((h >= 0) & (n >= 0))
    _, first = np.unique(h[rows] * cells.shape[2] + n[rows], return_index=True)
    rows = rows[np.sort(first)]
    rows = rows[~heard[h[rows], n[rows]]]
    for k, column in enumerate(_COLUMNS):
        if column in columns:
            cells[k, h[rows], n[rows]] = np.asarray(columns[column], dtype=np.float64)[rows]
    heard[h[rows], n[rows]] = True
    for r in rows.tolist() if said else ():
        if (names[r], days[r]) in said:
            cells[:, h[r], n[r]] = np.nan
            cells[0, h[r], n[r]] = said[names[r], days[r]]


def _rows(
    version: int,
    forecaster: Forecaster,
    cells: Float,
    actual: Float,
    weights: Float,
    said: NDArray[np.bool_],
    ratio: Float,
) -> LiveRows:
    h, n = np.nonzero(said)
    picked = cells[:, h, n]
    naive = np.abs(forecaster.naive[PROMISED_BY][h, n] - actual[h, n])
    return LiveRows(
        version,
        actual[h, n],
        picked[0],
        weights[h],
        {name: values[h, n] for name, values in forecaster.naive.items()},
        {level: (picked[1 + 2 * i], picked[2 + 2 * i]) for i, level in enumerate(LEVELS)},
        forecaster.stores[n],
        forecaster.weeks[h].astype("datetime64[D]"),
        h + 1,
        ratio[h] * naive,
    )
