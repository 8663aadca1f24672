"""Logged answers over HTTP: read back by who may see them, and made again, equal or not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from threading import Lock
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from storecast.service import answers
from storecast.service.problems import Problem
from storecast.service.rules import ROLES
from storecast.stores.forecast_log import Database
from tests.service.conftest import Made, Running, publish, running
from tests.service.test_reproduction import ask_all_kinds, override

NOBODY = "01a227af-9567-77c0-a66e-f1e6f906323f"


def _read(client: httpx.Client, key: str, **asked: int) -> dict[str, Any]:
    found = client.get(f"/v1/forecasts/{key}", params=asked)
    assert found.status_code == 200, found.text
    body: dict[str, Any] = found.json()
    return body


def _again(client: httpx.Client, key: str) -> dict[str, Any]:
    made = client.post(f"/v1/forecasts/{key}/reproduction")
    assert made.status_code == 200, made.text
    body: dict[str, Any] = made.json()
    return body


@pytest.fixture
def desk(tmp_path: Path, versions: dict[str, Made]) -> Any:
    """A service on a version with departments."""
    publish(tmp_path, versions["departments"], 1)
    with running(tmp_path) as service:
        yield service


def test_an_answer_is_read_back_as_it_was_given(desk: Running, versions: dict[str, Made]) -> None:
    """What was asked, of which version, and each number; a long one by pages that are the whole."""
    one = desk.client.get("/v1/forecasts?series=1_1&horizon=3&levels=80,90.5").json()
    found = _read(desk.client, one["id"])
    assert found["answers"] == [{n: v for n, v in row.items() if n != "horizon"} for row in one["forecasts"]]
    digest = versions["departments"].digest
    assert found["model"] == {"name": "storecast", "version": 1, "digest": digest}
    assert (found["kind"], found["caller"], found["series"]) == ("forecast", "local", "1_1")
    assert (found["rows"], found["next"], found["faults"]) == (3, None, [])
    many = desk.client.get("/v1/forecasts?horizon=7").json()
    whole: list[dict[str, Any]] = []
    first: int | None = 0
    while first is not None:
        page = _read(desk.client, many["id"], first=first, limit=16)
        assert len(page["answers"]) <= 16
        whole += page["answers"]
        first = page["next"]
    assert whole == [{n: v for n, v in row.items() if n != "horizon"} for row in many["forecasts"]]
    assert page["rows"] == len(whole) == 6 * 7
    rows = [{"store": 1, "date": one["forecasts"][0]["ds"], "temperature": 51.5}] * 30
    given = desk.client.post("/v1/predictions", json={"rows": rows}).json()
    assert {row["given_temperature"] for row in _read(desk.client, given["id"])["answers"]} == {51.5}


def test_every_kind_comes_out_again(desk: Running) -> None:
    """Forecasts, predictions, what-ifs, explanations and invocations, with overrides in them: equal, with as
    many numbers as were answered."""
    ask_all_kinds(desk, dept=True)
    first = desk.client.get("/v1/forecasts?horizon=1").json()["forecasts"]
    override(desk, first[0]["unique_id"], first[0]["ds"])
    desk.worker.service.book.refresh()
    ask_all_kinds(desk, dept=True)
    entries = desk.entries()
    kinds = set()
    for entry in entries:
        made = _again(desk.client, entry.id)
        assert (made["equal"], made["different"], made["faults"]) == (True, 0, []), entry.inputs
        assert made["numbers"] >= made["rows"] == entry.rows
        kinds.add(made["kind"])
    assert kinds == {"forecast", "prediction", "what-if", "explanation", "invocation"}
    assert len(desk.entries()) == len(entries), "looking is no answer of its own"


def test_what_was_changed_in_the_log_shows(desk: Running) -> None:
    """The number, what was logged, and what comes out; an entry that cannot be read says so."""
    key = desk.client.get("/v1/forecasts?series=1_1&horizon=3").json()["id"]
    other = desk.client.get("/v1/forecasts?series=1_1&horizon=3").json()["id"]
    number = desk.client.get("/v1/forecasts?series=1_1&horizon=3").json()["forecasts"][2]
    database = Database(f"sqlite:///{desk.home}/forecasts.db")
    with database.write() as connection:
        row = connection.execute(text("SELECT forecast FROM forecasts WHERE id = :id"), {"id": key})
        forecast = json.loads(row.scalar_one())
        forecast["storecast"][2] += 0.01
        changed = {"id": key, "forecast": json.dumps(forecast)}
        connection.execute(text("UPDATE forecasts SET forecast = :forecast WHERE id = :id"), changed)
        connection.execute(text("UPDATE forecasts SET forecast = '{' WHERE id = :id"), {"id": other})
    database.close()
    made = _again(desk.client, key)
    assert (made["equal"], made["different"]) == (False, 1)
    (found,) = made["differences"]
    assert (found["unique_id"], found["ds"], found["column"]) == ("1_1", number["ds"], "storecast")
    assert (found["logged"], found["rebuilt"]) == (forecast["storecast"][2], number["storecast"])
    assert _again(desk.client, other)["equal"] is False
    assert "cannot be read" in _read(desk.client, other)["faults"][0]


def test_versions_that_served_before_answer_for_themselves(tmp_path: Path, versions: dict[str, Made]) -> None:
    """As long as they lie in the release folder; afterwards the problem names the command that looks in the
    registry too."""
    publish(tmp_path, versions["again"], 1)
    with running(tmp_path) as service:
        key = service.client.get("/v1/forecasts?horizon=4").json()["id"]
        publish(tmp_path, versions["stores"], 2)
        service.worker.service.holder.look()
        assert service.client.get("/v1/models").json()["champion"]["version"] == 2
        assert _again(service.client, key)["equal"] is True
        assert _read(service.client, key)["model"]["version"] == 1
        shutil.rmtree(tmp_path / "releases" / "storecast" / "versions" / versions["again"].digest)
        gone = service.client.post(f"/v1/forecasts/{key}/reproduction")
    assert (gone.status_code, gone.json()["type"]) == (404, "urn:storecast:problem:not-kept")
    assert f"storecast reproduce {key}" in gone.json()["remedy"]


def test_callers_see_their_own_answers_and_operators_all(
    tmp_path: Path, versions: dict[str, Made], issue: Any
) -> None:
    """Of others' answers nobody learns that they exist: neither here nor as what a change is counted from."""
    publish(tmp_path, versions["stores"], 1)
    keys = {role: issue(tmp_path, role) for role in ROLES}
    with running(tmp_path, rate_limit=0.0) as service:

        def ask(method: str, path: str, role: str) -> httpx.Response:
            return service.client.request(method, path, headers={"authorization": f"Bearer {keys[role]}"})

        found = ask("GET", "/v1/forecasts?series=1&horizon=2", "planner").json()
        key, week = found["id"], found["forecasts"][0]["ds"]
        for path in (f"GET /v1/forecasts/{key}", f"POST /v1/forecasts/{key}/reproduction"):
            method, where = path.split(" ")
            assert ask(method, where, "planner").status_code == 200
            assert ask(method, where, "operator").status_code == 200
            hidden, missing = ask(method, where, "reader"), ask(method, where.replace(key, NOBODY), "reader")
            assert (hidden.status_code, missing.status_code) == (404, 404)
            assert hidden.json()["title"] == missing.json()["title"]
        change = f"/v1/explanations/change?series=1&dates={week}&since={key}"
        assert ask("GET", change, "planner").status_code == 200
        assert ask("GET", change, "reader").status_code == 404


