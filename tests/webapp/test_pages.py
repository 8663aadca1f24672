"""What pages say of versions of several kinds, and how their addresses follow what is chosen."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Multiselect

from storecast.service.security import new_key
from storecast.settings import Settings
from storecast.stores.forecast_log import Database
from storecast.stores.forecast_log.model_events import ModelEventTable
from storecast.stores.forecast_log.monitor_runs import MonitorRunTable
from storecast.webapp import frame
from storecast.webapp.answers import OverviewRow
from storecast.webapp.pages.overview import hardest
from storecast.webapp.parts import money_columns
from storecast.webapp.words import Words
from storecast.wiring.serving import key_table
from tests.service.conftest import Running, publish, running
from tests.service.test_monitoring import BODY
from tests.webapp.conftest import Look, version_of


def _said(app: AppTest) -> str:
    assert not app.exception, app.exception
    kinds = (app.title, app.header, app.markdown, app.caption, app.error, app.warning, app.info, app.metric)
    return "\n".join(str(getattr(item, "value", "")) for kind in kinds for item in kind)


@pytest.mark.parametrize("page", ["overview", "forecast", "compare", "model", "monitoring"])
def test_a_version_without_a_back_test_is_spoken_of_plainly(bare: Running, look: Look, page: str) -> None:
    """Nothing is made up where nothing was measured, and nothing fails."""
    said = _said(look(bare, page))
    told = {
        "overview": "This version was trained without a back-test",
        "forecast": "This version was trained without a back-test",
        "compare": "This version was trained without a back-test",
        "model": "Its history was too short to forecast past weeks",
        "monitoring": "No actuals yet",
    }
    assert told[page] in said


def test_departments_are_called_by_store_and_number(departments: Running, look: Look) -> None:
    """A version of departments is looked at by store first, by department where chosen, and as one."""
    app = look(departments, "forecast")
    assert "Store 1: the forecast starts from" in _said(app)
    app = look(departments, "forecast", by="series", series="2_1")
    assert "Store 2, department 1: the forecast starts from" in _said(app)
    app = look(departments, "forecast", by="total")
    assert "All stores together: the forecast starts from" in _said(app)


def test_where_a_forecast_starts_is_said_as_it_is(departments: Running, look: Look) -> None:
    """From the same date last year, or, of a series that had not begun then, from something else: what the
    step begins with is nowhere called a sale."""
    for series, told in (
        ("1_1", "Store 1, department 1: the forecast starts from **$%s**, the same date last year."),
        ("3_2", "Store 3, department 2: last year is not known, the forecast starts from **$%s**, which"),
    ):
        found = departments.client.get(f"/v1/explanations?series={series}&horizons=1").json()
        base = next(s for s in found["explanations"][0]["steps"] if s["name"] == "last_year")
        said = _said(look(departments, "forecast", by="series", series=series))
        assert told % f"{base['dollars']:,.0f}" in said


@pytest.mark.parametrize("by", ["series", "store", "total"])
def test_what_bands_held_is_of_the_level_shown(departments: Running, look: Look, by: str) -> None:
    """Departments, stores and the total have bands of their own, and so what those held; the total its own
    mean error; the classic form of a whole store says what stores' bands held."""
    table = departments.client.get("/v1/backtests").json()["tables"]["level"]
    held = dict(zip(table["segment"], table["coverage-80"], strict=True))
    assert len({round(share, 1) for share in held.values()}) == 3
    told = f"{held[by]:.1f} %"
    said = _said(look(departments, "forecast", by=by))
    assert f"Bands that promise **80 %** held **{told}** of past weeks." in said
    if by == "total":
        error = table["wmae"][table["segment"].index("total")]
        assert f"Its mean error was **${error:,.0f}** a week" in said
        assert "Of this one alone" not in said
    else:
        form = look(departments, "form", **({"dept": "1"} if by == "series" else {}))
        assert f"In the back-test it held {told} of past weeks." in _said(form)


def test_a_series_younger_than_a_year_says_so(departments: Running, look: Look) -> None:
    """What is unusual about a forecast stands below its chart."""
    assert "Store 3, department 2:" in _said(look(departments, "forecast", by="series", series="3_2"))


