"""The chain of model events, on SQLite and on a real PostgreSQL: whatever was done to it shows."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from storecast.errors import LogError
from storecast.ports.records import ModelEvent
from storecast.stores.forecast_log import Database, migrate
from storecast.stores.forecast_log.event_chain import FIRST, ChainReport, body_of, link, verify
from storecast.stores.forecast_log.model_events import ModelEventTable
from storecast.stores.seals import KeySealer
from storecast.stores.signatures import Trust
from storecast.stores.signing_keys import write_key
from storecast.stores.trust_list import change_list

NUMBERS = ["at", "from_version", "to_version", "finished"]
EVENT = [*NUMBERS, "id", "model", "kind", "who", "why", "digest", "state", "error"]
CHAIN = ["number", "event", "body", "previous", "sealer", "hash", "seal"]
WRITER = """
import sys
from storecast.stores.forecast_log import Database
from storecast.stores.forecast_log.model_events import ModelEventTable
database = Database(sys.argv[1])
events = ModelEventTable(database)
print("ready", flush=True)
sys.stdin.readline()
for number in range(25):
    events.record("s", "promote", who=sys.argv[2], why="again", to_version=number)
    one = events.request("s", "rollback", who=sys.argv[2], why="and back")
    taken = events.claim(sys.argv[2], lease=60)
    if taken is not None:
        events.finish(taken.id, sys.argv[2], from_version=1, to_version=number, digest="d")
database.close()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/log.db"
    found: str = request.getfixturevalue("postgres").new_database()
    return found


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    opened.ensure_schema()
    yield opened
    opened.close()


def filled(database: Database) -> list[ModelEvent]:
    """A record of seven entries: three events that happened, two requests that ended."""
    events = ModelEventTable(database)
    made = [events.record("s", "promote", who="Ann", why="good", from_version=1, to_version=2, digest="a")]
    for why in ("better", "worse"):
        asked = events.request("s", "promote", who="Bob", why=why, to_version=3)
        claimed = events.claim("w", lease=60)
        assert claimed is not None
        if why == "better":
            assert events.finish(asked.id, "w", from_version=2, to_version=3, digest="b")
        else:
            assert events.fail(asked.id, "w", "not plausible")
        made.append(asked)
    made += [events.record("s", kind, who="Cem", why="x", to_version=3) for kind in ("moved", "rollback")]
    return made


def told(report: ChainReport) -> str:
    assert report.faults, "nothing was noticed"
    first = report.faults[0]
    return f"{first.number} {first.event or '-'} {first.what}"


def change(database: Database, statement: str, **values: object) -> None:
    with database.write() as connection:
        assert connection.execute(text(statement), values).rowcount > 0


def test_what_is_written_is_whole(database: Database) -> None:
    """Each state of each event is an entry; the hashes are those of a plain loop over the table."""
    assert verify(database) == ChainReport(0, None, "0" * 64, ())
    filled(database)
    report = verify(database)
    assert (report.entries, report.faults) == (7, ())
    with database.read() as connection:
        rows = [
            dict(row)
            for row in connection.execute(text("SELECT * FROM event_chain ORDER BY number")).mappings()
        ]
    previous, states = "0" * 64, []
    for row in rows:
        given = {name: row[name] for name in CHAIN if name not in ("hash", "seal")}
        assert row["previous"] == previous
        line = json.dumps(given, sort_keys=True, separators=(",", ":"))
        previous = hashlib.sha256(line.encode()).hexdigest()
        assert row["hash"] == previous
        states.append(json.loads(row["body"])["state"])
    assert report.head == previous
    assert states == ["done", "requested", "done", "requested", "failed", "done", "done"]


def test_a_request_that_is_worked_on_changes_nothing(database: Database) -> None:
    """Who works on a request and until when is no part of the record."""
    events = ModelEventTable(database)
    events.request("s", "rollback", who="Ann", why="bad week")
    before = verify(database)
    for worker in ("w1", "w2"):
        assert events.claim(worker, lease=-1) is not None
        assert verify(database) == before
    assert not events.fail("none", "w1", "x")
    assert verify(database) == before


def test_changed_events_show(database: Database) -> None:
    """Whatever column of an event is changed, the entry and the event are named."""
    made, rows = filled(database)[1], _rows(database)
    for column in EVENT:
        value = 77 if column in NUMBERS else "running" if column == "state" else "other"
        change(database, f"UPDATE model_events SET {column} = :value WHERE id = :id", value=value, id=made.id)
        if column == "id":
            assert {fault.event for fault in verify(database).faults} == {made.id, "other"}
        else:
            assert told(verify(database)) == f"3 {made.id} the event was changed since: {column}"
        _put(database, "model_events", rows["model_events"])
    assert verify(database).faults == ()


