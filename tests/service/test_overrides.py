"""What planners know better, over the forecasts: said, seen, counted in sums, expired, undone, logged."""

from __future__ import annotations

import csv
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storecast.errors import LogError
from storecast.ports.records import Against
from storecast.service.overridden import OverrideBook
from storecast.stores.forecast_log.blobs import columns_of
from storecast.stores.forecast_log.overrides import OverrideTable
from tests.service.conftest import Made, Running, publish, running


@pytest.fixture
def desk(tmp_path: Path, versions: dict[str, Made]) -> Iterator[Running]:
    """A service of departments of this test's own."""
    publish(tmp_path, versions["departments"], 1)
    with running(tmp_path) as service:
        yield service


def _say(desk: Running, **asked: Any) -> dict[str, Any]:
    answer = desk.client.post("/v1/overrides", json={"why": "a fair", **asked})
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


def _rows(desk: Running, by: str = "series", **asked: Any) -> dict[tuple[str, str], dict[str, Any]]:
    body = {"by": by, "horizon": 20, "levels": [80, 95], **asked}
    answer = desk.client.post("/v1/forecasts", json=body)
    assert answer.status_code == 200, answer.text
    return {(r["unique_id"], r["ds"]): r for r in answer.json()["forecasts"]}


def _cents(value: float) -> int:
    return round(value * 100)


def test_what_is_said_is_answered(desk: Running) -> None:
    """By series, week, mode and level; sums to the cent; bands move by the same dollars; what nobody spoke of
    stays as it was, and all of it without overrides."""
    before = {by: _rows(desk, by) for by in ("series", "store", "total")}
    weeks = sorted({ds for _, ds in before["series"]})
    _say(desk, series=["1_1", "3_1"], dates=weeks[:2], mode="percent", value=10.0)
    _say(desk, series=["2_2"], dates=[weeks[0]], mode="difference", value=-123.45)
    _say(desk, series=["1_2"], dates=[weeks[5]], mode="value", value=99.99)
    moved: dict[tuple[str, str], int] = {}
    for (name, ds), row in before["series"].items():
        old = _cents(row["storecast"])
        if name in ("1_1", "3_1") and ds in weeks[:2]:
            new = round(old * 1.1)
        elif (name, ds) == ("2_2", weeks[0]):
            new = old - 12345
        else:
            new = 9999 if (name, ds) == ("1_2", weeks[5]) else old
        for at in (name, name[0], "total"):
            moved[at, ds] = moved.get((at, ds), 0) + new - old
    for by, rows in before.items():
        after = _rows(desk, by)
        for key, row in rows.items():
            found, change = after[key], moved[key]
            assert _cents(found["storecast"]) == _cents(row["storecast"]) + change
            if not change:
                assert found == row
                continue
            assert found["storecast-model"] == row["storecast"]
            assert ("override" in found) == (by == "series")
            for name in ("storecast-lo-80", "storecast-hi-80", "storecast-lo-95", "storecast-hi-95"):
                shifted = _cents(row[name]) + change
                low = min(0, _cents(found["storecast"]))
                assert _cents(found[name]) == pytest.approx(max(shifted, low), abs=1)
        assert _rows(desk, by, overrides=False) == rows


def test_answers_name_who_and_why(desk: Running) -> None:
    """Each override that is in an answer, once, and no other; in CSV the model's number is beside."""
    weeks = sorted({ds for _, ds in _rows(desk)})
    said = _say(desk, series=["1_1", "2_1"], dates=weeks[:2], value=500.0)["overrides"]
    by_key = {(o["unique_id"], o["ds"]): o for o in said}

    def named(**asked: Any) -> set[str]:
        return {o["id"] for o in desk.client.post("/v1/forecasts", json=asked).json()["overrides"]}

    assert named() == {o["id"] for o in said}
    assert named(series="1_1", horizon=1) == {by_key["1_1", weeks[0]]["id"]}
    assert named(series="1_2") == set()
    assert named(by="store", series="2", dates=[weeks[1]]) == {by_key["2_1", weeks[1]]["id"]}
    assert named(by="total") == {o["id"] for o in said}
    assert named(overrides=False) == set()
    shown = desk.client.get("/v1/forecasts?series=1_1&horizon=1").json()["overrides"][0]
    assert (shown["who"], shown["why"], shown["mode"], shown["value"]) == ("local", "a fair", "value", 500.0)
    text = desk.client.get("/v1/forecasts?series=1_1,1_2&horizon=3&format=csv").text
    rows = list(csv.DictReader(text.splitlines()))
    plain = _rows(desk, overrides=False)
    assert [float(r["storecast-model"]) for r in rows] == [
        plain[r["unique_id"], r["ds"]]["storecast"] for r in rows
    ]
    assert [r["override"] for r in rows] == [by_key["1_1", w]["id"] for w in weeks[:2]] + [""] * 4
    single = desk.client.get("/v1/forecasts?series=1_1&horizon=3&format=csv").text
    assert [r["override"] for r in csv.DictReader(single.splitlines())] == [r["override"] for r in rows[:3]]
    assert "override" not in desk.client.get("/v1/forecasts?series=1_2&format=csv").text


