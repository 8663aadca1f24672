"""Backups of a tracking server's registry: what is restored is what every registry promises to show."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import pytest

from storecast.errors import BackupError, ConflictError, RegistryError
from storecast.jobs.backup import back_up, chosen, fill, restore, verify
from storecast.stores.backups.archive import SealedArchives
from storecast.stores.backups.live_state import LiveState
from storecast.stores.backups.log_copies import LogCopies
from storecast.stores.backups.registry_copies import RegistryCopies
from storecast.stores.backups.shelves import FolderShelf
from storecast.stores.backups.tracking_copies import TrackingCopies
from storecast.stores.registry import MlflowRegistry
from storecast.stores.scratch import ScratchFolders
from tests.fakes import ticking_clock
from tests.mlflow_server import small_content, tracking_server
from tests.servers import Postgres

NAME = "sales of Zoe"
FILES = {"report.html": b"<html>", "pictures/store-1.png": b"\x89PNG"}
START = datetime(2026, 3, 1, tzinfo=UTC)


class Place:
    """A tracking server on PostgreSQL, its registry, and a home that has it backed up."""

    def __init__(self, folder: Path, uri: str, shelf: FolderShelf) -> None:
        self.folder, self.uri, self._shelf = folder, uri, shelf
        self.registry = MlflowRegistry(folder, uri=uri, clock=ticking_clock())
        self.client = mlflow.MlflowClient(uri, uri)
        self.archives, self._scratch = SealedArchives(bytes(32)), ScratchFolders(folder / "scratch").folder
        log = LogCopies(f"sqlite:///{folder / 'home' / 'forecasts.db'}")
        (folder / "home").mkdir()
        trust = folder / "home" / "trusted.json"
        self.state = LiveState(
            folder / "home", log, TrackingCopies(folder / "home", uri), told={}, trust=trust
        )

    def register(self, number: float, name: str = NAME) -> int:
        given: dict[str, Any] = {
            "params": {f"p{i}": i for i in range(130)},
            "metrics": {"wmae": 100 + number, "odd": float("nan")},
            "tags": {"cutoff": "2012-01-27"},
            "files": FILES,
        }
        return self.registry.register(name, small_content(number), **given).version

    def promote(self, version: int) -> None:
        self.registry.promote(NAME, version, who="Ann", why=f"better: {version}")

    def back_up(self, second: int = 0) -> tuple[str, list[str]]:
        now = START + timedelta(seconds=second)
        done = back_up(self.state, self._shelf, self.archives, self._scratch, clock=lambda: now)
        return done.stored.name, done.left_out

    def verify(self) -> dict[str, int]:
        name = chosen(self._shelf)
        clock = ticking_clock()
        done = verify(self.state, self._shelf, self.archives, self._scratch, name, clock=clock)
        return dict(done.counts)

    def restore(self, *, force: bool = False) -> None:
        restore(self.state, self._shelf, self.archives, self._scratch, chosen(self._shelf), force=force)

    def fill(self) -> None:
        fill(self.state, self._shelf, self.archives, self._scratch, chosen(self._shelf))

    def shown(self, name: str = NAME) -> dict[str, Any]:
        """What list, show, compare and rollback rest on, and what the runs behind it keep."""
        found: dict[str, Any] = {"history": self.registry.history(name)}
        for version in self.registry.versions(name):
            run = self.client.get_run(str(self.client.get_model_version(name, str(version.version)).run_id))
            files = {p: self._file(run.info.run_id, p) for p in FILES}
            told = {k: repr(v) for k, v in vars(version).items()}
            found[str(version.version)] = {
                **told,
                "loaded": self.registry.load(name, version.version).texts,
                "params": run.data.params,
                "run": (run.info.run_name, run.info.start_time, run.info.end_time, run.info.status),
                "files": files,
            }
        return found

    def _file(self, run_id: str, path: str) -> bytes:
        where = self.folder / "seen"
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir()
        return Path(self.client.download_artifacts(run_id, path, str(where))).read_bytes()


@pytest.fixture(scope="module")
def moved(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Place]]:
    """A registry with a life behind it, backed up, and restored into an empty server."""
    root = tmp_path_factory.mktemp("places")
    with ExitStack() as stack:
        found = []
        for name in ("one", "two"):
            database = postgres.new_database().replace("postgresql://", "postgresql+psycopg://")
            uri = stack.enter_context(tracking_server(_folder(root / name), database))
            found.append(Place(root / name, uri, FolderShelf(root / "shelf")))
        _live(*found)
        yield found[0], found[1]


def _live(one: Place, two: Place) -> None:
    for number in (1, 2, 3, 4):
        one.register(number)
    for number in (1, 3, 2):
        one.promote(number)
    one.registry.rollback(NAME, who="Bob", why="bad week")
    one.client.delete_model_version(NAME, "2")
    one.client.set_registered_model_alias(NAME, "tried", "4")
    one.client.create_registered_model("of others")
    one.register(9, "another")
    one.back_up()
    two.restore()


def test_a_registry_comes_back(moved: tuple[Place, Place]) -> None:
    """Numbers, digests, aliases, moves, times, metrics, parameters, tags, models and files: as they were."""
    one, two = moved
    assert two.shown() == one.shown()
    assert two.shown("another") == one.shown("another")
    assert [version.version for version in two.registry.versions(NAME)] == [4, 3, 1]
    assert two.client.get_registered_model(NAME).aliases == {"champion": "3", "challenger": "4", "tried": "4"}
    assert [model.name for model in two.client.search_registered_models()] == ["another", NAME]


def test_life_goes_on_where_it_stopped(moved: tuple[Place, Place]) -> None:
    """The next version has the next number, and a rollback goes back to the version it would have gone to."""
    for place in moved:
        assert place.register(5) == 5
        assert place.registry.rollback(NAME, who="Bob", why="again").version == 1


def test_a_backup_of_what_was_restored_is_the_same(moved: tuple[Place, Place]) -> None:
    """Also the second time, each version tells when it was first made."""
    one, two = moved
    made = {version.version: version.created for version in one.registry.versions("another")}
    two.back_up(7)
    assert two.verify()["versions"] == 5
    two.restore(force=True)
    assert {version.version: version.created for version in two.registry.versions("another")} == made


def test_nothing_takes_the_place_of_another_version(moved: tuple[Place, Place]) -> None:
    """A server with a state is refused without force, one with other versions always; nothing is changed."""
    one, two = moved
    with pytest.raises(ConflictError, match="a state here"):
        two.restore()
    number = two.register(77)
    assert one.register(78) == number
    one.back_up(15)
    before = two.shown()
    with pytest.raises(ConflictError, match=f"another version {number}"):
        two.restore(force=True)
    with pytest.raises(ConflictError, match=f"another version {number}"):
        two.fill()
    assert two.shown() == before


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_restore_that_fails_leaves_the_aliases(moved: tuple[Place, Place], tmp_path: Path) -> None:
    """Where the log cannot be put in its place, champion and moves are those of before."""
    one, _ = moved
    aliases = one.client.get_registered_model(NAME).aliases
    history = one.registry.history(NAME)
    one.back_up(20)
    one.promote(4)
    shelf = FolderShelf(one.folder.parent / "shelf")
    with shelf.reading(chosen(shelf)) as source:
        about = one.archives.read(source, str(tmp_path)).about["registry"]
    copies = TrackingCopies(one.folder, one.uri)
    with pytest.raises(ZeroDivisionError), copies.loading(tmp_path, about) as aim:  # noqa: PT012
        aim()
        assert one.client.get_registered_model(NAME).aliases == aliases
        assert one.registry.history(NAME) == history
        raise ZeroDivisionError
    assert one.client.get_registered_model(NAME).aliases["champion"] == "4"
    assert len(one.registry.history(NAME)) == len(history) + 1


def test_another_kind_of_registry_is_refused(moved: tuple[Place, Place], tmp_path: Path) -> None:
    """A tracking server's versions do not go into a home, nor a home's into a server; nothing is changed."""
    one, _ = moved
    one.back_up(30)
    shelf, scratch = FolderShelf(one.folder.parent / "shelf"), ScratchFolders(tmp_path).folder
    home = tmp_path / "home"
    log = LogCopies(f"sqlite:///{home / 'forecasts.db'}")
    own = LiveState(home, log, RegistryCopies(home), told={}, trust=home / "trusted.json")
    with pytest.raises(BackupError, match="another kind"):
        restore(own, shelf, one.archives, scratch, chosen(shelf))
    with pytest.raises(BackupError, match="another kind"):
        fill(own, shelf, one.archives, scratch, chosen(shelf))
    assert not home.exists()
    before = one.client.get_registered_model(NAME).aliases
    about = {"log": {"kind": "none"}, "registry": {"kind": "embedded"}}
    for put in (one.state.replace, one.state.fill):
        with pytest.raises(BackupError, match="another kind"):
            put(str(tmp_path), about)
    with pytest.raises(BackupError, match="with all else"):
        own.fill(str(tmp_path), about)
    assert one.client.get_registered_model(NAME).aliases == before


def test_lost_artifacts_are_put_back_while_others_work(moved: tuple[Place, Place]) -> None:
    """The store is lost and the server's database is not: versions get their files again, those that were
    registered since and all aliases stay as they are; a backup tells of a version that has none."""
    one, _ = moved
    one.back_up(40)
    before = one.shown()
    late = one.register(3)
    one.promote(5)
    aliases = one.client.get_registered_model(NAME).aliases
    shutil.rmtree(one.folder / "artifacts")
    with pytest.raises(RegistryError):
        one.registry.load(NAME, 5)
    one.fill()
    assert one.client.get_registered_model(NAME).aliases == aliases
    assert aliases["champion"] == "5"
    _, left_out = one.back_up(50)
    assert left_out == [f"version {late} of {NAME}: its files are gone"]
    one.verify()
    one.client.delete_model_version(NAME, str(late))
    after = one.shown()
    numbers = [number for number in before if number != "history"]
    assert {n: after[n]["files"] for n in numbers} == {n: before[n]["files"] for n in numbers}
    assert {n: after[n]["loaded"] for n in numbers} == {n: before[n]["loaded"] for n in numbers}
