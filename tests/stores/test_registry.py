"""The embedded registry under ``STORECAST_HOME``, and registries that cannot be reached or opened."""

from __future__ import annotations

import math
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import exceptions as mlflow_exceptions
from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModelAlias
from sqlalchemy import event
from sqlalchemy.orm import Session

from storecast.errors import ArtifactError, RegistryError
from storecast.ports import ArtifactContent, ModelVersion, Move
from storecast.stores import mlflow_runs
from storecast.stores.mlflow_session import connect, shown, translated
from storecast.stores.registry import MlflowRegistry
from storecast.stores.serving_history import move_tag, moves_in, served
from tests.fakes import ticking_clock
from tests.mlflow_server import free_port, small_content
from tests.needs import ROOT

PROLOGUE = """
import os, signal, sys
from storecast.stores.registry import MlflowRegistry
from tests.fakes import ticking_clock
from tests.mlflow_server import small_content
registry = MlflowRegistry(sys.argv[1], clock=ticking_clock())
def register(number, name="storecast"):
    return registry.register(name, small_content(number), params={}, metrics={}, tags={}, files={})
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """A home whose database is made once; making one takes a second or two."""
    home: Path = tmp_path_factory.mktemp("template")
    MlflowRegistry(home, clock=ticking_clock()).versions("storecast")
    return home


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path / "home")
    return tmp_path / "home"


def registry_in(home: Path) -> MlflowRegistry:
    return MlflowRegistry(home, clock=ticking_clock())


def register(home: Path, number: float = 1.0, **changes) -> ModelVersion:
    given: dict[str, Any] = {"params": {}, "metrics": {}, "tags": {}, "files": {}}
    return registry_in(home).register("storecast", small_content(number), **{**given, **changes})


def run_python(code: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    return subprocess.run(
        [sys.executable, "-c", PROLOGUE + textwrap.dedent(code), str(home)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**plain, "PYTHONPATH": str(ROOT), **environment},
        timeout=120,
        check=False,
    )


def test_importing_the_registry_imports_no_mlflow() -> None:
    """The module and an unused registry cost no import of MLflow or pandas, and make no file."""
    code = "assert not {'mlflow', 'pandas', 'sqlalchemy'} & set(sys.modules), sorted(sys.modules)"
    done = run_python(code, Path("/nonexistent"))
    assert done.returncode == 0, done.stderr


def test_the_first_use_is_quiet_and_offline(tmp_path: Path) -> None:
    """Making the database, registering and promoting print nothing and open no connection."""
    code = """
        import socket
        def refuse(*args, **kwargs): raise AssertionError(f"network: {args}")
        socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
        register(1)
        registry.promote("storecast", 1, who="Ann", why="first")
        assert registry.load("storecast", 1).meta["number"] == 1
    """
    done = run_python(code, tmp_path / "new" / "home")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path.name for path in (tmp_path / "new" / "home").iterdir()} == {"mlflow.db", "mlruns"}


def test_a_killed_registration_leaves_no_version(home: Path) -> None:
    """A process killed while the artifact is stored leaves no version; the next one is number 1."""
    code = """
        import mlflow
        mlflow.MlflowClient.log_artifacts = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
        register(1)
    """
    assert run_python(code, home).returncode == -signal.SIGKILL
    assert registry_in(home).versions("storecast") == []
    assert register(home).version == 1


def test_a_failed_upload_leaves_a_failed_run_and_no_version(home: Path, monkeypatch) -> None:
    """Where the artifact store refuses, the run is marked as failed and nothing is registered."""

    def refuse(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mlflow.MlflowClient, "log_artifacts", refuse)
    with pytest.raises(RegistryError, match="was not registered") as caught:
        register(home)
    assert "No space left" in caught.value.found
    assert registry_in(home).versions("storecast") == []
    client = connect(registry_in(home).uri, 5)
    experiment = client.get_experiment_by_name("storecast")
    assert experiment is not None
    assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["FAILED"]


def test_an_artifact_broken_on_its_way_is_not_registered(home: Path, monkeypatch) -> None:
    """What was stored is read back before the version is made: a broken copy is refused."""
    store = mlflow.MlflowClient.log_artifacts

    def cut(client: mlflow.MlflowClient, run_id: str, folder: str, path: str | None = None) -> None:
        store(client, run_id, folder, path)
        for stored in home.glob("mlruns/*/artifacts/model/data/values.npy"):
            stored.write_bytes(stored.read_bytes()[:-8])

    monkeypatch.setattr(mlflow.MlflowClient, "log_artifacts", cut)
    with pytest.raises(ArtifactError, match="another size"):
        register(home)
    assert registry_in(home).versions("storecast") == []


def test_processes_register_and_promote_side_by_side(home: Path) -> None:
    """Three processes at once make nine whole versions with nine numbers, and no database is locked."""
    code = """
        for number in range(3):
            made = register(number)
            assert made.metrics == {}, made
    """
    command = [sys.executable, "-c", PROLOGUE + textwrap.dedent(code), str(home)]
    running = [
        subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}
        )
        for _ in range(3)
    ]
    for process in running:
        assert process.wait(120) == 0, process.stderr and process.stderr.read()
        if process.stderr:
            process.stderr.close()
    registry = registry_in(home)
    assert sorted(item.version for item in registry.versions("storecast")) == list(range(1, 10))
    for version in range(1, 10):
        registry.load("storecast", version)


def test_an_alias_that_another_process_makes_first_is_moved(home: Path) -> None:
    """The alias appears between MLflow's look and its insert: the later one has it."""
    one, path = register(home), home / "mlflow.db"
    with closing(sqlite3.connect(path)) as database, database:
        [row] = database.execute("SELECT * FROM registered_model_aliases").fetchall()
        database.execute("DELETE FROM registered_model_aliases")
    inserted: list[tuple[object, ...]] = []

    def insert_first(session: Session, *_: object) -> None:
        if any(isinstance(item, SqlRegisteredModelAlias) for item in session.new) and not inserted:
            with closing(sqlite3.connect(path)) as database, database:
                marks = ", ".join("?" for _ in row)
                database.execute(f"INSERT INTO registered_model_aliases VALUES ({marks})", row)
            inserted.append(row)

    event.listen(Session, "before_flush", insert_first)
    try:
        made = register(home, 2)
    finally:
        event.remove(Session, "before_flush", insert_first)
    assert inserted
    assert (one.aliases, made.aliases) == (("challenger",), ("challenger",))
    assert [item.aliases for item in registry_in(home).versions("storecast")] == [("challenger",), ()]


