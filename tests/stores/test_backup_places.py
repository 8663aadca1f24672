"""Backups of real databases, to a real S3, and into homes that are in use."""

from __future__ import annotations

import errno
import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storecast.errors import BackupError, ConflictError
from storecast.jobs.backup import BackedUp, back_up, chosen, restore, verify
from storecast.stores.backups.archive import SealedArchives
from storecast.stores.backups.live_state import LiveState
from storecast.stores.backups.log_copies import LogCopies
from storecast.stores.backups.registry_copies import RegistryCopies
from storecast.stores.backups.shelves import BucketShelf, FolderShelf
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.log import DatabaseLog
from storecast.stores.forecast_log.records import ForecastTable
from storecast.stores.forecast_log.spool import Spool
from storecast.stores.forecast_log.tables import METADATA
from storecast.stores.scratch import ScratchFolders
from tests.log_worker import entry_of
from tests.s3_server import SECRET, s3_server
from tests.servers import Postgres

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ODD = "a\tb\nc\\N \\. \x7f é '"


def state(home: Path, url: str = "", *spools: Path) -> LiveState:
    home.mkdir(exist_ok=True)
    log = LogCopies(url or f"sqlite:///{home / 'forecasts.db'}")
    trust = home / "trusted.json"
    return LiveState(home, log, RegistryCopies(home), told={}, trust=trust, spools=spools)


def filled(url: str) -> None:
    """Some rows with whatever a text may hold, and none in a column that may be empty."""
    database = Database(url)
    database.ensure_schema()
    with database.write() as connection:
        row = {"unique_id": ODD, "ds": "2026-01-02", "y": 0.1, "who": "", "at": 7}
        connection.execute(METADATA.tables["actuals"].insert(), [row, {**row, "unique_id": "1"}])
    database.close()


def rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    database = Database(url)
    with database.read() as connection:
        found = {
            name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
            for name, table in METADATA.tables.items()
            if name != "log_probe"
        }
    database.close()
    return found


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_log_comes_back(tmp_path: Path, postgres: Postgres, kind: str) -> None:
    """Every row of every table, whatever its texts hold; what was changed since is replaced when forced."""
    source, target = (
        postgres.new_database() if kind == "postgresql" else f"sqlite:///{tmp_path / name / 'forecasts.db'}"
        for name in ("one", "two")
    )
    filled(source)
    shelf, archives, scratch = FolderShelf(tmp_path / "shelf"), SealedArchives(), ScratchFolders(tmp_path)
    back_up(state(tmp_path / "one", source), shelf, archives, scratch.folder, clock=lambda: NOW)
    other = state(tmp_path / "two", target)
    name = chosen(shelf)
    assert verify(other, shelf, archives, scratch.folder, name, clock=lambda: NOW).counts["actuals"] == 2
    restore(other, shelf, archives, scratch.folder, name)
    assert rows(target) == rows(source)
    assert len(rows(target)["actuals"]) == 2
    with pytest.raises(ConflictError, match="a state here"):
        restore(other, shelf, archives, scratch.folder, name)
    database = Database(target)
    with database.write() as connection:
        connection.execute(METADATA.tables["actuals"].delete())
    database.close()
    restore(other, shelf, archives, scratch.folder, name, force=True)
    assert rows(target) == rows(source)


def test_a_load_that_fails_changes_nothing(tmp_path: Path, postgres: Postgres) -> None:
    """PostgreSQL takes all tables or none: a copy that it refuses leaves the rows that were there."""
    url = postgres.new_database()
    filled(url)
    before = rows(url)
    log = LogCopies(url)
    about, pieces = log.capture(tmp_path)
    (tmp_path / "log" / "tables").mkdir()
    for piece in pieces:
        Path(piece.path).rename(tmp_path / piece.name)
    (tmp_path / "log" / "tables" / "api_keys.copy").write_bytes(b"too\tfew\n")
    with pytest.raises(BackupError, match="does not take a table"), log.loading(tmp_path, about):
        pytest.fail("it was loaded")
    assert rows(url) == before


def test_another_kind_of_database_is_refused(tmp_path: Path, postgres: Postgres) -> None:
    """Before anything is changed."""
    filled(f"sqlite:///{tmp_path / 'one' / 'forecasts.db'}")
    shelf, archives, scratch = FolderShelf(tmp_path / "shelf"), SealedArchives(), ScratchFolders(tmp_path)
    back_up(state(tmp_path / "one"), shelf, archives, scratch.folder, clock=lambda: NOW)
    with pytest.raises(BackupError, match="another kind of database"):
        restore(
            state(tmp_path / "two", postgres.new_database()), shelf, archives, scratch.folder, chosen(shelf)
        )


def test_nothing_is_replaced_under_a_process_at_work(tmp_path: Path) -> None:
    """A service holds its spool: not even force restores over it."""
    home = tmp_path / "home"
    log = DatabaseLog(f"sqlite:///{home / 'forecasts.db'}", home / "spool")
    log.start()
    try:
        with pytest.raises(ConflictError, match="at work"):
            state(home).check_free(force=True)
    finally:
        log.close()
    state(home).check_free(force=True)


