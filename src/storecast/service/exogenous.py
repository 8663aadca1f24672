"""Forecasts of a version that reads exogenous inputs, with some of them given.

What the trees see of every series and week is made once; a question changes a few of its columns and asks
them again, as the batch path would with the same values as ``known_future``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.direct.encoding import RAW_NAMES
from storecast.forecasting.direct.state import columns as static_columns
from storecast.forecasting.features import Features, make_facts, make_features
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.hierarchy import cents
from storecast.service.trees import Trees

if TYPE_CHECKING:
    from storecast.service.champion import View

__all__ = ["INPUTS", "Exogenous"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
INPUTS = ("temperature", "fuel_price", "cpi", "unemployment", *(f"markdown{i}" for i in range(1, 6)))
_HEADROOM = 2.0  # times the highest week known, as forecasts are limited when they are made


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


def _history(f: Forecaster) -> _History:
    static = {n.removeprefix("static_"): v for n, v in f.inputs.items() if n.startswith("static_")}
    observed = {
        n.removeprefix("observed_"): np.asarray(v, dtype=np.float64)
        for n, v in f.inputs.items()
        if n.startswith("observed_")
    }
    weeks = f.history_weeks.astype("datetime64[D]")
    return _History(weeks, f.keys, f.history, f.stores, f.blocks, static, observed)


class Exogenous:
    """``names``: inputs that the trees read."""

    def __init__(self, forecaster: Forecaster) -> None:
        state, history = forecaster.direct, _history(forecaster)
        assert state is not None
        rows, horizon = len(history.weeks), len(forecaster.weeks)
        weeks = history.weeks[0] + 7 * np.arange(rows + horizon + 1)
        panel: Any = history
        self._features: Features = make_features(panel, rows, horizon, make_facts(weeks, US_RETAIL))
        self._static = static_columns(panel, state.encoding)
        names = (*RAW_NAMES, *self._features.names)
        self._order = np.array([names.index(name) for name in state.names])
        self._place = {name: i for i, name in enumerate(state.names)}
        self._trees, self._share = Trees(state.model, len(state.names)), state.share
        self._point = forecaster.point
        known = np.isfinite(forecaster.history)
        highest = np.where(known, forecaster.history, 0.0).max(axis=0)
        lowest = np.minimum(np.where(known, forecaster.history, 0.0).min(axis=0), 0.0)
        some = known.any(axis=0)
        self._low = np.where(some, lowest, -np.inf)
        self._high = np.where(some & (highest > 0), _HEADROOM * highest, np.inf)
        sigma = forecaster.levels["series"].sigma
        # Closed weeks stay closed, and a series without history stays with what stands in for it.
        self._fixed = (sigma == 0.0) | ~some
        self._of = {name: level.of for name, level in forecaster.levels.items()}
        self.names = tuple(n for n in INPUTS if n in history.observed and n in self._place)

    @classmethod
    def of(cls, forecaster: Forecaster, facts: Mapping[str, Any]) -> Exogenous | None:
        """For a version that has trees over given inputs; None for all others.

        A calendar other than the US retail one is not part of a version, so that its features cannot be made
        here.
        """
        usual = facts.get("calendar", US_RETAIL.name) == US_RETAIL.name
        if forecaster.direct is None or not forecaster.direct.model or not usual:
            return None
        return cls(forecaster)

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
        if view.by == "series":
            new = self._points(place, week, given)
        else:
            new = self._sums(self._of[view.by], place, week, given)
        old = columns[0][rows]
        factor = np.where(old > 0, new / np.where(old > 0, old, 1.0), 1.0)
        shift = np.where(old > 0, 0.0, new - old)
        out = [column.copy() for column in columns]
        for column in out:
            column[rows] = cents(column[rows] * factor + shift)
        out[0][rows] = new
        return out

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
        f = self._features
        at = week * f.base.shape[1] + series
        x = np.concatenate([self._static.T[series], f.rows(at)], axis=1)[:, self._order]
        for name, values in given.items():
            value, surprise = self._place[name], self._place[f"{name}_surprise"]
            expected = x[:, value].copy()
            x[:, value] = np.where(np.isfinite(values), values, expected)
            x[:, surprise] = values - expected
        added = self._trees.evaluate(x)
        point = f.base.ravel()[at] + self._share * added * f.scale[series]
        point = cents(np.clip(point, self._low[series], self._high[series]))
        return np.where(self._fixed[week, series], self._point[week, series], point)