@pytest.mark.parametrize("many", [False, True])
def test_predictions_have_them_too(desk: Running, many: bool) -> None:
    """Rows of the classic form, one or many, JSON and CSV, by department and store; what is logged says which
    override was in it, so that it can be made again."""
    weeks = sorted({ds for _, ds in _rows(desk)})
    (said,) = _say(desk, series=["2_1"], dates=[weeks[1]], mode="difference", value=10.0)["overrides"]
    plain, stores = _rows(desk, overrides=False), _rows(desk, "store", overrides=False)
    asked = [{"store": 2, "dept": 1, "date": weeks[1]}, {"store": "2", "date": weeks[1]}]
    asked += [{"store": 1, "dept": 1, "date": weeks[1]}] if many else []
    own = [plain["2_1", weeks[1]]["storecast"], stores["2", weeks[1]]["storecast"]]
    for rows, numbers in [(asked, own)] if many else [(asked[:1], own[:1]), (asked[1:], own[1:])]:
        answer = desk.client.post("/v1/predictions", json={"rows": rows}).json()
        for row, number in zip(answer["predictions"], numbers, strict=False):
            assert _cents(row["storecast"]) == _cents(number) + 1000
            assert row["storecast-model"] == number
        assert [o["id"] for o in answer["overrides"]] == [said["id"]]
        entry = next(e for e in desk.entries() if e.id == answer["id"])
        (noted,) = json.loads(entry.inputs)["overrides"]
        assert noted == {
            "id": said["id"], "unique_id": "2_1", "ds": weeks[1], "mode": "difference", "value": 10.0,
            "model": own[0],
        }  # fmt: skip
        off = desk.client.post("/v1/predictions?overrides=false", json={"rows": rows}).json()
        assert [r["storecast"] for r in off["predictions"]][: len(numbers)] == numbers
        assert off["overrides"] == []
    lines = "store,dept,date\n" + f"2,1,{weeks[1]}\n1,1,{weeks[1]}\n"
    answer_ = desk.client.post("/v1/predictions", content=lines, headers={"content-type": "text/csv"})
    first, second = csv.DictReader(answer_.text.splitlines())
    assert (first["override"], float(first["storecast-model"])) == (said["id"], own[0])
    assert second["override"] == ""
    assert second["storecast-model"] == second["storecast"]


@pytest.mark.parametrize("form", ["json", "csv"])
def test_kept_rows_are_those_of_now(desk: Running, form: str) -> None:
    """Rows whose texts were kept from an answer before are the ones that a row asked by itself gets: before
    an override, with it, and after it was undone."""
    weeks = sorted({ds for _, ds in _rows(desk)})
    asked = [{"store": s, "dept": d, "date": w} for s, d in ((1, 1), (2, 1), (2, 2)) for w in weeks]
    asked += [{"store": 2, "date": w} for w in weeks]

    def answered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = desk.client.post("/v1/predictions", json={"rows": rows}, params={"format": form})
        if form == "json":
            return answer.json()["predictions"]  # type: ignore[no-any-return]
        return list(csv.DictReader(answer.text.splitlines()))

    def agree() -> list[dict[str, Any]]:
        many = [answered(asked) for _ in range(2)]
        each = [answered([row])[0] for row in asked]
        names = set().union(*each)  # columns of overrides are there where a row has one
        plain = {"storecast-model", "override"}
        for found in many:
            assert [{n: row[n] for n in row if n not in plain} for row in found] == [
                {n: row[n] for n in row if n not in plain} for row in each
            ]
            assert [row.get("override") or None for row in found] == [r.get("override") or None for r in each]
        assert names <= set().union(*many[0])
        return many[0]

    before = agree()
    (said,) = _say(desk, series=["2_1"], dates=[weeks[3]], mode="difference", value=10.0)["overrides"]
    with_it = agree()
    moved = [
        i
        for i, (old, new) in enumerate(zip(before, with_it, strict=True))
        if old["storecast"] != new["storecast"]
    ]
    assert [(str(asked[i]["store"]), asked[i]["date"]) for i in moved] == [("2", weeks[3])] * 2
    assert desk.client.post(f"/v1/overrides/{said['id']}/undo", json={"why": "none"}).status_code == 200
    assert agree() == before