@pytest.mark.parametrize("by", ["store", "series"])
def test_the_overview_knows_both_levels(departments: Running, look: Look, by: str) -> None:
    """Totals are the same, whichever level the exceptions are of."""
    app = look(departments, "overview", by=by)
    asked = departments.client.get("/v1/overview", params={"by": by}).json()
    total = sum(row["forecast"] for row in asked["rows"])
    assert total == pytest.approx(asked["total"]["forecast"], abs=0.01)
    assert app.metric[0].value == f"${total / 1e3:,.1f} K"
    assert not app.exception


def test_growth_leaves_out_what_opened_since(departments: Running, look: Look) -> None:
    """The headline compares like for like and says what it leaves out; the table by type agrees with it."""
    total = departments.client.get("/v1/overview").json()["total"]
    app = look(departments, "overview")
    change = 100 * (total["comparable"] / total["last_year"] - 1)
    assert app.metric[0].delta == f"{change:+.1f} % against last year"
    said, rest = _said(app), total["forecast"] - total["comparable"]
    assert "1 of 6 departments did not sell in all of these weeks then" in said
    assert f"${rest:,.0f} forecast for weeks without a last year" in said
    types = next(f.value for f in look(departments, "compare").dataframe if "Stores" in f.value)
    assert types["Change, %"].tolist() == [pytest.approx(change, abs=0.05)]


def test_numbers_in_tables_are_rounded_and_written_by_the_browser(departments: Running, look: Look) -> None:
    """Dollars, percent and others have the format that follows its language; none is cut off, as Streamlit
    does by itself."""
    table = look(departments, "overview").dataframe[0]
    rows = departments.client.get("/v1/overview").json()["rows"]
    assert any(row["forecast"] % 1 > 0.5 for row in rows), "cut off, it would be another number"
    assert table.value["Forecast"].tolist() == [float(f"{row['forecast']:.0f}") for row in rows]
    columns = {n: c["type_config"] for n, c in json.loads(table.proto.columns).items() if "type_config" in c}
    assert (columns["Forecast"]["format"], columns["Forecast"]["step"]) == ("dollar", 1)
    assert (columns["Change, %"]["format"], columns["Change, %"]["step"]) == ("localized", 0.1)
    pounds = money_columns(Words("en-GB", "£"), ["Forecast"])["Forecast"]
    assert (pounds["label"], pounds["type_config"]["format"]) == ("Forecast, £", "localized")


def test_exceptions_are_ranked_by_dollars(departments: Running, look: Look) -> None:
    """Whatever moves, or loses against the naive, most dollars comes first, with its percent beside it."""
    rows = departments.client.get("/v1/overview", params={"by": "series"}).json()["rows"]
    known = [row for row in rows if row["change"] is not None]
    known.sort(key=lambda row: -abs(row["comparable"] - row["last_year"]))
    assert known != sorted(known, key=lambda row: -abs(row["change"])), "percents rank otherwise"
    captions = [c.value for c in look(departments, "overview", by="series").caption]
    moved = [said for said in captions if said.endswith("last year")]
    for said, row in zip(moved, known, strict=True):
        dollars = row["comparable"] - row["last_year"]
        sign = "+" if dollars > 0 else "−"
        share = f"{abs(100 * row['change']):,.1f} %"
        share = share if share == "0.0 %" else sign + share
        assert said.startswith(f"{sign}${abs(dollars):,.0f} ({share}): ")
    hard = [said for said in captions if said.startswith("Mean error")]
    losses = [
        (row["score"]["wmae"], min(v for n, v in row["score"].items() if n.startswith("wmae:")))
        for row in rows
    ]
    own, naive = max(losses, key=lambda pair: pair[0] - pair[1])
    told = f"${own - naive:,.0f} ({100 * (own / naive - 1):,.1f} %) above the naive's"
    assert hard[0] == f"Mean error ${own:,.0f} a week, {told}"


def test_what_loses_most_dollars_is_hardest() -> None:
    """A department that errs by twenty dollars, however many times the naive's, comes after one that loses
    thousands; what was not judged is not listed."""
    scores: dict[str, dict[str, float | None] | None] = {
        "small": {"wmae": 1700.0, "wmae:naive-growth": 20.0},
        "large": {"wmae": 410_000.0, "wmae:naive-growth": 10_000.0, "wmae:seasonal-naive": 500_000.0},
        "good": {"wmae": 50.0, "wmae:naive-growth": 90_000.0},
        "unknown": None,
    }
    rows = [OverviewRow(n, n, "", 1.0, 1.0, 1.0, 1.0, 0.0, score=score) for n, score in scores.items()]
    assert [(row.unique_id, lost) for row, lost in hardest(rows)] == [
        ("large", 400_000.0), ("small", 1680.0), ("good", -89_950.0)
    ]  # fmt: skip


