"""The drill: each kind of loss, under load; restored, it answers as before. Prints what was lost and how long
it took, for `make backup-drill`."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from storecast.errors import RegistryError
from storecast.stores.registry import MlflowRegistry
from tests.cli.calls import Done, call, shell
from tests.load import Load, Question
from tests.mlflow_server import tracking_server
from tests.s3_server import KEY, SECRET, s3_server
from tests.serve_process import NAME, Serving
from tests.servers import postgres_server

pytestmark = pytest.mark.e2e

PATHS = (
    "/v1/forecasts?horizon=13",
    "/v1/forecasts?series=3&horizon=13",
    "/v1/forecasts?horizon=8",
)
ASKED = [Question(path) for path in PATHS[1:]]


def asked(serving: Serving) -> list[object]:
    """What the service answers, but for what each answer has of its own."""
    found: list[object] = []
    for path in PATHS:
        answer = serving.client.get(path).raise_for_status().json()
        found.append({key: value for key, value in answer.items() if key not in ("id", "request")})
    return found


def logged(home: Path) -> set[str]:
    """Numbers of the requests in the log of one machine."""
    with closing(sqlite3.connect(home / "forecasts.db")) as database:
        return {row[0] for row in database.execute("SELECT request FROM forecasts")}


def logged_at(url: str) -> set[str]:
    """Numbers of the requests in the log of PostgreSQL."""
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT request FROM forecasts")}


def port_of(serving: Serving) -> int:
    return int(serving.url.rpartition(":")[2])


def say(what: str, lost: int, given: int, seconds: float) -> None:
    print(  # noqa: T201 what the drill is for
        f"\n{what}: {lost:,} of {given:,} answers lost; "
        f"{seconds:.1f} s until forecasts came again, the same to the byte"
    )


def done_well(line: str, folder: Path, **given: str) -> tuple[Done, float]:
    """What a command printed, and its seconds."""
    began = time.monotonic()
    done = shell(line, folder, **given)
    assert done.code == 0, f"{line}\n{done.out}{done.err}"
    return done, time.monotonic() - began


def trained(folder: Path, monkeypatch: pytest.MonkeyPatch, **given: str) -> Path:
    """The home that ``given`` names, with a version that serves."""
    monkeypatch.chdir(folder)
    (folder / "backup.key").write_text("7f" * 32)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert call("sample", "sales.csv", "--stores", 5).code == 0
    found = call("train", "sales.csv", "--model", "naive-growth", "--horizon", 13)
    assert found.code == 0, found.err
    home = Path(given["STORECAST_HOME"])
    home.mkdir(exist_ok=True)
    return home


def test_one_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed loses no answer; where the machine is lost, the forecasts after a restore are
    the same to the byte, the champion is the same version, and every answer that was given before the backup
    began is in the log."""
    key, place = str(tmp_path / "backup.key"), tmp_path / "home"
    given = {"STORECAST_HOME": str(place), "STORECAST_BACKUP_KEY_FILE": key}
    home = trained(tmp_path, monkeypatch, **given)
    with Serving(home, "--no-follow") as serving:
        before = asked(serving)
        champion = serving.models()
        with Load(port_of(serving), ASKED, connections=4) as load:
            load.more(200)
            serving.process.send_signal(signal.SIGKILL)
            serving.process.wait()
            killed_at = time.monotonic()
        answers = set(load.requests)
    with Serving(home, "--no-follow") as serving:
        assert json.dumps(asked(serving)) == json.dumps(before)
        say("process killed", len(answers - logged(home)), len(answers), time.monotonic() - killed_at)
        assert answers <= logged(home)
        with Load(port_of(serving), ASKED, connections=4) as load:
            load.more(200)
            acknowledged = set(load.requests)
            done, seconds = done_well("storecast backup backups --keep 14 --json", tmp_path, **given)
            load.more(100)
        assert (load.broken.total(), load.refused) == (0, [])
        answers |= set(load.requests)
    shutil.rmtree(home)
    size = json.loads(done.out)["bytes"]
    print(f"\nbackup of one machine, while it serves: {seconds:.1f} s, {size:,} bytes, encrypted")  # noqa: T201
    _, seconds = done_well("storecast backup verify backups", tmp_path, **given)
    print(f"\nverified by a restore into a scratch folder: {seconds:.1f} s")  # noqa: T201
    lost_at = time.monotonic()
    done_well("storecast restore backups", tmp_path, **given)
    assert acknowledged <= logged(home)
    with Serving(home, "--no-follow") as serving:
        after, seconds = asked(serving), time.monotonic() - lost_at
        assert json.dumps(after) == json.dumps(before)
        assert serving.models() == champion
    say("host lost", len(answers - logged(home)), len(answers), seconds)


