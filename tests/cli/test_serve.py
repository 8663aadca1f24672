"""``storecast serve`` as a process: how it starts, what it refuses, how it follows the champion, how it
ends."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from mlflow import MlflowClient

from storecast.ports import ArtifactContent, ModelVersion
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.records import ForecastTable
from storecast.stores.mlflow_session import connect
from storecast.wiring.batch import user
from tests.cli.calls import Done, call
from tests.published import content, fitted, scaled
from tests.serve_process import (
    NAME,
    Serving,
    await_,
    children,
    promoted,
    register,
    registry_in,
    releases_in,
)

BROKEN = 4  # the version whose forecasts are not whole


def factor(version: int) -> float:
    """By how much the forecasts of a version differ from the first one's."""
    return 1.0 + version / 100


def broken() -> ArtifactContent:
    """A version with a digest that is right, and a forecast that is none."""
    made = fitted()
    point = made.point.copy()
    point[3, 1] = math.nan
    return content(replace(made, point=point), number=BROKEN)


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose registry holds three good versions and a broken one, to be copied."""
    home = tmp_path_factory.mktemp("registered")
    for number in (1, 2, 3):
        register(home, content(scaled(fitted(), factor(number)), number=number))
    assert register(home, broken()) == BROKEN
    return home


@pytest.fixture
def home(registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of this test's own in which version 1 serves."""
    folder = tmp_path / "home"
    shutil.copytree(registered, folder)
    monkeypatch.setenv("STORECAST_HOME", str(folder))
    promoted(folder, 1)
    return folder


def mlflow_client(home: Path) -> MlflowClient:
    return connect(registry_in(home).uri, 5)


def points(serving: Serving) -> list[float]:
    """The first series' forecasts as they are served."""
    answer = serving.client.get("/v1/forecasts", params={"series": "s000", "horizon": 13}).raise_for_status()
    return [row["storecast"] for row in answer.json()["forecasts"]]


def test_a_service_without_a_version_lives_and_is_not_ready(
    registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, and becomes ready by itself when a version is promoted from the command line."""
    home = tmp_path / "home"
    shutil.copytree(registered, home)
    monkeypatch.setenv("STORECAST_HOME", str(home))
    with Serving(home, wait="listening") as serving:
        assert "nothing is published yet" in serving.said()
        assert serving.client.get("/healthz").status_code == 200
        ready = serving.client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["champion"]) == (503, False)
        refused = serving.client.get("/v1/forecasts?series=s000")
        assert (refused.status_code, refused.json()["type"].split(":")[-1]) == (503, "no-champion")
        assert call("models", "promote", 1, "--why", "the first").code == 0
        await_(serving.is_ready, serving.written)
        assert serving.version() == 1
        assert serving.end() == 0


def test_what_it_says_can_be_typed(home: Path) -> None:
    """The address, the version, and a line whose answer is logged before it is sent."""
    with Serving(home) as serving:
        said = serving.said().splitlines()
        assert said[0].startswith(f"Serving {NAME} version 1 on http://127.0.0.1:")
        url = re.fullmatch(r"Try:  curl '(\S+)'", said[1])
        assert url is not None
        answer = httpx.get(url[1], trust_env=False).raise_for_status().json()
        assert len(answer["forecasts"]) == 4
        logged = [entry.id for entry in ForecastTable(Database(f"sqlite:///{home}/forecasts.db")).each()]
        assert answer["id"] in logged


def refusal(home: Path, *options: str, **environment: str) -> Done:
    """How `storecast serve` ends that must not start."""
    with Serving(home, *options, wait="", **environment) as serving:
        code = serving.process.wait(120)
        return Done(code, serving.said(), serving.written())


def test_a_port_in_use_is_told(home: Path) -> None:
    """In words with a remedy, before anything else is started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = refusal(home, "--port", str(other.getsockname()[1]))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Refused: ")
    for words in ("already in use", "remedy: ", "--port"):
        assert words in done.err
    assert "Traceback" not in done.err
    assert not (home / "forecasts.db").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "0.0.0.0"), "storecast keys issue"),
        (("--host", "no.such.host.invalid"), "no such address"),
        (("--host", "203.0.113.7"), "assign requested address"),
        (("--name", "../elsewhere"), "name"),
    ],
)
def test_what_it_refuses_to_listen_on(home: Path, options: tuple[str, ...], words: str) -> None:
    """Other machines without a key, and addresses that are not this machine's."""
    done = refusal(home, *options)
    assert (done.code, done.out) == (1, "")
    assert words in done.err
    assert "remedy: " in done.err


def test_a_log_that_cannot_be_kept_is_refused(home: Path) -> None:
    """Without a place for answers that the database cannot take there is no service."""
    (home / "spool").write_text("in the way")
    done = refusal(home)
    assert done.code == 1
    assert "spool" in done.err