def test_a_home_that_was_moved_still_serves(home: Path) -> None:
    """Under another path, as in a container, old versions load and new ones are kept in the new place."""
    register(home, 1)
    moved = home.rename(home.with_name("moved"))
    registry = registry_in(moved)
    assert registry.load("storecast", 1).meta["number"] == 1
    assert registry.promote("storecast", 1, who="Ann", why="first").version == 1
    assert register(moved, 2).version == 2
    assert registry.load("storecast", 2).meta["number"] == 2
    assert not home.exists()
    assert [item.version for item in registry.versions("storecast")] == [2, 1]


def test_a_version_is_read_where_it_lies(home: Path, monkeypatch) -> None:
    """A local version is loaded without a copy of it being made."""
    register(home, 1)

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a copy was made")

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", refuse)
    assert registry_in(home).load("storecast", 1).meta["number"] == 1


def test_a_version_whose_folder_is_gone_is_refused(home: Path) -> None:
    """A version whose files were deleted is refused with the path."""
    register(home, 1)
    shutil.rmtree(home / "mlruns")
    with pytest.raises(ArtifactError, match="no model folder") as caught:
        registry_in(home).load("storecast", 1)
    assert str(home) in caught.value.where


def test_metrics_may_be_unknown_but_not_infinite(home: Path) -> None:
    """NaN, a metric that could not be measured, comes back as NaN; an infinite one is refused."""
    made = register(home, metrics={"wmae": math.nan})
    assert math.isnan(made.metrics["wmae"])
    with pytest.raises(RegistryError, match="metric is infinite"):
        register(home, metrics={"wmae": math.inf})
    assert len(registry_in(home).versions("storecast")) == 1


