"""Live accuracy: logged forecasts joined to the sales that came, by series, week and horizon.

The rules of the count:

- A forecast counts once for each version, series, week and horizon, however often it was asked: the first
  answer, for a version says the same each time but where inputs were given with the question.
- ``last`` counts once for each series and week: the answer of the version with the latest cutoff, which is
  what people had in hand when the week came.
- What a planner overrode counts with the model's own number, and without a band.
- What-if questions and explanations are no forecasts.
- Sums (stores of departments, the total) count by themselves, beside the series, like for like: answer and
  actual are those of the members whose actual is there. Where those that have none make more than a twentieth
  of the forecast, the sum is not judged, and it is said.
- A version sees no week that it forecasts, so that it does not matter when it was asked.
- What serves is judged by ``standing``: without the versions that were taken back, and without challengers
  that never came to serve. What they said stays in all other figures: people had it in hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storecast.errors import StorecastError
from storecast.forecasting.calendar import calendar_of
from storecast.forecasting.forecaster import HORIZON_LIMIT, Forecaster
from storecast.forecasting.live import LEVELS, LiveRows, Tally
from storecast.forecasting.state import from_state
from storecast.forecasting.verdict import RECENT
from storecast.jobs.answered import read_answers
from storecast.jobs.sums import Members, Sums
from storecast.ports import ArtifactContent
from storecast.ports.monitoring import AnsweredVersion, Answers
from storecast.ports.records import Actuals

__all__ = ["PROMISED_BY", "LiveAccuracy", "Sales", "live_accuracy", "read_sales"]

Float = NDArray[np.float64]
PROMISED_BY = "naive-growth"  # the naive whose error the back-test's is set against


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
    """``each`` forecast once, and the ``last`` of each series and week; ``standing``: ``each`` without the
    versions set ``aside``; ``sums``: the same of the levels above; ``answers``: log entries that count;
    ``unknown``: versions that answered and cannot be read any more."""

    each: Tally
    last: Tally
    standing: Tally
    aside: tuple[int, ...]
    sums: Sums
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
            "standing": self.standing.latest(RECENT),
            "aside": list(self.aside),
            "by": tables,
            "sums": self.sums.as_dict(),
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
    *,
    aside: frozenset[int] = frozenset(),
) -> LiveAccuracy:
    """Judge the logged forecasts of all versions of ``name``, one version in memory at a time.

    ``aside``: see ``promotion.set_aside``. ``load`` gives a version's artifact; one that it refuses is named
    in the result. Raises LogError where the database is away.
    """
    each, last, standing, sums, unknown = Tally(), Tally(), Tally(), Sums(), []
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
            members = {level: Members.of(forecaster, level, actual) for level in forecaster.levels}
            wanted = {level: np.isfinite(of.actual) for level, of in members.items()}
            answered = read_answers(answers, name, version, forecaster, wanted)
            cells = answered["series"].cells
            said = np.isfinite(cells[0]) & np.isfinite(actual)
            weights = calendar_of(content.meta.get("calendar", {})).weights(forecaster.weeks)
            ratio = _promised(content.meta)
            rows = _rows(version.version, forecaster, cells, actual, weights, said, ratio)
            each.add(rows)
            if version.version not in aside:
                standing.add(rows)
            fresh = said & ~_taken(taken, sales, forecaster, said)
            last.add(_rows(version.version, forecaster, cells, actual, weights, fresh, ratio))
            for level in forecaster.levels.keys() - {"series"}:
                sums.add(level, version.version, forecaster, members[level], answered[level].cells, weights)
        advance((done + 1) / len(found))
    return LiveAccuracy(
        each,
        last,
        standing,
        tuple(sorted(aside & {version.version for _, version in found})),
        sums,
        sum(version.entries for version in versions),
        tuple(unknown),
    )


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
