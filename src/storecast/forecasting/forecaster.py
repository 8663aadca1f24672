"""Fit and predict: one fitted object for every model, its state in and out as data.

Fitting computes the forecast of every series and week of the horizon once, with its expected error and the
running sums of its explanation; predicting is a look-up, and any band level is arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.aligned import AlignedConfig
from storecast.forecasting.blend import BlendConfig
from storecast.forecasting.boosting import BoostingConfig, Correction, correct, fit_correction
from storecast.forecasting.calendar import US_RETAIL, Calendar, Days
from storecast.forecasting.events import Event, apply_events
from storecast.forecasting.finishing import fit_levels, groups_of, limit, stand_in
from storecast.forecasting.hierarchy import Level, cents
from storecast.forecasting.intervals import Bands
from storecast.forecasting.models import MODELS, ModelConfig, roll_model

if TYPE_CHECKING:
    import pandas as pd

    from storecast.forecasting.panel import Panel

__all__ = ["HORIZON_LIMIT", "PARTS", "Forecaster", "ForecasterConfig"]

Float = NDArray[np.float64]
HORIZON_LIMIT = 52
PARTS = ("last_year", "growth", "holiday", "residual", "boosting", "limits")


class _Content(Protocol):
    @property
    def arrays(self) -> Mapping[str, NDArray[np.generic]]: ...
    @property
    def texts(self) -> Mapping[str, str]: ...
    @property
    def meta(self) -> Mapping[str, Any]: ...


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
    unusual about a series' forecast; ``history`` (T, N) and ``history_weeks`` (T,) what it was made from.
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
    learnt: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        panel: Panel,
        config: ForecasterConfig,
        calendar: Calendar = US_RETAIL,
        events: Sequence[Event] = (),
        advance: Callable[[float], None] = lambda share: None,
    ) -> Forecaster:
        """Learn from all of ``panel``; raises RequestError for an unknown model or a horizon out of range."""
        _check(config)
        effects = apply_events(
            panel.values, panel.weeks, config.horizon, events, panel.keys, panel.stores, panel.blocks
        )
        groups = groups_of(panel)
        rolling, naive = roll_model(
            config.model,
            replace(panel, values=effects.values),
            groups,
            config.horizon,
            calendar,
            config.models,
            effects.lift if events else None,
            advance,
        )
        correction = Correction("", 0.0)
        rolling.parts["boosting"] = rolling.point[-1]
        if config.model == "blend":
            static = np.stack([panel.code("type"), panel.code("size")])
            correction, raw = fit_correction(rolling, static, replace(config.boosting, seed=config.seed))
            rolling.point[:] = correct(rolling.point, raw, correction.weight)
            rolling.parts["boosting"] = rolling.point[-1].copy()
        limit(rolling, effects.values, effects.closed)
        notes = stand_in(rolling, effects.values, panel, groups)
        point = cents(rolling.point[-1])
        rolling.parts["limits"] = point
        levels = fit_levels(rolling, panel, groups, effects.values)
        for level in levels.values():
            level.sigma[level.total(np.where(effects.closed, 0.0, 1.0)) == 0.0] = 0.0
        ahead = panel.weeks[-1] + 7 * np.arange(1, config.horizon + 1)
        return cls(
            config,
            panel.keys,
            panel.stores,
            panel.blocks,
            ahead,
            point,
            levels,
            {name: rolling.parts[name] for name in PARTS},
            naive,
            notes,
            panel.values,
            panel.weeks,
            correction,
            rolling.weights,
            {"events": effects.lifts, "member_weights": rolling.panel_weights.tolist()},
        )

    @property
    def cutoff(self) -> np.datetime64:
        """The last week it has seen."""
        return np.datetime64(self.history_weeks[-1], "D")

    def points(self, level: str = "series") -> Float:
        """(H, S) point forecasts of one level of the hierarchy; sums are exact to the cent."""
        return cents(self._level(level).total(self.point))

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

    def predict_frame(self, frame: pd.DataFrame, levels: Sequence[float]) -> pd.DataFrame:
        """The rows of ``frame`` (``unique_id`` and ``ds`` or ``horizon``) with their forecasts and bands.

        Raises RequestError for an unknown series or a week that is not one of the horizon's.
        """
        keys = frame["unique_id"].astype(str).to_numpy(dtype=str)
        column = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        if (unknown := np.flatnonzero(self.keys[column] != keys)).size:
            raise _unknown_series(str(keys[unknown[0]]), self.keys)
        if "horizon" in frame:
            row = frame["horizon"].to_numpy(dtype=np.int64) - 1
        else:
            days = (frame["ds"].to_numpy(dtype="datetime64[D]") - self.weeks[0]).astype(np.int64)
            row = np.where(days % 7 == 0, days // 7, -1)
        if (wrong := np.flatnonzero((row < 0) | (row >= len(self.weeks)))).size:
            at = int(wrong[0])
            span = f"{self.weeks[0]} to {self.weeks[-1]}"
            raise RequestError(
                "A week is asked for that this forecaster did not forecast.",
                where=f"row {at + 1}",
                expected=f"a week of {span}, every 7 days (horizon 1 to {len(self.weeks)})",
                found=str(frame.iloc[at].get("ds", row[at] + 1)),
                remedy="Ask for one of these weeks, or train on newer data.",
            )
        days = self.weeks[row].astype("datetime64[ns]")
        out = frame[["unique_id"]].assign(ds=days, storecast=self.point[row, column])
        for level in levels:
            low, high = self.limits(level)
            out[f"storecast-lo-{level:g}"] = low[row, column]
            out[f"storecast-hi-{level:g}"] = high[row, column]
        return out

    def content(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, str], dict[str, Any]]:
        """Arrays, texts and metadata from which ``from_content`` makes the same forecaster again."""
        arrays: dict[str, NDArray[np.generic]] = {
            "keys": self.keys,
            "stores": self.stores,
            "blocks": self.blocks,
            "weeks": self.weeks,
            "point": self.point,
            "history": self.history,
            "history_weeks": self.history_weeks,
            "weights": self.weights,
        }
        arrays |= {f"part_{name}": values for name, values in self.parts.items()}
        arrays |= {f"naive_{name}": values for name, values in self.naive.items()}
        for name, level in self.levels.items():
            arrays[f"{name}_keys"], arrays[f"{name}_of"] = level.keys, level.of
            arrays[f"{name}_sigma"] = level.sigma
            for item, values in vars(level.bands).items():
                arrays[f"{name}_bands_{item}"] = values
        meta = {
            "config": asdict(self.config),
            "levels": list(self.levels),
            "naives": list(self.naive),
            "notes": self.notes,
            "boosting_weight": self.correction.weight,
            "learnt": self.learnt,
        }
        return arrays, {"boosting": self.correction.model} if self.correction.model else {}, meta

    @classmethod
    def from_content(cls, content: _Content) -> Forecaster:
        """The forecaster that ``content`` was made from, bit for bit."""
        a: dict[str, Any] = dict(content.arrays)
        meta = content.meta
        levels = {}
        for name in meta["levels"]:
            bands = Bands(*(a[f"{name}_bands_{item}"] for item in ("scale", "slopes", "quantiles", "floor")))
            levels[name] = Level(a[f"{name}_keys"], a[f"{name}_of"], bands, a[f"{name}_sigma"])
        config = _config(meta["config"])
        return cls(
            config=config,
            keys=a["keys"],
            stores=a["stores"],
            blocks=a["blocks"],
            weeks=a["weeks"],
            point=a["point"],
            levels=levels,
            parts={name: a[f"part_{name}"] for name in PARTS},
            naive={name: a[f"naive_{name}"] for name in meta["naives"]},
            notes=dict(meta["notes"]),
            history=a["history"],
            history_weeks=a["history_weeks"],
            correction=Correction(content.texts.get("boosting", ""), meta["boosting_weight"]),
            weights=a["weights"],
            learnt=dict(meta["learnt"]),
        )


def _config(saved: Mapping[str, Any]) -> ForecasterConfig:
    """The configuration as saved; tuples come back as lists, unknown constants are left out."""

    def build(kind: Any, values: Mapping[str, Any]) -> Any:
        known = {f.name for f in fields(kind)}
        named = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known}
        return kind(**named)

    models = saved["models"]
    parts = {"aligned": build(AlignedConfig, models["aligned"]), "blend": build(BlendConfig, models["blend"])}
    boosting = build(BoostingConfig, saved["boosting"])
    return build(  # type: ignore[no-any-return]
        ForecasterConfig, {**saved, "models": build(ModelConfig, {**models, **parts}), "boosting": boosting}
    )


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
