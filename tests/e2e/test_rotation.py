"""Keys are changed while requests are answered: API keys, and the key that signs versions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from storecast.settings import Settings
from storecast.wiring import batch
from tests.cli.calls import call
from tests.load import Answer, Load, Question
from tests.published import content, fitted, scaled
from tests.serve_process import NAME, Serving, await_

pytestmark = pytest.mark.e2e

QUESTION = Question("/v1/forecasts?series=s000&horizon=1&levels=80")
CONNECTIONS, PAUSE = 8, 0.05


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where versions are registered, signed, as the commands do, and version 1 serves."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("STORECAST_HOME", str(folder))
    register(1)
    promoted(1)
    return folder


def register(version: int) -> None:
    """A version whose forecasts are ``version`` times those of the first."""
    made = batch.registry(Settings()).register(
        NAME, content(scaled(fitted(), version)), params={}, metrics={}, tags={}, files={}
    )
    assert made.version == version


def promoted(version: int) -> None:
    done = call("models", "promote", version, "--why", "a test", "--overrule")
    assert done.code == 0, done.err


def port(serving: Serving) -> int:
    return int(serving.url.rpartition(":")[2])


def issue(name: str) -> tuple[str, str]:
    """Id and key."""
    made = call("keys", "issue", "--role", "planner", "--name", name, "--json").json()
    return made["id"], made["key"]


def bearer(key: str) -> str:
    return f"authorization: Bearer {key}\r\n"


@pytest.fixture
def replicas(home: Path) -> Iterator[list[Serving]]:
    """Two workers of one log, each of which knows the keys for itself."""
    issue("first")  # with it they ask everybody for one
    with ExitStack() as stack:
        yield [stack.enter_context(Serving(home, "--no-follow", wait="listening")) for _ in range(2)]


def test_an_api_key_is_changed_under_load(replicas: list[Serving], request: pytest.FixtureRequest) -> None:
    """A new key counts at once in every worker, and a load that is handed over to it loses no request; the
    old one is valid until it is revoked, then refused by each of them, and never again let in."""
    old, old_key = issue("load")
    loads = [Load(port(one), [QUESTION], CONNECTIONS, bearer(old_key), PAUSE) for one in replicas]
    with loads[0], loads[1]:
        for load in loads:
            load.more(100)
        _, new_key = issue("load, second")
        for load in loads:
            load.headers = bearer(new_key)  # at once: no worker has had the time to look by itself
        for load in loads:
            load.more(200)
        assert call("keys", "revoke", old, "--json").json() == {"id": old, "revoked": True}
        began, slowest = time.monotonic(), 0.0
        for one in replicas:
            await_(lambda one=one: _status(one, old_key) == 401, one.written)  # type: ignore[misc]
            slowest = max(slowest, time.monotonic() - began)
        for one in replicas:
            assert {_status(one, old_key) for _ in range(20)} == {401}
        for load in loads:
            load.more(100)
    for load in loads:
        assert (load.broken, load.refused) == ({}, [])
    request.node.user_properties.append(("seconds until refused everywhere", slowest))


def _status(serving: Serving, key: str) -> int:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{serving.url}{QUESTION.path}", headers=headers, trust_env=False).status_code


def test_the_signing_key_is_changed_under_load(home: Path) -> None:
    """While versions signed by the old key and by the new one come and go no request fails, and no answer is
    of neither; what the old key signed is loaded until it is revoked, and what serves goes on."""
    before = call("signing", "list", "--json").json()["signs"]
    with Serving(home, "--no-follow") as serving:
        body = serving.client.get(QUESTION.path).json()
        first = body["forecasts"][0]["storecast"]
        seen: set[int] = set()

        def check(answer: Answer) -> None:
            told = json.loads(answer.body)
            version = told["model"]["version"]
            assert told["forecasts"][0]["storecast"] == pytest.approx(first * version, abs=0.02)
            seen.add(version)

        with Load(port(serving), [QUESTION], CONNECTIONS, pause=PAUSE, check=check) as load:
            load.more(50)
            rotated = call("signing", "rotate", "--json").json()
            assert (rotated["old"], rotated["key"] == before) == (before, False)
            load.more(50)
            register(2)
            promoted(2)  # signed by the new key
            serving.serves(2)
            assert call("models", "rollback", "--why", "a test").code == 0
            serving.serves(1)  # by the old one, which is trusted still
            promoted(2)
            serving.serves(2)
            revoked = call("signing", "revoke", before, "--why", "retired")
            assert revoked.code == 0, revoked.err
            load.more(50)
            for words in (("rollback",), ("promote", 1, "--overrule")):
                refused = call("models", *words, "--why", "a test")
                assert refused.code == 1
                assert "revoked" in refused.err
            load.more(50)
            assert serving.version() == 2
        assert (load.broken, load.refused) == ({}, [])
    assert seen == {1, 2}
    with Serving(home, "--no-follow") as serving:  # a restart changes nothing
        assert serving.version() == 2
