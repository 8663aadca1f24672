"""Forecasters saved by earlier releases still load and forecast what they forecast then."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from storecast.forecasting.frames import forecast_table
from storecast.forecasting.state import from_state
from storecast.stores.artifacts import ArtifactFolders

GOLDEN = Path(__file__).parents[1] / "golden"
SAVED = sorted(path for path in GOLDEN.glob("forecaster-v*") if path.is_dir())


@pytest.mark.parametrize("folder", SAVED, ids=lambda path: path.name)
def test_a_forecaster_of_an_earlier_release_forecasts_the_same(folder: Path) -> None:
    """Points and bands of every level come back to the cent from the folder as it was saved."""
    content = ArtifactFolders().load(str(folder))
    forecaster = from_state(content.arrays, content.texts, content.meta)
    then = json.loads(folder.with_suffix(".json").read_text(encoding="utf-8"))
    assert set(then) == {"series", "store", "total"}
    for level, table in then.items():
        now = forecast_table(forecaster, 13, (80.0, 95.0), level)
        now["ds"] = now["ds"].dt.strftime("%Y-%m-%d")
        expected = pd.DataFrame(table)
        for name in expected:
            assert now[name].tolist() == expected[name].tolist(), (level, name)


def test_there_is_one_of_each_kind_that_learns() -> None:
    """Both the corrected blend and the direct boosting were saved, with their trees."""
    texts = [ArtifactFolders().load(str(folder)).texts for folder in SAVED]
    assert {name for t in texts for name in t} >= {"boosting", "direct"}
