"""Two replicas of the service, each a process with a home of its own, that share the releases and a log in
PostgreSQL: what a challenger does in one of them under load must reach nobody it should not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.frames import forecast_table
from storecast.forecasting.promotion import in_share
from storecast.ports import ModelVersion, ReleaseInfo
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.records import ForecastTable
from tests.load import Answer, Load, Question, when_entered
from tests.published import content, fitted, scaled
from tests.serve_process import NAME, Serving, await_, promoted, register, releases_in
from tests.servers import Postgres

pytestmark = pytest.mark.e2e

HORIZON, LEVELS, SHARE = 13, (80.0, 95.0), 0.5
CONNECTIONS, PAUSE = 6, 0.02  # of each replica
PROMISED = 30.0  # seconds from the first harm to the end of the trial, everywhere
# A signal turns the challenger's table in this process's memory bad, as a fault of memory or code would.
FAULT = """
import signal
def harm(number, frame):
    while frame is not None and "worker" not in frame.f_locals:
        frame = frame.f_back
    if frame is None:
        return
    found = frame.f_locals["worker"].service.trials.challenger
    found.version._rows.clear()
    view = found.version.views["series"]
    view.point[:] = float("nan") if number == signal.SIGUSR1 else 10.0 * view.point
signal.signal(signal.SIGUSR1, harm)
signal.signal(signal.SIGUSR2, harm)
"""


@cache
def version(number: int) -> Forecaster:
    """The champion, and a challenger a few percent above it."""
    return scaled(fitted(size=12), 1.0 if number == 1 else 1.2)


@cache
def table(number: int) -> dict[tuple[str, str], dict[str, Any]]:
    """What a version says of each series and week, by the batch path."""
    frame = forecast_table(version(number), HORIZON, LEVELS, "series")
    frame["ds"] = frame["ds"].astype(str)
    rows = [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]
    return {(row["unique_id"], row["ds"]): row for row in rows}


class Replicas:
    """Both, and all that they answered; ``taken``: the series that the challenger may answer."""

    def __init__(self, root: Path, url: str) -> None:
        self.root, self.url, self.taken = root, url, set[str]()
        self.seen: Counter[tuple[str, int]] = Counter()
        self.bad = False  # whether the challenger may have said ten times too much
        first = root / "a"
        first.mkdir()
        promoted(first, register(first, content(version(1))))
        (root / "b").mkdir()
        (root / "b" / "releases").symlink_to(first / "releases")
        self.releases = releases_in(first)
        (root / "fault").mkdir()
        (root / "fault" / "sitecustomize.py").write_text(FAULT)

    def start(self, stack: ExitStack) -> None:
        given = {
            "STORECAST_LOG_URL": self.url,
            "STORECAST_RATE_LIMIT": "0",
            "PYTHONPATH": os.pathsep.join([str(self.root / "fault"), os.environ.get("PYTHONPATH", "")]),
        }
        self.running = [
            stack.enter_context(Serving(self.root / name, "--no-follow", **given)) for name in "ab"
        ]

    def try_out(self, made: Forecaster) -> ReleaseInfo:
        """Set a version beside what serves without the checks that the commands make."""
        folder = self.root / "made"
        shutil.rmtree(folder, ignore_errors=True)
        digest = ArtifactFolders().save(content(made), str(folder))
        self.releases.stage(digest, lambda to: shutil.copytree(folder, to))
        names = version(1).keys.tolist()
        self.taken = {n for n, on in zip(names, in_share(digest, names, SHARE), strict=True) if on}
        now = self.releases.current()
        assert now is not None
        about = ModelVersion(NAME, 2, digest, "")
        done = self.releases.try_out(
            about, model="naive-growth", kind="canary", share=SHARE, who="Ann", why="a test", after=now
        )
        assert done is not None
        return done

    def check(self, answer: Answer) -> None:
        """Each number is that of the version that the answer names, and only the share has another one."""
        told = json.loads(answer.body)
        number = told["model"]["version"]
        for row in told["forecasts"]:
            key = row["unique_id"]
            assert number == 1 or key in self.taken, row
            self.seen[key, number] += 1
            expected = table(number)[key, row["ds"]]
            if number == 1 or not self.bad:
                assert {k: v for k, v in row.items() if k.startswith("storecast")} == {
                    k: v for k, v in expected.items() if k.startswith("storecast")
                }
            assert np.isfinite(row["storecast"])

    def load(self, stack: ExitStack) -> list[Load]:
        """Questions about every series to both."""
        questions = [Question(f"/v1/forecasts?series={n}&horizon={HORIZON}") for n in version(1).keys]
        ports = [int(one.url.rpartition(":")[2]) for one in self.running]
        return [
            stack.enter_context(Load(port, questions, CONNECTIONS, pause=PAUSE, check=self.check))
            for port in ports
        ]

    def serves_its_share(self) -> None:
        """Both replicas answer the whole share by the challenger."""
        for one in self.running:
            for key in self.taken:
                await_(partial(self.by_challenger, one, key), one.written)

    def by_challenger(self, one: Serving, key: str) -> bool:
        found = one.client.get("/v1/forecasts", params={"series": key, "horizon": 1}).raise_for_status()
        return bool(found.json()["model"]["version"] == 2)

    def inactive(self, one: Serving) -> bool:
        return one.client.get("/v1/models/trial").raise_for_status().json()["active"] is False

    def over(self) -> ReleaseInfo:
        """Wait until the trial is over for everybody; the pointer then."""
        await_(lambda: (info := self.releases.current()) is not None and info.trial is None)
        for one in self.running:
            await_(partial(self.inactive, one), one.written)
        info = self.releases.current()
        assert info is not None
        return info

    def logged(self) -> dict[str, tuple[str, int]]:
        """Request -> series and version of its entry in the shared log, each once."""
        database = Database(self.url)
        try:
            entries = list(ForecastTable(database).each())
        finally:
            database.close()
        found = {entry.request: (entry.series, entry.version) for entry in entries}
        assert len(found) == len(entries)
        return found


@pytest.fixture
def replicas(postgres: Postgres, tmp_path: Path) -> Iterator[Replicas]:
    made = Replicas(tmp_path, postgres.new_database())
    with ExitStack() as stack:
        made.start(stack)
        yield made


@pytest.mark.parametrize("how", ["nan", "ten times"])
def test_a_challenger_with_a_bad_table_serves_nobody(replicas: Replicas, how: str) -> None:
    """Published past all checks while both are asked: no answer is its, and the trial ends for both."""
    f = version(2)
    point = f.point * 10.0
    if how == "nan":
        point = f.point.copy()
        point[2, 3] = np.nan
    bad = replace(f, point=point, parts={**f.parts, "limits": point})
    with ExitStack() as stack:
        loads = replicas.load(stack)
        loads[1].more(50)
        replicas.try_out(bad)
        info = replicas.over()
        for load in loads:
            load.more(100)
    assert (info.version, info.recent[-1].kind, info.recent[-1].replaced) == (1, "canary-breach", 2)
    assert {number for _, number in replicas.seen} == {1}
    for load in loads:
        assert (load.refused, load.broken) == ([], Counter())


def _actuals(replicas: Replicas) -> None:
    """What was sold is what the champion said, to one of both."""
    rows = [
        {"unique_id": key, "ds": ds, "y": row["storecast"]}
        for (key, ds), row in table(1).items()
        if ds == str(version(1).weeks[0])[:10]
    ]
    replicas.running[1].client.post("/v1/actuals", json={"actuals": rows}).raise_for_status()


def _signal(number: signal.Signals) -> Callable[[Replicas], None]:
    def harm(replicas: Replicas) -> None:
        replicas.bad = number == signal.SIGUSR2
        os.kill(replicas.running[0].process.pid, number)

    return harm


@pytest.mark.parametrize(
    ("kind", "harm"),
    [
        ("nan", _signal(signal.SIGUSR1)),
        ("implausible", _signal(signal.SIGUSR2)),
        ("accuracy", _actuals),
    ],
)
def test_a_challenger_that_degrades_in_one_replica_is_rolled_back_in_both(
    replicas: Replicas, kind: str, harm: Callable[[Replicas], None]
) -> None:
    """After it took its share: within 30 seconds it answers nobody anywhere. Throughout, every request is
    answered, and each number outside the share is the champion's; the shared log has each answer once, under
    the version that gave it."""
    with ExitStack() as stack:
        loads = replicas.load(stack)
        replicas.try_out(version(2))
        replicas.serves_its_share()
        assert 0 < len(replicas.taken) < len(version(1).keys)
        began = time.monotonic()
        harm(replicas)
        info = replicas.over()
        assert time.monotonic() - began < PROMISED
        for one in replicas.running:
            assert not [key for key in replicas.taken if replicas.by_challenger(one, key)]
        for load in loads:
            load.more(150)
    assert {key for key, number in replicas.seen if number == 2} == replicas.taken
    last = info.recent[-1]
    assert (last.kind, last.version, last.replaced) == ("canary-breach", 1, 2)
    breaches = sum(
        float(line.rsplit(" ", 1)[1])
        for one in replicas.running
        for line in one.client.get("/metrics").text.splitlines()
        if line.startswith("storecast_canary_breaches_total{") and f'kind="{kind}"' in line
    )
    assert breaches >= 1
    logged = when_entered([request for load in loads for request in load.requests], replicas.logged)
    for load in loads:
        assert (load.refused, load.broken) == ([], Counter())
        for request in load.requests:
            key, number = logged[request]
            assert number == 1 or key in replicas.taken
