"""Small published versions of every kind, and the whole service on them with its real stores."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn

from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.panel import Panel
from storecast.forecasting.state import to_state
from storecast.ports import ArtifactContent, Entry, ModelVersion, ReleaseInfo
from storecast.service.protocol import BoundedProtocol
from storecast.service.security import new_key
from storecast.settings import Settings
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.forecast_log.records import ForecastTable
from storecast.stores.releases import ReleaseFolder
from storecast.wiring.serving import Worker, key_table, make_worker

WEEKS = 120
HORIZON = 20


def make_panel(departments: bool = False, seed: int = 7) -> Panel:
    """Three stores with a season, temperature and CPI; with ``departments`` two each, one of them young."""
    draw = np.random.default_rng(seed)
    weeks = np.datetime64("2010-02-05") + 7 * np.arange(WEEKS)
    keys = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2"] if departments else ["1", "2", "3"]
    size = len(keys)
    heat = 15.0 + 10.0 * np.sin(2 * np.pi * np.arange(WEEKS) / 52)[:, None] + draw.normal(0, 2, (WEEKS, size))
    season = 1 + 0.2 * np.sin(2 * np.pi * np.arange(WEEKS) / 52 + 1)[:, None]
    values = 1000.0 * np.arange(1, size + 1) * season * (1 + 0.01 * heat) + draw.normal(0, 20, (WEEKS, size))
    if departments:
        values[:-30, -1] = np.nan
    stores = [k.split("_")[0] for k in keys]
    return Panel(
        weeks,
        np.array(keys),
        values.round(2),
        np.array(stores),
        np.array([k.split("_")[1] for k in keys] if departments else [""] * size),
        {"type": np.array(["A"] * size), "size": np.arange(size) * 1000.0},
        {"temperature": heat.round(1), "cpi": 200.0 + np.cumsum(draw.normal(0, 0.1, (WEEKS, size)), axis=0)},
    )


@dataclass(frozen=True)
class Made:
    """A fitted version: its forecaster, and the artifact folder it lies in under its digest."""

    panel: Panel
    forecaster: Forecaster
    folder: Path
    digest: str


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """``stores`` and ``departments`` by the blend, ``again`` (other data), ``trees`` by boosting."""
    root = tmp_path_factory.mktemp("versions")
    promotions = [
        Event("promotion", np.datetime64(day), np.datetime64(day), "", "")
        for day in ("2010-05-07", "2010-11-05", "2011-04-01")
    ]
    kinds: dict[str, tuple[Panel, str, list[Event]]] = {
        "stores": (make_panel(), "blend", promotions),
        "again": (make_panel(seed=8), "blend", []),
        "departments": (make_panel(departments=True), "blend", []),
        "trees": (make_panel(), "boosting", []),
    }
    made = {}
    for name, (panel, model, events) in kinds.items():
        forecaster = Forecaster.fit(panel, ForecasterConfig(model=model, horizon=HORIZON), events=events)
        content = ArtifactContent(*to_state(forecaster))
        content = ArtifactContent(
            content.arrays,
            content.texts,
            {**content.meta, "metrics": {"wmae": 12.5}, "gate": {"passed": True}},
        )
        digest = ArtifactFolders().save(content, str(root / name))
        made[name] = Made(panel, forecaster, root / name, digest)
    return made


def publish(home: Path, made: Made, version: int, *, kind: str = "promote") -> ReleaseInfo:
    """Publish a version as the commands do."""
    releases = ReleaseFolder(home / "releases" / "storecast", clock=lambda: datetime.now(UTC))
    releases.stage(made.digest, lambda folder: shutil.copytree(made.folder, folder))
    done = releases.publish(
        ModelVersion("storecast", version, made.digest, ""),
        model=made.forecaster.config.model,
        kind=kind,
        who="Ann",
        why="a test",
        after=releases.current(),
    )
    assert done is not None
    return done


@dataclass(frozen=True)
class Running:
    """A service that listens on ``port``: ``client`` asks it, ``entries`` reads what it logged."""

    home: Path
    worker: Worker
    port: int
    client: httpx.Client

    def entries(self) -> list[Entry]:
        """What was logged, oldest first, with blobs."""
        return list(ForecastTable(self.worker.log.database).each())


@contextmanager
def running(home: Path, *, host: str = "127.0.0.1", **settings: Any) -> Iterator[Running]:
    """The service on ``home``, listening as ``storecast serve`` does, in a thread of this process."""
    worker = make_worker(Settings(home=home, **settings), host)
    worker.start()
    config = uvicorn.Config(
        worker.app, host="127.0.0.1", port=0, http=BoundedProtocol, log_config=None, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            yield Running(home, worker, port, client)
    finally:
        server.should_exit = True
        thread.join(20)
        worker.close()


@pytest.fixture(scope="session")
def _services(
    versions: dict[str, Made], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Running]]:
    with ExitStack() as stack:
        started: dict[str, Running] = {}

        def of(name: str) -> Running:
            if name not in started:
                home = tmp_path_factory.mktemp(f"home-{name}")
                publish(home, versions[name], 1)
                started[name] = stack.enter_context(running(home))
            return started[name]

        yield of


@pytest.fixture(scope="session")
def stores(_services: Callable[[str], Running]) -> Running:
    """A service whose version forecasts three stores."""
    return _services("stores")


@pytest.fixture(scope="session")
def departments(_services: Callable[[str], Running]) -> Running:
    """A service whose version forecasts six departments of three stores."""
    return _services("departments")


@pytest.fixture(scope="session")
def trees(_services: Callable[[str], Running]) -> Running:
    """A service whose version reads temperature and CPI."""
    return _services("trees")


@pytest.fixture(scope="session")
def issue() -> Callable[[Path, str], str]:
    """``issue(home, role)``: a new key of that role, as `storecast keys issue` makes it."""

    def of(home: Path, role: str) -> str:
        table = key_table(Settings(home=home))
        token, key = new_key(f"a {role}", role, now=time.time_ns() // 1000)
        table.issue(key)
        return token

    return of