class Shop:
    """A service of one home, PostgreSQL with its log and MLflow's runs, MLflow's server, and an object store
    for versions and backups."""

    def __init__(self, folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._stack = folder, stack
        for name, value in {"ACCESS_KEY_ID": KEY, "SECRET_ACCESS_KEY": SECRET, "REGION": "us-east-1"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        store = stack.enter_context(s3_server(folder / "s3"))
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", store)
        self.objects = boto3.client("s3", endpoint_url=store, region_name="us-east-1")
        for bucket in ("versions", "backups"):
            self.objects.create_bucket(Bucket=bucket)
        self.given = {
            "STORECAST_HOME": str(folder / "home"),
            "STORECAST_BACKUP_KEY_FILE": str(folder / "backup.key"),
            "STORECAST_BACKUP_TO": "s3://backups/shop",
            "STORECAST_S3_ENDPOINT": store,
        }
        self.stores = ExitStack()
        self.begin()

    def begin(self) -> None:
        """New, empty databases, and MLflow's server on one of them."""
        self.stores = self._stack.enter_context(ExitStack())
        self.postgres = self.stores.enter_context(postgres_server())
        self.log = self.postgres.new_database()
        runs = self.postgres.new_database().replace("postgresql://", "postgresql+psycopg://")
        place = self._folder / f"mlflow-{self.postgres.port}"
        place.mkdir()
        uri = self.stores.enter_context(tracking_server(place, runs, "s3://versions/mlflow"))
        self.given |= {"STORECAST_LOG_URL": f"{self.log}?sslmode=disable", "STORECAST_TRACKING_URI": uri}

    def registry(self) -> MlflowRegistry:
        home, uri = self.given["STORECAST_HOME"], self.given["STORECAST_TRACKING_URI"]
        return MlflowRegistry(home, uri=uri, clock=lambda: datetime.now(UTC))

    def told(self) -> list[Any]:
        """Of the registry: each version's number, digest, aliases and metrics, and who moved what."""
        found = [(v.version, v.digest, v.aliases, v.metrics) for v in self.registry().versions(NAME)]
        return [found, self.registry().history(NAME)]

    def empty(self, bucket: str) -> None:
        """Remove all that is in it."""
        for page in self.objects.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", ()):
                self.objects.delete_object(Bucket=bucket, Key=item["Key"])


@contextmanager
def shop_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with ExitStack() as stack:
        yield Shop(folder, stack, monkeypatch)


def test_a_composed_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket with the versions, both databases, and everything but the backups is lost, one after the
    other: versions, aliases and moves come back, and of the answers those from before the backup began and
    those in spools that are still there."""
    with shop_in(tmp_path, monkeypatch) as shop:
        home = trained(tmp_path, monkeypatch, **shop.given)
        again = ("train", "sales.csv", "--model", "naive-growth", "--horizon", 13, "--no-promote")
        assert call(*again).code == 0
        before_registry = shop.told()
        with Serving(home, "--no-follow", **shop.given) as serving:
            before = asked(serving)
            with Load(port_of(serving), ASKED, connections=4) as load:
                load.more(200)
                acknowledged = set(load.requests)
                done, seconds = done_well("storecast backup create --keep 14 --json", tmp_path, **shop.given)
                size = json.loads(done.out)["bytes"]
                print(f"\nbackup of a composed system, while it serves: {seconds:.1f} s, {size:,} bytes")  # noqa: T201
                _, seconds = done_well("storecast backup verify", tmp_path, **shop.given)
                print(f"\nverified by a restore into a scratch folder: {seconds:.1f} s")  # noqa: T201

                shop.empty("versions")
                with pytest.raises(RegistryError):
                    shop.registry().load(NAME, 1)
                lost_at = len(load.requests)
                line = 'storecast restore "$STORECAST_BACKUP_TO" --missing-versions'
                _, seconds = done_well(line, tmp_path, **shop.given)
                for version in shop.registry().versions(NAME):
                    shop.registry().load(NAME, version.version)
                assert shop.told() == before_registry
                assert (load.broken.total(), load.refused) == (0, [])
                meanwhile = len(load.requests) - lost_at
                print(  # noqa: T201
                    f"\nbucket of versions lost: {meanwhile:,} answers meanwhile, none refused; no version "
                    f"lost; {seconds:.1f} s until every version was whole again"
                )

                shop.postgres.kill()
                load.more(100)
            assert (load.broken.total(), load.refused) == (0, [])
            answers = set(load.requests)

        def recovered(what: str, command: str) -> None:
            """New servers, whose start is not counted, a restore, and the service answers as before."""
            shop.stores.close()
            lost_at = time.monotonic()
            shop.begin()
            empty = time.monotonic() - lost_at
            done_well(command, tmp_path, **shop.given)
            with Serving(home, "--no-follow", **shop.given) as serving:
                assert json.dumps(asked(serving)) == json.dumps(before)
                seconds = time.monotonic() - lost_at - empty
                entries = logged_at(shop.log)
                assert acknowledged <= entries
                assert shop.told() == before_registry
            say(what, len(answers - entries), len(answers), seconds)

        recovered("databases lost", 'storecast restore "$STORECAST_BACKUP_TO" --force')
        shutil.rmtree(home)
        shop.empty("versions")
        recovered("everything lost but the backups", 'storecast restore "$STORECAST_BACKUP_TO"')
