"""The models that can be chosen by name; each gives the same rolling origins, so all are judged alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.aligned import AlignedConfig
from storecast.forecasting.baselines import BASELINES, naive_growth, recent_mean, seasonal_naive
from storecast.forecasting.blend import BlendConfig
from storecast.forecasting.calendar import Calendar
from storecast.forecasting.direct import DirectConfig, DirectState, go_on_direct, roll_direct
from storecast.forecasting.rolling import STATES, Groups, Rolling, inner_cutoffs, roll

if TYPE_CHECKING:
    from storecast.forecasting.panel import Panel

__all__ = ["MODELS", "ModelConfig", "Rolled", "go_on", "roll_model", "roll_naive"]

Float = NDArray[np.float64]
MODELS = ("blend", "aligned", "boosting", *BASELINES)
_NAIVES = {"seasonal-naive": seasonal_naive, "naive-growth": naive_growth}
_MANY_SERIES = 5_000
_STORE_DECAY, _DEPARTMENT_DECAY = 0.9, 0.8  # of the residual level; what one department sells fades sooner


@dataclass(frozen=True)
class ModelConfig:
    """Constants of the members, the blend and the trees of ``boosting``, and the ``step`` in weeks between
    rolling origins (tripled above 5,000 series, where it costs more than it tells)."""

    aligned: AlignedConfig = field(default_factory=AlignedConfig)
    blend: BlendConfig = field(default_factory=BlendConfig)
    direct: DirectConfig = field(default_factory=DirectConfig)
    step: int = 4


@dataclass(frozen=True)
class Rolled:
    """``rolling`` origins of a model, ``naive`` name -> (H, N) forecasts of both naives from the last week,
    and the trees of ``boosting``."""

    rolling: Rolling
    naive: dict[str, Float]
    direct: DirectState | None = None


def roll_model(
    model: str,
    panel: Panel,
    groups: Groups,
    horizon: int,
    calendar: Calendar,
    config: ModelConfig,
    *,
    lift: Float | None = None,
    known_future: Mapping[str, Float] | None = None,
    advance: Callable[[float], None] = lambda share: None,
) -> Rolled:
    """Rolling origins of ``model``; ``lift`` (T + H, N) of events and ``known_future`` name -> (H, N)
    exogenous values are used by the models that can."""
    step = config.step * (3 if len(panel.keys) > _MANY_SERIES else 1)
    naive = {name: method(panel.values, horizon) for name, method in _NAIVES.items()}
    if model in _NAIVES:
        return Rolled(roll_naive(model, panel.values, horizon, inner_cutoffs(len(panel.values), step)), naive)
    if model == "boosting":
        rolling, direct = roll_direct(
            panel,
            horizon,
            calendar,
            config=config.direct,
            step=step,
            known_future=known_future,
            advance=advance,
        )
        return Rolled(rolling, naive, direct)
    rolling = roll(
        panel.values,
        panel.weeks,
        groups,
        horizon,
        calendar,
        aligned=config.aligned,
        blending=_blending(config, groups),
        step=step,
        event_effects=lift,
        advance=advance,
    )
    return Rolled(rolling, naive)


def _blending(config: ModelConfig, groups: Groups) -> BlendConfig:
    decay = _DEPARTMENT_DECAY if groups.hierarchical else _STORE_DECAY
    return replace(config.blend, residual_decay=decay)


def go_on(
    model: str,
    panel: Panel,
    groups: Groups,
    horizon: int,
    calendar: Calendar,
    config: ModelConfig,
    origins: NDArray[np.int64],
    *,
    weights: Float,
    direct: DirectState | None,
    lift: Float | None = None,
    known_future: Mapping[str, Float] | None = None,
) -> Rolled:
    """As ``roll_model`` on a panel that goes on, but from ``origins`` and with what an earlier fit has
    learnt: nothing is fitted but what each forecast reads off the history itself."""
    naive = {name: method(panel.values, horizon) for name, method in _NAIVES.items()}
    if model in _NAIVES:
        return Rolled(roll_naive(model, panel.values, horizon, origins), naive)
    if direct is not None:
        rolling = go_on_direct(direct, panel, horizon, calendar, origins, known_future=known_future)
        return Rolled(rolling, naive, direct)
    rolling = roll(
        panel.values,
        panel.weeks,
        groups,
        horizon,
        calendar,
        aligned=config.aligned,
        blending=_blending(config, groups),
        step=config.step,
        weights=weights,
        origins=origins,
        event_effects=lift,
    )
    return Rolled(rolling, naive)


def roll_naive(name: str, values: Float, horizon: int, inner: NDArray[np.int64]) -> Rolling:
    """Rolling origins of a naive, so that it can be judged, banded and served like any model."""
    method, rows, size = _NAIVES[name], *values.shape
    cutoffs = np.append(inner, rows)
    shape = (len(cutoffs), horizon, size)
    rolling = Rolling(
        cutoffs,
        np.zeros(shape),
        np.full(shape, np.nan),
        np.zeros(shape),
        state={state: np.zeros((len(cutoffs), size)) for state in STATES},
        parts={},
        weights=np.zeros((0, size)),
        panel_weights=np.zeros(0),
    )
    for i, c in enumerate(cutoffs):
        rolling.point[i] = method(values[:c], horizon)
        rolling.state["usual"][i] = recent_mean(values[:c])
        ahead = values[c : int(c) + horizon]
        begun = np.isfinite(values[:c]).any(axis=0)
        rolling.actual[i, : len(ahead)] = np.where(begun, ahead, np.nan)
    last_year = seasonal_naive(values, horizon)
    said = rolling.point[-1].copy()  # limits are set in place
    rolling.parts.update(last_year=last_year, growth=said, holiday=said, residual=said)
    return rolling