def test_changed_entries_show(database: Database) -> None:
    """Whatever column of an entry is changed, that entry is the first bad one; so is one that is missing."""
    filled(database)
    rows = _rows(database)["event_chain"]
    for column in CHAIN:
        value: object = 99 if column == "number" else '{"state":"done"}' if column == "body" else "0" * 64
        change(database, f"UPDATE event_chain SET {column} = :value WHERE number = 4", value=value)
        assert told(verify(database)).startswith("4 ")
        _put(database, "event_chain", rows)
    for number in range(1, 8):
        change(database, "DELETE FROM event_chain WHERE number = :number", number=number)
        assert told(verify(database)).startswith(f"{number} ")
        _put(database, "event_chain", rows)
    assert verify(database).faults == ()


def test_a_removed_end_shows(database: Database) -> None:
    """An event that is removed with its entries leaves a chain whose head notes more; a head that was put
    back as well leaves a hash that was noted elsewhere."""
    last, noted = filled(database)[-1], verify(database).head
    change(database, "DELETE FROM model_events WHERE id = :id", id=last.id)
    assert told(verify(database)).startswith(f"7 {last.id} the event is missing")
    change(database, "DELETE FROM event_chain WHERE number = 7")
    assert told(verify(database)).startswith("7 ")
    change(
        database,
        "UPDATE event_head SET number = 6, hash = (SELECT hash FROM event_chain WHERE number = 6)",
    )
    assert verify(database).faults == ()
    assert "noted" in told(verify(database, noted=noted))
    assert verify(database, noted=verify(database).head).faults == ()


def test_inserted_and_swapped_rows_show(database: Database) -> None:
    """An event that nobody chained, two entries that changed places, and a second head."""
    one = filled(database)[0]
    change(database, "UPDATE event_chain SET number = -number WHERE number IN (2, 5)")
    change(database, "UPDATE event_chain SET number = 7 + number WHERE number < 0")
    assert told(verify(database)).startswith("2 ")
    change(database, "UPDATE event_chain SET number = -number WHERE number IN (2, 5)")
    change(database, "UPDATE event_chain SET number = 7 + number WHERE number < 0")
    assert verify(database).faults == ()
    columns = ", ".join(name for name in (*EVENT, "worker", "lease_until") if name != "id")
    change(
        database,
        f"INSERT INTO model_events (id, {columns}) SELECT 'x', {columns} FROM model_events WHERE id = :id",
        id=one.id,
    )
    assert told(verify(database)) == "None x the event was never chained: it was inserted"
    change(database, "DELETE FROM model_events WHERE id = 'x'")
    change(database, "INSERT INTO event_head (id, number, hash) VALUES (2, 9, 'x')")
    assert "head" in told(verify(database))


def test_a_chain_without_its_head_is_not_written_on(database: Database) -> None:
    """Nothing is recorded, neither event nor entry, and the remedy is told."""
    filled(database)
    change(database, "DELETE FROM event_head")
    with pytest.raises(LogError, match="log verify"):
        ModelEventTable(database).record("s", "promote", who="a", why="b")
    report = verify(database)
    assert (report.entries, [fault.number for fault in report.faults]) == (7, [7])


def test_rows_written_before_are_chained_by_the_migration(url: str) -> None:
    """Done, failed, requested and worked on: all are kept as they are, and the record goes on from there."""
    database = Database(url)
    database.ensure_schema()
    filled(database)
    events = ModelEventTable(database)
    asked = events.request("s", "promote", who="Bob", why="later", to_version=4)
    assert events.claim("w", lease=60) is not None
    database.run(lambda connection: migrate.downgrade(connection, "0001"))
    database.ensure_schema()
    report = verify(database)
    assert (report.entries, report.faults) == (6, ())
    assert events.finish(asked.id, "w", from_version=3, to_version=4, digest="c")
    events.record("s", "moved", who="Ann", why="x")
    assert (verify(database).entries, verify(database).faults) == (8, ())
    change(database, "UPDATE model_events SET who = 'x' WHERE id = (SELECT min(id) FROM model_events)")
    assert told(verify(database)).startswith("1 ")
    database.close()


