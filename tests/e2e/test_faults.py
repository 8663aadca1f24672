"""The running service when things break: every answer that was given is in the log, once, and it goes on.

``STORECAST_TEST_KILLS`` says how often it is killed (100 without); each campaign has a seed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from storecast.forecasting.forecaster import Forecaster
from storecast.ports import ModelVersion
from storecast.service.context import ServiceConfig
from storecast.service.security import new_key
from storecast.settings import Settings
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.releases import ReleaseFolder
from storecast.wiring.serving import key_table
from tests.load import Answer, Load, Question, ask_once, begin, mixed
from tests.mlflow_server import free_port
from tests.needs import ROOT
from tests.published import content, fitted, scaled
from tests.servers import Postgres, postgres_server, redis_server

pytestmark = pytest.mark.e2e

KILLS = int(os.environ.get("STORECAST_TEST_KILLS", "100"))
_PROGRAM = [sys.executable, "-c", "from storecast.cli import main; main()"]
_SECONDS = 60.0  # until a test gives up waiting


def wait_for(condition: Callable[[], object], seconds: float = _SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def releases_in(home: Path) -> ReleaseFolder:
    return ReleaseFolder(home / "releases" / "storecast", clock=lambda: datetime.now(UTC))


def publish(home: Path, forecaster: Forecaster, number: int) -> str:
    """Publish a version as the commands do; its digest."""
    made = home / "made" / str(number)
    digest = ArtifactFolders().save(content(forecaster), str(made))
    releases = releases_in(home)
    releases.stage(digest, lambda folder: ArtifactFolders().copy(str(made), folder))
    version, after = ModelVersion("storecast", number, digest, ""), releases.current()
    releases.publish(version, model="naive-growth", kind="promote", who="Ann", why="a test", after=after)
    return digest


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where version 1 is published."""
    publish(tmp_path, fitted(), 1)
    return tmp_path


QUESTIONS = mixed(fitted().keys.tolist(), [str(week) for week in fitted().weeks.astype("datetime64[D]")])


POSTED = Question("/v1/forecasts", b'{"series":"s000","horizon":2}')


