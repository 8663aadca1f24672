"""The forecast log when things break: no acknowledged entry is lost, none is there twice."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from storecast.errors import LogError
from storecast.ports import Entry
from storecast.ports.records import Actual
from storecast.stores.forecast_log import Database, DatabaseLog, sinks
from storecast.stores.forecast_log import database as database_module
from storecast.stores.forecast_log.actuals import ActualsTable
from storecast.stores.forecast_log.scenarios import ScenarioTable
from tests.log_disk import on_a_small_disk
from tests.log_worker import entry_of
from tests.needs import ROOT
from tests.servers import Postgres, postgres_server

# How often a process is killed here; `make e2e` does it more often.
KILLS = int(os.environ.get("STORECAST_TEST_KILLS", "8"))


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def stored(url: str) -> list[str]:
    """Ids in the order in which they entered the table, read past the code under test."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            rows = connection.execute("SELECT id FROM forecasts ORDER BY rowid").fetchall()
        connection.close()
    else:
        with psycopg.connect(url) as server:
            rows = server.execute("SELECT id FROM forecasts ORDER BY ctid").fetchall()
    return [row[0] for row in rows]


class Load:
    """Threads that log one entry after the other and remember what became of it."""

    def __init__(self, log: DatabaseLog, threads: int = 8) -> None:
        self.log = log
        self.acknowledged: dict[str, str] = {}
        self.failures: list[BaseException] = []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(k,)) for k in range(threads)]

    def _work(self, number: int) -> None:
        while not self._ended.is_set():
            entry = entry_of(self.log, number)
            try:
                self.acknowledged[entry.id] = self.log.submit(entry).result(60)
            except Exception as error:  # noqa: BLE001 the test looks at them
                self.failures.append(error)
                return
            number += 100

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *about: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def more(self, entries: int, outcome: str | None = None) -> None:
        """Wait until ``entries`` more are acknowledged, as ``outcome`` if that is given."""

        def done() -> int:
            return sum(found in (outcome or found) for found in list(self.acknowledged.values()))

        target = done() + entries
        wait_for(lambda: self.failures or done() >= target)


@contextmanager
def opened(url: str, folder: Path, **options) -> Iterator[DatabaseLog]:
    log = DatabaseLog(url, folder / "spool", **options)
    log.start()
    try:
        yield log
    finally:
        log.close()


def spools(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "spool").iterdir())


