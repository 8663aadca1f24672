"""A service under load while its champion moves, its registry goes, and it is stopped."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.frames import forecast_table
from storecast.jobs.promote import promote
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.records import ForecastTable
from storecast.stores.mlflow_session import connect
from storecast.stores.registry import MlflowRegistry
from tests.cli.calls import call
from tests.load import Answer, Load, Question
from tests.mlflow_server import tracking_server
from tests.published import content, fitted, scaled
from tests.serve_process import NAME, PATIENCE, Serving, await_, releases_in

pytestmark = pytest.mark.e2e

VERSIONS = (1, 2, 3)
HORIZON = 13
LEVELS = (80.0, 95.0)
CONNECTIONS, PAUSE = 16, 0.07  # a little more than 200 requests a second


def forecaster(version: int) -> Forecaster:
    """A different forecast for every version."""
    return scaled(fitted(size=12), 1.0 + version / 100)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


class Shop:
    """A home, its registry on a server of its own, and what each version must answer."""

    def __init__(self, home: Path, uri: str) -> None:
        self.home, self.uri = home, uri
        self.digests: dict[int, str] = {}
        self.rows: dict[int, dict[tuple[str, str], dict[str, Any]]] = {}
        for version in VERSIONS:
            made = self.registry().register(
                NAME, content(forecaster(version), number=version), params={}, metrics={}, tags={}, files={}
            )
            assert made.version == version
            table = forecast_table(forecaster(version), HORIZON, LEVELS, "series")
            table["ds"] = table["ds"].astype(str)
            self.digests[version] = made.digest
            self.rows[version] = {(row["unique_id"], row["ds"]): row for row in _records(table)}
        promote(self.registry(), NAME, 1, who="Ann", why="first", releases=releases_in(home))

    def registry(self) -> MlflowRegistry:
        from storecast.wiring.batch import clock

        return MlflowRegistry(self.home, clock=clock, uri=self.uri)

    def serve(self, *options: str, **environment: str) -> Serving:
        return Serving(self.home, *options, STORECAST_TRACKING_URI=self.uri, **environment)

    def check(self, answer: Answer) -> None:
        """One version's digest, and each of its numbers as the batch path writes them."""
        told = json.loads(answer.body)
        version = told["model"]["version"]
        assert told["model"]["digest"] == self.digests[version]
        assert told["forecasts"]
        for row in told["forecasts"]:
            expected = self.rows[version][row["unique_id"], row["ds"]]
            for name, value in row.items():
                if name.startswith("storecast"):
                    assert value == expected[name], (version, name, row)

    def questions(self) -> list[Question]:
        """Every series and week at once, and single ones."""
        names = forecaster(1).keys.tolist()
        single = [Question(f"/v1/forecasts?series={name}&horizon={HORIZON}") for name in names]
        return [Question(f"/v1/forecasts?horizon={HORIZON}"), *single]

    def logged(self) -> Counter[str]:
        """How often each request's id is in the log."""
        database = Database(f"sqlite:///{self.home}/forecasts.db")
        try:
            return Counter(entry.request for entry in ForecastTable(database).each())
        finally:
            database.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """An MLflow server, and what ends it."""
    (tmp_path / "mlflow").mkdir()
    with ExitStack() as stack:
        yield stack.enter_context(tracking_server(tmp_path / "mlflow")), stack.close


