"""What stands around forecasts: sums, history, last year, holidays, likely inputs; who asks, what is used."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from storecast.forecasting.calendar import US_RETAIL
from storecast.ports import ModelVersion
from storecast.stores.releases import ReleaseFolder
from tests.service.conftest import Made, Running


@pytest.mark.parametrize("by", ["series", "store", "total"])
def test_history_and_last_year_are_sums_of_what_was_known(
    departments: Running, versions: dict[str, Made], by: str
) -> None:
    """By plain loops: null where no member has that week, else the sum of those that have."""
    panel = versions["departments"].panel
    names = {"series": panel.keys.tolist(), "store": ["1", "2", "3"], "total": ["total"]}[by]
    asked = {"series": names, "by": by, "weeks": 60, "horizon": 6}
    found = departments.client.post("/v1/around", json=asked).json()
    days = [str(w) for w in panel.weeks.astype("datetime64[D]")]
    assert found["history"]["ds"] == days[-60:]
    for name in names:
        members = [
            i
            for i, key in enumerate(panel.keys)
            if by == "total" or name == (key if by == "series" else panel.stores[i])
        ]

        def summed(week: int, members: list[int] = members) -> float | None:
            known = [panel.values[week, i] for i in members if np.isfinite(panel.values[week, i])]
            return round(float(sum(known)), 2) if known else None

        size = len(days)
        wanted = [pytest.approx(summed(week), abs=0.011) for week in range(size - 60, size)]
        assert found["history"]["y"][name] == wanted
        year = found["ahead"]["last_year"][name]
        assert year == [pytest.approx(summed(size - 52 + h), abs=0.011) for h in range(6)]


def test_holidays_are_those_of_the_version_s_calendar(stores: Running) -> None:
    """Each week with a holiday is named, of history and of the weeks ahead, and no other."""
    found = stores.client.post("/v1/around", json={"series": ["1"], "weeks": 60, "horizon": 20}).json()
    weeks = np.array([*found["history"]["ds"], *found["ahead"]["ds"]], dtype="datetime64[D]")
    told = {h["ds"]: h["name"] for h in found["calendar"]}
    wanted = {str(w): n for w, n in zip(weeks, US_RETAIL.holidays_in(weeks), strict=True) if n}
    assert told == wanted


def test_naives_are_beside_forecasts(stores: Running, versions: dict[str, Made]) -> None:
    """The naive forecasts are those the version was judged against."""
    f = versions["stores"].forecaster
    found = stores.client.post("/v1/around", json={"series": ["2"], "horizon": 5}).json()
    for name, values in f.naive.items():
        assert found["ahead"]["naives"][name]["2"] == pytest.approx(values[:5, 1].tolist(), abs=0.006)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"series": []}, 422),
        ({"series": ["nobody"]}, 422),
        ({"series": ["1"], "horizon": 21}, 422),
        ({"series": ["1"], "galaxy": 1}, 422),
        ({"series": ["1"] * 201}, 422),
        ([], 422),
    ],
)
def test_around_refuses_what_cannot_be(stores: Running, asked: object, status: int) -> None:
    """Each with a problem that says what to do."""
    refused = stores.client.post("/v1/around", json=asked)
    assert refused.status_code == status
    assert refused.json()["remedy"]


@pytest.mark.parametrize("by", ["series", "store"])
def test_the_overview_adds_up(departments: Running, by: str) -> None:
    """Every row is the sum of its published forecasts, and all rows are the total, to the cent."""
    found = departments.client.get("/v1/overview", params={"by": by, "horizon": 7}).json()
    asked = {"by": by, "horizon": 7, "levels": []}
    rows = departments.client.post("/v1/forecasts", json=asked).json()["forecasts"]
    for row in found["rows"]:
        own = sum(r["storecast"] for r in rows if r["unique_id"] == row["unique_id"])
        assert row["forecast"] == pytest.approx(own, abs=0.005)
    whole = sum(r["forecast"] for r in found["rows"])
    assert whole == pytest.approx(found["total"]["forecast"], abs=0.005)
    young = next(r for r in found["rows"] if r["unique_id"] in ("3_2", "3"))
    assert (young["last_year"] is None) == (by == "series"), "a store is compared by what it sold then"
    assert departments.client.get("/v1/overview", params={"horizon": 21}).status_code == 422


@pytest.mark.parametrize("by", ["series", "store"])
def test_growth_is_of_what_has_a_last_year(departments: Running, by: str) -> None:
    """Forecast and last year sum the same series and weeks, as a plain loop does; what opened since is in
    neither."""
    found = departments.client.get("/v1/overview", params={"by": by, "horizon": 20}).json()
    names = [row["unique_id"] for row in departments.client.get("/v1/series").json()["series"]]
    asked = {"by": "series", "series": names, "horizon": 20, "levels": []}
    ahead = departments.client.post("/v1/forecasts", json=asked).json()["forecasts"]
    around = {"by": "series", "series": names, "horizon": 20, "weeks": 1}
    before = departments.client.post("/v1/around", json=around).json()["ahead"]["last_year"]
    sums: dict[str, tuple[float, float]] = {}
    for row in ahead:
        year = before[row["unique_id"]][row["horizon"] - 1]
        if year is not None:
            for key in ("total", row["unique_id"] if by == "series" else row["unique_id"][0]):
                comparable, then = sums.get(key, (0.0, 0.0))
                sums[key] = (comparable + row["storecast"], then + year)
    for key, row in [("total", found["total"]), *((r["unique_id"], r) for r in found["rows"])]:
        if key == "3_2":  # opened less than a year ago
            assert (row["comparable"], row["last_year"], row["change"]) == (None, None, None)
            continue
        comparable, then = sums[key]
        assert row["comparable"] == pytest.approx(comparable, abs=0.005)
        assert row["last_year"] == pytest.approx(then, abs=0.005)
        assert row["change"] == pytest.approx(comparable / then - 1)
    assert found["total"]["comparable"] < found["total"]["forecast"] - 1000
    assert found["total"]["without_last_year"] == 1


def test_the_session_says_who_asks(stores: Running) -> None:
    """Without keys: this machine's operator, and what an upload may hold."""
    found = stores.client.get("/v1/session").json()
    assert (found["role"], found["open"], found["unit"]) == ("operator", True, "$")
    assert found["limits"]["upload_bytes"] >= 100 * 1024 * 1024


