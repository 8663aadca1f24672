"""A fitted forecaster through the registry and back by MLflow's own loader."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from storecast.errors import RequestError
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.frames import forecast_rows
from storecast.forecasting.panel import Panel
from storecast.forecasting.state import to_state
from storecast.ports import ArtifactContent
from storecast.stores.registry import MlflowRegistry
from storecast.stores.registry_pyfunc import load_forecaster
from tests.fakes import ticking_clock


@pytest.fixture(scope="module")
def forecaster() -> Forecaster:
    """Two stores of two departments, three years of weeks with a season and a little noise."""
    draw, weeks = np.random.default_rng(5), np.arange("2010-02-05", "2013-02-01", 7, dtype="datetime64[D]")
    season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(len(weeks)) / 52)[:, None]
    values = 1000.0 * season * np.arange(1, 5) + draw.normal(0, 20, (len(weeks), 4))
    keys, stores = np.array(["1_1", "1_2", "2_1", "2_2"]), np.array(["1", "1", "2", "2"])
    panel = Panel(weeks, keys, values.round(2), stores, np.array(["1", "2", "1", "2"]))
    return Forecaster.fit(panel, ForecasterConfig(horizon=13))


@pytest.fixture(scope="module")
def registry(forecaster: Forecaster, tmp_path_factory) -> MlflowRegistry:
    registry = MlflowRegistry(tmp_path_factory.mktemp("home"), clock=ticking_clock())
    content = ArtifactContent(*to_state(forecaster))
    registry.register("storecast", content, params={}, metrics={}, tags={}, files={})
    registry.promote("storecast", 1, who="Ann", why="first")
    return registry


@pytest.fixture
def rows(forecaster: Forecaster) -> pd.DataFrame:
    keys, weeks = forecaster.keys, forecaster.weeks.astype("datetime64[ns]")
    return pd.DataFrame({"unique_id": np.repeat(keys, len(weeks)), "ds": np.tile(weeks, len(keys))})


def test_a_loaded_forecaster_forecasts_the_same(forecaster, registry, rows) -> None:
    """What comes back from the registry gives the same forecast and bands, bit for bit."""
    back = load_forecaster(registry.load("storecast", 1))
    expected = forecast_rows(forecaster, rows, [80, 95, 99])
    pd.testing.assert_frame_equal(forecast_rows(back, rows, [80, 95, 99]), expected, check_exact=True)


def test_mlflow_predicts_what_the_forecaster_does(forecaster, registry, rows, monkeypatch) -> None:
    """``mlflow.pyfunc.load_model("models:/storecast@champion")`` gives the forecaster's own frame."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    model = mlflow.pyfunc.load_model("models:/storecast@champion")
    expected = forecast_rows(forecaster, rows, [80, 95])
    pd.testing.assert_frame_equal(model.predict(rows), expected, check_exact=True)
    by_weeks = rows[["unique_id"]].assign(horizon=np.tile(np.arange(1, 14), 4))
    found = model.predict(by_weeks, params={"level": [80]})
    pd.testing.assert_frame_equal(found, expected.iloc[:, :5], check_exact=True)
    with pytest.raises(RequestError, match="no series"):
        model.predict(pd.DataFrame({"unique_id": ["9_9"], "horizon": [1]}))


def test_a_stranger_needs_mlflow_alone(forecaster, registry, tmp_path: Path) -> None:
    """Another process, with MLflow's public door only, predicts the same figures."""
    code = """
import sys, mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/storecast/1")
print(repr(float(model.predict(pd.DataFrame({"unique_id": ["2_2"], "horizon": [4]}))["storecast"].iloc[0])))
"""
    command = [sys.executable, "-c", code, registry.uri]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == forecaster.points()[3, 3]
