"""What-if: base, scenario and difference that fit together, over HTTP; and scenarios kept by name."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import pytest

from storecast.forecasting.forecaster import Forecaster
from tests.service.conftest import HORIZON, Made, Running, publish, running

UNUSED = "$0, not used by this model"


def _asked(service: Running, **body: Any) -> dict[str, Any]:
    answer = service.client.post("/v1/what-if", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def _check_sums(found: dict[str, Any]) -> None:
    """The difference is scenario less base to the cent, effects add up to it, bands hold their points."""
    for week in found["weeks"]:
        assert round(week["scenario"] - week["base"], 2) == week["difference"]
        for name in ("base", "scenario", "difference"):
            for low, high in week[f"{name}_bands"].values():
                assert low <= week[name] <= high
    total = sum(week["difference"] for week in found["weeks"])
    assert abs(sum(effect["dollars"] for effect in found["effects"]) - total) < 0.006 * (
        1 + len(found["effects"])
    )


def test_nothing_changed_changes_nothing(stores: Running, versions: dict[str, Made]) -> None:
    """Base and scenario are the forecast, bands and all; the answer is logged with what was asked."""
    found = _asked(stores, series="2", horizon=HORIZON, levels=[80, 95])
    forecast = stores.client.get(f"/v1/forecasts?series=2&horizon={HORIZON}&levels=80,95").json()["forecasts"]
    for week, row in zip(found["weeks"], forecast, strict=True):
        assert week["ds"] == row["ds"]
        assert week["base"] == week["scenario"] == row["storecast"]
        assert week["difference"] == 0.0
        for level in ("80", "95"):
            limits = [row[f"storecast-{side}-{level}"] for side in ("lo", "hi")]
            assert week["base_bands"][level] == week["scenario_bands"][level] == limits
            assert week["difference_bands"][level] == [0.0, 0.0]
    entry = next(e for e in stores.entries() if e.id == found["id"])
    assert (entry.kind, entry.series, entry.rows) == ("what-if", "2", HORIZON)
    assert json.loads(entry.inputs)["horizon"] == HORIZON
    assert json.loads(entry.forecast)["storecast"] == [week["scenario"] for week in found["weeks"]]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"kind": "closure", "first": 1, "last": 2}, [1, 0, 0, 1, 1, 1]),
        ({"kind": "closure", "first": 4}, [1, 1, 1, 1, 0, 0]),
        ({"kind": "opening", "first": 2}, [0, 0, 1, 1, 1, 1]),
        ({"kind": "promotion", "first": 0, "last": 1, "lift": 1.25}, [1.25, 1.25, 1, 1, 1, 1]),
        ({"kind": "holiday", "first": 3, "last": 3, "lift": 0.5}, [1, 1, 1, 0.5, 1, 1]),
        ({"kind": "promotion", "first": 30, "lift": 2.0}, [1] * 6),
    ],
)
def test_events_multiply_their_weeks(event, expected, stores: Running, versions: dict[str, Made]) -> None:
    """A closure sells nothing, an opening nothing before, a lift times its weeks; other weeks stay."""
    weeks = versions["stores"].forecaster.weeks
    days = {n: str(weeks[0] + np.timedelta64(7 * event[n], "D")) for n in ("first", "last") if n in event}
    found = _asked(stores, series="1", horizon=6, levels=[80], events=[{**event, **days}])
    _check_sums(found)
    for week, times in zip(found["weeks"], expected, strict=True):
        assert abs(week["scenario"] - week["base"] * times) < 0.006
        low, high = week["base_bands"]["80"]
        assert abs(week["scenario_bands"]["80"][0] - low * times) < 0.006
        assert abs(week["scenario_bands"]["80"][1] - high * times) < 0.006
    (effect,) = found["effects"]
    assert effect["name"] == f"{event['kind']} from {days['first']}"


def test_a_promotion_lifts_as_past_ones_did(
    stores: Running, departments: Running, versions: dict[str, Made]
) -> None:
    """Without a lift the version's own estimate is used; a version that saw none says that it knows none."""
    made = versions["stores"].forecaster
    day = str(made.weeks[1])
    asked = {"series": "1", "horizon": 4, "events": [{"kind": "promotion", "first": day, "last": day}]}
    found = _asked(stores, **asked)
    learnt = made.learnt["events"]["promotion"]
    assert learnt != 1.0
    assert abs(found["weeks"][1]["scenario"] - found["weeks"][1]["base"] * learnt) < 0.006
    assert "as past ones did" in found["effects"][0]["text"]
    other = _asked(departments, **{**asked, "series": "1_1"})
    assert "no effect is known: give its lift" in other["effects"][0]["text"]
    assert other["effects"][0]["dollars"] == 0.0