def test_given_inputs_do_not_move_a_planner_s_number(tmp_path: Path, versions: dict[str, Made]) -> None:
    """Where a planner has spoken, that stands: a version that reads the weather answers it whatever the
    weather, and says that it was not used."""
    publish(tmp_path, versions["trees"], 1)
    with running(tmp_path) as service:
        week = service.client.get("/v1/forecasts?series=1&horizon=1").json()["forecasts"][0]["ds"]
        _say(service, series=["1"], dates=[week], value=777.0)
        row = {"store": 1, "date": week, "temperature": 95.0}
        other = {"store": 2, "date": week, "temperature": 95.0}
        one = service.client.post("/v1/predictions", json={"rows": [row]}).json()
        two = service.client.post("/v1/predictions", json={"rows": [row, other]}).json()
        assert one["predictions"][0]["storecast"] == two["predictions"][0]["storecast"] == 777.0
        assert one["unused"] == ["temperature"]
        alone = service.client.post("/v1/predictions", json={"rows": [other]}).json()["predictions"][0]
        assert two["predictions"][1] == alone


def test_the_log_says_what_was_answered(desk: Running) -> None:
    """The number with the override in it, and the override, in entries of one series and of many."""
    weeks = sorted({ds for _, ds in _rows(desk)})
    plain = _rows(desk, overrides=False)
    (said,) = _say(desk, series=["1_1"], dates=[weeks[0]], value=1.25)["overrides"]
    one = desk.client.get("/v1/forecasts?series=1_1&horizon=2").json()
    many = desk.client.get("/v1/forecasts?by=total&horizon=1&levels=80").json()
    whole = desk.client.get("/v1/forecasts?horizon=1").json()
    entries = {e.id: e for e in desk.entries()}
    assert json.loads(entries[one["id"]].forecast)["storecast"][0] == 1.25
    for answer in (one, many, whole):
        (noted,) = json.loads(entries[answer["id"]].inputs)["overrides"]
        assert (noted["id"], noted["model"]) == (said["id"], plain["1_1", weeks[0]]["storecast"])
    blob = entries[whole["id"]].rows_blob
    assert blob is not None
    assert 1.25 in [x for part in columns_of(blob) for x in part["storecast"]]
    off = desk.client.get("/v1/forecasts?series=1_1&overrides=false").json()
    assert "overrides" not in json.loads({e.id: e for e in desk.entries()}[off["id"]].inputs)


def test_explanations_and_the_overview_hold_them(desk: Running) -> None:
    """One more step, in dollars that add up to the cent; sums of the overview as those of the forecasts."""
    weeks = sorted({ds for _, ds in _rows(desk)})
    plain = _rows(desk, overrides=False)
    _say(desk, series=["1_1"], dates=[weeks[0]], value=1.25)
    _say(desk, series=["1_2"], dates=[weeks[0]], mode="percent", value=50.0)
    for name, title in (("1_1", "Override by local: a fair"), ("1", "2 overrides"), ("total", "2 overrides")):
        found = desk.client.get(f"/v1/explanations?series={name}&horizons=1,2").json()["explanations"]
        assert found[0]["steps"][-1]["title"] == title
        for e in found:
            assert sum(_cents(s["dollars"]) for s in e["steps"]) == _cents(e["forecast"])
        assert len(found[1]["steps"]) == len(found[0]["steps"]) - 1
        off = desk.client.get(f"/v1/explanations?series={name}&horizons=1&overrides=false").json()
        assert off["explanations"][0]["steps"] == found[0]["steps"][:-1]
    move = 125 - _cents(plain["1_1", weeks[0]]["storecast"])
    move += round(_cents(plain["1_2", weeks[0]]["storecast"]) * 0.5)
    on = desk.client.get("/v1/overview?horizon=4").json()
    off = desk.client.get("/v1/overview?horizon=4&overrides=false").json()
    assert _cents(on["total"]["forecast"]) - _cents(off["total"]["forecast"]) == move