def test_two_processes_write_one_chain(url: str, database: Database) -> None:
    """Both record, ask and carry out at the same time; every state of every event is there once, in order."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, who],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who in ("one", "two")
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.communicate("go\n", timeout=120)
        assert process.returncode == 0
    events = ModelEventTable(database)
    while (left := events.claim("last", lease=60)) is not None:
        events.fail(left.id, "last", "too late")
    report = verify(database)
    assert (report.entries, report.faults) == (2 * 25 * 3, ())


def test_a_rewritten_chain_lacks_its_seals(database: Database, tmp_path: Path) -> None:
    """Whoever can write the database may hash a chain of his own; he cannot seal it."""
    trust, key = Trust(tmp_path / "trusted.json"), write_key(tmp_path / "key.pem")
    change_list(trust.path, lambda known: known.with_key(key.public, name="us", at="2026-01-01"))
    sealer = KeySealer(lambda: key, trust)
    made = filled(database)
    assert verify(database, sealer).sealed is None
    assert "not sealed" in told(verify(database, sealer, sealed=True))
    events = ModelEventTable(database, sealer=sealer)
    events.record("s", "promote", who="Ann", why="good", to_version=4)
    report = verify(database, sealer, sealed=True)
    assert (report.entries, report.sealed, report.faults) == (8, 8, ())
    change(database, "UPDATE model_events SET who = 'Eve' WHERE id = :id", id=made[0].id)
    _forge(database)
    assert verify(database).faults == ()
    assert told(verify(database, sealer)).startswith("8 ")
    change(database, "UPDATE event_chain SET sealer = '', seal = ''")
    _forge(database)
    assert verify(database, sealer).faults == ()
    assert "8 " in told(verify(database, sealer, sealed=True))
    stranger = write_key(tmp_path / "stranger.pem")
    _forge(database, KeySealer(lambda: stranger, trust))
    assert "not trusted" in told(verify(database, sealer))
    change_list(trust.path, lambda known: known.with_key(stranger.public, name="them", at="2026-01-02"))
    assert verify(database, sealer, sealed=True).faults == ()
    change_list(trust.path, lambda known: known.without_key(stranger.id, "2026-01-03: stolen"))
    assert verify(database, sealer).faults == ()
    assert told(verify(database, sealer, sealed=True)).startswith("8 ")


def _forge(database: Database, sealer: KeySealer | None = None) -> None:
    """Hash all entries anew, each with its event as it is now, as somebody does who knows how."""
    rows = _rows(database)
    events, previous, chain = {row["id"]: row for row in rows["model_events"]}, FIRST, []
    for row in rows["event_chain"]:
        kept = {name: events[row["event"]][name] for name in EVENT}
        body = body_of({**kept, **{name: json.loads(row["body"])[name] for name in ("state", "finished")}})
        if json.loads(row["body"])["state"] == "requested":
            body = row["body"]
        made = vars(link(row["number"], row["event"], body, previous, sealer))
        if sealer is None and row["sealer"]:
            made |= {"sealer": row["sealer"], "seal": row["seal"]}
            content = {name: made[name] for name in CHAIN if name not in ("hash", "seal")}
            line = json.dumps(content, sort_keys=True, separators=(",", ":"))
            made["hash"] = hashlib.sha256(line.encode()).hexdigest()
        previous = made["hash"]
        chain.append(made)
    _put(database, "event_chain", chain)
    change(database, "UPDATE event_head SET hash = :hash", hash=previous)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, dict[str, list[dict[str, Any]]]]:
    """A database on SQLite with a record, and its rows."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('chain')}/log.db")
    database.ensure_schema()
    filled(database)
    return database, _rows(database)


@given(data=st.data())
def test_any_change_shows(
    kept: tuple[Database, dict[str, list[dict[str, Any]]]], data: st.DataObject
) -> None:
    """Any values in any cells but a worker's, any rows left out: whatever differs is noticed."""
    database, rows = kept
    table = data.draw(st.sampled_from(sorted(rows)))
    now = [dict(row) for row in rows[table]]
    if data.draw(st.booleans()):
        del now[data.draw(st.integers(0, len(now) - 1))]
    else:
        cell = now[data.draw(st.integers(0, len(now) - 1))]
        name = data.draw(st.sampled_from([n for n in cell if n not in ("worker", "lease_until")]))
        others = [row[name] for row in rows[table] if row[name] is not None] or [1]
        taken = [row[name] for row in rows[table]] if name in ("id", "number") else [cell[name]]
        kind = (
            st.integers(0, 2**40)
            if isinstance(others[0], int)
            else st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=70)
        )
        cell[name] = data.draw((kind | st.sampled_from(others)).filter(lambda value: value not in taken))
    _put(database, table, now)
    try:
        assert verify(database).faults != ()
    finally:
        _put(database, table, rows[table])
    assert verify(database).faults == ()


def _rows(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All rows of the record, by table."""
    rows = {}
    with database.read() as connection:
        for table in ("event_chain", "model_events", "event_head"):
            rows[table] = [dict(r) for r in connection.execute(text(f"SELECT * FROM {table}")).mappings()]
    return rows


def _put(database: Database, table: str, rows: list[dict[str, Any]]) -> None:
    with database.write() as connection:
        connection.execute(text(f"DELETE FROM {table}"))
        if rows:
            names = ", ".join(rows[0])
            values = ", ".join(f":{name}" for name in rows[0])
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), rows)
