"""Why a number is what it is: the steps from last year's sales to the forecast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from storecast.forecasting.explain import explain
from storecast.forecasting.forecaster import Forecaster
from storecast.stores.report.figures import NEAR

__all__ = ["Reasons", "largest"]


@dataclass(frozen=True)
class Reasons:
    """``steps``: title and dollars, which add up to ``forecast``, the next ``weeks`` weeks of ``key``.

    ``unused``: inputs that the model does not read; ``note``: what is unusual.
    """

    key: str
    weeks: int
    steps: tuple[tuple[str, float], ...]
    forecast: float
    unused: tuple[str, ...]
    note: str


def largest(forecaster: Forecaster) -> Reasons:
    """The reasons of the series that is forecast to sell most in the next weeks."""
    weeks = min(NEAR, len(forecaster.weeks))
    key = str(forecaster.keys[int(np.argmax(forecaster.point[:weeks].sum(axis=0)))])
    found = explain(forecaster, key, range(1, weeks + 1), level="series")
    cents = {step.title: sum(e.steps[i].cents for e in found) for i, step in enumerate(found[0].steps)}
    return Reasons(
        key,
        weeks,
        tuple((title, c / 100) for title, c in cents.items()),
        sum(e.cents for e in found) / 100,
        found[0].unused,
        found[0].note,
    )