def test_the_address_follows_what_is_chosen(departments: Running, look: Look) -> None:
    """A choice is written into the address, the usual one is not, and another address is another choice."""
    app = look(departments, "forecast")
    assert "horizon" not in app.query_params
    app.selectbox[0].set_value(4).run()
    assert app.query_params["horizon"] in ("4", ["4"])
    assert len(app.dataframe[-1].value) == 4
    app.query_params["horizon"] = "8"
    app.run()
    assert len(app.dataframe[-1].value) == 8
    app.selectbox[0].set_value(13).run()
    assert "horizon" not in app.query_params


def test_quick_choices_outrun_the_address_and_lose_nothing(departments: Running, look: Look) -> None:
    """The browser sends the next choice before it knows the address of the one before: both count, of the
    same box and of another one. Without a choice, as on the way back, the address of before counts."""

    def box(app: AppTest) -> Multiselect[str]:
        return next(found for found in app.multiselect if found.label == "Stores")

    app = look(departments, "forecast")
    before = list(box(app).value)
    box(app).set_value([*before, "3"]).run()
    assert app.query_params["series"] == [*before, "3"]
    app.query_params.pop("series")
    box(app).set_value(["3"]).run()
    assert (box(app).value, app.query_params["series"]) == (["3"], "3")
    app.query_params.pop("series")
    app.selectbox[0].set_value(4).run()
    assert (box(app).value, app.query_params["series"], app.selectbox[0].value) == (["3"], "3", 4)
    app.query_params.clear()
    app.run()
    assert box(app).value == before
    assert "series" not in app.query_params


def test_errors_since_it_serves_are_told_apart_from_the_back_test_s(short: Running, look: Look) -> None:
    """Here all weeks count alike, in the back-test holiday weeks five times: the names say so. What live
    accuracy is told by stands in the address."""
    (row,) = short.client.get("/v1/forecasts", params={"series": "1", "horizon": 1}).json()["forecasts"]
    known = {"unique_id": "1", "ds": row["ds"], "y": row["storecast"] - 100.0}
    assert short.client.post("/v1/actuals", json={"actuals": [known]}).status_code == 200
    database = Database(f"sqlite:///{short.home}/forecasts.db")
    told = {**BODY, "model": {**BODY["model"], "version": 1}, "drift": None}
    MonitorRunTable(database).record("storecast", 1, verdict="retrain", due=True, body=json.dumps(told))
    database.close()
    until = time.monotonic() + 30.0
    while short.client.get("/v1/monitoring/status").json()["live"] is None and time.monotonic() < until:
        time.sleep(0.2)
    app = look(short, "monitoring", by="store")
    assert next((m.label, m.value) for m in app.metric) == ("Mean error, all weeks alike", "$100")
    assert "Mean error" not in app.dataframe[0].value.columns
    assert app.dataframe[1].value["Store"].tolist() == ["1"]
    assert app.query_params["by"] in ("store", ["store"])


def test_a_link_to_what_is_not_there_says_what_is_shown_instead(departments: Running, look: Look) -> None:
    """A store, week or department of the link that is not forecast is named, as text; what is there is not,
    nor is anything after the next click."""
    app = look(departments, "forecast", by="store", series=["46", "2"], week="1999-01-01")
    assert app.warning.values == [
        "Stores: this link asks for 46, which is not there; Store 2 is shown.",
        "Week: this link asks for 1999\\-01\\-01, which is not there; May 25, 2012 is shown.",
    ]
    assert app.button[0].click().run().warning.values == []
    app = look(departments, "what-if", by="series", series="*4*_1")
    (said,) = app.warning.values
    assert r"asks for \*4\*\_1, which is not there; Store 1, department 1 is shown" in said
    assert look(departments, "forecast", by="store", series="2").warning.values == []


