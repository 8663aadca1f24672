"""``storecast follow`` as a process: beside the embedded registry, a real database, real signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient

from storecast.forecasting.sample import SampleSpec, make_sample, to_store_file
from storecast.ports import ReleaseInfo
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.datasets import DatasetTable
from storecast.stores.forecast_log.jobs import JobTable
from storecast.stores.forecast_log.model_events import ModelEventTable
from storecast.stores.mlflow_session import connect
from storecast.stores.registry import MlflowRegistry
from storecast.stores.releases import ReleaseFolder
from tests.published import content, fitted, scaled

NAME = "storecast"
PATIENCE = 120.0  # seconds until a test gives up; build servers stall


class Shop:
    """A home folder, and the followers that a test starts on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.releases = ReleaseFolder(home / "releases" / NAME, clock=lambda: datetime.now(UTC))
        self.database = Database(f"sqlite:///{home}/forecasts.db")
        self.database.ensure_schema()
        self.events = ModelEventTable(self.database)
        self.started: list[subprocess.Popen[bytes]] = []
        self.logs: list[Path] = []

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        self.logs.append(self.home / f"follow-{len(self.logs)}.log")
        with open(self.logs[-1], "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", "from storecast.cli import main; main()", "follow", *more],
                env={**os.environ, "STORECAST_HOME": str(self.home), "STORECAST_NAME": NAME},
                stderr=log,
                stdout=log,
            )
        self.started.append(process)
        return process

    def told(self, which: int = -1) -> list[str]:
        """The events that a follower told; every line of it is JSON."""
        lines = self.logs[which].read_text().splitlines()
        return [json.loads(line)["event"] for line in lines]

    def await_(self, true: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            if time.monotonic() > deadline:
                raise AssertionError("\n".join(log.read_text()[-3000:] for log in self.logs))
            time.sleep(0.02)

    def serving(self) -> ReleaseInfo | None:
        now = self.releases.current()
        if now is not None:
            assert self.releases.load(now).meta["number"] == now.version
        return now

    def serves(self, version: int) -> Callable[[], bool]:
        def check() -> bool:
            now = self.serving()
            return now is not None and now.version == version

        return check

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.database.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A home without a registry."""
    made = Shop(tmp_path)
    yield made
    made.end()


def registry_in(home: Path) -> MlflowRegistry:
    return MlflowRegistry(home, clock=lambda: datetime.now(UTC))


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose registry holds three versions, to be copied."""
    home = tmp_path_factory.mktemp("registered")
    for number in (1, 2, 3):
        made = content(scaled(fitted(), 1.0 + number / 100), number=number)
        registry_in(home).register(NAME, made, params={}, metrics={}, tags={}, files={})
    return home


@pytest.fixture
def client(registered: Path, shop: Shop) -> MlflowClient:
    """A plain client of the registry in the shop's home, version 1 being champion."""
    shutil.copytree(registered, shop.home, dirs_exist_ok=True)
    made = connect(registry_in(shop.home).uri, 5)
    made.set_registered_model_alias(NAME, "champion", "1")
    return made


def test_the_alias_is_followed_until_the_end(shop: Shop, client: MlflowClient) -> None:
    """Moves by a plain MLflow client and requests in the database are published by the running follower,
    with the registry gone what serves goes on, after a restart too; SIGTERM ends it at once."""
    first = shop.start()
    shop.await_(shop.serves(1))
    for version in (2, 1, 3):
        client.set_registered_model_alias(NAME, "champion", str(version))
        shop.await_(shop.serves(version))
    # a move is written down a moment after it serves: what is asked for meanwhile would stand before it
    shop.await_(lambda: len(shop.events.listing(limit=20)) == 4)
    asked = shop.events.request(NAME, "promote", who="Ann", why="better", to_version=2)
    shop.await_(lambda: getattr(shop.events.find(asked.id), "state", "") == "done")
    assert shop.serves(2)()
    champion = registry_in(shop.home).champion(NAME)
    assert champion is not None
    assert champion.version == 2
    os.rename(shop.home / "mlflow.db", shop.home / "gone.db")
    asked = shop.events.request(NAME, "rollback", who="Bob", why="bad week")
    shop.await_(lambda: getattr(shop.events.find(asked.id), "state", "") == "done")
    assert shop.serves(3)()
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE) == 0
    assert shop.told()[0] == "following"
    assert shop.told()[-1] == "ended"
    again = shop.start()
    shop.await_(lambda: "following" in shop.told())
    os.replace(shop.home / "gone.db", shop.home / "mlflow.db")
    shop.await_(lambda: "registry told" in shop.told())
    assert shop.serves(3)()
    again.send_signal(signal.SIGINT)
    assert again.wait(PATIENCE) == 0
    champion = registry_in(shop.home).champion(NAME)
    assert champion is not None
    assert champion.version == 3
    written = [(e.kind, e.from_version, e.to_version, e.state) for e in shop.events.listing(limit=20)]
    assert written[::-1] == [
        ("moved", None, 1, "done"),
        ("moved", 1, 2, "done"),
        ("moved", 2, 1, "done"),
        ("moved", 1, 3, "done"),
        ("promote", 3, 2, "done"),
        ("rollback", 2, 3, "done"),
    ]