def test_with_a_key_it_listens_to_others(home: Path) -> None:
    """It answers whoever sends it, and nobody else; the key itself is in no log."""
    issued = json.loads(call("keys", "issue", "--role", "reader", "--name", "me", "--json").out)
    with Serving(home, "--host", "0.0.0.0") as serving:
        assert "Authorization: Bearer" in serving.said()
        assert serving.client.get("/v1/series").status_code == 401
        headers = {"authorization": f"Bearer {issued['key']}"}
        assert serving.client.get("/v1/series", headers=headers).status_code == 200
        assert call("keys", "revoke", issued["id"]).code == 0
        await_(lambda: serving.client.get("/v1/series", headers=headers).status_code == 401)
        secret = issued["key"].split("_", 2)[2]  # which may hold more of them
        assert secret not in serving.written() + serving.said()


@pytest.mark.parametrize("how", ["SIGTERM", "Ctrl-C", "SIGKILL"])
def test_its_follower_ends_with_it(home: Path, how: str) -> None:
    """However it ends, nothing of it is left; kindly asked it says nothing but JSON and exits with 0."""
    with Serving(home) as serving:
        await_(lambda: "following" in serving.events(), serving.written)
        found = children(serving.process.pid)
        assert len(found) == 1
        if how == "SIGKILL":
            serving.end(signal.SIGKILL)
        else:
            assert (serving.ctrl_c() if how == "Ctrl-C" else serving.end()) == 0
            assert serving.events()[-1] == "ended"
            assert serving.events().count("following") == 1
        await_(lambda: not Path(f"/proc/{found[0]}").exists(), serving.written)


def test_a_follower_that_dies_is_started_again(home: Path) -> None:
    """Requests that were written down meanwhile are carried out."""
    with Serving(home) as serving:
        await_(lambda: "following" in serving.events(), serving.written)
        first = children(serving.process.pid)
        os.kill(first[0], signal.SIGKILL)
        asked = serving.client.post("/v1/models/promote", json={"version": 2, "why": "better"})
        assert asked.status_code == 202
        serving.serves(2)
        assert children(serving.process.pid) != first


def test_while_it_drains_it_answers(home: Path) -> None:
    """It is not ready any more, each answer closes its connection, and the end comes by itself."""
    with Serving(home, "--no-follow", STORECAST_DRAIN_SECONDS="3") as serving:
        serving.process.send_signal(signal.SIGTERM)
        await_(lambda: serving.client.get("/readyz").status_code == 503)
        answer = serving.client.get("/v1/forecasts", params={"series": "s000", "horizon": 1})
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert serving.client.get("/readyz").json()["checks"]["accepting"] is False
        assert serving.process.wait(120) == 0


def test_who_cannot_wait_asks_twice(home: Path) -> None:
    """The second signal ends the draining."""
    with Serving(home, "--no-follow", STORECAST_DRAIN_SECONDS="100000") as serving:
        serving.process.send_signal(signal.SIGINT)
        await_(lambda: serving.client.get("/readyz").status_code == 503)
        assert serving.end(signal.SIGINT) == 0


def test_the_champion_is_followed(home: Path) -> None:
    """Moved by the command line, through the API and by a plain MLflow client: the service goes along, and
    every move is an event with its reason."""
    expected = {v: (fitted().point[:, 0] * factor(v)).tolist() for v in (1, 2, 3)}
    with Serving(home) as serving:
        assert points(serving) == pytest.approx(expected[1], abs=0.006)
        assert call("models", "promote", 2, "--why", "by command").code == 0
        serving.serves(2)
        assert points(serving) == pytest.approx(expected[2], abs=0.006)
        assert call("models", "rollback", "--why", "back by command").code == 0
        serving.serves(1)
        for version in (3, 2):
            asked = {"version": version, "why": f"by request {version}"}
            made = serving.client.post("/v1/models/promote", json=asked)
            serving.serves(version)
        assert made.status_code == 202
        event = f"/v1/events/{made.json()['id']}"
        await_(lambda: serving.client.get(event).json()["state"] == "done")
        assert serving.client.post("/v1/models/rollback", json={"why": "back by request"}).status_code == 202
        serving.serves(3)
        await_(lambda: registry_in(home).champion(NAME).version == 3)  # type: ignore[union-attr]
        mlflow_client(home).set_registered_model_alias(NAME, "champion", "1")
        serving.serves(1)
        assert points(serving) == pytest.approx(expected[1], abs=0.006)
        await_(lambda: len(serving.client.get("/v1/events").json()["events"]) == 7, serving.written)
        events = serving.client.get("/v1/events").json()["events"][::-1]
        moves = [e for e in events if e["from_version"]]
        assert sorted((e["kind"], e["from_version"], e["to_version"], e["why"]) for e in moves) == [
            ("moved", 3, 1, "the alias champion was moved in the registry"),
            ("promote", 1, 2, "by command"),
            ("promote", 1, 3, "by request 3"),
            ("promote", 3, 2, "by request 2"),
            ("rollback", 2, 1, "back by command"),
            ("rollback", 2, 3, "back by request"),
        ]
        assert {e["state"] for e in events} == {"done"}


