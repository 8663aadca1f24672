"""Pages without a browser: Streamlit's own AppTest on the real service, on versions of several kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from storecast.forecasting.backtest import backtest, rolling_cutoffs
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.scores import score
from storecast.forecasting.state import to_state
from storecast.jobs.keepsakes import keepsakes
from storecast.ports import ArtifactContent
from storecast.stores.artifacts import ArtifactFolders
from storecast.webapp import frame
from storecast.webapp.config import web_config
from storecast.webapp.connection import shared_http
from tests.service.conftest import Made, Running, make_panel, publish, running

Look = Callable[..., AppTest]


def version_of(
    folder: Path, *, departments: bool, judged: bool, horizon: int = 20, year_ago: float | None = None
) -> Made:
    """A fitted version in ``folder``; ``judged``: with its back-test; ``year_ago``: sales of the first series
    a year before the first week ahead."""
    panel = make_panel(departments=departments)
    if year_ago is not None:
        panel.values[-52, 0] = year_ago
    forecaster = Forecaster.fit(panel, ForecasterConfig(horizon=horizon))
    arrays, texts, meta = to_state(forecaster)
    if judged:
        config = ForecasterConfig(horizon=8)
        result = backtest(panel, config, rolling_cutoffs(panel.weeks, 8, 2, 8), US_RETAIL)
        metrics = score(result.rows, result.levels)
        meta = {**meta, "planning": keepsakes(panel, result), "metrics": metrics, "gate": {"passed": True}}
    digest = ArtifactFolders().save(ArtifactContent(arrays, texts, meta), str(folder))
    return Made(panel, forecaster, folder, digest)


@pytest.fixture(scope="session")
def departments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose version forecasts departments and kept its back-test."""
    home = tmp_path_factory.mktemp("departments")
    publish(home, version_of(home / "made", departments=True, judged=True), 1)
    with running(home) as made:
        yield made


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose version kept nothing but its forecasts, as those trained on short histories do."""
    home = tmp_path_factory.mktemp("bare")
    publish(home, version_of(home / "made", departments=False, judged=False), 1)
    with running(home) as made:
        yield made


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose version forecasts eight weeks."""
    home = tmp_path_factory.mktemp("short")
    publish(home, version_of(home / "made", departments=False, judged=True, horizon=8), 1)
    with running(home) as made:
        yield made


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Iterator[Look]:
    """``look(service, page, name=value ...)``: the page at that address."""

    def draw(page: str) -> None:
        from storecast.webapp import address, frame, navigation

        address.begin(page)
        navigation.menu()
        visitor = frame.visitor()
        with frame.boundary(visitor.client):
            next(p for p in navigation.PAGES if p.name == page).load()(visitor)

    def at(service: Running, page: str, **query: Any) -> AppTest:
        monkeypatch.setenv("STORECAST_SERVICE_URL", f"http://127.0.0.1:{service.port}")
        web_config.cache_clear()
        app = AppTest.from_function(draw, default_timeout=60, args=(page,))
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    monkeypatch.setattr(frame, "_key", str)  # AppTest has no browser, hence no cookies
    yield at
    if web_config.cache_info().currsize:
        config = web_config()
        shared_http(config.service_url, config.ca_file).close()
    shared_http.cache_clear()
    web_config.cache_clear()