def test_undo_brings_back_what_was_before(desk: Running) -> None:
    """The last word counts, also of two planners on one week; an undo is a row and brings the word before it
    back, then the model's number; twice is refused; all of it stays in the history."""
    week = sorted({ds for _, ds in _rows(desk)})[0]

    def now() -> float:
        return float(_rows(desk)["1_1", week]["storecast"])

    own = now()
    first = _say(desk, series=["1_1", "1_2"], dates=[week], value=100.0, why="Ann's")["overrides"]
    second = _say(desk, series=["1_1"], dates=[week], value=200.0, why="Bob's")["overrides"]
    assert now() == 200.0
    undo = desk.client.post(f"/v1/overrides/{second[0]['id']}/undo", json={"why": "no"})
    assert undo.status_code == 200
    assert now() == 100.0
    again = desk.client.post(f"/v1/overrides/{second[0]['id']}/undo", json={"why": "no"})
    assert (again.status_code, again.json()["type"]) == (409, "urn:storecast:problem:undone")
    desk.client.post(f"/v1/overrides/{first[0]['id']}/undo", json={"why": "nor that", "whole": True})
    assert now() == own
    assert desk.client.get("/v1/overrides").json()["overrides"] == []
    history = desk.client.get("/v1/overrides?history=true&series=1_1").json()["overrides"]
    assert [(o["state"], o["why"]) for o in history] == [
        ("undo", "nor that"), ("undo", "no"), ("undone", "Bob's"), ("undone", "Ann's"),
    ]  # fmt: skip
    page = desk.client.get(f"/v1/overrides?history=true&limit=2&before={history[0]['id']}").json()
    assert len(page["overrides"]) == 2
    assert page["next"] == page["overrides"][-1]["id"]
    missing = desk.client.post("/v1/overrides/01a20783-898f-73e3-8483-d74caf3cb045/undo", json={"why": "x"})
    assert missing.status_code == 404


def test_the_first_of_a_statement_is_taken_back_alone(desk: Running) -> None:
    """Each row alone, the first as any other; all that was said at once only where that is asked for, and
    then what was not taken back yet."""
    weeks = sorted({ds for _, ds in _rows(desk)})[:3]
    said = _say(desk, series=["1_1", "2_1"], dates=weeks, value=100.0)["overrides"]

    def undo(at: int, **more: bool) -> set[str]:
        path = f"/v1/overrides/{said[at]['id']}/undo"
        return {o["undoes"] for o in desk.client.post(path, json={"why": "no", **more}).json()["overrides"]}

    assert undo(0) == {said[0]["id"]}
    left = desk.client.get("/v1/overrides").json()["overrides"]
    assert {o["id"] for o in left} == {o["id"] for o in said[1:]}
    assert undo(4, whole=True) == {o["id"] for o in said[1:]}


def test_planners_undo_their_own_operators_all(
    tmp_path: Path, versions: dict[str, Made], issue: Callable[[Path, str], str]
) -> None:
    """A planner may speak after another, and take back only what is theirs."""
    publish(tmp_path, versions["stores"], 1)
    keys = {
        name: issue(tmp_path, role)
        for name, role in (("ann", "planner"), ("bob", "planner"), ("op", "operator"))
    }
    with running(tmp_path) as service:

        def ask(who: str, path: str, **body: Any) -> Any:
            return service.client.post(path, json=body, headers={"authorization": f"Bearer {keys[who]}"})

        head = {"authorization": f"Bearer {keys['ann']}"}
        week = service.client.get("/v1/forecasts?series=1&horizon=1", headers=head).json()["forecasts"][0][
            "ds"
        ]
        said = {"series": ["1"], "dates": [week], "value": 5.0, "why": "x"}
        mine = ask("ann", "/v1/overrides", **said).json()["overrides"][0]
        assert mine["who"] == keys["ann"].split("_")[1]
        assert ask("bob", "/v1/overrides", **said).status_code == 201
        refused = ask("bob", f"/v1/overrides/{mine['id']}/undo", why="x")
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:storecast:problem:not-yours")
        assert ask("ann", f"/v1/overrides/{mine['id']}/undo", why="x").status_code == 200
        theirs = service.client.get("/v1/overrides", headers=head).json()["overrides"][0]
        assert ask("op", f"/v1/overrides/{theirs['id']}/undo", why="x").status_code == 200


