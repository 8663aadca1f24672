"""Entries that the database refuses: kept, counted, and put into it once the reason is gone."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from storecast.errors import LogError
from storecast.ports import Entry
from storecast.stores.forecast_log import Database, DatabaseLog
from storecast.stores.forecast_log import parked as parked_module
from storecast.stores.forecast_log.parked import Parked, Unparked
from storecast.stores.forecast_log.records import ForecastTable
from tests.stores.test_forecast_log_spool import ENTRY


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'log.db'}")
    made.ensure_schema()
    yield made
    made.close()


def _many(*names: str) -> list[Entry]:
    return [ENTRY._replace(id=name, series=name.split()[0]) for name in names]


def _forbid(database: Database, series: str) -> None:
    with database.write() as connection:
        connection.execute(
            text(
                f"CREATE TRIGGER no BEFORE INSERT ON forecasts WHEN NEW.series = '{series}' "
                "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            )
        )


def test_an_entry_set_aside_is_on_disk(tmp_path: Path) -> None:
    """Lines of JSON with the reason; a blob is in base64; earlier lines stay."""
    parked = Parked(tmp_path)
    parked.add(ENTRY, "too long")
    parked.add(ENTRY._replace(rows_blob=b"\x00\xff"), "other")
    lines = (tmp_path / "parked.jsonl").read_text().splitlines()
    assert '"why":"too long"' in lines[0]
    assert '"rows_blob":"AP8="' in lines[1]


def test_they_are_counted_from_the_files(tmp_path: Path) -> None:
    """By whoever looks, after a restart too, and those of a backup; not any more once the file is gone."""
    assert Parked(tmp_path / "nowhere").count() == 0
    parked = Parked(tmp_path)
    for entry in _many("a", "b", "c"):
        parked.add(entry, "why")
    (tmp_path / "r2-parked-restored.jsonl").write_text("{}\n")
    assert (parked.count(), Parked(tmp_path).count()) == (4, 4)
    (tmp_path / "parked.jsonl").unlink()
    assert parked.count() == 1


def test_a_log_that_starts_again_still_tells_of_them(tmp_path: Path) -> None:
    """The alarm does not end by a restart."""
    spool = tmp_path / "spool"
    spool.mkdir()
    Parked(spool).add(ENTRY, "why")
    log = DatabaseLog(f"sqlite:///{tmp_path}/log.db", spool)
    log.start()
    assert log.depths().parked == 1
    log.close()


def test_they_enter_as_they_were_each_once(tmp_path: Path, database: Database) -> None:
    """Blobs and texts of all kinds; one that the table has is not doubled; the files are gone."""
    entries = [
        *_many("a", "b"),
        ENTRY._replace(id="c", rows_blob=b"\x00\xff", rows_digest="0" * 64),
        ENTRY._replace(id="d", series='Übung \u2028 "x"', inputs='{"a": 1e300}'),
    ]
    parked = Parked(tmp_path)
    for entry in [*entries, entries[0]]:
        parked.add(entry, "why")
    done = parked.take_up(database)
    assert (done.taken, done.left) == (5, 0)
    assert sorted(ForecastTable(database).each()) == sorted(entries)
    assert parked.count() == 0
    assert (tmp_path / "parked.jsonl").read_bytes() == b""
    assert parked.take_up(database).taken == 0


def test_what_is_refused_again_stays_with_what_cannot_be_read(tmp_path: Path, database: Database) -> None:
    """With the reason of now; the others enter, and nothing of the file is lost."""
    _forbid(database, "bad")
    parked = Parked(tmp_path)
    for entry in _many("good 1", "bad 1", "good 2"):
        parked.add(entry, "why")
    unreadable = [b'{"why":"?","entry":{"id":7}}\n', b"not JSON\n", b'{"why":"\xff"}\n']
    with open(tmp_path / "parked.jsonl", "ab") as file:
        file.writelines(unreadable)
    done = parked.take_up(database)
    assert (done.taken, done.left) == (2, 4)
    assert "not this one" in done.reason
    assert sorted(e.id for e in ForecastTable(database).each()) == ["good 1", "good 2"]
    lines = (tmp_path / "parked.jsonl").read_bytes().splitlines(keepends=True)
    assert b'"bad 1"' in lines[0]
    assert b"not this one" in lines[0]
    assert b'"?"' not in lines[1]
    assert b'"id":7' in lines[1]
    assert lines[2:] == unreadable[1:]
    with database.write() as connection:
        connection.execute(text("DROP TRIGGER no"))
    assert (parked.take_up(database).taken, parked.count()) == (1, 3)


def test_many_enter_and_one_of_them_is_refused(tmp_path: Path, database: Database) -> None:
    """They enter in groups; one that is refused does not take its group with it."""
    _forbid(database, "bad")
    parked = Parked(tmp_path)
    names = [f"good {number}" for number in range(450)]
    for entry in _many(*names[:230], "bad", *names[230:]):
        parked.add(entry, "why")
    done = parked.take_up(database)
    assert (done.taken, done.left, parked.count()) == (450, 1, 1)
    assert sorted(e.id for e in ForecastTable(database).each()) == sorted(names)


def test_a_torn_line_takes_no_other_with_it(tmp_path: Path, database: Database) -> None:
    """What a crash has left of an entry stays; the next one stands on a line of its own."""
    parked = Parked(tmp_path)
    first, second, third = _many("a", "b", "c")
    parked.add(first, "why")
    parked.add(second, "why")
    path = tmp_path / "parked.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    parked.add(third, "why")
    done = parked.take_up(database)
    assert (done.taken, done.left) == (2, 1)
    assert [e.id for e in ForecastTable(database).each()] == ["a", "c"]
    assert path.read_bytes() == whole.splitlines(keepends=True)[1][:-20] + b"\n"


def test_a_disk_that_refuses_leaves_no_half_of_a_line(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry is not acknowledged, and the file is as it was."""
    parked = Parked(tmp_path)
    parked.add(ENTRY, "why")
    before = (tmp_path / "parked.jsonl").read_bytes()

    def half(handle: int, data: bytes) -> None:
        os.write(handle, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(parked_module, "write_all", half)
        with pytest.raises(OSError, match="No space"):
            parked.add(ENTRY, "why")
        with pytest.raises(OSError, match="No space"):
            parked.take_up(database)
    assert [(p.name, p.read_bytes()) for p in tmp_path.glob("*parked*")] == [("parked.jsonl", before)]


def test_a_service_parks_while_others_wait_for_the_database(tmp_path: Path, database: Database) -> None:
    """Whoever takes entries up holds nobody up: if he did, this would never end."""
    parked, done = Parked(tmp_path), list[Unparked]()
    parked.add(ENTRY._replace(id="first"), "why")
    holds = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    holds.execute("BEGIN IMMEDIATE")
    taking = threading.Thread(target=lambda: done.append(parked.take_up(database)))
    taking.start()
    while not list(tmp_path.glob("parked-*.jsonl")):
        time.sleep(0.01)
    Parked(tmp_path).add(ENTRY._replace(id="second"), "why")
    holds.execute("ROLLBACK")
    holds.close()
    taking.join()
    assert (done[0].taken, parked.count()) == (1, 1)
    assert parked.take_up(database).taken == 1


def test_two_at_once_take_each_entry_once(tmp_path: Path, database: Database) -> None:
    """What one has, the other leaves to him; neither fails."""
    for entry in _many(*(f"n{number}" for number in range(500))):
        Parked(tmp_path).add(entry, "why")
    taken = list[int]()
    both = [
        threading.Thread(target=lambda: taken.append(Parked(tmp_path).take_up(database).taken))
        for _ in range(2)
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sum(taken) + Parked(tmp_path).take_up(database).taken == 500
    assert len(list(ForecastTable(database).each())) == 500


def test_a_database_that_is_away_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    """Said as everywhere."""
    parked = Parked(tmp_path)
    parked.add(ENTRY, "why")
    database = Database(f"sqlite:///{tmp_path / 'no' / 'log.db'}")
    with pytest.raises(LogError):
        parked.take_up(database)
    database.close()
    assert parked.count() == 1


def test_nothing_is_lost_while_a_service_goes_on_parking(tmp_path: Path, database: Database) -> None:
    """Entries parked while others are taken up are in the table or in the file."""
    parked = Parked(tmp_path)
    names = [f"n{number}" for number in range(300)]

    def park() -> None:
        for entry in _many(*names):
            parked.add(entry, "why")

    parking = threading.Thread(target=park)
    parking.start()
    other = Parked(tmp_path)
    while parking.is_alive():
        other.take_up(database)
    parking.join()
    other.take_up(database)
    assert sorted(e.id for e in ForecastTable(database).each()) == sorted(names)
