"""Answers read back and looks written down, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert

from storecast.ports import Entry
from storecast.service.logged import as_blob
from storecast.stores.forecast_log.answers import AnswerTable
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.monitor_runs import MonitorRunTable
from storecast.stores.forecast_log.tables import forecasts


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'log.db'}"
    else:
        url = request.getfixturevalue("postgres").new_database()
    made = Database(url)
    made.ensure_schema()
    yield made
    made.close()


def put(database: Database, number: int, version: int, *, kind: str = "forecast", many: bool = False) -> None:
    digest, blob = as_blob(
        ["1", "2"],
        np.arange(2),
        np.array(["2012-11-02"] * 2, dtype="datetime64[D]"),
        {"storecast": np.array([number, -number], dtype=np.float64)},
    )
    text = json.dumps({"ds": ["2012-11-02"], "storecast": [float(number)]})
    entry = Entry(
        f"{number:06d}",
        number,
        kind,
        "ann",
        "m",
        version,
        f"d{version}",
        "" if many else "1",
        1,
        "",
        "" if many else text,
        "",
        1,
        "",
        digest if many else None,
        blob if many else None,
    )
    with database.write() as connection:
        connection.execute(insert(forecasts).values(entry._asdict()))


def test_answers_come_by_version_oldest_first(database: Database) -> None:
    """Kinds that are no forecast stay out; blobs and texts unpack to the same columns."""
    for number, version in ((1, 1), (2, 2), (3, 1), (4, 2)):
        put(database, number, version, many=number == 3)
    put(database, 5, 1, kind="what-if")
    table = AnswerTable(database)
    versions = table.versions("m")
    assert [(v.version, v.digest, v.first, v.last, v.entries) for v in versions] == [
        (1, "d1", "000001", "000003", 2),
        (2, "d2", "000002", "000004", 2),
    ]
    assert table.versions("other") == []
    found = [
        (answer.series, np.asarray(columns["storecast"]).tolist())
        for answer in table.of("m", versions[0])
        for columns in table.columns(answer)
    ]
    assert found == [("1", [1.0]), ("", [3.0, -3.0])]


def test_whoever_leaves_off_leaves_no_cursor_open(database: Database) -> None:
    """Judging ends where all is heard: what is left unread is let go of (a cursor left open is a warning, and
    a warning fails here)."""
    for number in range(500):
        put(database, number, 1)
    table = AnswerTable(database)
    answers = table.of("m", table.versions("m")[0])
    next(answers)
    del answers
    gc.collect()
    assert len(table.versions("m")) == 1


def test_the_latest_look_is_found(database: Database) -> None:
    """One model's looks do not hide another's."""
    ticks = iter(range(1_767_268_800_000_000_000, 1_767_268_900_000_000_000, 1_000_000_000))
    table = MonitorRunTable(database, clock=lambda: next(ticks))
    assert table.latest("m") is None
    table.record("m", 1, verdict="nothing", due=False, body="{}")
    last = table.record("m", 2, verdict="update", due=True, body='{"a":1}')
    table.record("other", 7, verdict="nothing", due=False, body="{}")
    assert table.latest("m") == last
