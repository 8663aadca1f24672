"""Forecasting: the champion where it may answer, its kind of model where the data moved on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from storecast.errors import RequestError
from storecast.forecasting.calendar import Calendar, calendar_of, calendar_state
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.frames import forecast_table
from storecast.forecasting.panel import Panel
from storecast.forecasting.quality import SalesData
from storecast.jobs.forecast import ForecastRequest, ForecastResult, forecast
from storecast.jobs.train import TrainRequest, train
from storecast.stores.calendars import country_calendar
from storecast.stores.sales_files import SalesFiles
from tests.fakes import FakeRegistry
from tests.jobs.worlds import CALENDAR, SALES, departments, noisy, write

COLUMNS = [
    "unique_id",
    "ds",
    "storecast",
    "storecast-lo-80",
    "storecast-hi-80",
    "storecast-lo-95",
    "storecast-hi-95",
]
GERMAN = country_calendar("DE")
LIGHT = ForecasterConfig(model="aligned", horizon=26, seed=5)


class Closed(FakeRegistry):
    """A registry that nobody may ask."""

    def champion(self, name: str) -> Any:
        raise AssertionError(name)


class Stages:
    """Counts the calls of ``advance``: none where nothing was fitted."""

    def __init__(self) -> None:
        self.shares: list[float] = []

    def __call__(self, share: float) -> None:
        self.shares.append(share)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sales")
    write(folder / "old.csv", noisy(weeks=130))
    write(folder / "new.csv", noisy(weeks=134))
    write(folder / "departments.csv", departments(), depts=3)
    return folder


def trained(path: Path, calendar: Calendar = CALENDAR, **more: Any) -> FakeRegistry:
    registry = FakeRegistry()
    request = TrainRequest(config=LIGHT, gate_windows=1, who="Ann")
    train(SALES, registry, str(path), request, calendar, created="", **more)
    return registry


@pytest.fixture(scope="module")
def registry(folder: Path) -> FakeRegistry:
    return trained(folder / "old.csv")


def ask(
    registry: FakeRegistry, path: Path, request: ForecastRequest | None = None, **more: Any
) -> ForecastResult:
    return forecast(SALES, registry, str(path), request or ForecastRequest(), **more)


def test_the_champion_answers_for_its_own_data(registry, folder: Path) -> None:
    """Nothing is fitted, and the table is the registered version's."""
    stages = Stages()
    result = ask(registry, folder / "old.csv", advance=stages)
    assert stages.shares == []
    assert result.version == registry.champion("storecast").version
    assert result.made_by == f"champion, version {result.version} ({result.forecaster.config.model})"
    assert list(result.table.columns) == COLUMNS
    pd.testing.assert_frame_equal(
        result.table, forecast_table(result.forecaster, 13, (80.0, 95.0), "series").reset_index(drop=True)
    )
    assert result.table["ds"].min() == pd.Timestamp("2012-08-03")
    assert result.table.groupby("unique_id").size().tolist() == [13] * 6


def test_newer_data_is_fitted_with_the_champions_model(registry, folder: Path) -> None:
    """The same configuration, fitted on the newer weeks, and no version is claimed for it."""
    result = ask(registry, folder / "new.csv")
    assert result.version is None
    assert "fitted on this data" in result.made_by
    model = registry.champion("storecast").tags["model"]
    assert result.forecaster.config == replace(LIGHT, model=model, horizon=13)
    panel = Panel.from_frame(SALES.read(folder / "new.csv").panel)
    by_hand = Forecaster.fit(panel, replace(LIGHT, model=model, horizon=13), CALENDAR)
    assert np.array_equal(result.forecaster.points(), by_hand.points())
    assert result.table["ds"].min() == pd.Timestamp("2012-08-31")


def test_without_a_champion_a_model_is_fitted_on_the_spot(folder: Path) -> None:
    """The default model answers, and nothing is registered."""
    registry = FakeRegistry()
    result = ask(registry, folder / "old.csv", ForecastRequest(horizon=4))
    assert (result.made_by, result.version) == ("blend, fitted on the spot", None)
    assert registry.versions("storecast") == []


def test_a_model_that_is_named_is_fitted_without_the_registry(folder: Path) -> None:
    """Whoever names a model needs no registry at all."""
    request = ForecastRequest(config=ForecasterConfig(model="seasonal-naive"), horizon=3)
    result = ask(Closed(), folder / "old.csv", request)
    expected = np.tile(noisy(weeks=130)[-52:][:3].T.ravel(), 1)
    assert result.table["storecast"].tolist() == expected.tolist()


