"""What came of backups is written down for the metrics: what went well, what did not, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storecast.errors import BackupError
from storecast.jobs.backup import back_up, verify
from storecast.ports.backups import BackupRun
from storecast.service.backups import LastBackups
from storecast.stores.backups.archive import SealedArchives
from storecast.stores.backups.live_state import LiveState
from storecast.stores.backups.log_copies import LogCopies
from storecast.stores.backups.registry_copies import RegistryCopies
from storecast.stores.backups.shelves import FolderShelf
from storecast.stores.forecast_log import migrate
from storecast.stores.forecast_log.backup_runs import BackupRunTable
from storecast.stores.forecast_log.database import Database
from storecast.stores.scratch import ScratchFolders
from tests.cli.calls import call
from tests.fakes import ticking_clock

FIRST = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: int) -> int:
    """Microseconds since 1970 of a look at the ticking clock."""
    return int((FIRST + timedelta(seconds=seconds)).timestamp()) * 1_000_000


@dataclass(frozen=True)
class Shop:
    """A home with a log, its backups and what is written down about them; the clock ticks once a look."""

    home: Path
    shelf: FolderShelf
    runs: BackupRunTable
    clock: Callable[[], datetime]

    def state(self) -> LiveState:
        log = LogCopies(f"sqlite:///{self.home / 'forecasts.db'}")
        return LiveState(self.home, log, RegistryCopies(self.home), told={}, trust=None)

    def back_up(self, **more: object) -> str:
        done = back_up(
            self.state(),
            self.shelf,
            SealedArchives(),
            ScratchFolders(self.home / "scratch").folder,
            clock=self.clock,
            runs=self.runs,
            **more,  # type: ignore[arg-type]
        )
        assert done.noted
        return done.stored.name

    def verify(self, name: str) -> None:
        scratch = ScratchFolders(self.home / "scratch").folder
        verify(self.state(), self.shelf, SealedArchives(), scratch, name, clock=self.clock, runs=self.runs)

    def values(self) -> dict[str, float]:
        looks = LastBackups(self.runs)
        looks.refresh()
        return {f"{one.name} {(one.label or ('', ''))[1]}": one.value for one in looks.samples()}


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """The home's log is SQLite's; what came of backups is noted in either kind of database."""
    home = tmp_path / "home"
    own = Database(f"sqlite:///{home / 'forecasts.db'}")
    own.ensure_schema()
    noted = own if request.param == "sqlite" else Database(request.getfixturevalue("postgres").new_database())
    noted.ensure_schema()
    yield Shop(home, FolderShelf(tmp_path / "shelf"), BackupRunTable(noted), ticking_clock())
    noted.close()
    own.close()


def test_a_backup_and_its_trial_are_noted(shop: Shop) -> None:
    """When, how large, how long: of the backup and of its restore for a trial, each its own."""
    name = shop.back_up(trial=True)
    size = (Path(shop.shelf.where) / name).stat().st_size
    # looks at the clock: the name, begin and end of the backup, begin and end of the trial
    assert shop.runs.latest("create") == BackupRun(at(2), "create", name, size, 1.0, "")
    assert shop.runs.latest("verify", good=True) == BackupRun(at(4), "verify", name, size, 1.0, "")
    assert shop.values() == {
        "backup_last_run_timestamp_seconds create": at(2) / 1e6,
        "backup_last_run_timestamp_seconds verify": at(4) / 1e6,
        "backup_failed create": 0.0,
        "backup_failed verify": 0.0,
        "backup_last_success_timestamp_seconds create": at(2) / 1e6,
        "backup_last_success_timestamp_seconds verify": at(4) / 1e6,
        "backup_size_bytes create": float(size),
        "backup_size_bytes verify": float(size),
        "backup_duration_seconds create": 1.0,
        "backup_duration_seconds verify": 1.0,
    }


def test_nothing_is_made_up_before_the_first(shop: Shop) -> None:
    """No backup, no metric: an age of zero would say that all is well."""
    assert shop.values() == {}


def test_a_failure_is_noted_and_hides_no_success(shop: Shop, tmp_path: Path) -> None:
    """The reason is written down; time and size stay those of the last that went well, until another does."""
    good = shop.back_up()
    before = shop.values()
    (tmp_path / "shelf").rename(tmp_path / "gone")
    (tmp_path / "shelf").write_text("no folder")
    with pytest.raises(BackupError, match="cannot be used"):
        shop.back_up()
    failed = shop.runs.latest("create")
    assert failed is not None
    assert "cannot be used" in failed.failure
    assert failed.size == 0
    after = shop.values()
    assert after.pop("backup_failed create") == 1.0
    assert after.pop("backup_last_run_timestamp_seconds create") == failed.at / 1e6
    assert after == {name: before[name] for name in after}
    (tmp_path / "shelf").unlink()
    (tmp_path / "gone").rename(tmp_path / "shelf")
    assert shop.back_up() > good
    assert shop.values()["backup_failed create"] == 0.0


def test_a_damaged_backup_removes_no_older_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial that fails ends it before `keep` takes effect; it is the trial that failed, not the copy."""
    first = shop.back_up()
    writing = SealedArchives.write

    def damaged(self: SealedArchives, target, *rest):  # a disk that loses a byte
        made = writing(self, target, *rest)
        target.seek(-1, 2)
        target.write(b"\x00")
        return made

    with monkeypatch.context() as patch:
        patch.setattr(SealedArchives, "write", damaged)
        with pytest.raises(BackupError, match="damaged"):
            shop.back_up(keep=1, trial=True)
    kept = [item.name for item in shop.shelf.listing()]
    assert (kept[0], len(kept)) == (first, 2)
    values = shop.values()
    assert (values["backup_failed create"], values["backup_failed verify"]) == (0.0, 1.0)
    assert "backup_last_success_timestamp_seconds verify" not in values
    shop.verify(first)
    assert shop.values()["backup_failed verify"] == 0.0


