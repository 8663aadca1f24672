"""The forecast log on SQLite: nothing is acknowledged before it is on disk, and nothing is lost after."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storecast.ports import Entry
from storecast.stores.forecast_log import Database, DatabaseLog, acknowledged
from storecast.stores.forecast_log.ids import id_maker
from storecast.stores.forecast_log.sinks import open_sink


def entry_of(log: DatabaseLog, number: int = 0, **changes) -> Entry:
    given = Entry(
        id=log.new_id(),
        at=1_767_268_800_000_000 + number,
        kind="forecast",
        caller="k1",
        model="storecast",
        version=3,
        digest="d" * 64,
        series=f"{number}_1",
        rows=2,
        inputs='{"h":2}',
        forecast="[1.5,2.5]",
        bands='{"80":[[1,2],[2,3]]}',
        latency=150,
        request=f"request {number}",
    )
    return given._replace(**changes)


def rows_of(folder: Path) -> list[Entry]:
    """What the database holds, read past the code under test."""
    with sqlite3.connect(folder / "log.db") as connection:
        found = connection.execute("SELECT * FROM forecasts ORDER BY id").fetchall()
    connection.close()
    return [Entry(*row) for row in found]


def open_log(folder: Path, **options) -> DatabaseLog:
    log = DatabaseLog(f"sqlite:///{folder}/log.db", folder / "spool", **options)
    log.start()
    return log


def wait_for(condition, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[DatabaseLog]:
    opened = open_log(tmp_path)
    yield opened
    opened.close()


def test_an_entry_is_in_the_table_when_its_future_is_done(log: DatabaseLog, tmp_path: Path) -> None:
    """Every column comes back as it was given, texts of any language and a blob included."""
    plain = entry_of(log, 1, series="Zoë_店 \U0001f600 \x01'\"", caller="")
    bulk = entry_of(log, 2, rows_digest="e" * 64, rows_blob=bytes(range(256)) * 40, series="")
    for entry in (plain, bulk):
        assert log.submit(entry).result(10) == "committed"
        assert rows_of(tmp_path)[-1] == entry
    assert log.depths().queue == 0
    assert log.writable()


def test_many_threads_are_acknowledged_in_groups(log: DatabaseLog, tmp_path: Path) -> None:
    """Each entry of 32 threads is in the table exactly once, and many shared a transaction."""
    futures: list[object] = []
    made: list[Entry] = []

    def work() -> None:
        for number in range(60):
            made.append(entry := entry_of(log, number))
            future = log.submit(entry)
            futures.append(future)
            assert future.result(30) == "committed"

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows_of(tmp_path) == sorted(made)
    assert len({id(future) for future in futures}) < len(futures) / 2


def test_groups_larger_than_a_statement_are_whole(log: DatabaseLog, tmp_path: Path) -> None:
    """What gathers while the database is locked is written together, each entry once."""
    blocker = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    made = [entry_of(log, number) for number in range(1111)]
    futures = [log.submit(entry) for entry in made]
    blocker.execute("ROLLBACK")
    blocker.close()
    assert {future.result(10) for future in futures} == {"committed"}
    assert rows_of(tmp_path) == made


def test_a_coroutine_waits_without_a_thread(log: DatabaseLog, tmp_path: Path) -> None:
    """Coroutines are woken once a group; one that is cancelled takes no other with it."""
    woken = 0

    async def run() -> list[str]:
        nonlocal woken
        loop = asyncio.get_running_loop()
        plain = loop.call_soon_threadsafe

        def counting(*given, **options):
            nonlocal woken
            woken += 1
            return plain(*given, **options)

        loop.call_soon_threadsafe = counting  # type: ignore[method-assign, assignment]
        blocker = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        waiting = [acknowledged(log.submit(entry_of(log, n)), loop) for n in range(100)]
        waiting[7].cancel()
        blocker.execute("ROLLBACK")
        blocker.close()
        done = await asyncio.gather(*waiting[:7], *waiting[8:])
        late = log.submit(entry_of(log, 100))
        late.result(10)
        return [*done, await acknowledged(late, loop)]

    assert asyncio.run(run()) == ["committed"] * 100
    assert len(rows_of(tmp_path)) == 101
    assert woken <= 3  # the first entry may have gone alone


def _in_the_file_alone(folder: Path) -> int:
    """Entries that are found without SQLite's journal; -1 while the file is being written."""
    copy = folder / "copy.db"
    shutil.copyfile(folder / "log.db", copy)
    try:
        with sqlite3.connect(copy) as connection:
            found: int = connection.execute("SELECT count(*) FROM forecasts").fetchone()[0]
        connection.close()
    except sqlite3.DatabaseError:
        return -1
    return found


def test_a_long_journal_is_moved_into_the_file(tmp_path: Path) -> None:
    """Tidying leaves a short journal alone and empties a long one, readers and a writer or not."""
    database = Database(f"sqlite:///{tmp_path}/log.db")
    database.tidy()  # there is no file yet
    assert not (tmp_path / "log.db").exists()
    database.ensure_schema()
    sink = open_sink(database)
    new_id = id_maker(time.time_ns)
    made = [
        Entry(new_id(), 1, "forecast", "k", "m", 1, "d", "s", 1, "x" * 3000, "", "", 1) for _ in range(900)
    ]
    sink.insert(made[:10])
    database.tidy()
    assert _in_the_file_alone(tmp_path) < 10
    sink.insert(made[10:])
    assert _in_the_file_alone(tmp_path) < 10
    writer = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    database.tidy()
    assert _in_the_file_alone(tmp_path) == 900
    writer.execute("ROLLBACK")
    writer.close()
    sink.close()
    database.close()


def test_the_log_tidies_while_it_is_written(log: DatabaseLog, tmp_path: Path) -> None:
    """Nobody need ask for it, and a reader that stays delays neither the log nor what it reads."""
    with sqlite3.connect(tmp_path / "log.db", isolation_level=None) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM forecasts").fetchone() == (0,)
        futures = [log.submit(entry_of(log, number, inputs="x" * 3000)) for number in range(900)]
        assert {future.result(20) for future in futures} == {"committed"}
        assert reader.execute("SELECT count(*) FROM forecasts").fetchone() == (0,)
        reader.execute("ROLLBACK")
    reader.close()
    wait_for(lambda: _in_the_file_alone(tmp_path) == 900)


_FORKED = """
import os
from storecast.stores.forecast_log.ids import id_maker

new_id = id_maker(lambda: 0)
new_id()
child = os.fork()
os.write(1, f"{new_id()}\\n".encode())
if child:
    os.waitpid(child, 0)
"""


def test_a_forked_process_makes_ids_of_its_own() -> None:
    """Parent and child go on from the same time and count; what is random tells their ids apart."""
    done = subprocess.run([sys.executable, "-c", _FORKED], check=True, capture_output=True, text=True)
    one, other = done.stdout.split()
    assert one[:18] == other[:18]
    assert one != other
