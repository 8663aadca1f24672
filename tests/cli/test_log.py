"""``storecast log``: answers leave as Parquet and go when they are old; the record of events is verified."""

from __future__ import annotations

import csv
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyarrow import parquet
from sqlalchemy import text

from storecast.stores.forecast_log import Database, DatabaseLog
from storecast.stores.forecast_log.model_events import ModelEventTable
from tests.cli.calls import call
from tests.log_worker import entry_of

DAY = 86_400_000_000


@pytest.fixture
def logged(home: Path) -> list[str]:
    """Ids of answers of the last ten days, one each, oldest first; today's is the last."""
    home.mkdir()
    now, ids = time.time_ns(), []
    for ago in range(9, -1, -1):
        log = DatabaseLog(
            f"sqlite:///{home}/forecasts.db",
            home / "spool",
            clock=lambda: now - ago * DAY * 1000,  # noqa: B023
        )
        log.start()
        entry = entry_of(log, ago, at=now // 1000 - ago * DAY)
        assert log.submit(entry).result(20) == "committed"
        log.close()
        ids.append(entry.id)
    return ids


def _day(ago: float) -> str:
    return f"{datetime.now(UTC) - timedelta(days=ago):%Y-%m-%dT%H:%M:%S}"


def _exported(folder: Path) -> list[str]:
    return [row["id"] for row in parquet.read_table(folder / "forecasts.parquet").to_pylist()]


def test_the_log_is_exported(logged: list[str], tmp_path: Path) -> None:
    """All of it, or the entries between two times."""
    out = tmp_path / "all"
    assert call("log", "export", out, "--json").json() == {"folder": str(out), "entries": 10, "rows": 20}
    assert _exported(out) == logged
    assert parquet.read_table(out / "rows.parquet").num_rows == 20
    some = tmp_path / "some"
    done = call("log", "export", some, "--since", _day(5.5), "--until", _day(2.5))
    assert (done.code, done.err) == (0, "")
    assert "3 answers with 6 forecasts" in done.out
    assert _exported(some) == logged[4:7]


def test_the_log_is_exported_by_pseudonyms(
    logged: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key it is refused and nothing is written; with one the same series has the same pseudonym in
    every export, and whose they are is told only where that is asked for, in a new file."""
    done = call("log", "export", tmp_path / "a", "--pseudonyms")
    assert (done.code, (tmp_path / "a").exists()) == (1, False)
    assert "STORECAST_PSEUDONYM_KEY_FILE" in done.err
    assert call("log", "export", tmp_path / "a", "--mapping", tmp_path / "whose.csv").code == 2
    (tmp_path / "key").write_text("5a" * 32)
    monkeypatch.setenv("STORECAST_PSEUDONYM_KEY_FILE", str(tmp_path / "key"))
    for name in ("a", "b"):
        assert call("log", "export", tmp_path / name, "--pseudonyms").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "home", "key"]
    first, second = (parquet.read_table(tmp_path / name / "rows.parquet").to_pylist() for name in "ab")
    assert first == second
    plain = call("log", "export", tmp_path / "c", "--pseudonyms", "--mapping", tmp_path / "whose.csv")
    assert "keep it from who gets the rest" in plain.out
    with open(tmp_path / "whose.csv", newline="") as file:
        names = {row["pseudonym"]: row["name"] for row in csv.DictReader(file)}
    series = [row["unique_id"] for row in first[::2]]
    assert ["_".join(names[part] for part in key.split("_")) for key in series] == [
        f"{ago}_1" for ago in range(9, -1, -1)
    ]
    again = call("log", "export", tmp_path / "d", "--pseudonyms", "--mapping", tmp_path / "whose.csv")
    assert (again.code, (tmp_path / "d").exists()) == (1, False)


def test_old_answers_are_removed(logged: list[str], tmp_path: Path) -> None:
    """By age or by time; what is younger stays, and doing it again removes nothing."""
    assert call("log", "prune", "--days", 6, "--json").json()["removed"] == 4
    assert call("log", "prune", "--days", 6, "--json").json()["removed"] == 0
    assert "Removed 3 answers" in call("log", "prune", "--before", _day(2.5)).out
    assert call("log", "export", tmp_path, "--json").json()["entries"] == 3
    assert _exported(tmp_path) == logged[7:]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["prune"], 2, "give one of both"),
        (["prune", "--days", 1, "--before", "2020-01-01"], 2, "give one of both"),
        (["prune", "--days", 0], 2, "--days"),
        (["prune", "--before", "2999-01-01"], 1, "only what is past"),
        (["prune", "--before", "yesterday"], 2, "--before"),
        (["export", "x", "--since", "2025-01-02", "--until", "2025-01-01"], 1, "no time between"),
    ],
)
def test_what_makes_no_sense_is_refused(logged: list[str], words: list[str], code: int, says: str) -> None:
    """With the usual exit codes, and nothing is removed."""
    done = call("log", *words)
    assert done.code == code
    assert says in done.err
    assert call("log", "prune", "--days", 30, "--json").json()["removed"] == 0


def test_the_record_of_events_is_verified(home: Path) -> None:
    """Whole, it says so and shows the hash to note; tampered with, it names the first bad entry and exits
    with 1."""
    home.mkdir()
    database = Database(f"sqlite:///{home}/forecasts.db")
    database.ensure_schema()
    for why in ("good", "better"):
        ModelEventTable(database).record("storecast", "promote", who="Ann", why=why, to_version=1)
    found = call("log", "verify", "--json").json()
    assert (found["whole"], found["entries"], found["faults"]) == (True, 2, [])
    assert call("log", "verify", "--noted", found["head"]).code == 0
    assert f"2 entries, not sealed; the last with hash {found['head']}" in call("log", "verify").out
    assert "entry 2: it is not sealed" in call("log", "verify", "--sealed").out
    with database.write() as connection:
        connection.execute(text("UPDATE model_events SET who = 'Eve' WHERE why = 'good'"))
    database.close()
    done = call("log", "verify")
    assert (done.code, done.err) == (1, "")
    assert "entry 1: the event was changed since: who" in done.out
    assert "first at entry 1" in done.out
    told = call("log", "verify", "--json")
    assert (told.code, json.loads(told.out)["whole"]) == (1, False)
    assert call("log", "verify", "--noted", "0" * 63 + "1").code == 1