def test_a_backup_before_a_migration_migrates_nothing(shop: Shop) -> None:
    """What is made to be safe before an upgrade leaves the old schema, is good, and says it was not noted."""
    database = shop.runs._database
    database.run(lambda connection: migrate.downgrade(connection, "0005"))
    run = BackupRun(1, "create", "x.backup", 1, 1.0, "")
    assert not shop.runs.record(run)
    with database.read() as connection:
        assert migrate.revision(connection) == "0005"


def test_the_commands_note_what_came_of_them(home: Path, tmp_path: Path) -> None:
    """In the log of the settings; where there is none, none is made, and it is said."""
    home.mkdir()
    done = call("backup", "create", tmp_path / "shelf", "--json").json()
    assert (done["noted"], done["verified"]) == (False, False)
    assert not (home / "forecasts.db").exists()
    assert "Not noted" in " ".join(call("backup", "create", tmp_path / "shelf").out.split())
    assert call("migrate").code == 0
    done = call("backup", "create", tmp_path / "shelf", "--verify", "--keep", 1, "--json").json()
    assert (done["noted"], done["verified"], len(done["removed"])) == (True, True, 2)
    (tmp_path / "file").touch()
    assert call("backup", "create", tmp_path / "file").code == 1
    opened = Database(f"sqlite:///{home / 'forecasts.db'}")
    runs = BackupRunTable(opened)
    last, good = runs.latest("create"), runs.latest("create", good=True)
    trial = runs.latest("verify")
    opened.close()
    assert last is not None
    assert good is not None
    assert trial is not None
    assert (good.name, good.size, good.failure) == (done["name"], done["bytes"], "")
    assert (trial.name, trial.failure) == (done["name"], "")
    assert str(tmp_path / "file") in last.failure


def test_what_fails_before_it_begins_is_noted_too(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that cannot be read, nothing to verify; not what was asked for wrongly."""
    home.mkdir()
    assert call("migrate").code == 0
    opened = Database(f"sqlite:///{home / 'forecasts.db'}")
    runs = BackupRunTable(opened)
    assert call("backup", "create").code == 1
    assert call("backup", "verify", tmp_path / "shelf" / "typo.backup").code == 1
    assert (runs.latest("create"), runs.latest("verify")) == (None, None)
    assert call("backup", "verify", tmp_path / "shelf").code == 1
    monkeypatch.setenv("STORECAST_BACKUP_KEY_FILE", str(tmp_path / "no.key"))
    assert call("backup", "create", tmp_path / "shelf").code == 1
    made, verified = runs.latest("create"), runs.latest("verify")
    opened.close()
    assert made is not None
    assert verified is not None
    assert str(tmp_path / "no.key") in made.failure
    assert "there is no backup" in verified.failure
