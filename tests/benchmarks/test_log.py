"""The log's benchmark: its figures are those of entries that are really there."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from benchmarks import log as benchmark
from storecast.stores.forecast_log import DatabaseLog


def test_what_is_counted_was_logged(tmp_path: Path) -> None:
    """As many acknowledgements as rows in the table, each with the time that it took."""
    log = DatabaseLog(f"sqlite:///{tmp_path}/log.db", tmp_path / "spool")
    log.start()
    waits = asyncio.run(benchmark._callers(log, 16, 0.3))
    log.close()
    with sqlite3.connect(tmp_path / "log.db") as connection:
        (rows,) = connection.execute("SELECT count(*) FROM forecasts").fetchone()
    connection.close()
    assert rows == len(waits) > 16
    assert all(0 < wait < 20 for wait in waits)


def test_the_disk_is_measured_and_left_clean(tmp_path: Path) -> None:
    """A sync takes some time, and its file goes."""
    assert 0 < benchmark.sync_seconds(tmp_path) < 10
    assert list(tmp_path.iterdir()) == []
