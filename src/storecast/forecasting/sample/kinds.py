"""How strongly each kind of store and department follows each part of the season."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.sample.days import COMPONENTS

__all__ = ["DEPARTMENT_KINDS", "LARGEST", "STORE_KINDS", "loadings"]

Float = NDArray[np.float64]

_COMMON = {"base": 1.0, "closed_day": 1.0}
_STORE = {
    "christmas": 0.60, "after_christmas": 0.15, "january": 0.11, "thanksgiving": 0.55, "easter": 0.20,
    "super_bowl": 0.05, "valentine": 0.04, "mothers_day": 0.04, "memorial_day": 0.07, "independence": 0.06,
    "labor_day": 0.04, "halloween": 0.03, "school": 0.04, "garden": 0.02, "summer": 0.02, "payday": 0.15,
    "quirk": 0.06,
}  # fmt: skip

# Type A is large and seasonal, B leans on Christmas, C is small and flat; a few stores live on summer.
STORE_KINDS: dict[str, dict[str, float]] = {
    "A": _STORE,
    "B": _STORE | {"christmas": 0.80, "thanksgiving": 0.85, "january": 0.14, "payday": 0.08},
    "C": {name: 0.35 * weight for name, weight in _STORE.items()} | {"payday": 0.12},
    "summer": _STORE | {"christmas": 0.35, "thanksgiving": 0.25, "summer": 0.35, "garden": 0.10},
}

DEPARTMENT_KINDS: dict[str, dict[str, float]] = {
    "grocery": {"christmas": 0.20, "thanksgiving": 0.15, "easter": 0.22, "super_bowl": 0.10, "payday": 0.16,
                "memorial_day": 0.10, "independence": 0.10, "labor_day": 0.06, "quirk": 0.02},
    "apparel": {"christmas": 0.60, "thanksgiving": 0.60, "january": 0.20, "easter": 0.30, "school": 0.20,
                "summer": 0.12, "payday": 0.08, "quirk": 0.05},
    "toys": {"christmas": 3.50, "thanksgiving": 2.20, "january": 0.25, "easter": 0.30, "quirk": 0.06},
    "garden": {"garden": 1.40, "summer": 0.50, "january": 0.30, "memorial_day": 0.20, "quirk": 0.06},
    "electronics": {"christmas": 1.40, "thanksgiving": 2.60, "after_christmas": 0.60, "super_bowl": 0.15,
                    "payday": 0.08, "quirk": 0.05},
    "pharmacy": {"christmas": 0.08, "payday": 0.18, "summer": -0.05, "quirk": 0.02},
    "school": {"school": 1.60, "christmas": 0.30, "january": -0.10, "quirk": 0.05},
    "home": {"christmas": 0.60, "thanksgiving": 0.70, "garden": 0.15, "january": 0.05, "quirk": 0.05},
    "confectionery": {"christmas": 1.20, "valentine": 0.90, "easter": 1.10, "halloween": 1.50, "quirk": 0.03},
}  # fmt: skip
LARGEST = "grocery"


def loadings(kinds: dict[str, dict[str, float]]) -> Float:
    """(kinds, K) weights in the order of ``COMPONENTS``; every kind has the base and the closed day."""
    rows = [_COMMON | weights for weights in kinds.values()]
    return np.array([[row.get(name, 0.0) for name in COMPONENTS] for row in rows])
