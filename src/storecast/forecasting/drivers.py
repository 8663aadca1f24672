"""What drives forecasts overall: mean dollars that each step changes, by weeks ahead; and what the trees'
inputs earned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.boosting import FEATURES, gain_shares
from storecast.forecasting.explain import STEPS
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.input_titles import input_title

__all__ = ["BUCKETS", "Driver", "Effects", "TreeInput", "drivers", "effects", "trees"]

Float = NDArray[np.float64]
BUCKETS = ((1, 4), (5, 13), (14, 26), (27, 52))


class _Fitted(Protocol):
    @property
    def parts(self) -> Mapping[str, Float]: ...


@dataclass(frozen=True)
class Driver:
    """One step over all series and the ``weeks`` ahead from the first to the last: mean absolute ``dollars``
    that it changes a week, and their ``share`` of the mean absolute forecast (0 where that is nothing)."""

    weeks: tuple[int, int]
    name: str
    title: str
    dollars: float
    share: float

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        first, last = self.weeks
        return {"first": first, "last": last, "name": self.name, "title": self.title,
                "dollars": self.dollars, "share": self.share}  # fmt: skip


def drivers(fitted: _Fitted) -> list[Driver]:
    """Of a fitted forecaster: all weeks ahead first, then by bucket; steps in the order of explanations."""
    running = np.stack([fitted.parts[step] for step in STEPS])
    each = np.abs(np.diff(running, axis=0, prepend=np.zeros_like(running[:1])))
    horizon = running.shape[1]
    spans = [(1, horizon), *((a, min(b, horizon)) for a, b in BUCKETS if a <= horizon)]
    out = []
    for first, last in spans:
        here = slice(first - 1, last)
        whole = float(np.abs(running[-1, here]).mean())
        for step, (name, title) in zip(each, STEPS.items(), strict=True):
            dollars = float(step[here].mean())
            out.append(Driver((first, last), name, title, dollars, dollars / whole if whole > 0 else 0.0))
    return out


def trees(fitted: Forecaster) -> tuple[float, dict[str, float]]:
    """How much of what a forecaster's trees say is applied, 0 without trees; and what each of their inputs
    earned, shares of 1, the largest first."""
    if fitted.direct is not None:
        state = fitted.direct
        return state.share if state.model else 0.0, gain_shares(state.model, state.names)
    return fitted.correction.weight, gain_shares(fitted.correction.model, FEATURES)


@dataclass(frozen=True)
class TreeInput:
    """An input of the trees, its ``title`` in plain words, and the ``share`` of all gain that it earned."""

    name: str
    title: str
    share: float


@dataclass(frozen=True)
class Effects:
    """What a whole model does with its ``series``: ``steps`` as ``drivers`` gives them, ``tree_weight`` and
    ``tree_inputs`` as ``trees`` does; what trees change in dollars is
    the step ``boosting``."""

    series: int
    steps: tuple[Driver, ...]
    tree_weight: float
    tree_inputs: tuple[TreeInput, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "series": self.series,
            "drivers": [step.as_dict() for step in self.steps],
            "tree_weight": self.tree_weight,
            "tree_inputs": [vars(item) for item in self.tree_inputs],
        }


def effects(fitted: Forecaster) -> Effects:
    """Of a fitted forecaster."""
    weight, earned = trees(fitted)
    inputs = tuple(TreeInput(name, input_title(name), share) for name, share in earned.items())
    return Effects(len(fitted.keys), tuple(drivers(fitted)), weight, inputs)
