"""Inputs given to a published version: the same bits as a fit that knew them, whatever it was fitted on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storecast.errors import RequestError
from storecast.forecasting.calendar import US_RETAIL, Calendar, calendar_state
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.state import to_state
from storecast.ports import ArtifactContent, ReleaseInfo
from storecast.service.champion import Champion
from storecast.service.problems import Problem
from storecast.service.schemas.whatif import WhatIfRequest
from storecast.service.whatif import what_if
from storecast.stores.artifacts import ArtifactFolders
from tests.service.conftest import HORIZON, make_panel

CONFIG = ForecasterConfig(model="boosting", horizon=HORIZON)
FAIRS = Calendar.from_dates(
    "fairs",
    {
        "fair": np.array([f"{y}-05-{12 + y % 5}" for y in range(2008, 2015)], dtype="datetime64[D]"),
        "moving fair": np.array([f"{y}-0{2 + y % 3}-20" for y in range(2008, 2015)], dtype="datetime64[D]"),
    },
)
CLOSED = [
    Event("closure", np.datetime64("2010-06-01"), np.datetime64("2010-08-01"), "2", ""),
    Event("closure", np.datetime64("2012-06-15"), np.datetime64("2012-07-01"), "1", ""),
    Event("promotion", np.datetime64("2011-03-01"), np.datetime64("2011-03-20"), "", ""),
]


def _some_future(size: int) -> dict[str, np.ndarray]:
    heat = np.full((HORIZON, size), np.nan)
    heat[2:9, 1:] = 17.25
    return {"temperature": heat}


WORLDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "departments": {"departments": True},
    "own calendar": {"calendar": FAIRS},
    "events": {"events": CLOSED},
    "weather forecast": {"known_future": _some_future},
    "all at once": {"departments": True, "calendar": FAIRS, "events": CLOSED, "known_future": _some_future},
}


def _champion(forecaster: Forecaster, calendar: Calendar, folder: Path) -> Champion:
    arrays, texts, meta = to_state(forecaster)
    meta = {**meta, "calendar": calendar_state(calendar)}
    digest = ArtifactFolders().save(ArtifactContent(arrays, texts, meta), str(folder))
    return Champion.from_content(_info(digest), ArtifactFolders().load(str(folder)))


def _info(digest: str) -> ReleaseInfo:
    return ReleaseInfo("storecast", 1, digest, "boosting", "promote", "Ann", "a test", "2026-01-01T00:00:00")


@pytest.mark.parametrize("world", WORLDS)
def test_given_inputs_are_answered_as_the_batch_path_would(world: str, tmp_path: Path) -> None:
    """Fitted with the values as known ahead or asked for them afterwards: the same dollars, to the last bit,
    of series, stores and total; what is not given stays as published."""
    how = WORLDS[world]
    panel = make_panel(how.get("departments", False))
    size = len(panel.keys)
    calendar, events = how.get("calendar", US_RETAIL), how.get("events", [])
    known = how["known_future"](size) if "known_future" in how else {}
    base = Forecaster.fit(panel, CONFIG, calendar, events, known_future=known)
    champion = _champion(base, calendar, tmp_path / "version")
    model = champion.exogenous
    assert model is not None
    assert model.names == ("temperature", "cpi")

    draw = np.random.default_rng(3)
    given = {
        "temperature": np.where(
            draw.random((HORIZON, size)) < 0.7, draw.normal(15, 12, (HORIZON, size)), np.nan
        ),
        "cpi": np.where(draw.random((HORIZON, size)) < 0.3, draw.normal(205, 5, (HORIZON, size)), np.nan),
    }
    future = {
        name: np.where(np.isfinite(values), values, known.get(name, np.full((HORIZON, size), np.nan)))
        for name, values in given.items()
    }
    expected = Forecaster.fit(panel, CONFIG, calendar, events, known_future=future)
    assert (expected.point != base.point).any()

    week, place = (grid.ravel() for grid in np.mgrid[:HORIZON, :size])
    view = champion.views["series"]
    asked = {name: values.ravel() for name, values in given.items()}
    columns = model.changed(view, place, week, asked, view.columns(place, week, (80.0,)))
    assert np.array_equal(columns[0].reshape(HORIZON, size), expected.point)
    low, high = columns[1:]
    assert ((low <= columns[0]) & (columns[0] <= high)).all()


@pytest.mark.parametrize("by", ["store", "total"])
def test_sums_are_those_of_their_series(by: str, tmp_path: Path) -> None:
    """One value for all of a store, or for all stores, is that value for each of its series."""
    panel = make_panel(departments=True)
    base = Forecaster.fit(panel, CONFIG)
    champion = _champion(base, US_RETAIL, tmp_path / "version")
    future = {"temperature": np.full((HORIZON, len(panel.keys)), 31.5)}
    expected = Forecaster.fit(panel, CONFIG, known_future=future).points(by)
    for at, name in enumerate(champion.views[by].names):
        asked = WhatIfRequest(series=name, by=by, horizon=HORIZON, inputs={"temperature": 31.5})  # type: ignore[arg-type]
        assert np.array_equal(what_if(champion, asked, (80.0,)).scenario[0], expected[:, at])


def test_rows_made_one_by_one_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version too large to keep its rows ready, asked for more than one pass holds, answers alike."""
    from storecast.service import exogenous as module

    champion = _champion(Forecaster.fit(make_panel(), CONFIG), US_RETAIL, tmp_path / "version")
    draw = np.random.default_rng(5)
    place, week = draw.integers(0, 3, 2000), draw.integers(0, HORIZON, 2000)
    view = champion.views["series"]
    given = {"temperature": draw.normal(15, 12, 2000)}
    columns = view.columns(place, week, (80.0,))
    ready = module.Exogenous(champion.forecaster)
    monkeypatch.setattr(module, "_KEPT", 0)
    monkeypatch.setattr(module, "_STEP", 300)
    made = module.Exogenous(champion.forecaster)
    for one, other in zip(
        ready.changed(view, place, week, given, columns),
        made.changed(view, place, week, given, columns),
        strict=True,
    ):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("lost", ["input_future_temperature", "input_values", "input_observed_temperature"])