def test_a_scenario_of_what_is_gone_is_not_saved_for_another(departments: Running, look: Look) -> None:
    """It says what it was of, and is changed no more: saving would make it one of the first store."""
    week = departments.client.get("/v1/forecasts", params={"horizon": 1}).json()["forecasts"][0]["ds"]
    events = [{"kind": "closure", "first": week, "last": week}]
    for name, gone in (("2", False), ("46", True)):
        kept = {"name": name, "what_if": {"series": name, "by": "store", "horizon": 13, "events": events}}
        made = departments.client.post("/v1/scenarios", json=kept)
        assert made.status_code == 201, made.text
        app = look(departments, "what-if", scenario=made.json()["id"])
        said = (
            "This scenario is of Store 46, which is not forecast any more: its changes are shown for Store 1."
        )
        assert any(w.startswith(said) for w in app.warning.values) == gone
        assert ("Save changes" in [b.label for b in app.button]) != gone
        assert "Save as a new scenario" in [b.label for b in app.button]
        departments.client.delete(f"/v1/scenarios/{made.json()['id']}")


def test_seasons_stand_in_a_table_and_sizes_beside_types(short: Running, look: Look) -> None:
    """Sums say of how many weeks; a season's highest and lowest week are those of the table; stores are
    grouped by size as by type."""
    app = look(short, "compare", series=["1", "2"])
    season, types, sizes, every = (frame.value for frame in app.dataframe)
    assert [*season.columns] == ["Week", "Store 1, %", "Store 2, %"]
    assert len(season) == 52
    assert season["Store 1, %"].mean() == pytest.approx(100.0, abs=0.05)
    alt = str(app.get("vega_lite_chart")[0].proto)
    high = season["Store 1, %"].max() - 100.0
    assert f"Store 1 highest +{high:.1f} %" in alt
    assert (types["Type"].tolist(), types["Stores"].tolist()) == (["A"], [3])
    assert sizes["Size"].tolist() == ["small", "medium", "large"]
    assert "Forecast, 8 weeks" in every.columns


def test_only_weeks_of_the_version_are_offered(departments: Running, look: Look) -> None:
    """A version of 20 weeks offers no more; a link to 52 shows the usual ones."""
    app = look(departments, "forecast", horizon="52")
    assert "Weeks ahead: this link asks for 52, which is not there; A quarter is shown." in _said(app)
    assert app.selectbox[0].options == ["4 weeks", "8 weeks", "A quarter", "20 weeks"]
    assert (app.selectbox[0].value, app.error.values) == (13, [])
    assert len(app.dataframe[-1].value) == 13


@pytest.mark.parametrize("page", ["overview", "forecast", "compare", "what-if"])
def test_a_version_of_fewer_weeks_than_usual_opens_with_those_it_has(
    short: Running, look: Look, page: str
) -> None:
    """Trained for 8 weeks: every page shows these, without an error."""
    app = look(short, page)
    assert not app.error, _said(app)
    boxes = [box for box in app.selectbox if box.label == "Weeks ahead"]
    assert all((box.value, box.options) == (8, ["4 weeks", "8 weeks"]) for box in boxes)
    assert bool(boxes) == (page != "compare")


def test_steps_in_the_table_add_up_to_the_cent(departments: Running, look: Look) -> None:
    """The table of reasons ends with the forecast, and its lines are that forecast."""
    app = look(departments, "forecast", by="series", series="1_2", week="2012-07-27")
    steps = app.dataframe[0].value
    assert steps["Step"].iloc[-1] == "Forecast"
    cents = [round(100 * d) for d in steps["Dollars"]]
    assert sum(cents[:-1]) == cents[-1]


def test_an_answer_is_made_again_from_the_page(departments: Running, look: Look) -> None:
    """The button says that all numbers of this very answer are the same, as many as it has; after one was
    changed in the log, which one is another."""
    app = look(departments, "forecast", by="series", series="1_1", horizon="4")
    (entry,) = [e for e in departments.entries() if (e.kind, e.series, e.rows) == ("forecast", "1_1", 4)]
    assert f"`{entry.id}`" in _said(app)
    button = next(b for b in app.button if b.label == "Make them again")
    app = button.click().run()
    assert [s.value for s in app.success] == [
        "Made again: equal. All 20 numbers are the same, to the last digit."
    ]
    database = Database(f"sqlite:///{departments.home}/forecasts.db")
    with database.write() as connection:
        worse = {"id": entry.id, "forecast": entry.forecast.replace('"storecast":[', '"storecast":[1')}
        connection.execute(text("UPDATE forecasts SET forecast = :forecast WHERE id = :id"), worse)
    database.close()
    app = next(b for b in app.button if b.label == "Make them again").click().run()
    assert [e.value for e in app.error] == [
        f"Made again: not equal. 1 of 20 numbers are others (1_1, {json.loads(entry.forecast)['ds'][0]})."
    ]