def test_events_of_one_time_multiply_and_closures_win(stores: Running, versions: dict[str, Made]) -> None:
    """Two lifts multiply; what is closed sells nothing, whatever else is on, in whatever order it is said."""
    day = str(versions["stores"].forecaster.weeks[0])
    lifts = [
        {"kind": kind, "first": day, "last": day, "lift": x}
        for kind, x in (("promotion", 2.0), ("holiday", 1.5))
    ]
    found = _asked(stores, series="1", horizon=1, events=lifts)
    assert abs(found["weeks"][0]["scenario"] - 3.0 * found["weeks"][0]["base"]) < 0.02
    closed = {"kind": "closure", "first": day, "last": day}
    for events in ([closed, *lifts], [*lifts, closed]):
        week = _asked(stores, series="1", horizon=1, events=events)["weeks"][0]
        assert week["scenario"] == 0.0
        assert week["difference"] == -week["base"]


def test_an_input_that_is_not_used_says_so(stores: Running, trees: Running) -> None:
    """$0 in plain words from a version that does not read it; dollars from one that does."""
    inputs = {"temperature": 35.0, "unemployment": {}, "markdown1": 100.0}
    plain = _asked(stores, series="1", horizon=8, inputs=inputs)
    assert [(e["name"], e["dollars"], e["text"]) for e in plain["effects"]] == [
        (n, 0.0, UNUSED) for n in inputs
    ]
    assert all(week["difference"] == 0.0 for week in plain["weeks"])
    read = _asked(trees, series="1", horizon=8, inputs=inputs)
    effects = {e["name"]: e for e in read["effects"]}
    assert effects["temperature"]["dollars"] != 0.0
    assert effects["unemployment"]["text"] == effects["markdown1"]["text"] == UNUSED
    _check_sums(read)


@pytest.mark.parametrize("name", ["departments", "trees"])
@pytest.mark.parametrize("by", ["series", "store", "total"])
def test_every_level_of_the_hierarchy_may_be_asked(
    name: str, by: str, request, versions: dict[str, Made]
) -> None:
    """A store or the total as a whole; where each series is a store, a store is a series."""
    running_: Running = request.getfixturevalue(name)
    series = {"series": str(versions[name].forecaster.keys[0]), "store": "1", "total": "total"}[by]
    day = str(versions[name].forecaster.weeks[0])
    events = [{"kind": "promotion", "first": day, "last": day, "lift": 1.1}]
    found = _asked(
        running_, series=series, by=by, horizon=5, levels=[80], events=events, inputs={"temperature": 3.0}
    )
    asked = {"series": series, "by": by, "horizon": 5, "levels": [80]}
    base = running_.client.post("/v1/forecasts", json=asked).json()["forecasts"]
    assert [week["base"] for week in found["weeks"]] == [row["storecast"] for row in base]
    _check_sums(found)


def test_weeks_of_an_input_are_those_alone(trees: Running, versions: dict[str, Made]) -> None:
    """Values by week change their weeks, to the batch path's last bit, and no other."""
    made = versions["trees"]
    weeks = [str(week) for week in made.forecaster.weeks]
    heat = np.full((HORIZON, 3), np.nan)
    heat[[2, 5], 1] = 31.0, -4.0
    expected = Forecaster.fit(made.panel, made.forecaster.config, known_future={"temperature": heat}).point[
        :, 1
    ]
    inputs = {"temperature": {weeks[2]: 31.0, weeks[5]: -4.0}}
    found = _asked(trees, series="2", horizon=HORIZON, inputs=inputs)
    assert [week["scenario"] for week in found["weeks"]] == expected.tolist()
    assert {i for i, week in enumerate(found["weeks"]) if week["difference"]} <= {2, 5}
    assert any(week["difference"] for week in found["weeks"])


