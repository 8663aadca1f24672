"""Answers of the model are kept: faster the second time, and the same to the last bit, Redis or not."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis as redis_client

from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.state import to_state
from storecast.ports import ArtifactContent
from storecast.service.kept import Kept, Modelled
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.cache import MemoryCache
from tests.servers import Redis, redis_server
from tests.service.conftest import HORIZON, Made, Running, make_panel, publish, running
from tests.service.test_telemetry import metrics, value, wait_for


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A version whose stores are sums of departments, and whose trees read temperature and CPI."""
    panel, folder = make_panel(departments=True), tmp_path_factory.mktemp("sums") / "version"
    forecaster = Forecaster.fit(panel, ForecasterConfig(model="boosting", horizon=HORIZON))
    digest = ArtifactFolders().save(ArtifactContent(*to_state(forecaster)), str(folder))
    return Made(panel, forecaster, folder, digest)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Redis]:
    with redis_server(tmp_path) as made:
        yield made


def _total(heat: float = 30.0, **more: Any) -> dict[str, Any]:
    return {"series": "total", "by": "total", "horizon": 9, "inputs": {"temperature": heat}, **more}


def _rows(number: int = 2400, heat: float = 21.0) -> dict[str, Any]:
    weeks = make_panel().weeks[-1] + 7 * (1 + np.arange(HORIZON))
    return {
        "rows": [
            {"store": 1 + i % 3, "dept": 1, "date": str(weeks[i % HORIZON]), "temperature": heat + i % 11}
            for i in range(number)
        ]
    }