@pytest.fixture(scope="module")
def fragile() -> Iterator[Postgres]:
    """A PostgreSQL server that tests stop."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def server(fragile: Postgres) -> Iterator[Postgres]:
    yield fragile
    fragile.resume()
    if not fragile.answers():
        fragile.start()


def test_postgres_stopped_and_started_under_load(server: Postgres, tmp_path: Path) -> None:
    """Answers are acknowledged from the spool meanwhile; afterwards all are in the table, once."""
    url = server.new_database()
    with opened(url, tmp_path) as log:
        with Load(log) as load:
            for how in (signal.SIGQUIT, signal.SIGINT, signal.SIGKILL):
                load.more(200, "committed")
                server.stop(how)
                load.more(200, "spooled")
                assert log.writable()
                assert log.trouble()
                assert log.depths().spool >= 200
                server.start()
            load.more(200, "committed")
        wait_for(lambda: log.trouble() is None)
        assert log.depths().spool == log.depths().spool_bytes == 0
        assert load.failures == []
    assert sorted(stored(url)) == sorted(load.acknowledged)
    assert spools(tmp_path) == []


def test_a_log_that_nobody_writes_to_notices_too(server: Postgres, tmp_path: Path) -> None:
    """Whoever watches hears of a database that is away before the first answer has to wait for it."""
    with opened(server.new_database(), tmp_path) as log:
        assert log.trouble() is None
        server.stop()
        wait_for(log.trouble)
        server.start()
        wait_for(lambda: log.trouble() is None)


def test_postgres_that_hangs_is_left_alone(server: Postgres, tmp_path: Path) -> None:
    """Where a write gets no answer its connection is cut: a few seconds, then the spool takes over."""
    url = server.new_database()
    with opened(url, tmp_path) as log:
        with Load(log) as load:
            load.more(50, "committed")
            server.pause()
            load.more(50, "spooled")
            server.resume()
            wait_for(lambda: log.trouble() is None, 30)
            load.more(50, "committed")
        assert load.failures == []
    assert sorted(stored(url)) == sorted(load.acknowledged)


def test_a_worker_that_stands_still_holds_nothing_for_long(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle of a transaction it loses that, and what waited for its locks goes on."""
    monkeypatch.setattr(sinks, "_PATIENCE", "500ms")
    url = server.new_database()
    with opened(url, tmp_path) as log:
        halted = sinks._PostgresSink(log.database)
        entry = entry_of(log)
        halted._connection.execute("BEGIN")
        halted.insert([entry])
        with psycopg.connect(url) as other:  # as a migration does
            other.execute("SET lock_timeout = '20s'")
            other.execute("LOCK TABLE forecasts IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            halted.insert([entry_of(log, 1)])
        halted.close()
        assert stored(url) == []
        assert log.submit(entry).result(10) == "committed"


def test_both_ends_of_a_connection_ask_whether_the_other_is_there(server: Postgres) -> None:
    """A host that is lost says no goodbye: the server drops what it held after seconds, as we do."""
    database = Database(server.new_database())
    try:
        with database.read() as connection:
            names = ("idle", "interval", "count")
            told = [connection.exec_driver_sql(f"SHOW tcp_keepalives_{name}").scalar() for name in names]
        assert told == ["5", "2", "3"]
    finally:
        database.close()


def test_a_log_starts_without_its_database(server: Postgres, tmp_path: Path) -> None:
    """Entries are taken from the first moment; they enter the table in the order they were given."""
    url = server.new_database()
    server.stop()
    with opened(url, tmp_path) as log:
        assert log.writable()
        assert "refused" in str(log.trouble())
        first = [entry_of(log, number) for number in range(300)]
        assert {log.submit(entry).result(10) for entry in first[:100]} == {"spooled"}
        assert {future.result(10) for future in [log.submit(entry) for entry in first[100:]]} == {"spooled"}
        assert log.depths().spool == 300
    # Started anew, still without: what was left behind goes first.
    with opened(url, tmp_path) as log:
        assert log.depths().spool == 300
        then = [entry_of(log, number) for number in range(300, 400)]
        assert {log.submit(entry).result(10) for entry in then} == {"spooled"}
        assert log.depths().spool == 400
        server.start()
        wait_for(lambda: log.trouble() is None)
        last = entry_of(log, 400)
        assert log.submit(last).result(10) == "committed"
        assert log.depths().spool == 0
    assert stored(url) == [entry.id for entry in [*first, *then, last]]
    assert spools(tmp_path) == []


def test_a_spool_that_cannot_be_replayed_twice(server: Postgres, tmp_path: Path) -> None:
    """A spool that is in the table already, as after a crash between commit and removal, adds nothing."""
    url = server.new_database()
    server.stop()
    with opened(url, tmp_path) as log:
        made = [entry_of(log, number) for number in range(50)]
        for entry in made:
            log.submit(entry).result(10)
    (kept,) = (tmp_path / "spool").iterdir()
    content = kept.read_bytes()
    server.start()
    for _ in range(2):
        kept.write_bytes(content)
        with opened(url, tmp_path):
            wait_for(lambda: not kept.exists())
        assert stored(url) == [entry.id for entry in made]


def test_a_locked_sqlite_is_waited_for_and_then_spooled(tmp_path: Path) -> None:
    """Another program that keeps the file locked delays nobody for long, and no one reads of locks."""
    url = f"sqlite:///{tmp_path}/log.db"
    with opened(url, tmp_path) as log:
        blocker = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
        with Load(log, 4) as load:
            load.more(20, "committed")
            blocker.execute("BEGIN EXCLUSIVE")
            load.more(100, "spooled")
            blocker.execute("ROLLBACK")
            wait_for(lambda: log.trouble() is None)
            load.more(20, "committed")
        blocker.close()
        assert load.failures == []
    assert sorted(stored(url)) == sorted(load.acknowledged)


def test_two_workers_write_one_sqlite_file(tmp_path: Path) -> None:
    """Under full load of two processes, other writes get their turn, and all entries are there once."""
    url = f"sqlite:///{tmp_path}/log.db"
    workers = [Worker(url, tmp_path / "spool", threads=8) for _ in range(2)]
    for worker in workers:
        worker.await_ready()
    database = Database(url)
    scenarios, actuals = ScenarioTable(database), ActualsTable(database)
    for number in range(30):
        scenarios.create("ann", f"n{number}", "{}")
        rows = [Actual(f"{k}_1", "2012-01-06", float(number)) for k in range(100)]
        assert sum(actuals.put(rows, who="ann")) == 100
    database.close()
    for worker in workers:
        worker.end()
        assert [line for line in worker.lines if line.startswith("refused")] == []
        assert len(worker.acknowledged()) > 100
    assert sorted(stored(url)) == sorted(workers[0].acknowledged() + workers[1].acknowledged())
    assert spools(tmp_path) == []


class Worker:
    """tests/log_worker.py as a process of its own."""

    def __init__(self, url: str, spool: Path, threads: int = 4, entries: int = 0) -> None:
        command = [sys.executable, "-m", "tests.log_worker", url, str(spool), str(threads), str(entries)]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):  # the kill may cut the last
                self.lines.append(line.strip())

    def await_ready(self) -> None:
        wait_for(lambda: self.lines or self.process.poll() is not None, 60)
        assert self.lines, self.process.stderr and self.process.stderr.read()

    def acknowledged(self) -> list[str]:
        return [line for line in self.lines if line != "ready" and not line.startswith("refused")]

    def kill(self) -> None:
        self.process.kill()
        self._close()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self._close()

    def _close(self) -> None:
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


