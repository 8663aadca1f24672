"""Forecasts of a version that reads exogenous inputs, with some of them given.

What the trees see of every series and week is made once, from what the version carries of its data; a
question changes a few columns and asks the trees again, as the batch path would with the same values as
``known_future``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from storecast.errors import DataError
from storecast.forecasting.calendar import US_RETAIL, Calendar, calendar_of
from storecast.forecasting.direct.encoding import RAW_NAMES
from storecast.forecasting.direct.state import columns as static_columns
from storecast.forecasting.features import Features, make_facts, make_features
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.hierarchy import cents
from storecast.service.narrowed import Narrowed
from storecast.service.trees import Trees

if TYPE_CHECKING:
    from storecast.service.champion import View

__all__ = ["INPUTS", "Exogenous", "cent"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
INPUTS = ("temperature", "fuel_price", "cpi", "unemployment", *(f"markdown{i}" for i in range(1, 6)))
_HEADROOM = 2.0  # times the highest week known, as forecasts are limited when they are made
_KEPT = (
    32 << 20
)  # bytes of rows for the trees that are kept ready; of more, each is made when it is asked for
_STEP = 8192  # rows that go through the trees at a time
_TRIED = 4096  # rows that are compared with what was published


@dataclass(frozen=True)
class _History:
    """What features are made of: a panel without its frames."""

    weeks: NDArray[np.datetime64]
    keys: NDArray[np.str_]
    values: Float
    stores: NDArray[np.str_]
    blocks: NDArray[np.str_]
    static: dict[str, NDArray[np.generic]]
    observed: dict[str, Float]

    def code(self, name: str) -> Float:
        """(N,) a static attribute that is a number, NaN where there is none."""
        values = self.static.get(name)
        return np.full(len(self.keys), np.nan) if values is None else values.astype(np.float64)


def _named(f: Forecaster, prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): v for name, v in f.inputs.items() if name.startswith(prefix)}


def _history(f: Forecaster) -> _History:
    observed = {n: np.asarray(v, dtype=np.float64) for n, v in _named(f, "observed_").items()}
    weeks = f.history_weeks.astype("datetime64[D]")
    values = np.asarray(f.inputs.get("values", f.history), dtype=np.float64)
    return _History(weeks, f.keys, values, f.stores, f.blocks, _named(f, "static_"), observed)


def _split_on(model: str) -> set[int]:
    """Columns that some tree splits on."""
    lines = (line for line in model.splitlines() if line.startswith("split_feature="))
    return {int(column) for line in lines for column in line.partition("=")[2].split()}


class Exogenous:
    """``names``: inputs that the trees read. Raises DataError where the version lacks what its forecasts were
    made from, so that they cannot be made again."""

    def __init__(self, forecaster: Forecaster, calendar: Calendar = US_RETAIL) -> None:
        state, history = forecaster.direct, _history(forecaster)
        assert state is not None
        future = {n: np.asarray(v, dtype=np.float64) for n, v in _named(forecaster, "future_").items()}
        rows, horizon = len(history.weeks), len(forecaster.weeks)
        weeks = history.weeks[0] + 7 * np.arange(rows + horizon + 1)
        panel: Any = history
        facts = make_facts(weeks, calendar)
        made = make_features(panel, rows, horizon, facts)
        known = make_features(panel, rows, horizon, facts, future) if future else made
        place = {name: i for i, name in enumerate(state.names)}
        names = (*RAW_NAMES, *made.names)
        if missing := [name for name in state.names if name not in names]:
            raise _lacking(f"all but {', '.join(missing[:5])}")
        self._base, self._scale = known.base, known.scale
        self._static = static_columns(panel, state.encoding)
        self._order = np.array([names.index(name) for name in state.names])
        used = _split_on(state.model)
        self.names = tuple(
            n
            for n in INPUTS
            if n in history.observed and n in place and {place[n], place[f"{n}_surprise"]} & used
        )
        self._place = {n: (place[n], place[f"{n}_surprise"]) for n in self.names}
        first = len(made.series) + len(made.week)
        self._expected = {n: made.pair[made.names.index(n) - first].ravel() for n in self.names}
        self._trees, self._share = Trees(state.model, len(state.names)), state.share
        self._features: Features | None = known
        self._narrowed: Narrowed | None = None
        if known.base.size * len(state.names) * 8 <= _KEPT:
            self._rows = self._made(known, np.arange(known.base.size))
            self._features = None
            free = [column for name in self.names for column in self._place[name]]
            self._narrowed = Narrowed.of(state.model, self._rows, free)
        self._point = forecaster.point
        self._limits(forecaster, history.values)
        self._of = {name: level.of for name, level in forecaster.levels.items()}
        self._try()

    def _limits(self, forecaster: Forecaster, values: Float) -> None:
        known = np.isfinite(values)
        highest = np.where(known, values, 0.0).max(axis=0)
        lowest = np.minimum(np.where(known, values, 0.0).min(axis=0), 0.0)
        some = known.any(axis=0)
        self._low = np.where(some, lowest, -np.inf)
        self._high = np.where(some & (highest > 0), _HEADROOM * highest, np.inf)
        # Closed weeks stay closed, and a series without history stays with what stands in for it.
        self._fixed = (forecaster.levels["series"].sigma == 0.0) | ~some

    def _try(self) -> None:
        """Nothing given must give what was published."""
        size = self._point.shape[1]
        week, series = np.divmod(np.linspace(0, self._point.size - 1, _TRIED).astype(np.int64), size)
        if not np.array_equal(self._points(series, week, {}), self._point[week, series]):
            raise _lacking("other forecasts than were published")

    @classmethod
    def of(cls, forecaster: Forecaster, facts: Mapping[str, Any]) -> Exogenous | None:
        """For a version that has trees over given inputs; None for all others, and for one that does not
        carry what it was made from."""
        if forecaster.direct is None or not forecaster.direct.model:
            return None
        try:
            return cls(forecaster, calendar_of(facts.get("calendar", {})))
        except DataError:
            return None

    @property
    def quick(self) -> bool:
        """Whether many rows of single series take about a microsecond each."""
        return self._narrowed is not None

    def changed(
        self, view: View, place: Int, week: Int, given: Mapping[str, Float], columns: list[Float]
    ) -> list[Float]:
        """``columns`` (R,) of rows ``place`` in ``view`` and ``week``, with the inputs ``given`` (R,), NaN
        where one is not; rows without any are left as they are. Bands keep their share of the point."""
        some = [np.isfinite(values) for values in given.values()]
        rows = np.flatnonzero(np.logical_or.reduce(some))
        if not rows.size:
            return columns
        if rows.size < len(place):
            place, week = place[rows], week[rows]
            given = {name: values[rows] for name, values in given.items()}
        elif len(place) == 1 and view.by == "series":
            numbers = {n: values.item() for n, values in given.items() if np.isfinite(values.item())}
            made = self.one(place.item(), week.item(), numbers, [column.item() for column in columns])
            return [np.array([value]) for value in made]
        if view.by == "series":
            new = self._points(place, week, given)
        else:
            new = self._sums(self._of[view.by], place, week, given)
        table = np.array(columns)
        old = table[0] if rows.size == len(table[0]) else table[0, rows]
        factor = np.where(old > 0, new / np.where(old > 0, old, 1.0), 1.0)
        shift = np.where(old > 0, 0.0, new - old)
        if rows.size == len(table[0]):
            table = cents(table * factor + shift)
            table[0] = new
        else:
            table[:, rows] = cents(table[:, rows] * factor + shift)
            table[0, rows] = new
        return list(table)

    def one(self, place: int, week: int, given: Mapping[str, float], columns: Sequence[float]) -> list[float]:
        """The same of one row of a single series, without arrays being made; ``given`` are numbers, some."""
        at = week * self._base.shape[1] + place
        old = columns[0]
        if self._fixed[week, place]:
            new = self._point.item(week, place)
        else:
            x = self._row(at)
            for name, value in given.items():
                value_at, surprise_at = self._place[name]
                x[value_at] = value
                x[surprise_at] = value - self._expected[name].item(at)
            new = self._base.item(week, place) + self._share * self._trees.one(x) * self._scale.item(place)
            new = cent(min(max(new, self._low.item(place)), self._high.item(place)))
        factor, shift = (new / old, 0.0) if old > 0 else (1.0, new - old)
        return [new, *(cent(value * factor + shift) for value in columns[1:])]

    def _row(self, at: int) -> Float:
        rows = (
            self._rows[at : at + 1] if self._features is None else self._made(self._features, np.array([at]))
        )
        made: Float = rows[0].copy()
        return made

    def _sums(self, of: Int, place: Int, week: Int, given: Mapping[str, Float]) -> Float:
        """(R,) dollars of stores or the total: the sums of their series, each with the same inputs."""
        wanted, which = np.unique(place, return_inverse=True)
        members = [np.flatnonzero(of == p) for p in wanted]
        series = np.concatenate([members[i] for i in which])
        owner = np.repeat(np.arange(len(place)), [len(members[i]) for i in which])
        points = self._points(series, week[owner], {n: v[owner] for n, v in given.items()})
        return cents(np.bincount(owner, weights=points, minlength=len(place)).astype(np.float64))

    def _points(self, series: Int, week: Int, given: Mapping[str, Float]) -> Float:
        """(M,) dollars of single series; what the batch path makes of the same inputs."""
        if len(series) <= _STEP:
            return self._piece(series, week, given)
        out = np.empty(len(series))
        for start in range(0, len(series), _STEP):
            at = slice(start, start + _STEP)
            out[at] = self._piece(series[at], week[at], {name: v[at] for name, v in given.items()})
        return out

    def _piece(self, series: Int, week: Int, given: Mapping[str, Float]) -> Float:
        at = week * self._base.shape[1] + series
        if self._narrowed is not None:
            x = self._narrowed.free(at)
            self._put(x, {n: (2 * i, 2 * i + 1) for i, n in enumerate(self.names)}, at, given)
            said = self._narrowed.evaluate(at, x)
        else:
            x = self._rows[at] if self._features is None else self._made(self._features, at)
            self._put(x, self._place, at, given)
            said = self._trees.evaluate(x)
        point = self._base.ravel()[at] + self._share * said * self._scale[series]
        point = cents(np.clip(point, self._low[series], self._high[series]))
        return np.where(self._fixed[week, series], self._point[week, series], point)

    def _put(
        self, x: Float, place: Mapping[str, tuple[int, int]], at: Int, given: Mapping[str, Float]
    ) -> None:
        """What is given of the rows ``at``, into the columns of ``x`` that ``place`` names."""
        for name, values in given.items():
            value, surprise = place[name]
            there = np.isfinite(values)
            np.copyto(x[:, value], values, where=there)
            np.copyto(x[:, surprise], values - self._expected[name][at], where=there)

    def _made(self, features: Features, at: Int) -> Float:
        """(R, F) what the trees see of rows at h * N + n."""
        static = self._static.T[at % self._base.shape[1]]
        rows = np.concatenate([static, features.rows(at)], axis=1)
        return np.ascontiguousarray(rows[:, self._order])


def cent(value: float) -> float:
    """``cents`` of one number, bit for bit."""
    whole = round(value * 100.0)
    return whole / 100.0 if whole else value * 0.0  # which keeps the sign


def _lacking(found: str) -> DataError:
    return DataError(
        "This version does not carry all that its forecasts were made from.",
        expected="its inputs and its calendar",
        found=found,
        remedy="Train again; until then its inputs cannot be changed.",
    )
