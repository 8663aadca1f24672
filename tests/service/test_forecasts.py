"""Look-ups: what is answered is what was forecast when the version was made, to the last bit."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from storecast.forecasting.frames import forecast_table
from tests.service.conftest import HORIZON, Made, Running


@pytest.mark.parametrize("name", ["stores", "departments"])
@pytest.mark.parametrize("levels", [(80.0, 95.0), (1.0, 50.5, 99.8), ()])
def test_every_forecast_equals_the_batch_path(name, levels, versions: dict[str, Made], request) -> None:
    """JSON and CSV answers hold the very numbers of the forecast table, at every level of the hierarchy."""
    running: Running = request.getfixturevalue(name)
    forecaster = versions[name].forecaster
    for by in forecaster.levels:
        expected = forecast_table(forecaster, HORIZON, levels, by).drop(columns="note", errors="ignore")
        expected = expected.sort_values(["unique_id", "ds"]).reset_index(drop=True)
        asked = {"by": by, "horizon": HORIZON, "levels": list(levels)}
        answer = running.client.post("/v1/forecasts", json=asked)
        assert answer.status_code == 200, answer.text
        found = pd.DataFrame(answer.json()["forecasts"])
        found["ds"] = pd.to_datetime(found["ds"]).astype(expected["ds"].dtype)
        pd.testing.assert_frame_equal(found.drop(columns="horizon"), expected, check_exact=True)
        text = running.client.post("/v1/forecasts", json=asked, headers={"accept": "text/csv"}).text
        table = pd.read_csv(io.StringIO(text), dtype=str).drop(columns="horizon")
        assert list(table.columns) == list(expected.columns)
        for name in table.columns[2:]:  # as Python reads the digits, which is to the last bit
            assert [float(digits) for digits in table[name]] == expected[name].tolist()


def test_a_query_asks_the_same(stores: Running) -> None:
    """GET with a query and POST with JSON answer alike, but for the id."""
    asked = {"series": ["1", "3"], "horizon": 4, "levels": [80]}
    posted = stores.client.post("/v1/forecasts", json=asked).json()
    got = stores.client.get("/v1/forecasts?series=1,3&horizon=4&levels=80").json()
    assert posted.pop("id") != got.pop("id")
    assert posted == got
    one = stores.client.get("/v1/forecasts?series=1&horizon=4&levels=80").json()
    assert one["forecasts"] == got["forecasts"][:4]


def test_weeks_may_be_named_by_date(stores: Running) -> None:
    """Dates give those weeks alone, in their order, for one series and for many."""
    weeks = [row["ds"] for row in stores.client.get("/v1/forecasts?series=1&horizon=20").json()["forecasts"]]
    for series in ("1", "1,2"):
        answer = stores.client.get(f"/v1/forecasts?series={series}&dates={weeks[4]},{weeks[1]}").json()
        assert [row["ds"] for row in answer["forecasts"]][:2] == [weeks[4], weeks[1]]
        assert answer["forecasts"][0]["horizon"] == 5


def test_answers_say_who_made_them(departments: Running, versions: dict[str, Made]) -> None:
    """An answer names its version and digest, its unit, and what is unusual about a series."""
    answer = departments.client.get("/v1/forecasts?series=3_2,1_1&horizon=1").json()
    assert answer["model"] == {
        "name": "storecast",
        "version": 1,
        "digest": versions["departments"].digest,
        "model": "blend",
    }
    assert answer["unit"] == "$"
    assert answer["notes"] == {"3_2": "30 weeks of history: its season is its block's"}


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("series=9", "series[0]", "such as"),
        ("series=1&horizon=0", "horizon", ">= 1"),
        ("series=1&horizon=53", "horizon", "<= 52"),
        ("series=1&horizon=30", "horizon", "20 weeks"),
        ("series=1&horizon=x", "horizon", "int"),
        ("series=1&levels=0.5", "levels[0]", ">= 1"),
        ("series=1&levels=99.9", "levels[0]", "<= 99.8"),
        ("series=1&levels=nan", "levels[0]", ">= 1"),
        ("series=1&dates=2012-06-01&horizon=2", "dates", "not both"),
        ("series=1&dates=2012-05-31", "dates[0]", "2012-06-01"),
        ("series=1&dates=1999-01-01", "dates[0]", "newer data"),
        ("series=1&dates=2012-02-31", "dates[0]", "YYYY-MM-DD"),
        ("series=1&by=shop", "by", "shop"),
        ("series=1&horizons=3", "horizons", "unknown field"),
        ("series=1&format=xml", "format", "csv"),
        ("series=1&horizon=1&horizon=2", "horizon", "more than once"),
    ],
)
def test_what_cannot_be_met_is_named(query, field, words, stores: Running) -> None:
    """A request that cannot be met gets a problem that names the field and says what would do."""
    before = len(stores.entries())
    answer = stores.client.get(f"/v1/forecasts?{query}")
    problem = answer.json()
    assert answer.status_code == 422, problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["remedy"]
    text = answer.text
    assert words in text, text
    assert field in [error["field"] for error in problem["errors"]] or field in text
    assert len(stores.entries()) == before