def test_of_two_followers_one_works(shop: Shop, client: MlflowClient) -> None:
    """The second stands by and publishes nothing; it takes over when the first is killed."""
    first = shop.start()
    shop.await_(shop.serves(1))
    shop.start()
    shop.await_(lambda: "standing by" in shop.told(1))
    client.set_registered_model_alias(NAME, "champion", "2")
    shop.await_(shop.serves(2))
    assert shop.told(1) == ["standing by"]
    first.kill()
    shop.await_(lambda: "following" in shop.told(1))
    client.set_registered_model_alias(NAME, "champion", "3")
    shop.await_(shop.serves(3))
    assert shop.start("--once").wait(PATIENCE) == 0
    assert shop.told() == ["another follower works"]


def test_data_sets_are_worked_off_beside_it(shop: Shop) -> None:
    """A helper process fits and forecasts what was uploaded, and ends with a follower that is killed."""
    datasets, jobs = DatasetTable(shop.database), JobTable(shop.database)
    frame = to_store_file(make_sample(SampleSpec(stores=3, weeks=110)))
    data = frame.to_csv(index=False, date_format="%d-%m-%Y").encode()
    made = datasets.upload("key", "sales.csv", "text/csv", [data])
    bad = datasets.upload("key", "bad.csv", "text/csv", [b"a,b\n1,2\n"])
    asked = [jobs.submit("dataset", owner="key", subject=item.id) for item in (made, bad)]
    assert shop.start("--once").wait(PATIENCE) == 0
    found = [jobs.find(job.id, owner=None) for job in asked]
    assert [job.state for job in found if job] == ["done", "failed"]
    assert sorted(datasets.contents(made.id)) == ["forecast-series.csv", "forecast-total.csv", "upload"]
    assert {"dataset done", "dataset refused"} <= set(shop.told())


def test_a_helper_ends_with_its_follower_and_the_job_goes_on(shop: Shop) -> None:
    """A follower killed in the middle of a fit takes its helper with it, which puts the job back."""
    datasets, jobs = DatasetTable(shop.database), JobTable(shop.database)
    frame = to_store_file(make_sample(SampleSpec(stores=200, weeks=143)))
    data = frame.to_csv(index=False, date_format="%d-%m-%Y").encode()
    made = datasets.upload("key", "sales.csv", "text/csv", [data])
    job = jobs.submit("dataset", owner="key", subject=made.id)
    first = shop.start()

    def state() -> tuple[str, str]:
        found = jobs.find(job.id, owner=None)
        assert found is not None
        return found.state, found.stage

    shop.await_(lambda: state() == ("running", "fit"))
    first.kill()
    shop.await_(lambda: state()[0] == "queued")
    second = shop.start("--once")
    assert second.wait(PATIENCE) == 0
    assert state()[0] == "done"
    found = jobs.find(job.id, owner=None)
    assert found is not None
    assert found.attempts == 2