def test_metrics_of_many_versions_take_few_calls(home: Path, monkeypatch) -> None:
    """Metrics are read by batches over all experiments, and a run that was removed has none."""
    monkeypatch.setattr(mlflow_runs, "_BATCH", 2)
    for number in range(5):
        register(home, number, metrics={"wmae": float(number)})
    home = home.rename(home.with_name("moved"))  # the next runs are another experiment's
    for number in range(5, 8):
        register(home, number, metrics={"wmae": float(number)})
    registry = registry_in(home)
    assert [item.metrics["wmae"] for item in registry.versions("storecast")] == [7, 6, 5, 4, 3, 2, 1, 0]
    client = connect(registry.uri, 5)
    runs = [client.get_model_version("storecast", str(number)).run_id or "" for number in (1, 8)]
    assert mlflow_runs.metrics_of(client, ["0" * 32, runs[1], "1" * 32, runs[0]]) == {
        runs[0]: {"wmae": 0.0},
        runs[1]: {"wmae": 7.0},
    }


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "../x", "a'b", "a" * 101, " a", "@a", "größe", "a\n"])
def test_names_that_mlflow_would_misread_are_refused(home: Path, name: str) -> None:
    """A model name that would break a path or a query is refused by every verb."""
    registry = registry_in(home)
    calls = [
        lambda: registry.register(name, small_content(), params={}, metrics={}, tags={}, files={}),
        lambda: registry.versions(name),
        lambda: registry.load(name, 1),
        lambda: registry.champion(name),
    ]
    for call in calls:
        with pytest.raises(RegistryError, match="no name for a model"):
            call()


@pytest.mark.parametrize(
    "name", ["../x.html", "/x.html", "a//b", "", "a/../../x", ".x", "a\\b", "model/MLmodel"]
)
def test_files_that_leave_the_run_are_refused(home: Path, name: str) -> None:
    """A report or picture whose name leads elsewhere, or into the model, is refused."""
    with pytest.raises(RegistryError, match="no plain name"):
        register(home, files={name: b"x"})
    assert registry_in(home).versions("storecast") == []


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def assert_unreachable(uri: str, match: str = "does not answer") -> RegistryError:
    registry = MlflowRegistry("unused", uri=uri, clock=ticking_clock(), timeout=0.5)
    start = time.monotonic()
    with pytest.raises(RegistryError, match=match) as caught:
        registry.versions("storecast")
    assert time.monotonic() - start < 10
    assert caught.value.remedy
    assert not Path("unused").exists()
    return caught.value


@pytest.mark.parametrize("scheme", ["http", "https", "postgresql", "mysql+pymysql"])
def test_a_server_that_is_down_is_noticed_at_once(scheme: str) -> None:
    """Where nothing listens the refusal comes within seconds, without the password in it."""
    error = assert_unreachable(f"{scheme}://ann:secret@127.0.0.1:{free_port()}/x")
    assert "secret" not in str(error)
    assert "127.0.0.1" in error.where


def test_a_server_that_is_silent_is_not_waited_for(silent_port: int) -> None:
    """A server that accepts and never answers is given up after the time-out."""
    assert_unreachable(f"http://127.0.0.1:{silent_port}")


@pytest.mark.parametrize("uri", ["http://", "http://[", "http://no.such.host.invalid:5000"])
def test_an_address_that_is_none_is_refused(uri: str) -> None:
    """An address that cannot be one is refused with the remedy."""
    assert_unreachable(uri)


def test_a_password_is_never_shown() -> None:
    """An address is shown without its password."""
    assert shown("https://ann:p@ss@host:5000/x?y=1") == "https://***@host:5000/x?y=1"
    assert shown("http://host:5000") == "http://host:5000"
    assert shown("sqlite:////tmp/a@b/mlflow.db") == "sqlite:////tmp/a@b/mlflow.db"


@pytest.mark.parametrize("damage", ["text", "folder", "cut"])
def test_a_damaged_database_is_refused_at_once(home: Path, damage: str) -> None:
    """A database that is none is refused with its path instead of being tried for minutes."""
    path = home / "mlflow.db"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        path.unlink()
        path.mkdir() if damage == "folder" else path.write_text("no database " * 200)
    start = time.monotonic()
    with pytest.raises(RegistryError, match="database cannot be opened") as caught:
        registry_in(home).versions("storecast")
    assert time.monotonic() - start < 10
    assert caught.value.where == str(path)


