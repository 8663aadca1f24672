"""One suite for the forecast log and the tables beside it, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import hashlib
import struct
import threading
import uuid
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pyarrow import parquet
from sqlalchemy import inspect, text

from storecast.errors import ConflictError, DataError, LogError, RequestError, SetupError, StorecastError
from storecast.ports import Entry, ForecastLog
from storecast.ports.records import (
    Actual,
    Actuals,
    Against,
    ApiKey,
    ApiKeys,
    ForecastRecords,
    ModelEvents,
    Overrides,
)
from storecast.ports.work import Datasets, Jobs, Scenarios
from storecast.stores.forecast_log import Database, DatabaseLog, migrate
from storecast.stores.forecast_log.actuals import ActualsTable
from storecast.stores.forecast_log.blobs import Coded, RowsBlob, blob_digest, columns_of
from storecast.stores.forecast_log.datasets import DatasetTable
from storecast.stores.forecast_log.export import export
from storecast.stores.forecast_log.jobs import JobTable
from storecast.stores.forecast_log.keys import KeyTable
from storecast.stores.forecast_log.model_events import ModelEventTable
from storecast.stores.forecast_log.overrides import OverrideTable
from storecast.stores.forecast_log.records import ForecastTable
from storecast.stores.forecast_log.scenarios import ScenarioTable
from storecast.stores.forecast_log.tables import METADATA

NOON = 1_767_268_800_000_000  # microseconds


class Clock:
    """Nanoseconds; a second passes at every look unless it is held."""

    def __init__(self) -> None:
        self.now = NOON * 1000

    def __call__(self) -> int:
        self.now += 1_000_000_000
        return self.now


class World(NamedTuple):
    url: str
    folder: Path
    database: Database
    clock: Clock


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/the log's.db"
    found: str = request.getfixturevalue("postgres").new_database()
    return found


@pytest.fixture
def empty(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def world(url: str, tmp_path: Path, empty: Database) -> World:
    empty.ensure_schema()
    return World(url, tmp_path, empty, Clock())


@pytest.fixture
def log(world: World) -> Iterator[DatabaseLog]:
    opened = DatabaseLog(world.url, world.folder / "spool", clock=world.clock)
    opened.start()
    yield opened
    opened.close()


def entry_of(log: ForecastLog, number: int = 0, **changes) -> Entry:
    given = Entry(
        id=log.new_id(),
        at=NOON + number * 1_000_000,
        kind="forecast",
        caller="k1",
        model="storecast",
        version=3,
        digest="d" * 64,
        series=f"{number}_1",
        rows=2,
        inputs='{"h":2}',
        forecast='{"ds":["2012-11-02","2012-11-09"],"storecast":[1.5,2.0]}',
        bands='{"storecast-lo-80":[1.0,1.25],"storecast-hi-80":[2,3]}',
        latency=150,
        request=f"request {number}",
    )
    return given._replace(**changes)


# The schema.


def test_migrations_make_the_tables_the_program_uses(world: World) -> None:
    """Columns, keys, indexes and constraints are those of tables.py, and the newest revision is HEAD."""
    with world.database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert migrate.revision(connection) == migrate.HEAD
        assert set(inspect(connection).get_table_names()) == {*METADATA.tables, "alembic_version"}


def test_migrations_go_back_and_forth(world: World) -> None:
    """Down to nothing and up again; an up-to-date schema is left alone."""
    world.database.run(migrate.downgrade)
    with world.database.read() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    world.database.ensure_schema()
    world.database.ensure_schema()
    with world.database.read() as connection:
        assert migrate.revision(connection) == migrate.HEAD
        assert set(METADATA.tables) < set(inspect(connection).get_table_names())


def test_many_may_migrate_at_once(url: str) -> None:
    """Eight workers that start together make one schema, and none of them fails."""
    failures: list[StorecastError] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        database = Database(url)
        barrier.wait()
        try:
            database.ensure_schema()
        except StorecastError as error:
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_schema_of_another_version_is_refused(world: World) -> None:
    """A database of a newer program, or an old one that may not be changed, is not written to."""
    with world.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SetupError, match="another version of Storecast"):
        world.database.ensure_schema()
    opened = DatabaseLog(world.url, world.folder / "spool")
    with pytest.raises(SetupError, match="another version of Storecast"):
        opened.start()
    with pytest.raises(LogError, match="closed"):
        opened.submit(entry_of(opened))


def test_a_schema_is_only_changed_where_that_is_wished(empty: Database) -> None:
    """Without leave to change it, an empty database is refused with the command that helps."""
    if empty.kind == "sqlite":
        Database(str(empty.engine.url)).ensure_schema()
        empty.run(migrate.downgrade)
    with pytest.raises(SetupError, match="storecast migrate"):
        empty.ensure_schema(change=False)


# The log.


def test_every_column_comes_back(log: DatabaseLog, world: World) -> None:
    """Texts of any language, escaped NULs, largest numbers, a blob of any bytes; read without its blob."""
    records: ForecastRecords = ForecastTable(world.database)
    made = [
        entry_of(log, 1, series="Zoë_店 \U0001f600 \x01\x7f'\"\\", caller="", inputs='{"a":"\\u0000 \\\\"}'),
        entry_of(log, 2, version=2**31 - 1, rows=0, at=2**62, latency=2**62),
        entry_of(log, 3, rows_digest="e" * 64, rows_blob=bytes(range(256)) * 9, series="", forecast=""),
        entry_of(log, 4, rows_blob=b""),
    ]
    for entry in made:
        assert log.submit(entry).result(20) == "committed"
        assert records.find(entry.id) == entry
    assert records.listing(limit=9) == [entry._replace(rows_blob=None) for entry in reversed(made)]
    assert records.find("unknown") is None
    assert log.trouble() is None
    assert log.depths().queue == log.depths().spool == 0


def test_an_id_enters_the_table_once(log: DatabaseLog, world: World) -> None:
    """The same entry sent again, alone and among others, changes nothing."""
    entry = entry_of(log, 1)
    for changed in (entry, entry._replace(series="other"), entry):
        log.submit(changed).result(20)
    futures = [log.submit(entry) for _ in range(100)]
    assert {future.result(20) for future in futures} == {"committed"}
    assert list(ForecastTable(world.database).each()) == [entry]


def test_many_threads_are_acknowledged(log: DatabaseLog, world: World) -> None:
    """Each entry of 16 threads is in the table exactly once when its future is done."""
    made: list[Entry] = []

    def work() -> None:
        for number in range(40):
            blob = b"x" * number if number % 7 == 0 else None
            made.append(entry := entry_of(log, number, rows_blob=blob))
            assert log.submit(entry).result(30) == "committed"

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(ForecastTable(world.database).each()) == sorted(made, key=lambda entry: entry.id)
    assert len(made) == 640


@pytest.mark.parametrize(
    "wrong",
    [
        {"series": "a\0b"},
        {"inputs": "\ud800"},
        {"version": 2**31},
        {"rows": -1},
        {"at": 2**63},
        {"latency": -1},
    ],
)
def test_what_no_database_holds_is_refused_at_once(log: DatabaseLog, world: World, wrong) -> None:
    """One bad entry is refused to its sender; those that wait with it are not held up."""
    before = log.submit(entry_of(log, 1))
    with pytest.raises(RequestError, match="forecast log"):
        log.submit(entry_of(log, 2, **wrong))
    log.submit(entry_of(log, 3)).result(20)
    before.result(20)
    assert len(list(ForecastTable(world.database).each())) == 2


def test_an_entry_the_database_refuses_is_set_aside(log: DatabaseLog, world: World) -> None:
    """Those of its group are committed, it is kept in a file, and the log goes on."""
    with world.database.write() as connection:
        if world.database.kind == "sqlite":
            connection.execute(
                text(
                    "CREATE TRIGGER no BEFORE INSERT ON forecasts WHEN NEW.series = 'bad' "
                    "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
                )
            )
        else:
            connection.execute(text("ALTER TABLE forecasts ADD CONSTRAINT no CHECK (series <> 'bad')"))
    made = [entry_of(log, number, series="bad" if number == 5 else "good") for number in range(12)]
    for future in [log.submit(entry) for entry in made]:
        future.result(20)
    assert list(ForecastTable(world.database).each()) == made[:5] + made[6:]
    assert log.depths().parked == 1
    parked = (world.folder / "spool" / "parked.jsonl").read_text()
    assert made[5].id in parked
    assert made[4].id not in parked


def test_the_log_is_listed_by_time_and_other_columns(log: DatabaseLog, world: World) -> None:
    """Newest first, page by page; times from (included) to (excluded); by series, caller and kind."""
    made = [
        entry_of(log, n, series=f"{n % 3}_1", caller=f"k{n % 2}", kind="ab"[n % 5 == 0], at=log_time)
        for n, log_time in zip(range(30), count(NOON + 60_000_000, 60_000_000), strict=False)
    ]
    # ids are made at about the time of their entries
    made = [entry._replace(id=_id_at(entry.at - 5_000_000, number)) for number, entry in enumerate(made)]
    for entry in made:
        log.submit(entry)
    log.submit(made[0]).result(20)
    records = ForecastTable(world.database)
    pages, before = [], None
    while page := records.listing(limit=7, before=before):
        pages += page
        before = page[-1].id
    assert pages == made[::-1]
    since, until = made[4].at, made[20].at
    assert records.listing(limit=99, since=since, until=until) == made[4:20][::-1]
    assert list(records.each(since=since, until=until)) == made[4:20]
    assert records.count(since=since, until=until) == 16
    assert records.listing(limit=99, series="1_1", caller="k1", kind="b") == [
        entry for entry in made[::-1] if (entry.series, entry.caller, entry.kind) == ("1_1", "k1", "b")
    ]


def _id_at(at: int, number: int) -> str:
    """A UUID of version 7 written down bit by bit."""
    bits = (at // 1000 << 80) | (7 << 76) | (number << 64) | (2 << 62) | uuid.uuid4().int >> 66
    return str(uuid.UUID(int=bits))


def test_retention_removes_what_is_older(log: DatabaseLog, world: World) -> None:
    """Everything before the time and nothing after it, however many transactions it takes."""
    made = [
        entry_of(log, number, id=_id_at(NOON + number * 1000, number % 4096), at=NOON + number * 1000)
        for number in range(4500)
    ]
    for future in [log.submit(entry) for entry in made]:
        future.result(20)
    records = ForecastTable(world.database)
    assert records.prune(before=made[4321].at) == 4321
    assert list(records.each()) == made[4321:]
    assert records.prune(before=made[4321].at) == 0


def test_the_log_is_exported_to_parquet(log: DatabaseLog, world: World) -> None:
    """One file has a row an entry; the other a row a week, of single and bulk answers alike."""
    blob = RowsBlob()
    blob.add(
        {
            "unique_id": ["1_1", "2_1"],
            "ds": np.array(["2012-11-02", "2012-11-09"], "M8[D]"),
            "storecast": np.array([10.5, np.nan]),
            "storecast-lo-95": np.array([9, 8]),
            "Temperature": ["warm", None],
        }
    )
    rows, digest, data = blob.finish()
    single = entry_of(log, 1)
    bulk = entry_of(log, 2, series="", forecast="", bands="", rows=rows, rows_digest=digest, rows_blob=data)
    nothing = entry_of(log, 3, forecast="", bands="", rows=0)
    for entry in (single, bulk, nothing):
        log.submit(entry).result(20)
    records = ForecastTable(world.database)
    assert export(records.each, world.folder / "out" / "of it") == (3, 4)
    entries = parquet.read_table(world.folder / "out" / "of it" / "forecasts.parquet").to_pylist()
    assert [row["id"] for row in entries] == [single.id, bulk.id, nothing.id]
    assert entries[0]["at"].isoformat() == "2026-01-01T12:00:01+00:00"
    assert (entries[0]["inputs"], entries[1]["rows"], entries[1]["rows_digest"]) == ('{"h":2}', 2, digest)
    found = parquet.read_table(world.folder / "out" / "of it" / "rows.parquet").to_pylist()
    about = ("id", "unique_id", "storecast", "storecast-lo-80", "storecast-hi-80", "storecast-lo-95")
    assert [str(row["ds"]) for row in found] == ["2012-11-02", "2012-11-09"] * 2
    assert [tuple(row[name] for name in about) for row in found[:3]] == [
        (single.id, "1_1", 1.5, 1.0, 2.0, None),
        (single.id, "1_1", 2.0, 1.25, 3.0, None),
        (bulk.id, "1_1", 10.5, None, None, 9),
    ]
    assert np.isnan(found[3]["storecast"])
    assert [row["Temperature"] for row in found] == [None, None, "warm", None]
    assert {path.name for path in (world.folder / "out" / "of it").iterdir()} == {
        "forecasts.parquet",
        "rows.parquet",
    }


def test_an_export_is_of_one_moment(log: DatabaseLog, world: World) -> None:
    """What is logged or removed meanwhile changes nothing in it, even if its answer has other columns."""
    made = [entry_of(log, number, id=_id_at(NOON + number * 1_000_000, number)) for number in range(500)]
    for future in [log.submit(entry) for entry in made]:
        future.result(20)
    records = ForecastTable(world.database)
    with records.snapshot() as entries:
        first = entries()
        assert next(first) == made[0]
        log.submit(entry_of(log, 501, bands='{"storecast-lo-50":[1.0,"?"]}')).result(20)
        assert ForecastTable(world.database).prune(before=made[10].at) == 10
        assert [made[0], *first] == made
        assert export(entries, world.folder / "out") == (500, 1000)
    assert len(list(records.each())) == 491


def test_an_empty_log_is_exported(world: World) -> None:
    """Both files are there, with their columns and no row."""
    assert export(ForecastTable(world.database).each, world.folder / "out") == (0, 0)
    assert parquet.read_table(world.folder / "out" / "rows.parquet").num_rows == 0
    assert "latency" in parquet.read_table(world.folder / "out" / "forecasts.parquet").column_names


def test_a_blob_gives_back_its_columns(log: DatabaseLog, world: World) -> None:
    """Piece by piece, bit by bit, through the database; a changed byte is noticed."""
    blob, numbers = RowsBlob(), np.random.default_rng(1)
    given: list[dict[str, Any]] = [
        {
            "unique_id": [f"{n}_{k}" for k in range(5)],
            "y": numbers.normal(size=5),
            "small": numbers.integers(0, 9, 5).astype(np.int16),
            "known": np.array([True, False, True, True, False]),
            "big": numbers.normal(size=5).astype(">f4"),
            "ds": np.arange(5).astype("M8[D]"),
        }
        for n in range(3)
    ]
    for piece in given:
        blob.add(piece)
    rows, digest, data = blob.finish()
    log.submit(entry := entry_of(log, rows_digest=digest, rows_blob=data)).result(20)
    found = ForecastTable(world.database).find(entry.id)
    assert found is not None
    assert found.rows_blob is not None
    assert rows == 15
    assert blob_digest(found.rows_blob) == digest == found.rows_digest
    for piece, back in zip(given, columns_of(found.rows_blob), strict=True):
        assert list(back) == list(piece)
        for name, values in piece.items():
            np.testing.assert_array_equal(back[name], values)
    with pytest.raises(LogError, match="damaged"):
        blob_digest(data[:20] + bytes([data[20] ^ 1]) + data[21:])


def test_numbers_keep_their_bits_in_a_blob() -> None:
    """Whole cents and thousandths, halves of them, minus zero, no number, the largest: each column alone and
    all together, short ones too; names that are coded come back as texts."""
    cents, mills = np.round([1234.56, -0.07, 21474836.0], 2), np.array([3.386, 211.096, -0.001])
    odd = np.array([-0.0, np.nan, np.inf, 1e308, 5e-324, 21474836.48, 0.1 + 0.2, 1 / 3])
    given: list[Any] = [cents, mills, odd, np.array([-0.0]), np.array([np.nan, 1.0]), np.arange(3) / 7.0]
    given += [np.concatenate([cents, one[None]]) for one in odd] + [np.concatenate(given)]
    for values in given:
        blob = RowsBlob()
        names = Coded([f"series {n}" for n in range(70_000)], np.arange(len(values)) * 11 % 70_000)
        blob.add({"y": values, "unique_id": names})
        (back,) = columns_of(blob.finish()[2])
        assert np.asarray(back["y"]).tobytes() == values.tobytes()
        assert back["unique_id"] == [f"series {n}" for n in names.at]


def test_names_without_number_are_coded() -> None:
    """One, 256, and more than a byte or two can count."""
    for size in (1, 256, 257, 65_537):
        blob, names = RowsBlob(), [f"n{i}" for i in range(size)]
        blob.add({"unique_id": Coded(names, np.arange(size)[::-1])})
        assert next(columns_of(blob.finish()[2]))["unique_id"] == names[::-1]


def test_blobs_of_earlier_versions_are_read() -> None:
    """Texts as a list, numbers as their bytes, one after the other, as it was before there were planes."""
    y, ds = np.array([1.5, np.nan, -0.0]), np.arange(3).astype("M8[D]")
    numbers = {"ds": ["<M8[D]", ds.tobytes()], "y": ["<f8", y.tobytes()]}
    old = {"unique_id": {"texts": ["a", None, "b"]}, **numbers}
    piece = zlib.compress(msgspec.msgpack.encode(old), 1)
    (back,) = columns_of(struct.pack("<I", len(piece)) + piece)
    assert back["unique_id"] == ["a", None, "b"]
    np.testing.assert_array_equal(back["ds"], ds)
    assert np.asarray(back["y"]).tobytes() == y.tobytes()


# Beside the log.


def test_keys_are_issued_found_listed_and_revoked(world: World) -> None:
    """A revoked key stays known with the time of its revocation; an id is issued once."""
    keys: ApiKeys = KeyTable(world.database, clock=world.clock)
    ann = ApiKey("a1", "Ann", "planner", "hash 1", NOON, expires=NOON + 5)
    bob = ApiKey("b1", "Bob", "reader", "hash 2", NOON + 1)
    keys.issue(ann)
    keys.issue(bob)
    with pytest.raises(ConflictError, match="already"):
        keys.issue(replace(bob, id="a1"))
    assert keys.find("a1") == ann
    assert keys.find("c1") is None
    assert keys.listing() == [ann, bob]
    assert keys.revoke("a1")
    revoked = keys.find("a1")
    assert revoked is not None
    assert revoked == replace(ann, revoked=NOON + 1_000_000)
    assert keys.revoke("a1")
    assert keys.find("a1") == revoked
    assert not keys.revoke("c1")


def test_actuals_may_be_uploaded_again(world: World) -> None:
    """A second upload of the same rows changes nothing; changed values replace, and are counted."""
    actuals: Actuals = ActualsTable(world.database, clock=world.clock)
    rows = [
        Actual(f"{store}_1", f"2012-{month:02}-05", store * month * 1.1)
        for store in range(1, 110)
        for month in range(1, 13)
    ]
    assert actuals.put(rows, who="Ann") == (1308, 0, 0)
    assert actuals.put(rows[::-1], who="Bob") == (0, 0, 1308)
    changed = [row._replace(y=0.0) for row in rows[:10]]
    assert actuals.put([*changed, Actual("new", "2013-01-04", -1e300), *rows[10:20]], who="Cem") == (
        1,
        10,
        10,
    )
    expected = sorted([*changed, *rows[10:], Actual("new", "2013-01-04", -1e300)])
    assert list(actuals.each()) == expected
    assert list(actuals.each(unique_ids=["7_1", "8_1", "none"], since="2012-03-05", until="2012-05-05")) == [
        row for row in expected if row.unique_id in ("7_1", "8_1") and row.ds in ("2012-03-05", "2012-04-05")
    ]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (Actual("1_1", "2012-01-06", float("nan")), "not a number"),
        (Actual("1_1", "2012-01-06", float("-inf")), "not a number"),
        (Actual("1_1", "2012-01-05", 2.0), "two values"),
        (Actual("1_1", "05-01-2012", 2.0), "no usable key"),
        (Actual("1\0", "2012-01-06", 2.0), "no usable key"),
    ],
)
def test_wrong_actuals_are_refused_whole(world: World, wrong: Actual, what: str) -> None:
    """The row is named and nothing is stored."""
    actuals = ActualsTable(world.database, clock=world.clock)
    with pytest.raises(DataError, match=what) as caught:
        actuals.put([Actual("1_1", "2012-01-05", 1.0), wrong], who="Ann")
    assert "row 2" in caught.value.where
    assert list(actuals.each()) == []


def test_two_uploads_of_actuals_at_once(world: World) -> None:
    """Opposite orders of the same rows neither block each other nor double a row."""
    actuals = ActualsTable(world.database)
    rows = [Actual(f"{number:04}", "2012-01-05", 1.0) for number in range(1500)]
    errors: list[StorecastError] = []

    def upload(given: list[Actual]) -> None:
        try:
            actuals.put(given, who="x")
        except StorecastError as error:
            errors.append(error)

    threads = [threading.Thread(target=upload, args=(given,)) for given in (rows, rows[::-1], rows)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list(actuals.each()) == rows


def test_overrides_are_rows_that_are_only_added(world: World) -> None:
    """A statement is a row for each series and week, an undo is a row, and each row is undone once; the stamp
    tells that there is something new."""
    overrides: Overrides = OverrideTable(world.database, clock=world.clock)
    empty = overrides.stamp()
    about = [Against("1_1", "2012-11-02", 10.0, 9.0, 3), Against("1_2", "2012-11-09", 20.0, 19.0, 3)]
    first = overrides.say(about, "percent", 5.0, who="Ann", why="sale", expires=77)
    assert [(r.unique_id, r.ds, r.mode, r.value, r.who, r.why, r.expires) for r in first] == [
        ("1_1", "2012-11-02", "percent", 5.0, "Ann", "sale", 77),
        ("1_2", "2012-11-09", "percent", 5.0, "Ann", "sale", 77),
    ]
    assert [(r.model, r.naive, r.version) for r in first] == [(10.0, 9.0, 3), (20.0, 19.0, 3)]
    other = overrides.say(about[:1], "value", 7.5, who="Bob", why="road works")
    assert [overrides.find(row.id) for row in first] == [first[:1], first[1:]]
    assert [overrides.find(row.id, whole=True) for row in first] == [first, first]
    assert overrides.stamp() != empty
    gone = overrides.undo(first, who="Cem", why="no sale")
    assert [(r.undoes, r.who, r.why, r.value) for r in gone] == [
        (r.id, "Cem", "no sale", None) for r in first
    ]
    with pytest.raises(ConflictError):
        overrides.undo(first[:1], who="Dan", why="again")
    assert overrides.rows() == [*gone[::-1], *other, *first[::-1]]
    assert overrides.rows(unique_ids=["1_2"], since="2012-11-03") == [gone[1], first[1]]
    assert overrides.rows(limit=2, before=gone[1].id) == [gone[0], *other]
    assert overrides.find(gone[0].id) == overrides.find(gone[0].id, whole=True) == []


def test_events_are_recorded_and_requests_carried_out(world: World) -> None:
    """A request goes from requested over running to done or failed, and to one worker at a time."""
    events: ModelEvents = ModelEventTable(world.database, clock=world.clock)
    made = events.record("s", "promote", who="Ann", why="good", from_version=1, to_version=2, digest="d")
    assert made.state == "done"
    assert events.find(made.id) == made
    one = events.request("s", "promote", who="Bob", why="better", to_version=3)
    two = events.request("t", "rollback", who="Bob", why="bad week")
    claimed = events.claim("w1", lease=60)
    assert claimed is not None
    assert (claimed.id, claimed.state) == (one.id, "running")
    assert events.finish(one.id, "w2", from_version=2, to_version=3, digest="e") is False
    assert events.finish(one.id, "w1", from_version=2, to_version=3, digest="e")
    assert events.finish(one.id, "w1", from_version=2, to_version=3, digest="e") is False
    done = events.find(one.id)
    assert done is not None
    assert (done.state, done.from_version, done.to_version, done.digest) == ("done", 2, 3, "e")
    assert done.finished is not None
    assert events.claim("w1", lease=60) == replace(two, state="running")
    assert events.claim("w2", lease=60) is None
    world.clock.now += 61_000_000_000
    assert events.claim("w2", lease=60) == replace(two, state="running")
    assert events.fail(two.id, "w1", "late") is False
    assert events.fail(two.id, "w2", "no earlier champion")
    failed = events.find(two.id)
    assert failed is not None
    assert (failed.state, failed.error) == ("failed", "no earlier champion")
    assert [event.id for event in events.listing(limit=9)] == [two.id, one.id, made.id]
    assert [event.id for event in events.listing(limit=9, model="s", before=one.id)] == [made.id]


def test_scenarios_are_changed_by_one_at_a_time(world: World) -> None:
    """Whoever changes an old version is told; owners see their own, and names are theirs alone."""
    scenarios: Scenarios = ScenarioTable(world.database, clock=world.clock)
    made = scenarios.create("ann", "hot summer", '{"a":1}')
    with pytest.raises(ConflictError, match="of this name"):
        scenarios.create("ann", "hot summer", "{}")
    other = scenarios.create("bob", "hot summer", "{}")
    assert scenarios.find(made.id, owner="ann") == made
    assert scenarios.find(made.id, owner="bob") is None
    assert scenarios.find(made.id, owner=None) == made
    new = scenarios.update(made.id, owner="ann", version=1, name="cold summer", body="[]")
    assert new is not None
    assert (new.version, new.name, new.body, new.created) == (2, "cold summer", "[]", made.created)
    assert scenarios.find(made.id, owner="ann") == new
    with pytest.raises(ConflictError, match="meanwhile") as caught:
        scenarios.update(made.id, owner="ann", version=1, name="late", body="{}")
    assert caught.value.found == "version 2"
    assert scenarios.update(made.id, owner="bob", version=2, name="x", body="{}") is None
    extra = scenarios.create("ann", "third", "{}")
    with pytest.raises(ConflictError, match="of this name"):
        scenarios.update(extra.id, owner="ann", version=1, name="cold summer", body="{}")
    assert scenarios.listing(owner="ann", limit=9) == [extra, new]
    assert scenarios.listing(owner=None, limit=2, before=extra.id) == [other, new]
    with pytest.raises(ConflictError, match="meanwhile"):
        scenarios.delete(made.id, owner="ann", version=1)
    assert not scenarios.delete(made.id, owner="bob")
    assert scenarios.delete(made.id, owner="ann", version=2)
    assert not scenarios.delete(made.id, owner="ann")


def test_of_many_changes_at_once_one_wins(world: World) -> None:
    """Ten threads change the same version: one succeeds, nine are told."""
    scenarios = ScenarioTable(world.database)
    made = scenarios.create("ann", "one", "{}")
    outcomes: Counter[str] = Counter()

    def change(number: int) -> None:
        try:
            scenarios.update(made.id, owner=None, version=1, name=f"n{number}", body="{}")
            outcomes["changed"] += 1
        except ConflictError:
            outcomes["told"] += 1

    threads = [threading.Thread(target=change, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {"changed": 1, "told": 9}


def test_data_sets_are_kept_in_pieces(world: World) -> None:
    """Files of any size come back byte by byte; what is attached replaces what was."""
    datasets: Datasets = DatasetTable(world.database, clock=world.clock)
    content = np.random.default_rng(2).bytes(2_500_000)
    made = datasets.upload(
        "ann", "sales.csv", "text/csv", (content[k : k + 70_001] for k in range(0, 2_500_000, 70_001))
    )
    assert (made.size, made.digest, made.state) == (
        2_500_000,
        hashlib.sha256(content).hexdigest(),
        "uploaded",
    )
    assert datasets.find(made.id, owner="ann") == made
    assert datasets.find(made.id, owner="bob") is None
    pieces = list(datasets.read(made.id))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 1 << 20
    assert datasets.attach(made.id, "forecasts.csv", [b"old" * 400_000])[0] == 1_200_000
    assert datasets.attach(made.id, "forecasts.csv", [b"new"]) == (3, hashlib.sha256(b"new").hexdigest())
    assert list(datasets.read(made.id, "forecasts.csv")) == [b"new"]
    assert list(datasets.read(made.id, "none")) == []
    assert datasets.contents(made.id) == ["forecasts.csv", "upload"]
    assert datasets.set_state(made.id, "ready", report='{"rows":1}')
    assert datasets.set_state(made.id, "ready")
    assert datasets.find(made.id, owner=None) == replace(made, state="ready", report='{"rows":1}')
    assert not datasets.set_state("none", "ready")
    empty = datasets.upload("bob", "empty.csv", "text/csv", [])
    assert (empty.size, list(datasets.read(empty.id))) == (0, [])
    assert [item.id for item in datasets.listing(owner=None, limit=9)] == [empty.id, made.id]
    assert not datasets.delete(made.id, owner="bob")
    assert datasets.delete(made.id, owner="ann")
    assert list(datasets.read(made.id)) == []
    assert datasets.contents(made.id) == []


def test_an_upload_that_breaks_off_leaves_nothing(world: World) -> None:
    """Where the sender goes away half-way neither the data set nor its pieces stay."""
    datasets = DatasetTable(world.database, clock=world.clock)

    def broken() -> Iterator[bytes]:
        yield bytes(3 << 20)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        datasets.upload("ann", "x", "text/csv", broken())
    assert datasets.listing(owner=None, limit=9) == []
    with world.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM dataset_parts")).scalar() == 0


def test_old_data_sets_are_removed(world: World) -> None:
    """Those of before the time, with their pieces; later ones stay."""
    datasets = DatasetTable(world.database, clock=world.clock)
    old = datasets.upload("ann", "a", "text/csv", [b"1"])
    new = datasets.upload("ann", "b", "text/csv", [b"2"])
    assert datasets.prune(before=new.created - 500_000) == 1
    assert datasets.find(old.id, owner=None) is None
    assert list(datasets.read(new.id)) == [b"2"]


def test_a_job_goes_through_its_states(world: World) -> None:
    """Queued, running with progress, done with a result; only its worker may say so."""
    jobs: Jobs = JobTable(world.database, clock=world.clock)
    made = jobs.submit("forecast", owner="ann", subject="dataset 1")
    assert (made.state, made.progress, made.attempts) == ("queued", 0.0, 0)
    assert jobs.claim("w1", lease=60, kinds=["validate"]) is None
    running = jobs.claim("w1", lease=60, kinds=["validate", "forecast"])
    assert running is not None
    assert (running.id, running.state, running.attempts) == (made.id, "running", 1)
    assert jobs.progress(made.id, "w1", 0.5, "fitting", lease=60)
    assert not jobs.progress(made.id, "w2", 0.9, "fitting", lease=60)
    found = jobs.find(made.id, owner="ann")
    assert found is not None
    assert (found.progress, found.stage) == (0.5, "fitting")
    assert jobs.find(made.id, owner="bob") is None
    assert not jobs.done(made.id, "w2", "{}")
    assert jobs.done(made.id, "w1", '{"rows":3}')
    assert not jobs.fail(made.id, "w1", "{}")
    done = jobs.find(made.id, owner=None)
    assert done is not None
    assert (done.state, done.progress, done.result) == ("done", 1.0, '{"rows":3}')
    assert jobs.listing(owner="ann", limit=5) == [done]
    assert jobs.listing(owner="bob", limit=5) == []


def test_a_job_outlives_its_workers(world: World) -> None:
    """The next worker claims it when the lease is over; after three that died it has failed."""
    jobs = JobTable(world.database, clock=world.clock)
    made = jobs.submit("forecast", owner="ann", subject="x")
    for worker in ("w1", "w2", "w3"):
        claimed = jobs.claim(worker, lease=60, kinds=["forecast"])
        assert claimed is not None
        assert jobs.claim("other", lease=60, kinds=["forecast"]) is None
        world.clock.now += 50_000_000_000
        assert jobs.progress(made.id, worker, 0.2, "on", lease=60)
        world.clock.now += 50_000_000_000
        assert jobs.claim("other", lease=60, kinds=["forecast"]) is None
        world.clock.now += 61_000_000_000
    assert jobs.claim("w4", lease=60, kinds=["forecast"]) is None
    failed = jobs.find(made.id, owner=None)
    assert failed is not None
    assert (failed.state, failed.attempts) == ("failed", 3)
    assert "three times" in failed.error


def test_a_failed_job_may_be_tried_again(world: World) -> None:
    """With ``again`` it is queued until its third attempt; without it has failed at once."""
    jobs = JobTable(world.database, clock=world.clock)
    made = jobs.submit("forecast", owner="ann", subject="x")
    for state in ("queued", "queued", "failed"):
        assert jobs.claim("w", lease=60, kinds=["forecast"]) is not None
        assert jobs.fail(made.id, "w", '{"what":"away"}', again=True)
        found = jobs.find(made.id, owner=None)
        assert found is not None
        assert (found.state, found.finished is not None) == (state, state == "failed")
    once = jobs.submit("forecast", owner="ann", subject="y")
    jobs.claim("w", lease=60, kinds=["forecast"])
    assert jobs.fail(once.id, "w", '{"what":"bad data"}')
    assert jobs.claim("w", lease=60, kinds=["forecast"]) is None


@pytest.mark.parametrize("kind", ["jobs", "events"])
def test_each_is_claimed_by_one_of_many_workers(world: World, kind: str) -> None:
    """Eight workers empty a queue of 40 together; nothing is claimed twice, nothing is left."""
    jobs, events = JobTable(world.database), ModelEventTable(world.database)
    for number in range(40):
        if kind == "jobs":
            jobs.submit("forecast", owner="ann", subject=str(number))
        else:
            events.request("s", "promote", who="a", why="b", to_version=number)
    claimed: list[str] = []

    def work(name: str) -> None:
        take: Callable[[], object] = (
            (lambda: jobs.claim(name, lease=600, kinds=["forecast"]))
            if kind == "jobs"
            else (lambda: events.claim(name, lease=600))
        )
        while (found := take()) is not None:
            claimed.append(found.id)  # type: ignore[attr-defined]

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 40


def test_wrong_urls_are_refused_without_their_password() -> None:
    """What is no SQLite file and no PostgreSQL is told at the start."""
    for url in ("sqlite://", "sqlite:///:memory:", "mysql://u:secret-word@h/d", "nonsense", "no://such"):
        with pytest.raises(SetupError, match="postgresql://") as caught:
            Database(url)
        assert "secret-word" not in str(caught.value)


def test_a_database_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    """Tables raise LogError with a remedy; no driver's error and no password reaches anybody."""
    (tmp_path / "file").write_text("not a folder")
    for url in ("postgresql://u:secret-word@127.0.0.1:1/d", f"sqlite:///{tmp_path}/file/log.db"):
        database = Database(url)
        for ask in (
            lambda: KeyTable(database).listing(),  # noqa: B023
            lambda: ScenarioTable(database).create("a", "b", "{}"),  # noqa: B023
            database.ensure_schema,
            lambda: list(ForecastTable(database).each()),  # noqa: B023
        ):
            with pytest.raises(LogError, match="try again") as caught:
                ask()
            assert "secret-word" not in str(caught.value)
        database.close()
