"""Fit and predict: one fitted object for every model.

Fitting computes the forecast of every series and week of the horizon once, with its expected error and the
running sums of its explanation; predicting is a look-up, and any band level is arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.boosting import BoostingConfig, Correction, correct, fit_correction
from storecast.forecasting.calendar import US_RETAIL, Calendar, Days
from storecast.forecasting.direct import DirectState
from storecast.forecasting.events import Event, EventEffects, apply_events
from storecast.forecasting.finishing import (
    ended_notes,
    fit_levels,
    groups_of,
    limit,
    stand_in,
    still_selling,
)
from storecast.forecasting.hierarchy import Level, cents
from storecast.forecasting.models import MODELS, ModelConfig, Rolled, roll_model
from storecast.forecasting.rolling import Groups

if TYPE_CHECKING:
    from storecast.forecasting.panel import Panel

__all__ = ["HORIZON_LIMIT", "PARTS", "Forecaster", "ForecasterConfig", "finished"]

Float = NDArray[np.float64]
HORIZON_LIMIT = 52
PARTS = ("last_year", "growth", "holiday", "residual", "boosting", "limits")


@dataclass(frozen=True)
class ForecasterConfig:
    """``model``: one of MODELS; ``horizon`` in weeks; the rest holds each part's constants."""

    model: str = "blend"
    horizon: int = HORIZON_LIMIT
    seed: int = 0
    models: ModelConfig = field(default_factory=ModelConfig)
    boosting: BoostingConfig = field(default_factory=BoostingConfig)