@pytest.fixture
def shop(tmp_path, versions: dict[str, Made], issue):
    """A service with two planners, an operator and a reader."""
    publish(tmp_path, versions["stores"], 1)
    people = {"ann": "planner", "bob": "planner", "cleo": "operator", "dan": "reader"}
    keys = {who: issue(tmp_path, role) for who, role in people.items()}
    with running(tmp_path, rate_limit=0.0) as service:

        def ask(who: str, method: str, path: str, **more: Any) -> httpx.Response:
            headers = {"authorization": f"Bearer {keys[who]}"}
            return service.client.request(method, path, headers=headers, **more)

        yield ask


WHAT_IF = {"series": "1", "horizon": 3, "inputs": {"temperature": 20.0}}


def test_scenarios_are_kept_by_name(shop) -> None:
    """Saved, listed, read, asked again with the version that serves then, changed and removed."""
    made = shop("ann", "POST", "/v1/scenarios", json={"name": "Summer", "what_if": WHAT_IF})
    assert made.status_code == 201
    item = made.json()
    assert (item["name"], item["version"], item["what_if"]) == ("Summer", 1, WHAT_IF)
    path = f"/v1/scenarios/{item['id']}"
    assert shop("dan", "GET", path).json() == item
    assert shop("dan", "GET", "/v1/scenarios").json() == {"scenarios": [item], "next": None}
    again = shop("dan", "GET", f"{path}/answer").json()
    direct = shop("dan", "POST", "/v1/what-if", json=WHAT_IF).json()
    assert again["weeks"] == direct["weeks"]
    other = {**WHAT_IF, "horizon": 5}
    changed = shop("ann", "PUT", path, json={"name": "Hot summer", "what_if": other, "version": 1}).json()
    assert (changed["name"], changed["version"], changed["what_if"]) == ("Hot summer", 2, other)
    assert shop("ann", "DELETE", path).status_code == 204
    assert shop("ann", "GET", path).status_code == 404


def test_one_persons_scenario_is_not_anothers(shop) -> None:
    """Everybody may read, its owner and operators may change; of two changes the later is told."""
    item = shop("ann", "POST", "/v1/scenarios", json={"name": "A", "what_if": WHAT_IF}).json()
    path, change = f"/v1/scenarios/{item['id']}", {"name": "A", "what_if": WHAT_IF, "version": 1}
    assert shop("bob", "PUT", path, json=change).status_code == 404
    assert shop("bob", "DELETE", path).status_code == 404
    assert shop("dan", "DELETE", path).status_code == 403
    assert shop("cleo", "PUT", path, json=change).status_code == 200
    late = shop("ann", "PUT", path, json=change)
    assert (late.status_code, late.json()["type"]) == (409, "urn:storecast:problem:conflict")
    assert "version 2" in late.json()["detail"]
    assert shop("ann", "POST", "/v1/scenarios", json={"name": "A", "what_if": WHAT_IF}).status_code == 409
    assert shop("bob", "POST", "/v1/scenarios", json={"name": "A", "what_if": WHAT_IF}).status_code == 201
    assert shop("cleo", "DELETE", path).status_code == 204


def test_pages_of_scenarios(shop) -> None:
    """Newest first, page by page, each once."""
    for i in range(7):
        shop("ann", "POST", "/v1/scenarios", json={"name": f"S{i}", "what_if": WHAT_IF})
    names: list[str] = []
    before = ""
    while True:
        page = shop("dan", "GET", f"/v1/scenarios?limit=3{before}").json()
        names += [item["name"] for item in page["scenarios"]]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert names == [f"S{i}" for i in reversed(range(7))]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "A", "what_if": {"horizon": 3}}, "series"),
        ({"name": "A", "what_if": {"series": "1", "horizons": 3}}, "horizons"),
        (
            {"name": "A", "what_if": {"series": "1", "events": [{"kind": "party", "first": "2012-06-01"}]}},
            "kind",
        ),
        ({"name": "", "what_if": WHAT_IF}, "name"),
        ({"name": "a\nb", "what_if": WHAT_IF}, "name"),
        ({"name": "x" * 201, "what_if": WHAT_IF}, "name"),
        ({"name": "A"}, "what_if"),
        ({"name": "A", "what_if": "1"}, "what_if"),
    ],
)
def test_scenarios_that_could_not_be_asked_are_not_kept(body, field: str, shop) -> None:
    """What /v1/what-if would refuse is refused when it is saved."""
    answer = shop("ann", "POST", "/v1/scenarios", json=body)
    assert answer.status_code == 422
    assert field in answer.text
    assert shop("ann", "GET", "/v1/scenarios").json()["scenarios"] == []