def test_further_ahead_than_the_champion_looks(registry, folder: Path) -> None:
    """A champion of 26 weeks answers 26, and its kind of model is fitted for 27."""
    assert ask(registry, folder / "old.csv", ForecastRequest(horizon=26)).version is not None
    longer = ask(registry, folder / "old.csv", ForecastRequest(horizon=27))
    assert longer.version is None
    assert longer.forecaster.config.horizon == 27


def test_the_champion_keeps_its_calendar(folder: Path) -> None:
    """A champion made with German holidays answers for them, is fitted with them where the data is newer,
    and does not answer where other holidays are named."""
    registry = trained(folder / "old.csv", GERMAN)
    for asked in (None, GERMAN, country_calendar("de")):
        assert ask(registry, folder / "old.csv", calendar=asked).version is not None
    assert ask(registry, folder / "old.csv", calendar=CALENDAR).version is None
    newer = ask(registry, folder / "new.csv")
    panel = Panel.from_frame(SALES.read(folder / "new.csv").panel)
    by_hand = Forecaster.fit(panel, newer.forecaster.config, GERMAN)
    assert np.array_equal(newer.forecaster.points(), by_hand.points())


def test_the_champion_keeps_its_events(folder: Path) -> None:
    """A closure ahead that the champion knew is known where its model is fitted on newer data, unless other
    events are given."""
    first, last = np.datetime64("2012-09-07"), np.datetime64("2012-09-14")
    closure = Event("closure", first, last, series="2")
    registry = trained(folder / "old.csv", events=(closure,))
    newer = ask(registry, folder / "new.csv")
    assert newer.version is None
    store = newer.forecaster.keys.tolist().index("2")
    assert (newer.forecaster.point[:4, store] == 0).tolist() == [False, True, True, False]
    told = ask(registry, folder / "new.csv", events=(replace(closure, series="3"),))
    assert (told.forecaster.point[1:3] == 0).any(axis=0).tolist() == [k == "3" for k in told.forecaster.keys]


def test_another_sheet_is_other_data(tmp_path: Path) -> None:
    """A champion made from one sheet of a workbook does not answer for the other one."""
    frames = []
    for name, seed in (("one", 1), ("two", 2)):
        frames.append(pd.read_csv(write(tmp_path / f"{name}.csv", noisy(weeks=60, series=2, seed=seed))))
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        for name, frame in zip(("one", "two"), frames, strict=True):
            frame.to_excel(book, sheet_name=name, index=False)
    sheets = {name: SalesFiles(sheet=name) for name in ("one", "two")}
    registry, path = FakeRegistry(), str(tmp_path / "book.xlsx")
    train(sheets["one"], registry, path, TrainRequest(config=LIGHT, who="Ann"), CALENDAR, created="")
    request = ForecastRequest(horizon=2)
    assert forecast(sheets["one"], registry, path, request).version == 1
    other = forecast(sheets["two"], registry, path, request)
    assert other.version is None
    assert (
        other.table["storecast"].tolist()
        == ask(registry, tmp_path / "two.csv", request).table["storecast"].tolist()
    )


def test_a_calendar_survives_as_data() -> None:
    """Weights and holiday weeks of any year are those of the calendar that was saved."""
    weeks = np.arange("2009-01-02", "2030-01-01", 7, dtype="datetime64[D]")
    for calendar in (CALENDAR, GERMAN, Calendar.from_dates("of a file", {"Fair": weeks[[10, 61, 114]]})):
        again = calendar_of(calendar_state(calendar))
        assert again.name == calendar.name
        assert again.holidays_in(weeks) == calendar.holidays_in(weeks)
        assert np.array_equal(again.weights(weeks), calendar.weights(weeks))
        assert calendar_state(again) == calendar_state(calendar)


def test_a_series_without_history_like_another(registry, folder: Path) -> None:
    """It gets the other's forecasts to the cent, and a note that says so; the others' notes stay empty."""
    request = ForecastRequest(horizon=5, like=(("7", "2"), ("new", "3")))
    table = ask(registry, folder / "old.csv", request).table
    values = [c for c in table.columns if c.startswith("storecast")]
    for new, old in request.like:
        one, other = table[table["unique_id"] == new], table[table["unique_id"] == old]
        assert one[values].to_numpy().tolist() == other[values].to_numpy().tolist()
        assert one["note"].unique().tolist() == [f"no history: as series {old}"]
    assert table.loc[table["unique_id"] == "1", "note"].unique().tolist() == [""]


