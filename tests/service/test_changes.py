"""Why forecasts moved, over HTTP: against earlier versions and logged answers, with overrides."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.panel import Panel
from storecast.forecasting.state import to_state
from storecast.ports import ArtifactContent
from storecast.stores.artifacts import ArtifactFolders
from tests.service.conftest import Made, Running, publish, running

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A version, one that came from it a week later, and the forecasts in between."""

    old: Made
    new: Made
    between: Float


@pytest.fixture(scope="module")
def line(versions: dict[str, Made], tmp_path_factory: pytest.TempPathFactory) -> Line:
    """Departments, fitted anew with one more week; in between stands what the test says."""
    old = versions["departments"]
    panel, folder = old.panel, tmp_path_factory.mktemp("line") / "new"
    longer = Panel(
        np.append(panel.weeks, panel.weeks[-1] + np.timedelta64(7, "D")),
        panel.keys,
        np.vstack([panel.values, panel.values[-52] * 1.1]).round(2),
        panel.stores,
        panel.blocks,
        panel.static,
        {name: np.vstack([v, v[-52]]) for name, v in panel.observed.items()},
    )
    fitted = Forecaster.fit(longer, old.forecaster.config)
    between = (fitted.point + 12.34).round(2)
    arrays, texts, meta = to_state(fitted)
    meta |= {"lineage": {"version": 1, "digest": old.digest}, "data_digest": "new"}
    content = ArtifactContent({**arrays, "bridge_actuals": between}, texts, meta)
    digest = ArtifactFolders().save(content, str(folder))
    return Line(old, Made(longer, fitted, folder, digest), between)


@pytest.fixture
def desk(tmp_path: Path, line: Line) -> Iterator[Running]:
    """A service in which the later version has taken over."""
    publish(tmp_path, line.old, 1)
    publish(tmp_path, line.new, 2)
    with running(tmp_path) as service:
        yield service


def _changes(desk: Running, **asked: Any) -> dict[str, Any]:
    answer = desk.client.get("/v1/explanations/change", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    for each in found["changes"]:
        parts = sum(round(p["dollars"] * 100) for p in each["parts"])
        assert round(each["before"] * 100) + parts == round(each["after"] * 100)
        assert round(each["change"] * 100) == parts
    return found


def _part(each: dict[str, Any], name: str) -> int:
    dollars: float = next(p["dollars"] for p in each["parts"] if p["name"] == name)
    return round(dollars * 100)


@pytest.mark.parametrize(("name", "members"), [("1_2", [1]), ("2", [2, 3]), ("total", [0, 1, 2, 3, 4, 5])])
def test_why_it_moved_since_the_version_before(
    desk: Running, line: Line, name: str, members: list[int]
) -> None:
    """Each week that both forecast: the parts are what the versions' numbers say, to the cent, of series,
    store and total; and the answer is logged."""
    found = _changes(desk, series=name)
    f, g = line.old.forecaster, line.new.forecaster

    def cents(values: Float, week: int) -> int:
        each: list[int] = [round(float(values[week, m]) * 100) for m in members]
        return sum(each)

    weeks = [str(w) for w in g.weeks[:-1].astype("datetime64[D]")]
    assert [c["ds"] for c in found["changes"]] == weeks
    assert found["since"] == {"version": 1, "digest": line.old.digest, "answer": None}
    for week, each in enumerate(found["changes"]):
        start, middle, end = cents(f.point, week + 1), cents(line.between, week), cents(g.point, week)
        assert (round(each["before"] * 100), round(each["after"] * 100)) == (start, end)
        assert (_part(each, "actuals"), _part(each, "model")) == (middle - start, end - middle)
        assert (_part(each, "inputs"), _part(each, "override")) == (0, 0)
    assert _changes(desk, series=name, since="1", dates=weeks[3])["changes"] == found["changes"][3:4]
    assert all(not c["change"] for c in _changes(desk, series=name, since="2")["changes"])
    entry = next(e for e in desk.entries() if e.id == found["id"])
    assert json.loads(entry.forecast)["storecast"] == [c["after"] for c in found["changes"]]


def test_overrides_then_and_now(tmp_path: Path, line: Line) -> None:
    """What counted when the earlier version was replaced is in the number before, what counts now in the one
    after; against a logged answer, what was in that."""
    publish(tmp_path, line.old, 1)
    week = str(line.new.forecaster.weeks[0].astype("datetime64[D]"))
    own = {1: round(float(line.old.forecaster.point[1, 0]) * 100)}
    own[2] = round(float(line.new.forecaster.point[0, 0]) * 100)
    with running(tmp_path) as desk:

        def say(value: float, why: str) -> None:
            said = {"series": ["1_1"], "dates": [week], "mode": "difference", "value": value, "why": why}
            assert desk.client.post("/v1/overrides", json=said).status_code == 201

        plain = desk.client.get("/v1/forecasts?series=1_1&horizon=3").json()
        say(10.0, "first")
        logged = desk.client.get("/v1/forecasts?series=1_1&horizon=3").json()
        many = desk.client.get("/v1/forecasts?by=store&horizon=3").json()
        publish(tmp_path, line.new, 2)
        deadline = time.monotonic() + 20
        while (
            desk.client.get("/v1/models").json()["champion"]["version"] != 2 and time.monotonic() < deadline
        ):
            time.sleep(0.05)
        for name in ("1_1", "1", "total"):
            (each,) = _changes(desk, series=name, dates=week)["changes"]
            assert _part(each, "override") == 0
            assert each["parts"][-1]["text"] == "local: first"
        say(-5.0, "second")
        (each,) = _changes(desk, series="1_1", dates=week)["changes"]
        assert (round(each["before"] * 100), round(each["after"] * 100)) == (own[1] + 1000, own[2] - 500)
        assert _part(each, "override") == -1500
        (each,) = _changes(desk, series="1_1", dates=week, since=plain["id"])["changes"]
        assert (round(each["before"] * 100), _part(each, "override")) == (own[1], -500)
        (each,) = _changes(desk, series="1_1", dates=week, since=logged["id"])["changes"]
        assert (round(each["before"] * 100), _part(each, "override")) == (own[1] + 1000, -1500)
        whole = _changes(desk, series="1", dates=week, since=many["id"])
        assert _part(whole["changes"][0], "override") == -1500
        assert whole["since"] == {"version": 1, "digest": line.old.digest, "answer": many["id"]}
        refused = desk.client.get(
            "/v1/explanations/change", params={"series": "1_2", "dates": week, "since": plain["id"]}
        )
        assert refused.status_code == 422


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"series": "9"}, 422),
        ({}, 422),
        ({"series": "1_1", "since": "first"}, 422),
        ({"series": "1_1", "since": "77"}, 404),
        ({"series": "1_1", "since": "01a20783-898f-73e3-8483-d74caf3cb045"}, 404),
        ({"series": "1_1", "dates": "1999-01-01"}, 422),
        ({"series": "1_1", "by": "galaxy"}, 422),
        ({"series": "1_1", "dates": "2012-10-12"}, 422),
    ],
)
def test_what_cannot_be_compared(desk: Running, asked: dict[str, str], status: int) -> None:
    """Each with a problem that says what to do."""
    answer = desk.client.get("/v1/explanations/change", params=asked)
    assert answer.status_code == status, answer.text
    assert answer.json()["remedy"]


def test_the_first_version_has_none_before(departments: Running) -> None:
    """There is nothing to compare with yet."""
    answer = departments.client.get("/v1/explanations/change?series=1_1")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:storecast:problem:nothing-earlier")
