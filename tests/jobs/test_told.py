"""What training was asked for, read back from a version."""

from __future__ import annotations

from typing import Any

import pytest

from storecast.forecasting.forecaster import ForecasterConfig
from storecast.jobs.told import asked_config


@pytest.mark.parametrize(
    ("serves", "judged", "asked"),
    [
        ("boosting", {"boosting": 1.0, "seasonal-naive": 2.0, "naive-growth": 2.0}, "boosting"),
        ("naive-growth", {"aligned": 3.0, "seasonal-naive": 2.0, "naive-growth": 1.0}, "aligned"),
        ("seasonal-naive", {"seasonal-naive": 2.0, "naive-growth": 3.0}, "seasonal-naive"),
        ("seasonal-naive", {}, "blend"),
    ],
)
def test_the_model_that_was_asked_for(serves: str, judged: dict[str, float], asked: str) -> None:
    """A naive that serves for a model that lost or could not be judged is not what was asked for."""
    meta: dict[str, Any] = {"gate": {"wmae": judged}}
    config = ForecasterConfig(model=serves, horizon=8, seed=3)
    found = asked_config(config, meta)
    assert (found.model, found.horizon, found.seed) == (asked, 8, 3)