def _asked(service: Running, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer without its id, which is each answer's own."""
    answer = service.client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    found.pop("id", None)
    return found


def _counted(service: Running) -> tuple[float, float]:
    found = metrics(service)
    return value(found, "storecast_cache_hits_total"), value(found, "storecast_cache_misses_total")


@pytest.mark.parametrize("path", ["/v1/what-if", "/v1/predictions", "/invocations"])
def test_the_second_answer_is_the_first(path: str, sums: Made, tmp_path: Path) -> None:
    """Kept or not, the same answer; each is logged as its own, with the same rows."""
    publish(tmp_path, sums, 1)
    body: Any = _total(events=[{"kind": "promotion", "first": "2012-06-01", "lift": 1.1}])
    other: Any = _total(31.0)
    if path != "/v1/what-if":
        body, other = _rows(), _rows(heat=22.0)
    if path == "/invocations":
        body, other = ({"dataframe_records": b["rows"]} for b in (body, other))
    with running(tmp_path) as service:
        first = _asked(service, path, body)
        assert _asked(service, path, body) == first
        assert _counted(service) == (1, 1)
        assert _asked(service, path, other) != first
        assert _counted(service) == (1, 2)
        one, two, three = service.entries()
    assert len({one.id, two.id, three.id}) == 3
    assert (one.forecast, one.bands, one.rows_digest) == (two.forecast, two.bands, two.rows_digest)
    assert (one.forecast, one.rows_digest) != (three.forecast, three.rows_digest)
    with running(tmp_path) as anew:
        assert _asked(anew, path, body) == first


def test_levels_and_versions_are_told_apart(sums: Made, versions: dict[str, Made], tmp_path: Path) -> None:
    """Another level or another version is another question."""
    publish(tmp_path, sums, 1)
    with running(tmp_path) as service:
        answers = [_asked(service, "/v1/what-if", _total(levels=[level])) for level in (50, 90)]
        assert [list(a["weeks"][0]["base_bands"]) for a in answers] == [["50"], ["90"]]
        assert _counted(service) == (0, 2)
        before = _asked(service, "/v1/what-if", _total())
        panel = replace(sums.panel, values=(sums.panel.values * 3.0).round(2))
        forecaster = Forecaster.fit(panel, ForecasterConfig(model="boosting", horizon=HORIZON))
        folder = tmp_path / "next"
        digest = ArtifactFolders().save(ArtifactContent(*to_state(forecaster)), str(folder))
        publish(tmp_path, Made(panel, forecaster, folder, digest), 2)
        wait_for(lambda: service.client.get("/readyz").json()["model"]["version"] == 2)
        after = _asked(service, "/v1/what-if", _total())
        assert after["model"]["version"] == 2
        assert after["weeks"][0]["base"] > 2 * before["weeks"][0]["base"]


def test_what_a_look_up_answers_is_not_kept(sums: Made, tmp_path: Path) -> None:
    """It is there sooner than Redis could say so."""
    publish(tmp_path, sums, 1)
    with running(tmp_path) as service:
        for _ in range(3):
            _asked(service, "/v1/forecasts", {"by": "total"})
            _asked(service, "/v1/what-if", {"series": "1_1", "horizon": 2, "inputs": {"temperature": 1.0}})
            _asked(service, "/v1/what-if", {"series": "total", "by": "total", "inputs": {"fuel_price": 1.0}})
            _asked(service, "/v1/predictions", _rows(20))
        assert _counted(service) == (0, 0)


def test_workers_share_and_redis_changes_speed_alone(sums: Made, server: Redis, tmp_path: Path) -> None:
    """What one worker asked the model another fetches; killed, hanging, emptied or filled with rubbish,
    Redis changes no answer."""
    home, alone = tmp_path / "home", tmp_path / "alone"
    bodies = [("/v1/what-if", _total(heat)) for heat in (10.0, 20.0)] + [("/v1/predictions", _rows())]
    for folder in (home, alone):
        publish(folder, sums, 1)
    with running(alone) as service:
        expected = [_asked(service, *body) for body in bodies]
    with ExitStack() as stack:
        one = stack.enter_context(running(home, redis_url=server.url))
        assert [_asked(one, *body) for body in bodies] == expected
        assert _counted(one) == (0, 3)
        for _ in range(20):  # on a busy machine Redis may not be heard in time
            two = stack.enter_context(running(home, redis_url=server.url))
            assert [_asked(two, *body) for body in bodies] == expected
            if _counted(two) == (3, 0):
                break
        assert _counted(two) == (3, 0)
        with redis_client.Redis(port=server.port) as client:
            for key in client.scan_iter("storecast:answer:*"):
                client.set(key, b"\x93\x01\x91\xc4\x01x\x90")
        three = stack.enter_context(running(home, redis_url=server.url))
        assert [_asked(three, *body) for body in bodies] == expected
        for harm, cure in ((server.kill, server.start), (server.pause, server.resume)):
            harm()
            fresh = stack.enter_context(running(home, redis_url=server.url))
            for _ in range(2):
                assert [_asked(fresh, *body) for body in bodies] == expected
            assert value(metrics(fresh), "storecast_redis_up") == 0
            assert value(metrics(fresh), "storecast_redis_failures_total") >= 1
            assert fresh.client.get("/readyz").status_code == 200
            cure()
            deadline = time.monotonic() + 20
            while value(metrics(fresh), "storecast_redis_up") == 0 and time.monotonic() < deadline:
                time.sleep(0.2)
                _asked(fresh, "/v1/what-if", _total(time.monotonic() % 40))
            assert value(metrics(fresh), "storecast_redis_up") == 1


def test_one_question_at_one_time_is_asked_once(sums: Made, tmp_path: Path) -> None:
    """Thirty callers, one run of the model, thirty answers; who gives up takes it from nobody."""
    publish(tmp_path, sums, 1)
    with running(tmp_path) as service, ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: _asked(service, "/v1/what-if", _total(5.5)), range(30)))
        assert all(answer == answers[0] for answer in answers)
        _, misses = _counted(service)
        assert misses == 1
        assert len(service.entries()) == 30

    async def run() -> None:
        kept, asked, go = Kept(MemoryCache(), asyncio.to_thread), [], threading.Event()
        champion: Any = running_champion

        def make() -> Modelled:
            asked.append(1)
            assert go.wait(20)
            return Modelled.of([np.array([1.5, np.nan])])

        waiting = [asyncio.create_task(kept.get(champion, "q", make)) for _ in range(3)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()
        go.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        for one in found[1:]:
            assert isinstance(one, Modelled)
            np.testing.assert_array_equal(one.arrays()[0], [1.5, np.nan])
        assert len(asked) == 1
        assert (await kept.get(champion, "q", make)).rows == 2
        assert len(asked) == 1

    running_champion = service.worker.service.holder.champion
    asyncio.run(run())


def test_a_refusal_is_not_kept(sums: Made, tmp_path: Path) -> None:
    """What the model cannot be asked is refused each time, with the field named."""
    publish(tmp_path, sums, 1)
    with running(tmp_path) as service:
        for _ in range(2):
            answer = service.client.post("/v1/what-if", json=_total() | {"horizon": HORIZON + 1})
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["field"] == "horizon"
        assert _counted(service)[0] == 0
