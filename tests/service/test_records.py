"""Actuals, versions and events: written once, read back, moved by asking."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.service.conftest import Made, Running, publish, running


@pytest.fixture
def desk(tmp_path, versions: dict[str, Made]):
    """A service of this test's own, in which the second of two versions serves."""
    publish(tmp_path, versions["again"], 1)
    publish(tmp_path, versions["stores"], 2)
    with running(tmp_path) as service:
        yield service


def _week(service: Running, number: int = 0) -> str:
    found: str = service.client.get("/v1/forecasts?series=1&horizon=20").json()["forecasts"][number]["ds"]
    return found


def test_actuals_may_be_sent_as_often_as_one_likes(desk: Running) -> None:
    """The same upload twice changes nothing; a corrected row changes itself alone; JSON and CSV, long or as
    the classic file has it, mean the same."""
    weeks = [_week(desk, i) for i in range(3)]
    rows = [{"unique_id": s, "ds": w, "y": 100.25 * int(s)} for s in "123" for w in weeks]

    def send(given: list[dict[str, Any]]) -> dict[str, int]:
        answer = desk.client.post("/v1/actuals", json={"actuals": given})
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    assert send(rows) == {"inserted": 9, "changed": 0, "unchanged": 0}
    assert send(rows) == {"inserted": 0, "changed": 0, "unchanged": 9}
    corrected = [*rows[:4], {**rows[4], "y": 7.5}, *rows[5:]]
    assert send(corrected) == {"inserted": 0, "changed": 1, "unchanged": 8}
    long = "unique_id,ds,y\n" + "".join(f"{r['unique_id']},{r['ds']},{r['y']}\n" for r in corrected)
    classic = "Store,Date,Weekly_Sales\n" + "".join(
        f"{r['unique_id']},{r['ds']},{r['y']}\n" for r in corrected
    )
    for text in (long, classic):
        answer = desk.client.post("/v1/actuals", content=text, headers={"content-type": "text/csv"})
        assert answer.json() == {"inserted": 0, "changed": 0, "unchanged": 9}
    assert desk.client.get("/v1/actuals?series=2").json()["actuals"] == corrected[3:6]
    between = desk.client.get(f"/v1/actuals?series=2&since={weeks[1]}&until={weeks[2]}").json()
    assert between["actuals"] == corrected[4:5]
    assert desk.client.get("/v1/actuals?series=nobody").json() == {"actuals": []}


def test_actuals_of_departments(departments: Running) -> None:
    """The classic file names a department in a column of its own."""
    week = _week_of(departments)
    text = f"Store,Dept,Date,Weekly_Sales\n3,2,{week},55.5\n"
    answer = departments.client.post("/v1/actuals", content=text, headers={"content-type": "text/csv"})
    assert answer.json()["inserted"] == 1
    found = departments.client.get("/v1/actuals?series=3_2").json()["actuals"]
    assert found == [{"unique_id": "3_2", "ds": week, "y": 55.5}]


def _week_of(service: Running) -> str:
    found: str = service.client.get("/v1/forecasts?by=total&horizon=1").json()["forecasts"][0]["ds"]
    return found


def test_the_same_upload_many_times_at_once(desk: Running) -> None:
    """Eight callers send the same rows: each row is inserted once, by one of them."""
    week = _week(desk)
    rows = {"actuals": [{"unique_id": s, "ds": week, "y": 5.0} for s in "123"]}
    found: list[dict[str, int]] = []
    threads = [
        threading.Thread(target=lambda: found.append(desk.client.post("/v1/actuals", json=rows).json()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answer["inserted"] for answer in found) == 3
    assert sum(answer["unchanged"] for answer in found) == 21


def test_what_serves_and_what_served(desk: Running, versions: dict[str, Made]) -> None:
    """The champion with its digest and who published it, and what a roll back would go back to."""
    found = desk.client.get("/v1/models").json()
    assert (found["champion"]["version"], found["champion"]["digest"]) == (2, versions["stores"].digest)
    assert (found["champion"]["who"], found["champion"]["why"]) == ("Ann", "a test")
    assert [(e["version"], e["digest"]) for e in found["earlier"]] == [(1, versions["again"].digest)]
    assert found["refused"] == ""
    tested = desk.client.get("/v1/backtests").json()
    assert (tested["model"]["version"], tested["metrics"], tested["gate"]) == (
        2,
        {"wmae": 12.5},
        {"passed": True},
    )


def test_moves_are_written_down_for_the_follower(desk: Running) -> None:
    """Accepted with a place to look, listed newest first, and taken by whoever carries them out."""
    made = desk.client.post("/v1/models/promote", json={"version": 7, "why": "better at Christmas"})
    assert made.status_code == 202
    item = made.json()
    assert made.headers["location"] == f"/v1/events/{item['id']}"
    assert (item["kind"], item["to_version"], item["who"], item["state"]) == (
        "promote",
        7,
        "local",
        "requested",
    )
    back = desk.client.post("/v1/models/rollback", json={"why": "worse after all"}).json()
    listed = desk.client.get("/v1/events").json()
    assert [e["id"] for e in listed["events"]] == [back["id"], item["id"]]
    assert desk.client.get(f"/v1/events?limit=1&before={back['id']}").json()["events"] == [item]
    events = desk.worker.service.tables.events
    claimed = events.claim("a follower", lease=60.0)
    assert claimed is not None
    assert (claimed.id, claimed.why) == (item["id"], "better at Christmas")
    assert events.finish(claimed.id, "a follower", from_version=2, to_version=7, digest="d")
    done = desk.client.get(made.headers["location"]).json()
    assert (done["state"], done["from_version"], done["digest"]) == ("done", 2, "d")
    assert done["finished"] is not None


def test_a_rollback_says_what_it_takes_back(desk: Running) -> None:
    """What serves when it is asked for, or what the caller saw serving."""
    for asked, expected in (
        ({}, desk.client.get("/v1/models").json()["champion"]["version"]),
        ({"from": 9}, 9),
    ):
        made = desk.client.post("/v1/models/rollback", json={"why": "worse", **asked}).json()
        assert (made["state"], made["from_version"]) == ("requested", expected)


def test_nothing_to_go_back_to_is_told_at_once(stores: Running) -> None:
    """A roll back of the first version is refused before anybody tries."""
    answer = stores.client.post("/v1/models/rollback", json={"why": "x"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:storecast:problem:nothing-earlier")


def test_before_the_first_version_everything_says_so(tmp_path) -> None:
    """503 with a remedy and a time to come back, from all that needs one; the rest answers."""
    with running(tmp_path) as service:
        for path in ("/v1/forecasts", "/v1/series", "/v1/explanations?series=1", "/v1/backtests", "/ping"):
            answer = service.client.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5"), path
            assert "storecast train" in answer.json()["remedy"]
        assert service.client.post("/v1/backtests", json={}).status_code == 503
        assert service.client.get("/readyz").status_code == 503
        assert service.client.get("/v1/models").json()["champion"] is None
        assert service.client.get("/v1/events").json()["events"] == []
        assert service.client.get("/healthz").status_code == 200
        assert service.entries() == []