def test_use_is_counted_by_closed_lists(stores: Running) -> None:
    """What the app reports reaches Prometheus; a page that does not exist is refused, not counted."""

    def count() -> float:
        lines = stores.client.get("/metrics").text.splitlines()
        head = 'storecast_web_events_total{event="upload",page="upload"} '
        return sum(float(line.removeprefix(head)) for line in lines if line.startswith(head))

    before = count()
    assert stores.client.post("/v1/usage", json={"event": "upload", "page": "upload"}).status_code == 204
    assert count() == before + 1
    refused = stores.client.post("/v1/usage", json={"event": "upload", "page": "x" * 50})
    assert refused.status_code == 422
    assert "xxxx" not in stores.client.get("/metrics").text


def test_inputs_of_a_version_that_kept_none_are_null(stores: Running) -> None:
    """The holiday is known, weather is not made up; a day that is no week, and no store, are refused."""
    weeks = stores.client.get("/v1/forecasts", params={"series": "1", "horizon": 20}).json()["forecasts"]
    found = stores.client.get("/v1/inputs", params={"store": "1", "date": weeks[0]["ds"]}).json()
    assert found["temperature"] is None
    assert found["holiday_flag"] in (0, 1)
    assert stores.client.get("/v1/inputs", params={"store": "1", "date": "1999-01-01"}).status_code == 422
    assert stores.client.get("/v1/inputs", params={"store": "x", "date": weeks[0]["ds"]}).status_code == 422


def test_versions_are_those_a_follower_noted(stores: Running) -> None:
    """None before anybody looked; then all, newest first, with what their back-tests said."""
    assert stores.client.get("/v1/models/versions").json() == {"versions": []}
    folder = ReleaseFolder(stores.home / "releases" / "storecast", clock=lambda: datetime.now(UTC))
    noted = [
        ModelVersion(
            "storecast",
            n,
            "d" * 64,
            "2026-01-02T03:04:05",
            ("champion",),
            {"wmae": n + 0.5},
            {"model": "blend"},
        )
        for n in (2, 1)
    ]
    folder.note(noted)
    assert folder.registered() == noted
    found = stores.client.get("/v1/models/versions").json()["versions"]
    assert [(v["version"], v["metrics"], v["tags"]) for v in found] == [
        (2, {"wmae": 2.5}, {"model": "blend"}),
        (1, {"wmae": 1.5}, {"model": "blend"}),
    ]
    kept = next(stores.home.glob("releases/storecast/catalogue.json"))
    before = kept.stat().st_mtime_ns
    folder.note(noted)
    assert kept.stat().st_mtime_ns == before, "the same list is not written again"
    kept.write_bytes(b"{")
    assert stores.client.get("/v1/models/versions").json() == {"versions": []}
    kept.unlink()