def _kill_again_and_again(
    url: str, folder: Path, kills: int, between: Callable[[random.Random], None] | None = None
) -> tuple[list[str], int]:
    """Acknowledged ids of workers that were killed at random moments; and how many kills hit a spool."""
    draw = random.Random(11)
    acknowledged: list[str] = []
    left = 0
    for _ in range(kills):
        worker = Worker(url, folder / "spool")
        worker.await_ready()
        if between is not None:
            between(draw)
        before = len(worker.lines)
        wait_for(lambda: len(worker.lines) > before + 5 or worker.process.poll() is not None)  # noqa: B023
        time.sleep(draw.random() * 0.3)
        worker.kill()
        acknowledged += worker.acknowledged()
        left += any((folder / "spool").glob("*.spool"))
    return acknowledged, left


def test_killed_under_load_on_sqlite(tmp_path: Path) -> None:
    """kill -9 at random moments: what was acknowledged is in the file, once; the file is sound."""
    url = f"sqlite:///{tmp_path}/log.db"
    acknowledged, _ = _kill_again_and_again(url, tmp_path, KILLS)
    with opened(url, tmp_path):
        assert spools(tmp_path) != []
    found = stored(url)
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)
    assert len(acknowledged) > 5 * KILLS
    # What is there unacknowledged is what was on its way when the process died.
    assert len(set(found) - set(acknowledged)) <= KILLS * 4
    with sqlite3.connect(tmp_path / "log.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_killed_under_load_while_the_database_comes_and_goes(server: Postgres, tmp_path: Path) -> None:
    """kill -9 of the worker while PostgreSQL is stopped, started, or replaying: the same promise."""
    url = server.new_database()

    def between(draw: random.Random) -> None:
        if server.answers():
            server.stop(draw.choice([signal.SIGQUIT, signal.SIGINT, signal.SIGKILL]))
        else:
            server.start()
        time.sleep(draw.random() * 0.2)

    acknowledged, left = _kill_again_and_again(url, tmp_path, KILLS, between)
    assert left > 0
    if not server.answers():
        server.start()
    with opened(url, tmp_path) as log:
        wait_for(lambda: log.trouble() is None)
    found = stored(url)
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)
    assert len(set(found) - set(acknowledged)) <= KILLS * 4
    assert spools(tmp_path) == []


def test_a_living_worker_takes_over_the_spool_of_a_dead_one(server: Postgres, tmp_path: Path) -> None:
    """It need not be started anew for that, and its own spool is nobody else's."""
    url = server.new_database()
    server.stop()
    dead = Worker(url, tmp_path / "spool")
    dead.await_ready()
    wait_for(lambda: len(dead.acknowledged()) > 50)
    with opened(url, tmp_path) as log:
        made = [entry_of(log, number) for number in range(10)]
        for entry in made:
            assert log.submit(entry).result(10) == "spooled"
        server.start()
        wait_for(lambda: log.trouble() is None)
        assert log.submit(entry_of(log)).result(10) == "committed"
        server.stop()
        before = len(dead.lines)
        wait_for(lambda: len(dead.lines) > before + 50)
        dead.kill()
        server.start()
        wait_for(lambda: set(dead.acknowledged()) <= set(stored(url)) and log.trouble() is None)
        assert len(spools(tmp_path)) == 1
    assert len(stored(url)) == len(set(stored(url)))


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """Nothing is acknowledged that is not kept; with room again the log goes on by itself."""
    found = on_a_small_disk(tmp_path / "small", "1500k")
    if found is None:
        pytest.skip("this user may not mount a tmpfs")
    assert "neither the forecast log's database nor its spool" in found["refused"]
    assert found["writable_when_full"] is False
    assert found["free_when_full"] < 100_000
    assert found["acknowledged"] > 100
    assert (found["lost"], found["doubled"], found["sound"]) == (0, 0, "ok")
    assert (found["recovered"], found["outcome"], found["left"]) == (True, "committed", [])