def test_a_version_without_what_it_was_made_from_says_so(lost: str, tmp_path: Path) -> None:
    """It is not asked for what it cannot repeat: its inputs are refused with a remedy, its forecasts stay."""
    known = _some_future(3)
    forecaster = Forecaster.fit(make_panel(), CONFIG, US_RETAIL, CLOSED, known_future=known)
    arrays, texts, meta = to_state(forecaster)
    assert lost in arrays
    kept = {name: values for name, values in arrays.items() if name != lost}
    champion = Champion.from_content(_info("d"), ArtifactContent(kept, texts, meta))
    assert champion.exogenous is None
    asked = WhatIfRequest(series="1", inputs={"temperature": 20.0})
    with pytest.raises(Problem) as caught:
        what_if(champion, asked, (80.0,))
    assert "train again" in caught.value.errors[0].detail
    plain = what_if(champion, WhatIfRequest(series="1"), (80.0,))
    assert np.array_equal(plain.scenario[0], forecaster.point[:13, 0])


def test_an_input_that_no_tree_splits_on_is_not_used(tmp_path: Path) -> None:
    """A variable that was never known taught nothing: it changes the answer by $0, and the answer says so."""
    panel = make_panel()
    panel.observed["fuel_price"] = np.full(panel.values.shape, np.nan)
    champion = _champion(Forecaster.fit(panel, CONFIG), US_RETAIL, tmp_path / "version")
    asked = WhatIfRequest(series="2", inputs={"fuel_price": 9.0, "unemployment": 4.0, "temperature": 35.0})
    outcome = what_if(champion, asked, (80.0,))
    effects = {name: (dollars, words) for name, dollars, words in outcome.effects}
    assert effects["fuel_price"] == effects["unemployment"] == (0.0, "$0, not used by this model")
    assert effects["temperature"][0] != 0.0
    assert round(sum(outcome.difference[0]), 2) == effects["temperature"][0]


def test_unknown_names_and_weeks_are_refused(tmp_path: Path) -> None:
    """A typo, and a week that was not forecast or lies beyond the horizon, are named."""
    champion = _champion(Forecaster.fit(make_panel(), CONFIG), US_RETAIL, tmp_path / "version")
    for inputs, words in (
        ({"temprature": 3.0}, "temprature"),
        ({"temperature": {"2012-06-02": 3.0}}, "inputs.temperature"),
        ({"temperature": {champion.weeks[14]: 3.0}}, "beyond the horizon"),
    ):
        with pytest.raises((Problem, RequestError)) as caught:
            what_if(champion, WhatIfRequest(series="1", inputs=inputs), (80.0,))  # type: ignore[arg-type]
        error = caught.value
        assert words in (str(error.errors) if isinstance(error, Problem) else str(vars(error)))


