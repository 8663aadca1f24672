"""Series, their history, and explanations that add up."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pytest

from storecast.forecasting.explain import STEPS
from tests.service.conftest import HORIZON, Made, Running


@pytest.mark.parametrize("name", ["stores", "departments", "trees"])
def test_every_explanation_adds_up_to_the_cent(name: str, request, versions: dict[str, Made]) -> None:
    """Of every series, store and total and every week: the steps' dollars add up to the forecast that is
    served, and those of series to those of their store."""
    running: Running = request.getfixturevalue(name)
    forecaster = versions[name].forecaster
    sums: dict[tuple[str, int, str], Decimal] = {}
    for by in forecaster.levels:
        asked = {"by": by, "horizon": HORIZON, "levels": []}
        rows = running.client.post("/v1/forecasts", json=asked).json()["forecasts"]
        served = {(row["unique_id"], row["horizon"]): row["storecast"] for row in rows}
        for key in forecaster.levels[by].keys.tolist():
            answer = running.client.get(f"/v1/explanations?series={key}&by={by}").json()
            assert [e["horizon"] for e in answer["explanations"]] == list(range(1, HORIZON + 1))
            for e in answer["explanations"]:
                assert e["forecast"] == served[key, e["horizon"]]
                assert [step["name"] for step in e["steps"]] == list(STEPS)
                dollars = [Decimal(repr(step["dollars"])) for step in e["steps"]]
                assert sum(dollars) == Decimal(repr(e["forecast"]))
                if by == "series":
                    for step, value in zip(e["steps"], dollars, strict=True):
                        at = ("total", e["horizon"], step["name"])
                        sums[at] = sums.get(at, Decimal(0)) + value
                elif by == "total":
                    for step, value in zip(e["steps"], dollars, strict=True):
                        assert sums[key, e["horizon"], step["name"]] == value
                if name != "trees":
                    assert {u["text"] for u in e["unused"]} == {"$0, not used by this model"}


def test_explanations_by_weeks_ahead_or_date(stores: Running, versions: dict[str, Made]) -> None:
    """The weeks asked for, in their order; each answer is logged."""
    weeks = [str(week) for week in versions["stores"].forecaster.weeks]
    by_number = stores.client.get("/v1/explanations?series=2&horizons=5,1").json()
    by_date = stores.client.get(f"/v1/explanations?series=2&dates={weeks[4]},{weeks[0]}").json()
    assert by_number["explanations"] == by_date["explanations"]
    assert [e["ds"] for e in by_date["explanations"]] == [weeks[4], weeks[0]]
    entry = next(e for e in stores.entries() if e.id == by_date["id"])
    assert (entry.kind, entry.series, entry.rows) == ("explanation", "2", 2)
    assert json.loads(entry.forecast)["ds"] == [weeks[4], weeks[0]]


def test_series_are_searched_and_paged(departments: Running, versions: dict[str, Made]) -> None:
    """By part of the name, store and department; page by page, each once, in the order people count."""
    panel = versions["departments"].panel
    everything = departments.client.get("/v1/series").json()
    assert everything["total"] == 6
    assert [s["unique_id"] for s in everything["series"]] == ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2"]
    young = everything["series"][5]
    known = np.flatnonzero(np.isfinite(panel.values[:, 5]))
    assert (young["store"], young["dept"], young["weeks"]) == ("3", "2", 30)
    assert young["first"] == str(panel.weeks[known[0]])
    assert young["last"] == str(panel.weeks[-1])
    assert young["latest"] == panel.values[-1, 5]
    assert young["note"] == "30 weeks of history: its season is its block's"
    for query, names in (
        ("search=3_", ["3_1", "3_2"]),
        ("store=2", ["2_1", "2_2"]),
        ("dept=1", ["1_1", "2_1", "3_1"]),
        ("store=2&dept=2", ["2_2"]),
        ("search=nothing", []),
        ("search=.*", []),
    ):
        found = departments.client.get(f"/v1/series?{query}").json()
        assert ([s["unique_id"] for s in found["series"]], found["total"]) == (names, len(names))
    seen: list[str] = []
    after = ""
    while True:
        page = departments.client.get(f"/v1/series?limit=4{after}").json()
        seen += [s["unique_id"] for s in page["series"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [s["unique_id"] for s in everything["series"]]


def test_history_is_what_was_learnt_from(departments: Running, versions: dict[str, Made]) -> None:
    """Every known week of a series, a store, or all; a missing week is null, sums are of what is known."""
    panel = versions["departments"].panel
    for series, by, columns in (("3_2", "series", [5]), ("3", "store", [4, 5]), ("total", "total", range(6))):
        query = f"series={series}&by={by}&weeks=2000"
        found = departments.client.get(f"/v1/series/history?{query}").json()
        assert [row["ds"] for row in found["history"]] == [str(week) for week in panel.weeks]
        for row, values in zip(found["history"], panel.values[:, list(columns)], strict=True):
            there = values[np.isfinite(values)]
            assert row["y"] == (round(float(there.sum()), 2) if there.size else None)
    latest = departments.client.get("/v1/series/history?series=1_1&weeks=5").json()["history"]
    assert [row["ds"] for row in latest] == [str(week) for week in panel.weeks[-5:]]