@dataclass(frozen=True)
class Forecaster:
    """A fitted forecaster of N series: ``point`` (H, N) dollars of ``weeks`` (H,), bands by level of the
    hierarchy.

    ``levels``: "series", "store" (where stores have departments) and "total"; ``parts`` name -> (H, N) the
    running forecast after each step of the explanation; ``naive`` name -> (H, N); ``notes`` key -> what is
    unusual about a series' forecast; ``history`` (T, N) and ``history_weeks`` (T,) what it was made from;
    ``inputs``: what else it was made from, ``static_<name>`` (N,), ``flagged`` (T,), and with ``direct``
    what that reads: ``observed_<name>`` (T, N), ``future_<name>`` (H, N), and ``values`` (T, N) where events
    took some of the history out.
    """

    config: ForecasterConfig
    keys: NDArray[np.str_]
    stores: NDArray[np.str_]
    blocks: NDArray[np.str_]
    weeks: Days
    point: Float
    levels: dict[str, Level]
    parts: dict[str, Float]
    naive: dict[str, Float]
    notes: dict[str, str]
    history: Float
    history_weeks: Days
    correction: Correction
    weights: Float
    direct: DirectState | None = None
    inputs: dict[str, NDArray[np.generic]] = field(default_factory=dict)
    learnt: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        panel: Panel,
        config: ForecasterConfig,
        calendar: Calendar = US_RETAIL,
        events: Sequence[Event] = (),
        *,
        known_future: Mapping[str, Float] | None = None,
        advance: Callable[[float], None] = lambda share: None,
    ) -> Forecaster:
        """Learn from all of ``panel``; raises RequestError for an unknown model or a horizon out of range.

        ``known_future``: name -> (H, N) exogenous values of the weeks ahead, for the models that use them.
        """
        _check(config)
        effects = apply_events(
            panel.values, panel.weeks, config.horizon, events, panel.keys, panel.stores, panel.blocks
        )
        groups = groups_of(panel)
        rolled = roll_model(
            config.model,
            replace(panel, values=effects.values),
            groups,
            config.horizon,
            calendar,
            config.models,
            lift=effects.lift if events else None,
            known_future=known_future,
            advance=advance,
        )
        rolling = rolled.rolling
        correction = Correction("", 0.0)
        if config.model == "blend":
            static = np.stack([panel.code("type"), panel.code("size")])
            correction, raw = fit_correction(rolling, static, replace(config.boosting, seed=config.seed))
            rolling.point[:] = correct(rolling.point, raw, correction.weight)
        more = {"member_weights": rolling.panel_weights.tolist(), "types": panel.categories("type")}
        return finished(config, panel, groups, effects, rolled, correction, known_future or {}, more)

    @property
    def cutoff(self) -> np.datetime64:
        """The last week it has seen."""
        return np.datetime64(self.history_weeks[-1], "D")

    def points(self, level: str = "series") -> Float:
        """(H, S) point forecasts of one level of the hierarchy; sums are exact to the cent."""
        total = self._level(level).total(self.point)
        return cents(np.where(np.isfinite(total), total, 0.0))

    def limits(self, coverage: float, level: str = "series") -> tuple[Float, Float]:
        """(H, S) lower and upper limits that cover ``coverage`` percent; raises RequestError outside 1 to
        99.8."""
        if not 1.0 <= coverage <= 99.8:
            raise RequestError(
                "A band of this level cannot be given.",
                expected="a level between 1 and 99.8 percent",
                found=f"{coverage:g}",
                remedy="Ask for a level such as 80 or 95.",
            )
        at = self._level(level)
        low, high = at.bands.limits(self.points(level), at.sigma, coverage)
        return cents(low), cents(high)

    def _level(self, level: str) -> Level:
        if level not in self.levels:
            raise RequestError(
                f"This panel has no level {level!r}.",
                expected=" or ".join(self.levels),
                found=level,
                remedy="Choose one of the levels the panel has.",
            )
        return self.levels[level]

    def locate(
        self, keys: NDArray[np.str_], horizon: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of ``point`` for each series key and number of weeks ahead (0 stands for a date
        that is no week of ours); raises RequestError for an unknown series or a week that was not
        forecast."""
        column = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        if (unknown := np.flatnonzero(self.keys[column] != keys)).size:
            raise _unknown_series(str(keys[unknown[0]]), self.keys)
        if (wrong := np.flatnonzero((horizon < 1) | (horizon > len(self.weeks)))).size:
            first, last = self.weeks[0], self.weeks[-1]
            raise RequestError(
                "A week is asked for that this forecaster did not forecast.",
                where=f"row {int(wrong[0]) + 1}, series {keys[wrong[0]]}",
                expected=f"weeks {first} to {last}, every 7 days (horizon 1 to {len(self.weeks)})",
                found=f"horizon {int(horizon[wrong[0]])}",
                remedy="Ask for one of these weeks, or train on newer data.",
            )
        return horizon - 1, column


def finished(
    config: ForecasterConfig,
    panel: Panel,
    groups: Groups,
    effects: EventEffects,
    rolled: Rolled,
    correction: Correction,
    known_future: Mapping[str, Float],
    learnt: Mapping[str, Any],
    kept: Mapping[str, Level] | None = None,
    new: int = 0,
    fitted: int = 0,
) -> Forecaster:
    """The forecaster of corrected rolling origins: limits, stand-ins, and bands, which with ``kept`` go on
    from there by ``new`` weeks, ``fitted`` being how many the fit had seen."""
    rolling = rolled.rolling
    rolling.parts["boosting"] = rolling.point[-1].copy()  # limits are set in place
    notes = stand_in(rolling, effects.values, panel, groups)
    limit(rolling, effects.values, effects.closed)  # last: a closed week is closed for a stand-in too
    point = cents(rolling.point[-1])
    rolling.parts["limits"] = point
    live = still_selling(rolling, panel, effects.shut)
    levels = fit_levels(rolling, panel, groups, effects.values, live, kept, new, fitted)
    for level in levels.values():  # what is closed or has ended sells nothing for certain
        level.sigma[~(level.total(np.where(effects.closed, 0.0, 1.0)) > 0.0)] = 0.0
    return Forecaster(
        config=config,
        keys=panel.keys,
        stores=panel.stores,
        blocks=panel.blocks,
        weeks=panel.weeks[-1] + 7 * np.arange(1, config.horizon + 1),
        point=point,
        levels=levels,
        parts={name: rolling.parts[name] for name in PARTS},
        naive=rolled.naive,
        notes=notes | ended_notes(panel, live[-1]),
        history=panel.values,
        history_weeks=panel.weeks,
        correction=correction,
        weights=rolling.weights,
        direct=rolled.direct,
        inputs=_inputs(panel, rolled.direct is not None, known_future, effects.values),
        learnt={"events": effects.lifts, **learnt},
    )


def _inputs(
    panel: Panel, direct: bool, known_future: Mapping[str, Float], values: Float
) -> dict[str, NDArray[np.generic]]:
    out: dict[str, NDArray[np.generic]] = {f"static_{name}": v for name, v in panel.static.items()}
    if panel.flagged is not None:
        out["flagged"] = panel.flagged
    if direct:
        out |= {f"observed_{name}": v for name, v in panel.observed.items()}
        out |= {f"future_{name}": v for name, v in known_future.items()}
        if not np.array_equal(values, panel.values, equal_nan=True):
            out["values"] = values
    return out


def _check(config: ForecasterConfig) -> None:
    if config.model not in MODELS:
        raise RequestError(
            f"There is no model {config.model!r}.",
            expected=", ".join(MODELS),
            found=config.model,
            remedy="Choose one of these.",
        )
    if not 1 <= config.horizon <= HORIZON_LIMIT:
        raise RequestError(
            "The horizon is out of range.",
            expected=f"1 to {HORIZON_LIMIT} weeks",
            found=str(config.horizon),
            remedy=f"Ask for {HORIZON_LIMIT} weeks or fewer.",
        )


def _unknown_series(key: str, keys: NDArray[np.str_]) -> RequestError:
    from difflib import get_close_matches

    near = get_close_matches(key, keys[:20000].tolist(), n=3)
    return RequestError(
        f"There is no series {key!r}.",
        expected=f"one of {len(keys)} series, such as {', '.join(near or keys[:3].tolist())}",
        found=key,
        remedy="Check the spelling, or train on data that holds this series.",
    )