@pytest.mark.parametrize("world", ["plain", "all at once"])
def test_one_row_is_answered_as_many_are(world: str, tmp_path: Path) -> None:
    """The short way for one row gives the very columns that the long way for many gives: every series and
    week, every choice of inputs, values from freezing to absurd, closed weeks too."""
    how = WORLDS[world]
    panel = make_panel(how.get("departments", False))
    calendar = how.get("calendar", US_RETAIL)
    known = how["known_future"](len(panel.keys)) if "known_future" in how else {}
    base = Forecaster.fit(panel, CONFIG, calendar, how.get("events", []), known_future=known)
    champion = _champion(base, calendar, tmp_path / "version")
    model, view = champion.exogenous, champion.views["series"]
    assert model is not None
    draw = np.random.default_rng(8)
    for place in range(len(panel.keys)):
        for week in range(HORIZON):
            given = {
                "temperature": float(draw.choice([-1e6, -20.0, 3.3, 41.7, 1e6])),
                "cpi": float(draw.normal(205, 9)),
            }
            given = {name: value for name, value in given.items() if draw.random() < 0.7} or {"cpi": 1.0}
            at, ahead = np.array([place]), np.array([week])
            columns = view.columns(at, ahead, (50.0, 80.0, 99.0))
            twice = {name: np.array([value, value]) for name, value in given.items()}  # as arrays
            both = [np.repeat(column, 2) for column in columns]
            expected = [
                float(c[1]) for c in model.changed(view, np.repeat(at, 2), np.repeat(ahead, 2), twice, both)
            ]
            arrays = {name: np.array([value]) for name, value in given.items()}
            alone = [float(c[0]) for c in model.changed(view, at, ahead, arrays, columns)]
            assert list(map(repr, alone)) == list(map(repr, expected))
            found = model.one(place, week, given, [float(c[0]) for c in columns])
            assert list(map(repr, found)) == list(map(repr, expected))


def test_cents_of_one_number_are_those_of_arrays() -> None:
    """Halves, signs and large numbers are rounded alike, to the last bit."""
    from storecast.forecasting.hierarchy import cents
    from storecast.service.exogenous import cent

    draw = np.random.default_rng(1)
    values = np.concatenate(
        [
            draw.normal(0, 1, 20_000) * 10.0 ** draw.integers(-4, 9, 20_000),
            np.arange(-500, 500) / 1000.0,
            [0.0, -0.0, 1e12 + 0.005, 2.675, -2.675, 1.005],
        ]
    )
    assert list(map(repr, map(cent, values.tolist()))) == list(map(repr, cents(values).tolist()))


@pytest.mark.parametrize("world", ["plain", "all at once"])
def test_a_what_if_of_one_week_is_that_of_many_cut_short(world: str, tmp_path: Path) -> None:
    """The short way gives the very numbers, effects and words of the long one: every series, any choice of
    inputs, read or not, as a number or by week, none of them too."""
    how = WORLDS[world]
    panel = make_panel(how.get("departments", False))
    known = how["known_future"](len(panel.keys)) if "known_future" in how else {}
    calendar = how.get("calendar", US_RETAIL)
    base = Forecaster.fit(panel, CONFIG, calendar, how.get("events", []), known_future=known)
    champion = _champion(base, calendar, tmp_path / "version")
    first, levels = champion.weeks[0], (50.0, 95.0)
    draw = np.random.default_rng(6)
    for name in champion.views["series"].names:
        for _ in range(8):
            names = draw.permutation(["temperature", "cpi", "fuel_price"])[: draw.integers(0, 4)].tolist()
            by_week: dict[str, Any] = {n: {first: float(draw.normal(100, 80))} for n in names}
            short = {n: v if draw.random() < 0.5 else v[first] for n, v in by_week.items()}
            if draw.random() < 0.3:
                by_week["cpi"] = short["cpi"] = {}
            one = what_if(champion, WhatIfRequest(series=name, horizon=1, inputs=short), levels)
            many = what_if(champion, WhatIfRequest(series=name, horizon=2, inputs=by_week), levels)
            assert one.effects == many.effects
            for part, whole in zip(
                (one.base, one.scenario, one.difference),
                (many.base, many.scenario, many.difference),
                strict=True,
            ):
                assert part == [column[:1] for column in whole]