def test_two_planners_at_once(desk: Running) -> None:
    """Eight say something of one week at the same time: all are in the history, and the last of it counts."""
    week = sorted({ds for _, ds in _rows(desk)})[0]
    threads = [
        threading.Thread(
            target=_say, args=(desk,), kwargs={"series": ["1_1"], "dates": [week], "value": float(i)}
        )
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = desk.client.get("/v1/overrides?history=true").json()["overrides"]
    assert sorted(o["value"] for o in history) == [float(i) for i in range(8)]
    deadline = time.monotonic() + 20
    while _rows(desk)["1_1", week]["storecast"] != history[0]["value"] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _rows(desk)["1_1", week]["storecast"] == history[0]["value"]


def test_what_cannot_be_overridden(desk: Running) -> None:
    """What is not forecast, has no reason, is no number, or is over before it counts; nothing is stored."""
    week = sorted({ds for _, ds in _rows(desk)})[0]
    good = {"series": ["1_1"], "dates": [week], "value": 5.0, "why": "x"}
    for wrong, field in (
        ({"series": ["9"]}, "series[0]"), ({"series": []}, "series"), ({"dates": ["1999-01-01"]}, "dates[0]"),
        ({"why": ""}, "why"), ({"value": None}, "value"), ({"mode": "half"}, "mode"),
        ({"expires": "soon"}, "expires"), ({"expires": "2020-01-01"}, "expires"), ({"who": "me"}, "who"),
    ):  # fmt: skip
        answer = desk.client.post("/v1/overrides", json={**good, **wrong})
        assert answer.status_code == 422, wrong
        assert field in [error["field"] for error in answer.json()["errors"]]
    assert desk.client.get("/v1/overrides?history=true").json()["overrides"] == []


def test_as_many_are_heard_as_the_document_promises(desk: Running) -> None:
    """Ten thousand series with the longest names there can be are read, and one more is what is wrong."""
    names = [f"{i:0200d}" for i in range(10_001)]
    for count, field in ((10_000, "series[0]"), (10_001, "series")):
        body = {"series": names[:count], "dates": ["2012-11-02"], "value": 5.0, "why": "x"}
        answer = desk.client.post("/v1/overrides", json=body)
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_the_last_moment_that_can_be_named_is_answered(desk: Running) -> None:
    """An expiry at the end of all calendars is refused or kept, and the list can be read afterwards."""
    week = sorted({ds for _, ds in _rows(desk)})[0]
    said = {"series": ["1_1"], "dates": [week], "value": 5.0, "why": "x"}
    for expires, status in (
        ("9998-12-31T23:59:59Z", 201),
        ("9999-12-31T23:59:59.999999Z", 422),
        ("9999-12-31T23:59:59-01:00", 422),
    ):
        answer = desk.client.post("/v1/overrides", json={**said, "expires": expires})
        assert answer.status_code == status, answer.text
    (kept,) = desk.client.get("/v1/overrides?history=true").json()["overrides"]
    assert kept["expires"].startswith("9998-12-31T23:59:59")


def test_they_outlive_versions_and_restarts(tmp_path: Path, versions: dict[str, Made]) -> None:
    """A new version takes over with what planners said; so does a restart while the database is away."""
    publish(tmp_path, versions["stores"], 1)
    with running(tmp_path) as service:
        week = service.client.get("/v1/forecasts?series=1&horizon=1").json()["forecasts"][0]["ds"]
        _say(service, series=["1"], dates=[week], mode="percent", value=100.0)
        _say(service, series=["2"], dates=[week], value=9.0)
        publish(tmp_path, versions["again"], 2)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            rows = service.client.get("/v1/forecasts?series=1,2&horizon=1").json()
            if rows["model"]["version"] == 2:
                break
            time.sleep(0.05)
    own = versions["again"].forecaster.point[0]
    assert [_cents(r["storecast"]) for r in rows["forecasts"]] == [_cents(own[0]) * 2, 900]

    class Away:
        def stamp(self) -> object:
            raise LogError("away")

    book = OverrideBook(Away(), tmp_path / "copies" / "overrides.json")  # type: ignore[arg-type]
    book.refresh()
    assert [(o.unique_id, o.value) for o in book.counting()] == [("1", 100.0), ("2", 9.0)]


def test_they_expire_by_the_clock(tmp_path: Path, desk: Running) -> None:
    """At the very microsecond, without anything being read anew; then what was said before counts again."""
    now = [1_000_000]
    table = OverrideTable(desk.worker.log.database, clock=lambda: now[0] * 1000)
    champion = desk.worker.service.holder.serving()
    book = OverrideBook(table, tmp_path / "copy.json", clock=lambda: now[0] * 1000)
    book.refresh()
    assert book.over(champion) is champion
    about = [Against("1_1", champion.weeks[0])]
    table.say(about, "value", 1.0, who="Ann", why="x", expires=3_000_000)
    table.say(about, "value", 2.0, who="Bob", why="x", expires=2_000_000)
    book.refresh()
    own = champion.views["series"].point[0, 0]
    for moment, wanted in ((1_999_999, 2.0), (2_000_000, 1.0), (2_999_999, 1.0), (3_000_000, own)):
        now[0] = moment
        assert book.over(champion).views["series"].point[0, 0] == wanted
    assert book.counting() == []
    assert isinstance(book.over(champion).views["series"].point, np.ndarray)


def test_all_workers_hear_of_it(desk: Running) -> None:
    """A second worker on the same database answers with it as soon as it has looked, which it does each
    second."""
    week = sorted({ds for _, ds in _rows(desk)})[0]
    with running(desk.home) as other:
        assert "override" not in _rows(other)["1_1", week]
        _say(desk, series=["1_1"], dates=[week], value=3.0)
        deadline = time.monotonic() + 20
        while "override" not in _rows(other)["1_1", week] and time.monotonic() < deadline:
            time.sleep(0.1)
        assert _rows(other)["1_1", week]["storecast"] == 3.0


def test_an_override_that_was_withdrawn_by_an_older_program(tmp_path: Path, desk: Running) -> None:
    """A row without a value takes back all before it."""
    week = sorted({ds for _, ds in _rows(desk)})[0]
    _say(desk, series=["1_1"], dates=[week], value=3.0)
    desk.worker.service.tables.overrides.say([Against("1_1", week)], "value", None, who="x", why="x")
    desk.worker.service.book.refresh()
    assert "override" not in _rows(desk)["1_1", week]
    states = desk.client.get("/v1/overrides?history=true").json()["overrides"]
    assert [o["state"] for o in states] == ["withdrawn", "replaced"]


def test_scores_and_metrics(desk: Running) -> None:
    """Once actuals come: errors of naive, model and override by planner and store; before, no figure."""
    rows = _rows(desk)
    week = sorted({ds for _, ds in rows})[0]
    assert desk.client.get("/v1/overrides/scores").json()["all"] is None
    _say(desk, series=["1_1", "2_1"], dates=[week], mode="difference", value=100.0)
    text = desk.client.get("/metrics").text
    assert "storecast_overrides_active 2.0" in text
    assert "storecast_override_value_added_ratio" not in text
    service = desk.worker.service
    model = {name: rows[name, week]["storecast"] for name in ("1_1", "2_1")}
    sold = {"1_1": model["1_1"] + 80.0, "2_1": model["2_1"] - 20.0}
    # The weeks of this world are long past, so what was said is dated back to before they ended.
    early = OverrideTable(desk.worker.log.database, clock=lambda: 1_000_000_000_000_000_000)
    champion = service.holder.serving()
    naive = champion.forecaster.naive["naive-growth"]
    place = champion.views["series"].place
    about = [Against(n, week, model[n], round(float(naive[0, place[n]]), 2), 1) for n in sold]
    early.say(about, "difference", 100.0, who="Ann", why="x")
    actuals = [{"unique_id": n, "ds": week, "y": y} for n, y in sold.items()]
    assert desk.client.post("/v1/actuals", json={"actuals": actuals}).status_code == 200
    found = desk.client.get("/v1/overrides/scores").json()
    assert found["all"]["model_error"] == pytest.approx((80 + 20) / 2)
    assert found["all"]["override_error"] == pytest.approx((20 + 120) / 2)
    wanted = sum(abs(a.naive - sold[a.unique_id]) for a in about if a.naive is not None) / 2
    assert found["all"]["naive_error"] == pytest.approx(wanted)
    assert [(s["store"], round(s["override_added"], 6)) for s in found["stores"]] == [
        ("1", 60.0),
        ("2", -100.0),
    ]
    assert [(p["who"], p["rows"]) for p in found["planners"]] == [("Ann", 2)]
    next(chore for chore in service.chores if "Worth" in chore.__qualname__)()
    text = desk.client.get("/metrics").text
    assert "storecast_override_value_added_ratio -0.4" in text