def test_a_version_whose_forecasts_are_not_whole_never_serves(home: Path) -> None:
    """Refused where the command, the API or the alias asks for it, each time with the reason; the version
    before goes on."""
    with Serving(home) as serving:
        done = call("models", "promote", BROKEN, "--why", "who knows")
        assert done.code == 1
        assert "Refused" in done.err
        assert registry_in(home).champion(NAME).version == 1  # type: ignore[union-attr]
        made = serving.client.post("/v1/models/promote", json={"version": BROKEN, "why": "again"}).json()
        event = f"/v1/events/{made['id']}"
        await_(lambda: serving.client.get(event).json()["state"] == "failed")
        mlflow_client(home).set_registered_model_alias(NAME, "champion", str(BROKEN))
        await_(lambda: "refused" in serving.events(), serving.written)
        listed = serving.client.get("/v1/events").json()["events"]
        about = [e for e in listed if e["to_version"] == BROKEN]
        assert [(e["kind"], e["who"]) for e in about[::2]] == [("refused", "follower"), ("refused", user())]
        assert (about[1]["kind"], about[1]["state"]) == ("promote", "failed")
        assert all("not finite" in e["why"] + e["error"] for e in about)
        assert (serving.version(), serving.is_ready()) == (1, True)


def published_past_every_check(home: Path, version: int) -> Path:
    """Point to a version as a publisher would that does not look; its folder."""
    registry, releases = registry_in(home), releases_in(home)
    found = next(v for v in registry.versions(NAME) if v.version == version)
    releases.stage(found.digest, lambda folder: registry.export(NAME, version, folder))
    folder = home / "releases" / NAME / "versions" / found.digest
    (home / "kept").mkdir(exist_ok=True)
    shutil.copytree(folder, home / "kept" / found.digest)
    if version != BROKEN:
        file = folder / "point.npy"
        file.chmod(0o644)
        file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    made = ModelVersion(NAME, version, found.digest, "")
    now = releases.current()
    assert releases.publish(made, model="x", kind="promote", who="Eve", why="tampered", after=now)
    return folder


@pytest.mark.parametrize("version", [2, BROKEN], ids=["wrong digest", "smoke forecast"])
def test_what_is_published_is_tried_by_the_service_too(home: Path, version: int) -> None:
    """Bytes that are not the digest's, and forecasts that are none, are refused by the worker itself; the
    old version goes on, also in a worker that starts then, and a repaired folder is taken up."""
    with Serving(home, "--no-follow") as serving:
        folder = published_past_every_check(home, version)
        await_(lambda: serving.models()["refused"], serving.written)
        assert (serving.version(), serving.is_ready()) == (1, True)
        assert "storecast_model_refusals_total 1.0" in serving.client.get("/metrics").text
        with Serving(home, "--no-follow") as second:
            assert (second.version(), bool(second.models()["refused"])) == (1, True)
        if version != BROKEN:
            shutil.rmtree(folder)
            shutil.copytree(home / "kept" / folder.name, folder)
            serving.serves(version)
            assert serving.models()["refused"] == ""


def test_without_a_registry_it_goes_on(home: Path) -> None:
    """What served last serves, also after a restart; rolling back to a version of the release folder needs no
    registry, which is told when it is back."""
    promoted(home, 2)
    with Serving(home) as serving:
        os.rename(home / "mlflow.db", home / "gone.db")
        assert serving.version() == 2
        assert serving.end() == 0
    with Serving(home) as serving:
        assert serving.version() == 2
        done = call("models", "rollback", "--why", "bad week")
        assert done.code == 0, done.err
        assert "not told" in done.out
        serving.serves(1)
        refused = call("models", "promote", 3, "--why", "no registry")
        assert refused.code == 1
        assert serving.version() == 1
        (home / "mlflow.db").unlink(missing_ok=True)
        os.rename(home / "gone.db", home / "mlflow.db")
        await_(lambda: registry_in(home).champion(NAME).version == 1, serving.written)  # type: ignore[union-attr]
        assert serving.version() == 1


def test_two_models_do_not_mix(home: Path) -> None:
    """A service of another name serves nothing of this one."""
    with Serving(home, "--name", "toys", wait="listening") as serving:
        assert serving.client.get("/readyz").status_code == 503
        done = subprocess.run(
            ["ls", str(home / "releases")], capture_output=True, text=True, check=True
        ).stdout.split()
        assert NAME in done