def test_what_matters_in_the_model_is_told_in_dollars(departments: Running, look: Look) -> None:
    """By step, for the weeks ahead that are chosen: the service's numbers, mean and share."""
    asked = departments.client.get("/v1/explanations/drivers").json()
    for ahead, span in ((None, (1, 20)), ("5-13", (5, 13))):
        app = look(departments, "model", **({"ahead": ahead} if ahead else {}))
        assert not app.exception
        (frame,) = [d.value for d in app.dataframe if "Dollars a week" in d.value.columns]
        rows = [d for d in asked["drivers"] if (d["first"], d["last"]) == span]
        assert frame["Step"].tolist() == [d["title"] for d in rows]
        assert frame["Dollars a week"].tolist() == [round(d["dollars"]) for d in rows]
    assert "a week's forecast starts from" in _said(app)


def test_an_override_is_taken_back_alone_or_with_all_that_was_said_then(
    departments: Running, look: Look
) -> None:
    """The first week of a statement takes no other with it; all of them where that is chosen; how many is
    said."""
    client = departments.client
    weeks = [r["ds"] for r in client.get("/v1/forecasts?series=1_1&horizon=3").json()["forecasts"]]
    asked = {"series": ["1_1"], "dates": weeks, "mode": "percent", "value": 10.0, "why": "a fair"}
    said = [o["id"] for o in client.post("/v1/overrides", json=asked).json()["overrides"]]

    def counting() -> list[str]:
        return [o["id"] for o in client.get("/v1/overrides").json()["overrides"]]

    def take_back(app: AppTest) -> list[str]:
        next(t for t in app.text_input if t.label == "Reason to take it back").set_value("off")
        next(b for b in app.button if b.label == "Undo").click().run()
        assert not app.exception, app.exception
        return [s.value for s in app.success]

    app = look(departments, "forecast", by="series", series="1_1")
    app.selectbox(key="undo_which").select_index(2).run()  # newest first
    assert app.radio(key="undo_whole").options == ["This week", "All 3 weeks said then"]
    assert take_back(app)[0].startswith("Taken back: 1 week.")
    assert counting() == said[:0:-1]
    app.radio(key="undo_whole").set_value(True)
    assert take_back(app)[0].startswith("Taken back: 2 weeks.")
    assert counting() == []


@pytest.mark.parametrize("name", ["departments", "bare"])
def test_the_cards_stand_on_the_page_of_the_model(
    request: pytest.FixtureRequest, look: Look, name: str
) -> None:
    """When not to trust it is open, every other section is there, and dollars are no formulas."""
    service: Running = request.getfixturevalue(name)
    cards = service.client.get("/v1/models/card").json()
    app = look(service, "model")
    said = _said(app)
    shown = {item.label: item for item in app.expander}
    for card in cards.values():
        for section in card["sections"]:
            assert section["title"] in shown
            assert section["text"].replace("$", "\\$") in said
    assert shown["When not to trust it"].proto.expanded
    assert not shown["How it was made"].proto.expanded
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == ["Save model card", "Save data card"]


@pytest.mark.parametrize("page", ["forecast", "upload"])
def test_a_file_that_is_made_when_asked_for_draws_nothing_anew(
    departments: Running, look: Look, page: str
) -> None:
    """Streamlit may drop the word that the file is there where the page is drawn anew meanwhile, and the
    button then waits for ever: a press asks for the file alone."""
    found = [button.proto for button in look(departments, page).get("download_button")]
    made = [button for button in found if button.HasField("deferred_file_id")]
    assert len(made) >= 2
    assert [button.label for button in made if not button.ignore_rerun] == []


