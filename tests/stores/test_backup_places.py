"""Backups of real databases, to a real S3, and into homes that are in use."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest

from storecast.errors import BackupError, ConflictError
from storecast.jobs.backup import back_up, chosen, restore, verify
from storecast.stores.backups.archive import SealedArchives
from storecast.stores.backups.live_state import LiveState
from storecast.stores.backups.log_copies import LogCopies
from storecast.stores.backups.registry_copies import RegistryCopies
from storecast.stores.backups.shelves import BucketShelf, FolderShelf
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.log import DatabaseLog
from storecast.stores.forecast_log.tables import METADATA
from storecast.stores.scratch import ScratchFolders
from tests.cli.calls import BIN
from tests.servers import Postgres, free_port

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ODD = "a\tb\nc\\N \\. \x7f é '"
SECRET = "right-word"


def state(home: Path, url: str = "") -> LiveState:
    home.mkdir(exist_ok=True)
    log = LogCopies(url or f"sqlite:///{home / 'forecasts.db'}")
    return LiveState(home, log, RegistryCopies(home), told={}, trust=home / "trusted.json")


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
    back_up(state(tmp_path / "one", source), shelf, archives, scratch.folder, now=NOW)
    other = state(tmp_path / "two", target)
    name = chosen(shelf)
    assert verify(other, shelf, archives, scratch.folder, name).counts["actuals"] == 2
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
    back_up(state(tmp_path / "one"), shelf, archives, scratch.folder, now=NOW)
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


def test_old_backups_are_removed_and_the_latest_stay(tmp_path: Path) -> None:
    """So many as are asked for, the new one among them; without a number all."""
    shelf, scratch = FolderShelf(tmp_path / "shelf"), ScratchFolders(tmp_path)
    make = partial(back_up, state(tmp_path / "home"), shelf, SealedArchives(), scratch.folder)
    for second in range(4):
        make(now=NOW.replace(second=second))
    assert len(shelf.listing()) == 4
    done = make(now=NOW.replace(second=9), keep=2)
    assert [item.name for item in shelf.listing()] == [
        "storecast-20260301T000003.000000Z.backup",
        "storecast-20260301T000009.000000Z.backup",
    ]
    assert len(done.removed) == 3


@contextmanager
def s3(folder: Path) -> Iterator[str]:
    """A server that checks signatures; its address."""
    folder.mkdir()
    ports = {f"-{name}": str(free_port()) for name in ("master.port", "volume.port", "filer.port", "s3.port")}
    ports |= {f"{name}.grpc": str(free_port()) for name in ports}
    credentials = [{"accessKey": "shop", "secretKey": SECRET}]
    identity = {"name": "shop", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    options = [f"{name}={value}" for name, value in ports.items()]
    program = [str(BIN / "weed"), "server", "-ip=127.0.0.1", f"-dir={folder}", "-s3", "-filer"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [*program, f"-s3.config={folder / 's3.json'}", "-master.volumeSizeLimitMB=64", *options],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        url, deadline = f"http://127.0.0.1:{ports['-s3.port']}", time.monotonic() + 90
        while True:
            assert process.poll() is None, (folder / "log").read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, "S3 did not start"
            try:
                if httpx.get(url, trust_env=False).status_code < 500:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def test_backups_in_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written in parts, listed, read back, never written over, left whole or not at all, removed; a wrong
    secret is refused."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "shop")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with s3(tmp_path / "s3") as url:
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
        name = back_up(state(home), shelf, archives, scratch.folder, now=NOW).stored.name
        assert verify(state(home), shelf, archives, scratch.folder, name).counts["actuals"] == 2
        shelf.remove("a1.backup")
        assert [item.name for item in shelf.listing()] == [name]
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-word")
        stranger = BucketShelf("s3://backups/shop", endpoint=url)
        with pytest.raises(BackupError, match="credentials"):
            stranger.listing()
        with pytest.raises(BackupError), stranger.writing("a4.backup") as target:
            target.write(b"x")
