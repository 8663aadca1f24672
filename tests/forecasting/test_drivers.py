"""What drives forecasts overall, by a plain loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.drivers import drivers
from storecast.forecasting.explain import STEPS


@dataclass
class Fitted:
    """Running sums of explanations, as a fitted forecaster has them."""

    parts: dict[str, NDArray[np.float64]]


@pytest.mark.parametrize(
    ("horizon", "spans"), [(3, [(1, 3), (1, 3)]), (20, [(1, 20), (1, 4), (5, 13), (14, 20)])]
)
def test_means_by_a_plain_loop(horizon: int, spans: list[tuple[int, int]]) -> None:
    """Mean absolute change of each step over series and weeks, and its share of the forecast's size."""
    draw = np.random.default_rng(1)
    parts = {name: draw.normal(100, 50, (horizon, 4)) for name in STEPS}
    found = drivers(Fitted(parts))
    assert list(dict.fromkeys(d.weeks for d in found)) == list(dict.fromkeys(spans))
    names, last = list(STEPS), list(STEPS)[-1]
    for each in found:
        first, end = each.weeks
        before = names[names.index(each.name) - 1] if each.name != names[0] else None
        changes = [
            abs(parts[each.name][h, s] - (parts[before][h, s] if before else 0.0))
            for h in range(first - 1, end)
            for s in range(4)
        ]
        size = [abs(parts[last][h, s]) for h in range(first - 1, end) for s in range(4)]
        assert each.dollars == pytest.approx(sum(changes) / len(changes))
        assert each.share == pytest.approx(sum(changes) / sum(size))
