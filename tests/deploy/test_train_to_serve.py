"""From sales to answers and back, inside the containers of compose.yaml: train, update, promote, roll back.

MLflow's server keeps its runs in PostgreSQL and its artifacts in the object store, over TLS. The tests follow
one another on one system, as its weeks do.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.calls import call
from tests.deploy.podman import Machine
from tests.deploy.system import System, started
from tests.serve_process import await_

pytestmark = pytest.mark.rehearsal

REPLICAS = {"service-1": "172.28.10.111", "service-2": "172.28.10.112"}


def _sales(folder: Path) -> None:
    """``folder``/sales as the jobs find them first, and ``folder``/later with one week more."""
    for name in ("sales", "later"):
        (folder / name).mkdir()
    later = folder / "later" / "sales.csv"
    assert call("sample", str(later), "--stores", "6", "--weeks", "130").code == 0
    with later.open(newline="") as file:
        header, *rows = csv.reader(file)
    # Stores follow one another, each with its weeks in order.
    rows = [row for row, following in zip(rows, [*rows[1:], ["none"]], strict=True) if row[0] == following[0]]
    with (folder / "sales" / "sales.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope="module")
def running(machine: Machine, images: dict[str, str], secrets: Path) -> Iterator[System]:
    """Everything that answers, with nothing to answer yet."""
    with started(machine, images, secrets, None) as system:
        _sales(system.data)
        yield system


@pytest.fixture
def system(running: System) -> Iterator[System]:
    """The same, from where it can be reached."""
    with running.machine.network():
        yield running


def _job(system: System, *words: str) -> Any:
    """What a job in a container of its own says, as JSON."""
    return json.loads(system.composed.run("update", wait=True, words=[*words, "--json"]))


def _replica(system: System, name: str, path: str) -> httpx.Response:
    """An answer of this replica, and not of the other."""
    headers = {"authorization": f"Bearer {system.key}"}
    url = f"https://{REPLICAS[name]}:8000{path}"
    with httpx.Client(verify=system.trust, trust_env=False, timeout=30) as client:
        # Its certificate is for the name that containers know it by.
        return client.get(url, headers=headers, extensions={"sni_hostname": name})


def _serves(system: System) -> list[int | None]:
    """The version that each replica serves."""
    told = [_replica(system, name, "/v1/models").raise_for_status().json()["champion"] for name in REPLICAS]
    return [champion["version"] if champion else None for champion in told]


def _points(system: System) -> dict[tuple[str, str], float]:
    """Every forecast of the next four weeks, as they come through the door."""
    with system.client() as client:
        answers = [
            client.get("/v1/forecasts", params={"series": str(store), "horizon": 4}) for store in range(1, 7)
        ]
    rows = [row for answer in answers for row in answer.raise_for_status().json()["forecasts"]]
    return {(row["unique_id"], row["ds"]): row["storecast"] for row in rows}


def _batch(system: System, sales: str) -> dict[tuple[str, str], float]:
    """The same of the batch path: the champion out of MLflow and the object store, not of the release."""
    rows = _job(system, "forecast", sales, "--horizon", "4")["forecasts"]
    return {(str(row["unique_id"]), row["ds"][:10]): row["storecast"] for row in rows}


def test_what_is_trained_is_served_by_both(system: System) -> None:
    """Before there is a version they say so; then both answer what the jobs compute, signed and checked."""
    assert {_replica(system, name, "/readyz").status_code for name in REPLICAS} == {503}
    trained = _job(system, "train", "/data/sales")
    assert trained["gate"]["passed"] is True, trained["gate"]
    await_(lambda: _serves(system) == [1, 1], lambda: system.machine.logs("service-1"))
    await_(lambda: system.opens("/readyz"))
    assert _points(system) == pytest.approx(_batch(system, "/data/sales"), rel=1e-9)
    assert system.store.count("mlflow/") > 3
    assert system.store.refuses("another secret than the right one")


def test_the_follower_carries_out_what_is_asked_of_the_service(system: System) -> None:
    """The weekly update makes a version that waits; an operator's request publishes it to both replicas."""
    updated = _job(system, "update", "/data/later", "--no-promote")
    assert updated["version"] == 2
    assert _serves(system) == [1, 1]
    before = _points(system)
    with system.client() as client:
        asked = client.post("/v1/models/promote", json={"version": 2, "why": "the new week"})
        assert asked.status_code == 202
        place = asked.headers["location"]
        await_(
            lambda: client.get(place).json()["state"] not in ("requested", "running"),
            lambda: system.machine.logs("follower"),
        )
        assert client.get(place).json()["state"] == "done", client.get(place).text
    await_(lambda: _serves(system) == [2, 2], lambda: system.machine.logs("follower"))
    after = _points(system)
    assert after == pytest.approx(_batch(system, "/data/later"), rel=1e-9)
    assert {day for _, day in after} != {day for _, day in before}  # it begins a week later


def test_a_rollback_needs_no_restart(system: System) -> None:
    """By the command line inside the follower's container; both replicas serve what they served before."""
    began = [system.machine.state(name)["StartedAt"] for name in REPLICAS]
    words = ["models", "rollback", "--why", "stores complain", "--json"]
    told = json.loads(system.machine.podman("exec", "follower", "storecast", *words))
    assert (told["champion"], told["moved"]) == (1, True)
    await_(lambda: _serves(system) == [1, 1], lambda: system.machine.logs("service-1"))
    assert _points(system) == pytest.approx(_batch(system, "/data/sales"), rel=1e-9)
    assert [system.machine.state(name)["StartedAt"] for name in REPLICAS] == began


def test_all_end_kindly(system: System) -> None:
    """SIGTERM ends the follower, the replicas and MLflow's server with 0; nobody was killed for memory."""
    for name in ("follower", *REPLICAS, "mlflow"):
        system.machine.podman("stop", "--time=60", name)
        state = system.machine.state(name)
        assert (name, state["ExitCode"], state["OOMKilled"]) == (name, 0, False)
    assert '"ended"' in system.machine.logs("service-1")
