"""Explanations: steps in cents that are the forecast, by the model that forecasts."""

from __future__ import annotations

from pathlib import Path

import pytest

from storecast.errors import RequestError
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.jobs.explain import explain
from storecast.jobs.forecast import ForecastRequest, forecast
from tests.fakes import FakeRegistry
from tests.jobs.worlds import SALES, departments, write

REQUEST = ForecastRequest(config=ForecasterConfig(model="aligned"), horizon=6)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("sales") / "departments.csv", departments(), depts=3)


def cents(path: str, key: str, level: str | None = None) -> list[int]:
    found, made_by = explain(SALES, FakeRegistry(), path, REQUEST, key, range(1, 7), level=level)
    assert made_by == "aligned, fitted on the spot"
    for each in found:
        assert sum(step.cents for step in each.steps) == each.cents
    return [each.cents for each in found]


def table(path: str, by: str, key: str) -> list[int]:
    request = ForecastRequest(config=REQUEST.config, horizon=6, by=by)
    rows = forecast(SALES, FakeRegistry(), path, request).table
    return [round(100 * value) for value in rows.loc[rows["unique_id"] == key, "storecast"]]


@pytest.mark.parametrize(("key", "by"), [("2_3", "series"), ("2", "store"), ("total", "total")])
def test_steps_add_up_to_the_forecast_at_every_level(path: str, key: str, by: str) -> None:
    """The lowest level that knows the name explains the very figure that is forecast."""
    assert cents(path, key) == table(path, by, key) == cents(path, key, by)


def test_a_store_is_explained_by_its_departments(path: str) -> None:
    """In cents, the steps of the departments are those of the store."""
    assert cents(path, "1") == [sum(d) for d in zip(*(cents(path, f"1_{i}") for i in (1, 2, 3)), strict=True)]


def test_an_unknown_name(path: str) -> None:
    """It is told with names that exist."""
    with pytest.raises(RequestError, match="1_1") as told:
        cents(path, "9_9")
    assert told.value.found == "9_9"


def test_weeks_out_of_range(tmp_path: Path) -> None:
    """Refused before the data is opened."""
    for horizon in (0, 53):
        with pytest.raises(RequestError, match="1 to 52 weeks"):
            explain(SALES, FakeRegistry(), str(tmp_path), ForecastRequest(horizon=horizon), "1", [horizon])