@dataclass
class Service:
    """``storecast serve`` as a process of its own; it may be killed and started again on the same port."""

    home: Path
    settings: dict[str, str]
    port: int
    before: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it is not ready yet."""
        with open(self.home / "serve.log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.before, *_PROGRAM, "serve", "--no-follow", "--port", str(self.port)],
                env={**os.environ, "STORECAST_HOME": str(self.home), **self.settings},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def await_ready(self) -> None:
        deadline = time.monotonic() + _SECONDS
        while not self.is_ready():
            assert self.process is not None
            log = self.home / "serve.log"
            assert self.process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.01)

    def is_ready(self) -> bool:
        try:
            return asyncio.run(ask_once(self.port, Question("/readyz"))).status == 200
        except (OSError, EOFError):
            return False

    def cpu_seconds(self) -> float:
        """That it has used since it was started."""
        assert self.process is not None
        about = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(about[11]) + int(about[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=30, trust_env=False)

    def readiness(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/readyz").json()
        return found

    def metric(self, name: str, **labels: str) -> float:
        for family in text_string_to_metric_families(self.get("/metrics").text):
            for sample in family.samples:
                if sample.name == f"storecast_{name}" and sample.labels == labels:
                    return sample.value
        return 0.0

    def events(self) -> list[str]:
        return [
            json.loads(line)["event"]
            for line in (self.home / "serve.log").read_text().splitlines()[0:]
            if line.startswith("{")
        ]


@contextmanager
def serving(home: Path, *before: str, **settings: str) -> Iterator[Service]:
    """The service on ``home``, ready; ended in order after the block."""
    service = Service(home, settings, free_port(), before)
    service.start()
    try:
        service.await_ready()
        yield service
    finally:
        assert service.process is not None
        service.process.terminate()
        service.process.wait(_SECONDS)


def logged(home: Path) -> list[str]:
    """Request ids of all entries of the SQLite log, read past the code under test."""
    with sqlite3.connect(home / "forecasts.db") as connection:
        rows = connection.execute("SELECT request FROM forecasts ORDER BY rowid").fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return [row[0] for row in rows]


def none_lost_none_twice(answered: list[str], found: list[str], most_more: int) -> None:
    """Every answered request has its entry, no request has two, and few entries are of unheard answers."""
    counts = Counter(found)
    assert [request for request in answered if counts[request] == 0] == []
    assert [request for request, number in counts.items() if number > 1] == []
    assert len(answered) == len(set(answered))
    assert len(found) - len(answered) <= most_more


def test_killed_under_load(home: Path) -> None:
    """kill -9 at random moments, while starting too: nothing answered is lost or doubled, and it is back."""
    draw = random.Random(17)
    to_ready: list[tuple[float, float]] = []
    service = Service(home, {}, free_port())
    with Load(service.port, QUESTIONS) as load:
        for kills in range(1, KILLS + 1):
            began = time.monotonic()
            service.start()
            if draw.random() < 0.1:
                time.sleep(draw.random() * 1.5)
            else:
                service.await_ready()
                to_ready.append((time.monotonic() - began, service.cpu_seconds()))
                time.sleep(draw.random() * 0.5)
            service.kill()
            if kills % 50 == 0:  # a long campaign tells how far it is, and what it has found
                answered = load.requests
                none_lost_none_twice(answered, logged(home), load.connections * kills)
                _tell(kills, answered, load.broken.total(), to_ready)
        service.start()
        service.await_ready()
        load.more(200)
    assert service.process is not None
    service.process.terminate()
    assert service.process.wait(_SECONDS) == 0
    none_lost_none_twice(load.requests, logged(home), load.connections * (KILLS + 1))
    _tell(KILLS, load.requests, load.broken.total(), to_ready)
    assert len(load.requests) > 20 * KILLS
    assert load.refused == []
    assert load.broken.total() > KILLS
    assert list((home / "spool").glob("*")) == []


def _tell(kills: int, answered: list[str], broken: int, to_ready: list[tuple[float, float]]) -> None:
    """``to_ready``: seconds of the clock, which other programs lengthen, and of CPU."""
    clock, cpu = zip(*to_ready, strict=True)
    sys.stderr.write(
        f"\n{kills} kills: {len(answered)} requests answered and in the log once, {broken} broken off;"
        f" ready after {statistics.median(clock):.2f} s (median), {max(clock):.2f} s (most),"
        f" {statistics.median(cpu):.2f} s of CPU\n"
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres_server() as made:
        yield made


def _in_order(load: Load, found: list[str]) -> None:
    """What one connection was answered one after the other entered the table in that order."""
    place = {request: number for number, request in enumerate(found)}
    for connection in load.answered:
        places = [place[request] for request in connection]
        assert places == sorted(places)


def test_postgres_stopped_and_started_under_load(server: Postgres, home: Path) -> None:
    """Answers go on from the spool, replayed in order and once; metrics and readiness tell."""
    url = server.new_database()
    with serving(home, STORECAST_LOG_URL=url) as service:
        with psycopg.connect(url) as connection:
            connection.execute("ALTER TABLE forecasts ADD COLUMN place bigserial")  # how rows came in
        with Load(service.port, QUESTIONS) as load:
            for how in (signal.SIGQUIT, signal.SIGINT, signal.SIGKILL):
                load.more(300)
                server.stop(how)
                load.more(300)
                assert service.metric("log_database_up") == 0
                assert service.metric("log_spool_entries") > 0
                state = service.readiness()
                assert (state["status"], state["log"]["database"]) == ("ready", False)
                server.start()
                load.more(100)
                wait_for(lambda: service.metric("log_database_up") == 1)
                wait_for(lambda: service.metric("log_spool_entries") == 0)
            server.pause()  # connections stay open and nothing answers
            load.more(300)
            assert service.readiness()["log"]["database"] is False
            server.resume()
            wait_for(lambda: service.metric("log_database_up") == 1)
            load.more(100)
        assert (load.refused, load.broken) == ([], Counter())
        assert service.metric("log_entries_total", outcome="spooled") > 800
        assert service.metric("log_entries_total", outcome="refused") == 0
        with psycopg.connect(url) as connection:
            found = [row[0] for row in connection.execute("SELECT request FROM forecasts ORDER BY place")]
    none_lost_none_twice(load.requests, found, 0)
    _in_order(load, found)


def test_a_postgres_that_hangs_holds_up_neither_the_champion_nor_bulk_answers(
    server: Postgres, home: Path
) -> None:
    """For longer than any look at the database takes: a promotion is followed and many series are answered,
    whoever needs the database is told that it is away, and SIGTERM ends the process."""
    url = server.new_database()
    with serving(home, STORECAST_LOG_URL=url, STORECAST_DRAIN_SECONDS="0.3") as service:

        def ask_the_database(_: int) -> int:
            return service.get("/v1/monitoring/accuracy").status_code

        with ThreadPoolExecutor(12) as threads:
            assert {*threads.map(ask_the_database, range(60))} == {200}  # it has connections that may hang
            server.pause()
            try:
                time.sleep(3)  # in which each chore that asks the database had its turn
                asked = [threads.submit(ask_the_database, number) for number in range(12)]
                publish(home, scaled(fitted(), 2.0), 2)
                wait_for(lambda: service.readiness()["model"]["version"] == 2, 10)
                bulk = service.get("/v1/forecasts?horizon=2")
                assert (bulk.status_code, bulk.json()["model"]["version"]) == (200, 2)
                assert {answer.result(_SECONDS) for answer in asked} == {503}
                time.sleep(1)
                assert service.process is not None
                service.process.terminate()
                assert service.process.wait(20) == 0
            finally:
                server.resume()


def test_killed_while_postgres_comes_and_goes(server: Postgres, home: Path) -> None:
    """The worker dies with a full spool, the next one starts without the database: nothing is lost."""
    url, draw = server.new_database(), random.Random(23)
    service = Service(home, {"STORECAST_LOG_URL": url}, free_port())
    kills = max(4, KILLS // 10)
    with Load(service.port, QUESTIONS, connections=8) as load:
        for _ in range(kills):
            service.start()
            service.await_ready()
            load.more(20)
            if server.answers():
                server.stop(draw.choice([signal.SIGQUIT, signal.SIGKILL]))
            else:
                server.start()
            time.sleep(draw.random())
            service.kill()
        if not server.answers():
            server.start()
        service.start()
        service.await_ready()
        wait_for(lambda: service.metric("log_database_up") == 1)
        load.more(50)
    assert service.process is not None
    service.process.terminate()
    assert service.process.wait(_SECONDS) == 0
    with psycopg.connect(url) as connection:
        found = [row[0] for row in connection.execute("SELECT request FROM forecasts")]
    none_lost_none_twice(load.requests, found, load.connections * (kills + 1))
    assert list((home / "spool").glob("*")) == []


def test_redis_killed_under_load(home: Path, tmp_path: Path) -> None:
    """Limits and cache go on in the worker; no request fails, and Redis is used again when it is back."""
    keys = key_table(Settings(home=home))
    token, key = new_key("load", "reader", now=time.time_ns() // 1000)
    keys.issue(key)
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server(folder) as redis:
        settings = {"STORECAST_REDIS_URL": redis.url, "STORECAST_RATE_LIMIT": "10000"}
        with serving(home, **settings) as service:
            service.get = lambda path: httpx.get(  # type: ignore[method-assign]
                f"http://127.0.0.1:{service.port}{path}", headers={"x-api-key": token}, trust_env=False
            )
            with Load(service.port, QUESTIONS, headers=f"x-api-key: {token}\r\n") as load:
                load.more(300)
                assert service.metric("redis_up") == 1
                for harm, cure in ((redis.kill, redis.start), (redis.pause, redis.resume)):
                    harm()
                    wait_for(lambda: service.metric("redis_up") == 0)
                    load.more(500)
                    assert service.readiness()["status"] == "ready"
                    cure()
                    wait_for(lambda: service.metric("redis_up") == 1)
                    load.more(300)
    assert (load.refused, load.broken) == ([], Counter())
    none_lost_none_twice(load.requests, logged(home), 0)


def test_a_damaged_version_is_refused_under_load(home: Path) -> None:
    """Tampered with, cut short or gone: the old version answers on; repaired, the new one takes over."""
    other = home / "other"
    publish(other, fitted(), 1)
    digest = publish(other, scaled(fitted(), 2.0), 2)
    source, live = (folder / "releases" / "storecast" for folder in (other, home))
    sound = source / "versions" / digest
    shutil.copyfile(live / "champion.json", home / "first.json")
    points = Question("/v1/forecasts?series=s000&horizon=1&levels=80")

    def value_of(answer: bytes) -> tuple[int, float]:
        found = json.loads(answer)
        return found["model"]["version"], found["forecasts"][0]["storecast"]

    with serving(home) as service:
        version, point = value_of(service.get(points.path).content)
        truth = {1: point, 2: round(2 * point, 2)}
        assert version == 1
        seen: set[int] = set()

        def check(answer: Answer) -> None:
            number, value = value_of(answer.body)
            assert value == pytest.approx(truth[number], abs=0.011)
            seen.add(number)

        with Load(service.port, [points], connections=4, check=check) as load:
            for number, harm in enumerate((_flip, _cut, _remove), start=1):
                shutil.copytree(sound, live / "versions" / digest)
                harm(live / "versions" / digest)
                _replace(source / "champion.json", live / "champion.json")
                wait_for(lambda: service.metric("model_refusals_total") >= number)  # noqa: B023
                load.more(100)
                state = service.readiness()
                assert (state["status"], state["model"]["version"]) == ("ready", 1)
                assert state["refused"]
                shutil.rmtree(live / "versions" / digest)
                _replace(home / "first.json", live / "champion.json")
                wait_for(lambda: service.readiness()["refused"] == "")
            assert seen == {1}
            pointer = (home / "first.json").read_bytes()
            (home / "half.json").write_bytes(pointer[: len(pointer) // 2])
            _replace(home / "half.json", live / "champion.json")
            wait_for(lambda: service.readiness()["refused"])
            load.more(100)
            shutil.copytree(sound, live / "versions" / digest)
            _replace(source / "champion.json", live / "champion.json")
            wait_for(lambda: service.readiness()["model"]["version"] == 2)
            load.more(100)
        assert seen == {1, 2}
        assert (load.refused, load.broken) == ([], Counter())
    none_lost_none_twice([*load.requests], [r for r in logged(home) if len(r) == 32], 0)


def test_a_start_with_a_damaged_version_serves_the_one_before(home: Path) -> None:
    """A version that was sound when it was published is damaged since: better the last good one than none."""
    digest = publish(home, scaled(fitted(), 2.0), 2)
    _flip(home / "releases" / "storecast" / "versions" / digest)
    with serving(home) as service:
        state = service.readiness()
        assert state["model"]["version"] == 1
        assert state["refused"]
        assert service.get("/v1/forecasts?series=s000").json()["model"]["version"] == 1


def _replace(source: Path, target: Path) -> None:
    partial = target.with_suffix(".partial")
    shutil.copyfile(source, partial)
    partial.replace(target)


def _flip(folder: Path) -> None:
    path = folder / "point.npy"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def _cut(folder: Path) -> None:
    path = folder / "history.npy"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])


def _remove(folder: Path) -> None:
    folder.chmod(0o755)
    (folder / "manifest.json").unlink()


def _apart() -> tuple[str, ...]:
    """What starts a command in a mount name space of its own."""
    apart = ("unshare", "--mount") + (() if os.geteuid() == 0 else ("--map-root-user",))
    if (
        shutil.which("unshare") is None
        or subprocess.run([*apart, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this user may not mount a tmpfs")
    return apart


def test_a_full_disk_refuses_and_recovers(home: Path) -> None:
    """Nothing is answered that is not logged: 503 with Retry-After until there is room; then all goes on."""
    small = home / "small"
    small.mkdir()
    mount = 'mount -t tmpfs -o size=64m tmpfs "$0" && cp -r releases "$0"'
    script = f'cd "{home}" && {mount} && export STORECAST_HOME="$0" && exec "$@"'
    with serving(home, *_apart(), "sh", "-c", script, str(small)) as service:
        assert service.process is not None
        inside = Path(f"/proc/{service.process.pid}/root{small}")
        with Load(service.port, QUESTIONS, connections=8, pause=0.01) as load:
            load.more(100)
            (inside / "ballast").write_bytes(bytes(shutil.disk_usage(inside).free - 1_000_000))
            wait_for(lambda: len(load.refused) > 50)
            assert service.get("/readyz").status_code == 503
            assert service.get("/healthz").status_code == 200
            assert service.metric("log_writable") == 0
            (inside / "ballast").unlink()
            wait_for(service.is_ready)
            wait_for(lambda: service.metric("log_database_up") == 1)
            load.more(100)
        for answer in load.refused:
            assert answer.status == 503, answer
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) >= 1
            assert json.loads(answer.body)["type"] == "urn:storecast:problem:log-unavailable"
        assert service.metric("http_refusals_total", kind="log-unavailable") == len(load.refused)
        assert load.broken == Counter()
        service.process.send_signal(
            signal.SIGSTOP
        )  # SQLite would not go where the files are: they are copied
        for path in inside.glob("forecasts.db*"):
            shutil.copyfile(path, home / path.name)
        service.process.send_signal(signal.SIGCONT)
        found = logged(home)
    none_lost_none_twice(load.requests, found, 0)


def test_overload_is_shed(home: Path) -> None:
    """As many requests as it takes are under way: each further one hears 503 with Retry-After at once, and
    those under way are answered."""
    limit = ServiceConfig().in_flight
    with serving(home) as service:

        async def storm() -> list[Answer]:
            begun = [await begin(service.port, POSTED) for _ in range(limit)]
            while service.metric("http_requests_in_flight") <= limit:  # the question itself is one of them
                await asyncio.sleep(0.05)
            shed = await asyncio.gather(*(ask_once(service.port, QUESTIONS[0]) for _ in range(100)))
            assert Counter(answer.status for answer in shed) == {503: 100}
            for answer in shed:
                assert answer.headers["retry-after"] == "1"
                assert json.loads(answer.body)["type"] == "urn:storecast:problem:overload"
            for path in ("/healthz", "/readyz", "/metrics", "/ping"):
                assert (await ask_once(service.port, Question(path))).status == 200
            return list(await asyncio.gather(*(rest() for rest in begun)))

        answers = asyncio.run(storm())
        assert Counter(answer.status for answer in answers) == {200: limit}
        assert service.metric("http_refusals_total", kind="overload") == 100
        assert service.get("/v1/forecasts?series=s000").status_code == 200
        assert service.metric("http_requests_in_flight") == 1
    found = [request for request in logged(home) if len(request) == 32]
    none_lost_none_twice([answer.request for answer in answers], found, 0)