@pytest.mark.parametrize(
    ("pair", "by", "words"),
    [
        (("1", "2"), "series", "a history of its own"),
        (("7", "99"), "series", "There is no series '99'"),
        (("7", "2"), "total", "only as a series"),
    ],
)
def test_what_cannot_be_like_another(folder: Path, pair, by: str, words: str) -> None:
    """Told before anything is fitted."""
    stages = Stages()
    with pytest.raises(RequestError, match=words):
        ask(FakeRegistry(), folder / "old.csv", ForecastRequest(by=by, like=(pair,)), advance=stages)
    assert stages.shares == []


def test_a_closure_ahead_sells_nothing(registry, folder: Path) -> None:
    """The closed weeks of the one store are forecast as zero, with bands of zero; the other stores are as
    they were, and the total is less by what the store would have sold."""
    first, last = np.datetime64("2012-08-10"), np.datetime64("2012-08-24")
    events = (Event("closure", first, last, series="2"),)
    closed = ask(registry, folder / "old.csv", ForecastRequest(horizon=6), events=events)
    assert closed.version is None
    table = closed.table.set_index(["unique_id", "ds"])
    weeks = pd.date_range("2012-08-10", "2012-08-24", freq="7D")
    assert (table.loc["2"].loc[weeks] == 0).to_numpy().all()
    other = table.loc["2"].drop(weeks)
    assert (other["storecast"] > 0).all()
    total = ask(registry, folder / "old.csv", ForecastRequest(horizon=6, by="total"), events=events).table
    sums = closed.table.groupby("ds")["storecast"].sum()
    assert np.allclose(total["storecast"], sums, atol=0.005)
    with pytest.raises(RequestError, match="not in the sales data"):
        ask(registry, folder / "old.csv", events=(replace(events[0], series="99"),))


def test_an_opening_of_the_series_that_is_like_another(registry, folder: Path) -> None:
    """A store without history sells nothing before it opens, and like the other one from then on."""
    first, last = np.datetime64("2012-08-13"), np.datetime64("2012-09-01")
    request = ForecastRequest(horizon=6, like=(("7", "2"),))
    events = (Event("opening", first, last, series="7"),)
    table = ask(registry, folder / "old.csv", request, events=events).table
    new, old = table[table["unique_id"] == "7"], table[table["unique_id"] == "2"]
    bands = [c for c in COLUMNS if c.startswith("storecast")]
    assert (new[bands].to_numpy()[:2] == 0).all()  # weeks that end on 3 and 10 August
    assert new[bands].to_numpy()[2:].tolist() == old[bands].to_numpy()[2:].tolist()
    assert (old["storecast"] > 0).all()


@pytest.mark.parametrize("model", ["blend", "aligned", "boosting", "seasonal-naive", "naive-growth"])
def test_departments_add_up_to_stores_and_total_to_the_cent(folder: Path, model: str) -> None:
    """In whole cents the departments' forecasts are the stores', and the stores' the total, for any model."""
    tables = {}
    for by in ("series", "store", "total"):
        request = ForecastRequest(config=ForecasterConfig(model=model), horizon=8, by=by)
        table = ask(FakeRegistry(), folder / "departments.csv", request).table
        tables[by] = table.assign(cents=(table["storecast"] * 100).round().astype("int64"))
        assert np.allclose(table["storecast"] * 100, tables[by]["cents"], atol=1e-4)
    bottom = tables["series"].assign(store=tables["series"]["unique_id"].str.split("_").str[0])
    stores = bottom.groupby(["store", "ds"])["cents"].sum()
    assert stores.to_dict() == tables["store"].set_index(["unique_id", "ds"])["cents"].to_dict()
    total = tables["store"].groupby("ds")["cents"].sum()
    assert total.to_dict() == tables["total"].set_index("ds")["cents"].to_dict()


def test_stores_of_a_file_of_stores_are_its_series(registry, folder: Path) -> None:
    """Asked by store, a file without departments gives its series."""
    by_series = ask(registry, folder / "old.csv").table
    pd.testing.assert_frame_equal(
        ask(registry, folder / "old.csv", ForecastRequest(by="store")).table, by_series
    )


@pytest.mark.parametrize("horizon", [0, -3, 53, 500])
def test_a_horizon_out_of_range_is_refused_unread(horizon: int) -> None:
    """Neither data nor registry is opened."""

    class Unread:
        def read(self, path: str) -> SalesData:
            raise AssertionError(path)

    with pytest.raises(RequestError, match="1 to 52 weeks"):
        forecast(Unread(), Closed(), "x", ForecastRequest(horizon=horizon))


def test_the_same_request_gives_the_same_table(folder: Path) -> None:
    """Fitted twice on the spot, every figure is the same bit for bit."""
    once, again = (ask(FakeRegistry(), folder / "old.csv").table for _ in range(2))
    assert once.to_dict("list") == again.to_dict("list")