def test_a_home_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A home under a file, or on a disk that refuses, is refused with its path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError, match="cannot be opened"):
        registry_in(tmp_path / "file" / "home").versions("storecast")


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%20b"])
def test_homes_that_mlflow_would_misread_are_refused(tmp_path: Path, name: str) -> None:
    """A home whose name means something in a web address is refused before anything is written."""
    with pytest.raises(RegistryError, match="folder of this name"):
        registry_in(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_every_error_of_mlflow_is_translated() -> None:
    """No exception that MLflow defines passes as itself, in this or in a later release of it."""
    known = [
        item
        for item in vars(mlflow_exceptions).values()
        if isinstance(item, type) and issubclass(item, Exception)
    ]
    assert len(known) > 5
    for kind in known:
        error = kind.__new__(kind)
        Exception.__init__(error, "refused by http://ann:secret@host")
        with (
            pytest.raises(RegistryError, match="it failed") as caught,
            translated("it failed", "http://host"),
        ):
            raise error
        assert caught.value.__cause__ is error
        assert "secret" not in str(caught.value)


def test_our_own_mistakes_are_not_dressed_up() -> None:
    """An error that is none of MLflow's or the disk's stays what it is."""
    with pytest.raises(ZeroDivisionError), translated("it failed", "http://host"):
        raise ZeroDivisionError


def test_errors_of_cloud_stores_are_translated() -> None:
    """The exceptions of cloud clients, which share no base class, are told by their package."""
    error = type("ClientError", (Exception,), {"__module__": "botocore.exceptions"})("Access Denied")
    with pytest.raises(RegistryError, match="it failed") as caught, translated("it failed", "http://host"):
        raise error
    assert "Access Denied" in caught.value.found


def test_content_that_cannot_be_stored_starts_no_run(home: Path) -> None:
    """A refused content leaves nothing in the tracking store either."""
    with pytest.raises(ArtifactError):
        registry_in(home).register(
            "storecast", ArtifactContent({}, {}, {"x": math.nan}), params={}, metrics={}, tags={}, files={}
        )
    assert connect(registry_in(home).uri, 5).get_experiment_by_name("storecast") is None


def move(kind: str, previous: int | None, version: int, second: int = 0) -> Move:
    return Move(kind, version, previous, "Ann", "because", f"2026-01-01T00:00:{second:02d}+00:00")


@pytest.mark.parametrize(
    ("moves", "champion", "pile"),
    [
        ([], None, []),
        ([], 4, [4]),
        ([("promote", None, 1)], 1, [1]),
        ([("promote", None, 1), ("promote", 1, 2), ("promote", 2, 3)], 3, [1, 2, 3]),
        ([("promote", None, 1), ("promote", 1, 2), ("rollback", 2, 1)], 1, [1]),
        ([("promote", None, 1), ("promote", 1, 2), ("promote", 2, 1)], 1, [1, 2, 1]),
        # moved in MLflow, unrecorded: what served before lies under it
        ([("promote", None, 1), ("promote", 1, 2)], 5, [1, 2, 5]),
        ([("promote", None, 1), ("promote", 5, 2)], 2, [1, 5, 2]),
        # moved back in MLflow
        ([("promote", None, 1), ("promote", 1, 2), ("promote", 2, 3)], 1, [1]),
        # recorded, then the process died before the alias moved
        ([("promote", None, 1), ("promote", 1, 2), ("promote", 2, 3)], 2, [1, 2]),
        ([("promote", None, 1), ("promote", 1, 2), ("rollback", 2, 1)], 2, [1, 2]),
        # the alias was removed
        ([("promote", None, 1), ("promote", 1, 2)], None, []),
        ([("promote", None, 1), ("promote", None, 2)], 2, [2]),
    ],
)
def test_what_a_rollback_goes_back_through(moves, champion, pile) -> None:
    """The pile of versions follows records and unrecorded moves of the alias alike."""
    assert served([move(*item) for item in moves], champion) == pile


def test_moves_recorded_at_one_time_are_both_kept() -> None:
    """Two moves that took the same number are both in the history, by their time."""
    first, second = move("promote", None, 1, 5), move("promote", None, 2, 3)
    later = move("promote", 2, 3, 9)
    tags = dict([move_tag(first, 1), move_tag(second, 1), move_tag(later, 2)])
    assert len(tags) == 3
    assert moves_in({"other": "x", **tags}) == [second, first, later]
