"""``storecast explain --since``: why a forecast moved, planners' overrides among the reasons."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storecast.settings import Settings
from storecast.wiring.reproducing import logged_entry
from tests.cli.calls import call
from tests.jobs.worlds import departments, write
from tests.service.conftest import running


def _say(series: str, week: str, *how: object) -> None:
    done = call("override", "set", series, "--week", week, *how, "--why", "a fair")
    assert done.code == 0, done.err


def _cents(dollars: float) -> int:
    return round(dollars * 100)


@dataclass(frozen=True)
class Moved:
    """A home in which one version served with overrides, then another with others; the ``data``; ``weeks``
    ahead; ``then``: cents of the first week that the first one answered by series."""

    home: Path
    data: str
    weeks: list[str]
    then: dict[str, int]


def _answered(home: Path, **asked: str) -> dict[str, int]:
    with running(home) as service:
        rows = service.client.get("/v1/forecasts", params={"horizon": "1", **asked}).json()["forecasts"]
    return {row["unique_id"]: _cents(row["storecast"]) for row in rows}


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory, sales: Path) -> Moved:
    """Departments; the later version is of another model."""
    patch, home = pytest.MonkeyPatch(), tmp_path_factory.mktemp("moved") / "home"
    patch.setenv("STORECAST_HOME", str(home))
    data = str(sales / "departments.csv")
    try:
        for model in ("naive-growth", "aligned"):
            done = call("train", data, "--model", model, "--horizon", 13, "--no-promote", "--json").json()
            version = ["models", "promote", done["version"], "--why", "x", "--overrule", "--anyway"]
            assert call(*version).code == 0
            if model == "naive-growth":
                made = call("forecast", data, "--horizon", 3, "--json").json()
                weeks = sorted({row["ds"] for row in made["forecasts"]})
                _say("1_1", weeks[0], "--difference", 250)
                _say("1_2", weeks[0], "--percent", 10)
                _say("2_1", weeks[0], "--value", 99)
                then = _answered(home)
        _say("1_1", weeks[0], "--difference", -75.5)
    finally:
        patch.undo()
    return Moved(home, data, weeks, then)


@pytest.fixture
def home(moved: Moved, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That home, as the one commands work on."""
    monkeypatch.setenv("STORECAST_HOME", str(moved.home))
    return moved.home


def _change(data: str, key: str, *more: object) -> dict[str, Any]:
    found: dict[str, Any] = call("explain", data, key, "--since", "last", "--json", *more).json()
    each: dict[str, Any] = found["changes"][0]
    assert len(found["changes"]) == 1
    parts = sum(_cents(p["dollars"]) for p in each["parts"])
    assert _cents(each["before"]) + parts == _cents(each["after"])
    return each


def test_overrides_are_a_part_of_the_change(home: Path, moved: Moved) -> None:
    """Before stands what was answered with the override of then, after what is answered now, to the cent."""
    now, model = _answered(home), _answered(home, overrides="false")
    for key, parts in {"1_1": -7550 - 25000, "2_1": None, "3_1": 0}.items():
        each = _change(moved.data, key)
        assert (_cents(each["before"]), _cents(each["after"])) == (moved.then[key], now[key])
        if parts is not None:
            assert _cents(each["parts"][-1]["dollars"]) == parts
    assert now["1_1"] == model["1_1"] - 7550
    assert (now["2_1"], moved.then["2_1"]) == (9900, 9900)
    each = _change(moved.data, "1_1")
    assert each["parts"][-1]["name"] == "override"
    assert each["parts"][-1]["text"].endswith(": a fair")
    quiet = _change(moved.data, "1_1", "--week", 2)
    assert (quiet["ds"], quiet["parts"][-1]["dollars"]) == (moved.weeks[1], 0.0)
    shown = call("explain", moved.data, "1_1", "--since", "1")
    assert (shown.code, shown.err) == (0, "")
    assert "Overrides" in shown.out


def test_newer_sales_than_the_version_that_serves(home: Path, moved: Moved, tmp_path: Path) -> None:
    """What is fitted on the spot is compared with the version that serves, whose overrides count now."""
    now = _answered(home)
    longer = write(tmp_path / "longer.csv", departments(weeks=121), depts=3)
    each = _change(longer, "1_1", "--week", 1)  # the week after the one that was overridden
    assert _cents(each["parts"][-1]["dollars"]) == 0
    same = write(tmp_path / "same.csv", departments(weeks=120) * 1.01, depts=3)
    each = _change(same, "1_1")
    assert _cents(each["before"]) == now["1_1"]
    assert (_cents(each["parts"][-1]["dollars"]), each["parts"][-1]["text"][-6:]) == (0, "a fair")


@pytest.mark.parametrize(("key", "level"), [("1_1", None), ("1_2", None), ("1", "store"), ("total", "total")])
def test_the_service_says_the_same(home: Path, moved: Moved, key: str, level: str | None) -> None:
    """Word for word and cent for cent, of series, stores and the total; and its answer can be made again."""
    mine = _change(moved.data, key, *(["--by", level] if level else []))
    asked = {"series": key, "dates": moved.weeks[0]} | ({"by": level} if level else {})
    with running(home) as service:
        answer = service.client.get("/v1/explanations/change", params=asked).json()
    assert answer["changes"] == [mine]
    entry = logged_entry(Settings(), answer["id"])
    assert len(json.loads(entry.inputs)["overrides"]) > 0
    found = call("reproduce", answer["id"], "--json").json()
    assert (found["equal"], found["numbers"]) == (True, 1)