def test_what_waits_in_the_spools_of_replicas_is_in_the_log_that_comes_back(tmp_path: Path) -> None:
    """Entries that were acknowledged while the database was away, in the home's spool and in those of
    replicas: each is in the restored log, once; what could not be read is kept beside."""
    log = DatabaseLog(f"sqlite:///{tmp_path / 'one' / 'forecasts.db'}", tmp_path / "one" / "spool")
    log.start()
    entries = [entry_of(log, number) for number in range(5)]
    log.submit(entries[0]).result(20)
    log.close()
    replicas = [tmp_path / name / "spool" for name in ("replica-1", "replica-2")]
    waiting = {tmp_path / "one" / "spool": entries[1:2], replicas[0]: entries[:3], replicas[1]: entries[3:]}
    for folder, some in waiting.items():
        spool = Spool(folder, "the-same-name", limit=1 << 20)
        spool.append(some)
        spool.close()
    (replicas[1] / "parked.jsonl").write_text("{}\n")
    shelf, archives, scratch = FolderShelf(tmp_path / "shelf"), SealedArchives(), ScratchFolders(tmp_path)
    back_up(state(tmp_path / "one", "", *replicas), shelf, archives, scratch.folder, clock=lambda: NOW)
    restore(state(tmp_path / "two"), shelf, archives, scratch.folder, chosen(shelf))
    database = Database(f"sqlite:///{tmp_path / 'two' / 'forecasts.db'}")
    assert list(ForecastTable(database).each()) == entries
    database.close()
    assert [path.name for path in (tmp_path / "two" / "spool").iterdir()] == ["r2-parked-restored.jsonl"]


def test_a_replica_is_heard_of(tmp_path: Path) -> None:
    """Whose spool is not there is named, and no backup made without it; one that is at work holds up a
    restore, as the home's own does."""
    shelf, scratch = FolderShelf(tmp_path / "shelf"), ScratchFolders(tmp_path)
    place = tmp_path / "replica" / "spool"
    known = state(tmp_path / "home", "", place)
    with pytest.raises(BackupError, match="spool is not there"):
        back_up(known, shelf, SealedArchives(), scratch.folder, clock=lambda: NOW)
    assert shelf.listing() == []
    spool = Spool(place, "busy", limit=1 << 20)
    with pytest.raises(ConflictError, match="at work"):
        known.check_free(force=True)
    spool.close()
    known.check_free(force=True)


def test_answers_wait_where_the_restore_may_not_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica's spools are mounted to be read alone: one left behind holds up no restore, one whose
    process lives does, by whichever word the file system has for it."""
    place, real = tmp_path / "replica" / "spool", os.open

    def read_alone(path: str, flags: int, *arguments: int, **named: int) -> int:
        if Path(path).is_relative_to(place) and flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, flags, *arguments, **named)

    spool = Spool(place, "busy", limit=1 << 20)
    (place / "left.spool").write_bytes(b"")
    known = state(tmp_path / "home", "", place)
    monkeypatch.setattr(os, "open", read_alone)
    with pytest.raises(ConflictError, match="at work") as held:
        known.check_free(force=True)
    assert "busy.spool" in str(held.value)
    spool.close()
    assert [path.name for path in place.iterdir()] == ["left.spool"]
    known.check_free(force=True)

    def denied(handle: int, how: int) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(fcntl, "flock", denied)
    with pytest.raises(ConflictError, match="at work"):
        known.check_free(force=True)


def test_old_backups_are_removed_and_the_latest_stay(tmp_path: Path) -> None:
    """So many as are asked for, the new one among them; without a number all."""
    shelf, scratch = FolderShelf(tmp_path / "shelf"), ScratchFolders(tmp_path)

    def make(second: int, keep: int | None = None) -> BackedUp:
        now, home = NOW.replace(second=second), state(tmp_path / "home")
        return back_up(home, shelf, SealedArchives(), scratch.folder, clock=lambda: now, keep=keep)

    for second in range(4):
        make(second)
    assert len(shelf.listing()) == 4
    done = make(9, keep=2)
    assert [item.name for item in shelf.listing()] == [
        "storecast-20260301T000003.000000Z.backup",
        "storecast-20260301T000009.000000Z.backup",
    ]
    assert len(done.removed) == 3


def test_backups_in_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written in parts, listed, read back, never written over, left whole or not at all, removed; a wrong
    secret is refused."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "shop")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with s3_server(tmp_path / "s3") as url:
        import boto3

        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        client.create_bucket(Bucket="backups")
        shelf = BucketShelf("s3://backups/shop", endpoint=url)
        assert shelf.listing() == []
        data = os.urandom(13 << 20)  # more than one part of an upload
        with shelf.writing("a1.backup") as target:
            for start in range(0, len(data), 1 << 20):
                target.write(data[start : start + (1 << 20)])
        with pytest.raises(ConflictError), shelf.writing("a1.backup"):
            pytest.fail("it was written over")
        with pytest.raises(ZeroDivisionError), shelf.writing("a2.backup") as target:  # noqa: PT012
            target.write(b"half")
            raise ZeroDivisionError
        assert [(item.name, item.size) for item in shelf.listing()] == [("a1.backup", len(data))]
        with shelf.reading("a1.backup") as source:
            assert source.read() == data
        with pytest.raises(BackupError), shelf.reading("a3.backup"):
            pytest.fail("it is not there")
        home, scratch = tmp_path / "home", ScratchFolders(tmp_path)
        filled(f"sqlite:///{home / 'forecasts.db'}")
        archives = SealedArchives(bytes(32))
        name = back_up(state(home), shelf, archives, scratch.folder, clock=lambda: NOW).stored.name
        tried = verify(state(home), shelf, archives, scratch.folder, name, clock=lambda: NOW)
        assert tried.counts["actuals"] == 2
        shelf.remove("a1.backup")
        assert [item.name for item in shelf.listing()] == [name]
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-word")
        stranger = BucketShelf("s3://backups/shop", endpoint=url)
        with pytest.raises(BackupError, match="credentials"):
            stranger.listing()
        with pytest.raises(BackupError), stranger.writing("a4.backup") as target:
            target.write(b"x")
