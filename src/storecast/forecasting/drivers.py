"""What drives forecasts overall: mean dollars that each step changes, by weeks ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.explain import STEPS

__all__ = ["BUCKETS", "Driver", "drivers"]

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