@pytest.fixture
def shop(server: tuple[str, Callable[[], None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Three versions, the first of which serves."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("STORECAST_HOME", str(home))
    monkeypatch.setenv("STORECAST_TRACKING_URI", server[0])
    return Shop(home, server[0])


def port(serving: Serving) -> int:
    return int(serving.url.rpartition(":")[2])


class Mover:
    """Moves the champion by one of three ways; ``slowest``: seconds until all answers came from it."""

    def __init__(self, shop: Shop, serving: Serving) -> None:
        self.shop, self.serving = shop, serving
        self.slowest = {"api": 0.0, "command": 0.0, "alias": 0.0}

    def to(self, version: int, way: str) -> None:
        if way == "alias":
            connect(self.shop.uri, 10).set_registered_model_alias(NAME, "champion", str(version))
        elif way == "command":
            words = ("rollback",) if version == 1 else ("promote", version)
            assert call("models", *words, "--why", "a test").code == 0
        else:
            verb = "rollback" if version == 1 else "promote"
            body = {"why": "a test"} | ({} if version == 1 else {"version": version})
            assert self.serving.client.post(f"/v1/models/{verb}", json=body).status_code == 202
        began = time.monotonic()
        self.serving.serves(version)
        self.slowest[way] = max(self.slowest[way], time.monotonic() - began)


def test_twenty_moves_under_load(shop: Shop, request: pytest.FixtureRequest) -> None:
    """Promoted and rolled back through the API, the command line and MLflow while 200 requests a second are
    asked: none fails, none mixes two versions, each is in the log once, each move is an event."""
    with shop.serve() as serving:
        await_(lambda: "following" in serving.events(), serving.written)
        mover = Mover(shop, serving)
        began = time.monotonic()
        with Load(port(serving), shop.questions(), CONNECTIONS, pause=PAUSE, check=shop.check) as load:
            load.more(200)
            for i in range(10):
                way = ("api", "command", "alias")[i % 3]
                mover.to(2 + i % 2, way)
                mover.to(1, way)
            load.more(200)
        rate = len(load.requests) / (time.monotonic() - began)
        request.node.user_properties += [*mover.slowest.items(), ("requests a second", rate)]
        assert (load.broken, load.refused) == ({}, [])
        assert rate > 100
        logged = shop.logged()
        assert {logged[one] for one in load.requests} == {1}
        assert "storecast_model_swaps_total 21.0" in serving.client.get("/metrics").text
        listed = serving.client.get("/v1/events", params={"limit": 100}).json()["events"]
        assert Counter(event["state"] for event in listed) == {"done": 21}
        assert serving.end() == 0


def test_the_registry_goes_under_load(shop: Shop, server: tuple[str, Callable[[], None]]) -> None:
    """No request fails; what serves goes on, after a restart as well; a rollback by the API needs no
    registry."""
    promote(shop.registry(), NAME, 2, who="Ann", why="better", releases=releases_in(shop.home))
    with shop.serve() as serving:
        await_(lambda: "following" in serving.events(), serving.written)
        with Load(port(serving), shop.questions(), CONNECTIONS, pause=PAUSE, check=shop.check) as load:
            load.more(200)
            server[1]()
            await_(lambda: "registry away" in serving.events(), serving.written)
            load.more(200)
            assert serving.version() == 2
        assert (load.broken, load.refused) == ({}, [])
        assert serving.end() == 0
    with shop.serve() as serving:
        assert serving.version() == 2
        asked = serving.client.post("/v1/models/rollback", json={"why": "bad week"}).json()
        serving.serves(1)
        event = f"/v1/events/{asked['id']}"
        await_(lambda: serving.client.get(event).json()["state"] == "done", serving.written)


@pytest.mark.parametrize("pause", [PAUSE, 0.0], ids=["200 a second", "all it can"])
def test_sigterm_under_load_drops_nothing(shop: Shop, pause: float) -> None:
    """Five times: who is connected is answered, who comes later is turned away by the machine, and every
    answer is in the log once."""
    answered: list[str] = []
    for _ in range(5):
        with shop.serve("--no-follow", STORECAST_DRAIN_SECONDS="2") as serving:
            with Load(port(serving), shop.questions(), 32, pause=pause, check=shop.check) as load:
                load.more(300)
                serving.process.send_signal(signal.SIGTERM)
                assert serving.process.wait(PATIENCE) == 0
            assert (load.broken, load.refused) == ({}, [])
            answered += load.requests
    logged = shop.logged()
    assert {logged[one] for one in answered} == {1}
    assert os.listdir(shop.home / "spool") == []
