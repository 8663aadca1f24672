"""What a version keeps for planners, against plain loops and the scores by segment."""

from __future__ import annotations

import json

import numpy as np
import pytest

from storecast.forecasting.backtest import Backtest, backtest, rolling_cutoffs
from storecast.forecasting.boosting import FEATURES, gain_shares
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.panel import Panel
from storecast.forecasting.scores import score_by
from storecast.jobs.keepsakes import keepsakes
from tests.service.conftest import make_panel


@pytest.fixture(scope="module")
def made() -> tuple[Panel, Backtest]:
    panel = make_panel(departments=True)
    cutoffs = rolling_cutoffs(panel.weeks, 8, 2, 8)
    return panel, backtest(panel, ForecasterConfig(horizon=8), cutoffs, US_RETAIL)


def test_tables_are_the_scores_by_segment(made: tuple[Panel, Backtest]) -> None:
    """One pass over all groups gives what a group at a time gives, for stores, series and horizons."""
    panel, judged = made
    tables = keepsakes(panel, judged)["backtest"]["tables"]
    stores = judged.higher["store"]
    for name, rows, by in (
        ("store", stores, stores["store"]),
        ("series", judged.rows, judged.rows["unique_id"]),
        ("week", judged.rows, judged.rows["h"]),
    ):
        slow = score_by(rows, by, judged.levels)
        table = tables[name]
        for i, segment in enumerate(table["segment"]):
            line = slow.loc[int(segment) if name == "week" else segment]
            for column, values in table.items():
                if column != "segment":
                    assert values[i] == pytest.approx(line[column], abs=0.006, rel=1e-6), (
                        name,
                        segment,
                        column,
                    )


def test_the_latest_week_is_the_one_of_the_last_cutoff(made: tuple[Panel, Backtest]) -> None:
    """For every series and store, the last known week as it was forecast from the cutoff just before."""
    panel, judged = made
    latest = keepsakes(panel, judged)["backtest"]["latest"]
    for name, rows in (("series", judged.rows), ("store", judged.higher["store"])):
        for i, key in enumerate(latest[name]["unique_id"]):
            own = rows[rows["unique_id"] == key]
            own = own[own["cutoff"] == own["cutoff"].max()]
            last = own[own["ds"] == own["ds"].max()].iloc[0]
            assert latest[name]["ds"][i] == str(last["ds"])[:10]
            assert latest[name]["forecast"][i] == pytest.approx(last["storecast"], abs=0.006)
            assert latest[name]["hi"][i] == pytest.approx(last["storecast-hi-80"], abs=0.006)


def test_what_is_kept_is_plain_json(made: tuple[Panel, Backtest]) -> None:
    """No NaN, no numpy: gaps are null; inputs are of the last year; no back-test where there was none."""
    panel, judged = made
    panel.observed["temperature"][-3, 0] = np.nan
    kept = keepsakes(panel, judged)
    again = json.loads(json.dumps(kept, allow_nan=False))
    assert again == kept
    assert kept["inputs"]["temperature"][0][-3] is None
    assert kept["inputs"]["temperature"][1][-1] == pytest.approx(
        panel.observed["temperature"][-1, 2], abs=1e-4
    )
    assert len(kept["inputs"]["ds"]) == 52
    assert kept["static"] == {"store": ["1", "2", "3"], "type": ["A"] * 3, "size": [0.0, 2000.0, 4000.0]}
    assert "backtest" not in keepsakes(panel, None)


def test_gains_of_a_model_are_those_that_lightgbm_counts() -> None:
    """Shares of what the splits gained are LightGBM's own importance by gain."""
    import lightgbm

    draw = np.random.default_rng(3)
    x = draw.normal(size=(600, len(FEATURES)))
    y = x[:, 1] * 3 + np.abs(x[:, 4]) + draw.normal(0, 0.1, 600)
    settings = {"num_leaves": 7, "verbose": -1, "num_threads": 1}
    model = lightgbm.train(settings, lightgbm.Dataset(x, y), num_boost_round=20).model_to_string()
    booster = lightgbm.Booster(model_str=model)
    gains = booster.feature_importance("gain")
    shares = gain_shares(model, FEATURES)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    for name, gain in zip(FEATURES, gains, strict=True):
        assert shares[name] == pytest.approx(gain / gains.sum(), rel=1e-4)
    assert gain_shares("", FEATURES) == {}