def test_what_is_too_long_for_here(desk: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused, with the command that takes it, before anything is computed."""
    key = desk.client.get("/v1/forecasts?horizon=4").json()["id"]
    monkeypatch.setattr(answers, "_MOST_ROWS", 23)
    refused = desk.client.post(f"/v1/forecasts/{key}/reproduction")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:storecast:problem:too-many-rows")
    monkeypatch.setattr(answers, "_MOST_ROWS", 24)
    assert _again(desk.client, key)["equal"] is True


def test_nobody_waits_in_a_thread_for_an_answer_made_again(
    desk: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one answer is made again, another is refused at once with when to ask again, so that callers
    of other routes find a thread."""
    waits: list[object] = []
    held = Lock()

    class Told:
        def acquire(self, *given: object, **named: object) -> bool:
            waits.append((given, named))
            return held.acquire(blocking=False)

        def release(self) -> None:
            held.release()

    monkeypatch.setattr(answers, "Lock", Told)
    remaker = answers.Remaker(desk.worker.service)
    key = desk.client.get("/v1/forecasts?series=1_1&horizon=3").json()["id"]
    entry = next(found for found in desk.entries() if found.id == key)
    with held, pytest.raises(Problem) as refused:
        remaker.remade(entry)
    assert (refused.value.status, refused.value.kind) == (503, "busy")
    assert int(refused.value.headers["retry-after"]) > 0
    assert waits == [((), {"blocking": False})]
    assert remaker.remade(entry).equal
