"""What drives forecasts overall, by a plain loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.boosting import FEATURES
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.direct.encoding import RAW_NAMES
from storecast.forecasting.drivers import drivers, effects
from storecast.forecasting.explain import STEPS
from storecast.forecasting.features import make_facts, make_features
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.input_titles import input_title
from tests.service.conftest import make_panel


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


def test_every_input_of_the_trees_has_a_title_of_its_own() -> None:
    """Plain words for each, no two the same but for the waves of the year; unknown names are told as they
    are."""
    panel = make_panel()
    weeks = panel.weeks[0] + 7 * np.arange(len(panel.weeks) + 5)
    direct = (*RAW_NAMES, *make_features(panel, len(panel.weeks), 4, make_facts(weeks, US_RETAIL)).names)
    for names in (FEATURES, direct):
        titles = {name: input_title(name) for name in names if not name.startswith("cos_")}
        assert len(set(titles.values())) == len(titles)
        assert all("_" not in title and title[0].isupper() for title in titles.values()), titles
    assert input_title("temperature_surprise") == "Temperature, other than expected"
    assert input_title("days to Christmas") == "Days to Christmas"
    assert input_title("moon_phase") == "Moon phase"


def test_effects_of_a_model_with_trees() -> None:
    """What its trees' inputs earned adds up to all, the largest first; a naive has none."""
    panel = make_panel()
    found = effects(Forecaster.fit(panel, ForecasterConfig(model="boosting", horizon=4)))
    assert found.tree_weight > 0
    shares = [item.share for item in found.tree_inputs]
    assert sum(shares) == pytest.approx(1.0)
    assert shares == sorted(shares, reverse=True)
    assert found.as_dict()["tree_inputs"][0].keys() == {"name", "title", "share"}
    bare = effects(Forecaster.fit(panel, ForecasterConfig(model="naive-growth", horizon=4)))
    assert (bare.series, bare.tree_weight, bare.tree_inputs) == (3, 0.0, ())
