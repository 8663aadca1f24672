"""A look into forecasts made of uploads, whatever their series are like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.sample import SampleSpec, make_sample, to_store_file
from storecast.settings import Settings
from storecast.stores.forecast_log.database import Database
from storecast.wiring import following, places
from tests.service.conftest import publish, running
from tests.webapp.conftest import Look, version_of


def _short(store: int, weeks: int) -> bytes:
    """Sales of two years, of which one store has only its last weeks."""
    sales = to_store_file(make_sample(SampleSpec(stores=3, weeks=104)))
    begun = sales["Date"].drop_duplicates().sort_values().iloc[-weeks]
    kept = sales[(sales["Store"] != store) | (sales["Date"] >= begun)]
    return str(kept.to_csv(index=False, date_format="%d-%m-%Y")).encode()


def test_a_store_younger_than_a_year_is_looked_at_and_says_so(look: Look, tmp_path: Path) -> None:
    """Its table has a text beside its numbers, which stands below the chart; another series has none."""
    publish(tmp_path, version_of(tmp_path / "made", departments=False, judged=False), 1)
    database = Database(places.log_url(Settings(home=tmp_path)))
    with running(tmp_path) as service:
        sent = service.client.post(
            "/v1/datasets",
            content=_short(2, 30),
            headers={"content-type": "text/csv"},
            params={"name": "s.csv"},
        )
        assert sent.status_code == 202, sent.text
        work = following.data_sets(Settings(home=tmp_path), database, lambda *_: None)
        assert replace(work, config=ForecasterConfig(model="naive-growth", horizon=8)).next()
        for series, notes in (("2", ["30 weeks of history: its season is its block's"]), ("1", [])):
            app = look(
                service,
                "upload",
                dataset=sent.json()["dataset"]["id"],
                table="forecast-series.csv",
                of=series,
            )
            assert not app.exception, app.exception
            assert [i.value for i in app.info] == notes
            table = app.dataframe[-1].value
            assert table.columns[0] == "Week"
            assert "Note" not in table
            assert len(table) == 8
    database.close()