def test_a_move_that_is_done_is_looked_for_until_the_service_serves_it(look: Look, tmp_path: Path) -> None:
    """The event is done before a worker has taken the release up: the page that drew the old version in
    between draws the new one by itself."""
    publish(tmp_path, version_of(tmp_path / "first", departments=False, judged=False), 1)
    with running(tmp_path) as service:
        event = service.client.post("/v1/models/promote", json={"version": 2, "why": "a test"}).json()
        database = Database(f"sqlite:///{tmp_path}/forecasts.db")
        table = ModelEventTable(database)
        assert (taken := table.claim("follower", lease=60.0)) is not None
        assert taken.id == event["id"]
        assert table.finish(event["id"], "follower", from_version=1, to_version=2, digest="")
        database.close()
        app = look(service, "model", move=event["id"])
        assert "Version 1 of storecast" in _said(app)
        assert [s.value for s in app.success] == ["Done: version 2 serves."]
        publish(tmp_path, version_of(tmp_path / "second", departments=True, judged=False), 2)
        deadline = time.monotonic() + 20
        while "Version 2 of storecast" not in _said(app) and time.monotonic() < deadline:
            time.sleep(1.0)
            app.run()
        assert "Version 2 of storecast" in _said(app)
        assert [s.value for s in app.success] == ["Done: version 2 serves."]
        service.client.post("/v1/models/rollback", json={"why": "another"})
        app.run()
        assert "move" not in app.query_params
        assert not app.success


def test_a_move_that_nobody_takes_up_says_so_after_a_reload(look: Look, tmp_path: Path) -> None:
    """The wait counts from when it was asked for, in whichever session; a refusal is told."""
    publish(tmp_path, version_of(tmp_path / "made", departments=False, judged=False), 1)
    with running(tmp_path) as service:
        event = service.client.post("/v1/models/promote", json={"version": 2, "why": "a test"}).json()
        hint = "Nobody has taken it up yet: is `storecast follow` running?"
        assert hint not in _said(look(service, "model", move=event["id"]))
        database = Database(f"sqlite:///{tmp_path}/forecasts.db")
        with database.write() as connection:
            connection.execute(text("UPDATE model_events SET at = at - 60000000"))
        assert hint in _said(look(service, "model", move=event["id"]))
        table = ModelEventTable(database)
        assert table.claim("follower", lease=60.0) is not None
        assert table.fail(event["id"], "follower", "no such version")
        database.close()
        app = look(service, "model", move=event["id"])
        assert [e.value for e in app.error] == ["Refused: version 2 serves. no such version"]


def test_the_form_says_what_is_known(departments: Running, look: Look) -> None:
    """Its link asks for weeks that the version has; what trees would bring is not guessed, and the command
    that trains them can be typed as it stands."""
    app = look(departments, "form")
    said = _said(app)
    links = [item.proto.query_string for item in app.get("page_link")]
    assert any("horizon=13" in query for query in links)
    assert "nobody knows them ahead.\n\n" in said
    assert "storecast train DATA --model boosting" in said


def test_sales_below_zero_a_year_ago_are_no_base_for_percent(look: Look, tmp_path: Path) -> None:
    """More returned than sold: nothing is said to have fallen by thousands of percent."""
    publish(tmp_path, version_of(tmp_path / "made", departments=False, judged=False, year_ago=-50.0), 1)
    with running(tmp_path) as service:
        app = look(service, "form", store="1")
        assert not app.exception, app.exception
        assert app.metric[0].delta == ""
        assert "against 52 weeks before" in look(service, "form", store="2").metric[0].delta


@pytest.mark.parametrize(("name", "told"), [("departments", "departments"), ("bare", "stores")])
def test_what_can_be_overridden_is_called_as_in_the_choice(
    request: pytest.FixtureRequest, look: Look, name: str, told: str
) -> None:
    """Stores where the version has no departments."""
    said = _said(look(request.getfixturevalue(name), "forecast", by="total"))
    assert f"Choose {told} above to override them" in said


def test_who_has_no_key_is_asked_to_sign_in(look: Look, tmp_path: Path) -> None:
    """Nothing was given that could be refused; a key that is not known is."""
    publish(tmp_path, version_of(tmp_path / "made", departments=False, judged=False), 1)
    table = key_table(Settings(home=tmp_path))
    table.issue(new_key("somebody", "reader", now=time.time_ns() // 1000)[1])
    with running(tmp_path) as service:
        assert "Sign in with your key to see forecasts." in _said(look(service, "forecast"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(frame, "_key", lambda: "sc_unknown")
            assert "Your key is not accepted" in _said(look(service, "forecast"))