def test_a_full_spool_refuses_until_the_database_is_back(server: Postgres, tmp_path: Path) -> None:
    """The limit of the spool is kept; whoever is refused hears that the database is away."""
    url = server.new_database()
    server.stop()
    with opened(url, tmp_path, spool_limit=20_000) as log:
        acknowledged: list[str] = []

        def fill() -> None:
            while True:
                entry = entry_of(log)
                log.submit(entry).result(10)
                acknowledged.append(entry.id)

        with pytest.raises(LogError, match="its spool is full"):
            fill()
        assert not log.writable() or log.depths().spool_bytes < 20_000
        assert 10 < len(acknowledged) < 100
        server.start()
        wait_for(lambda: log.trouble() is None)
        assert log.writable()
        last = entry_of(log)
        assert log.submit(last).result(10) == "committed"
    assert stored(url) == [*acknowledged, last.id]


def test_a_queue_without_end_is_refused(tmp_path: Path) -> None:
    """More than may wait is refused at once; what waited is written."""
    url = f"sqlite:///{tmp_path}/log.db"
    with opened(url, tmp_path, queue_limit=100) as log:
        blocker = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        futures = []

        def fill() -> None:
            for _ in range(200):
                futures.append(log.submit(entry_of(log)))  # noqa: PERF401 what was added before it fails counts

        with pytest.raises(LogError, match="is behind"):
            fill()
        assert len(futures) == log.depths().queue == 100
        blocker.execute("ROLLBACK")
        blocker.close()
        assert [future.result(20) for future in futures] == ["committed"] * 100
        assert log.submit(entry_of(log)).result(20) == "committed"


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    """Nothing that was taken is dropped, and nothing is taken afterwards."""
    url = f"sqlite:///{tmp_path}/log.db"
    log = DatabaseLog(url, tmp_path / "spool")
    log.start()
    made: list[Entry] = [entry_of(log, number) for number in range(5000)]
    futures = [log.submit(entry) for entry in made]
    log.close()
    assert {future.result(0) for future in futures} == {"committed"}
    assert stored(url) == [entry.id for entry in made]
    with pytest.raises(LogError, match="closed"):
        log.submit(made[0])


def _asked(database: Database, question: str = "SELECT 1") -> object:
    with database.read() as connection:
        return connection.exec_driver_sql(question).scalar()


def test_a_read_of_a_server_that_hangs_ends(server: Postgres) -> None:
    """Who answers others waits for a stopped database for as long as it said, new connections included; when
    the database is back it is asked as before."""
    database = Database(server.new_database(), patience=0.5)
    try:
        assert _asked(database) == 1
        server.pause()
        with ThreadPoolExecutor(2) as threads:
            for _ in range(2):
                for reader in [threads.submit(_asked, database) for _ in range(2)]:
                    with pytest.raises(LogError, match="does not answer"):
                        reader.result(20)
            server.resume()
            wait_for(server.answers)
            assert threads.submit(_asked, database).result(20) == 1
    finally:
        server.resume()
        database.close()


def test_what_takes_long_is_ended_at_both_ends_or_not_at_all(server: Postgres) -> None:
    """A statement that is slow is ended by the server where there is a limit; without one, as a backup reads,
    and while the schema is brought up, it takes its time."""
    url = server.new_database()
    patient, hasty = Database(url), Database(url, patience=0.3)
    try:
        assert _asked(patient, "SELECT 1 FROM pg_sleep(3)") == 1
        with pytest.raises(LogError, match="does not answer") as refused:
            _asked(hasty, "SELECT 1 FROM pg_sleep(60)")
        assert "statement timeout" in str(refused.value.found)
        with psycopg.connect(url) as other:  # as another process's migration does
            other.execute(f"SELECT pg_advisory_xact_lock({database_module._MIGRATING})")
            with ThreadPoolExecutor(1) as threads:
                waiting = threads.submit(hasty.ensure_schema)
                time.sleep(3)
                assert not waiting.done()
                other.rollback()
                waiting.result(60)
        with pytest.raises(LogError):  # the limit is back
            _asked(hasty, "SELECT 1 FROM pg_sleep(60)")
    finally:
        patient.close()
        hasty.close()
