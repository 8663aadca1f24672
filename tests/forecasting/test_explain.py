"""Explanations: dollars that add up exactly, at every level and for every model."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from storecast.errors import ArtifactError, RequestError
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.events import Event
from storecast.forecasting.explain import EXOGENOUS, STEPS, explain, step_cents
from storecast.forecasting.forecaster import PARTS, Forecaster, ForecasterConfig
from storecast.forecasting.panel import Panel
from storecast.forecasting.sample import SampleSpec, make_sample

Float = NDArray[np.float64]
ORDER = ("last_year", "growth", "holiday", "residual", "boosting", "limits")


@pytest.fixture(scope="module")
def departments() -> Forecaster:
    """A blend of stores with departments, some of them new: levels series, store and total."""
    frame = make_sample(SampleSpec(stores=4, departments=5, weeks=110, new_share=0.2))
    return Forecaster.fit(Panel.from_frame(frame), ForecasterConfig(horizon=26), US_RETAIL)


@dataclass(frozen=True)
class _Config:
    model: str = "blend"


@dataclass(frozen=True)
class _Level:
    keys: NDArray[np.str_]
    of: NDArray[np.int64]


@dataclass(frozen=True)
class _Made:
    """A forecaster of two departments of one store, its steps given by hand."""

    parts: dict[str, Float]
    config: _Config = field(default_factory=_Config)
    weeks: NDArray[np.datetime64] = field(
        default_factory=lambda: np.array(["2024-11-29"], dtype="datetime64[D]")
    )
    keys: NDArray[np.str_] = field(default_factory=lambda: np.array(["1_a", "1_b"]))
    notes: dict[str, str] = field(default_factory=dict)
    levels: dict[str, _Level] = field(
        default_factory=lambda: {
            "series": _Level(np.array(["1_a", "1_b"]), np.array([0, 1])),
            "store": _Level(np.array(["1"]), np.array([0, 0])),
        }
    )


def _made(*columns: tuple[float, ...], model: str = "blend", notes: dict[str, str] | None = None) -> _Made:
    table = np.array(columns)
    parts = {name: table[:, i][None, :] for i, name in enumerate(ORDER)}
    return _Made(parts, _Config(model), notes=notes or {})


FIRST = (100.0, 120.004, 132.0044, 130.0044, 131.5, 131.5)
SECOND = (50.0, 40.0, 44.0, 44.333, 44.333, 44.33)


@given(arrays(np.float64, (6, 3), elements=st.floats(-1e9, 1e9)))
def test_cents_add_up_whatever_the_steps(running: Float) -> None:
    """Whole cents add up exactly to the rounded forecast, each within one of its step's exact value."""
    cents = step_cents(running)
    assert cents.sum(axis=0).tolist() == [round(Fraction(v) * 100) for v in np.round(running[-1], 2)]
    for k in range(6):
        for n in range(3):
            before = Fraction(running[k - 1, n]) if k else Fraction(0)
            exact = (Fraction(running[k, n]) - before) * 100
            assert abs(int(cents[k, n]) - exact) < 1 + Fraction(1, 1000)


def test_cents_add_up_where_floats_do_not() -> None:
    """Steps of hundreds of trillions, whose differences lose the last bits, still add up to the cent."""
    running = np.random.default_rng(0).uniform(-1e14, 1e14, (6, 2000))
    assert (step_cents(running).sum(axis=0) == np.rint(running[-1] * 100)).all()


@given(arrays(np.float64, (6, 2), elements=st.sampled_from([-7.25, 0.0, 0.005, 3.333, 19.999, 1e7 + 1 / 3])))
def test_a_step_that_changes_nothing_is_nothing(running: Float) -> None:
    """A step that leaves the forecast where it was has 0 cents: nobody reads an effect that is not there."""
    cents = step_cents(running)
    still = np.diff(running, axis=0) == 0.0
    assert (cents[1:][still] == 0).all()


def test_the_largest_remainders_are_raised() -> None:
    """Steps of 10.004, 5.006, 0.004, 0.004, 0.002 and 0: 15.02 is two cents above the floors."""
    running = np.cumsum([10.004, 5.006, 0.004, 0.004, 0.002, 0.0])[:, None]
    assert step_cents(running)[:, 0].tolist() == [1001, 501, 0, 0, 0, 0]


def test_an_explanation_of_known_steps() -> None:
    """Steps made by hand come out with their dollars, in the order of the model, with the week's date."""
    (found,) = explain(_made(FIRST, SECOND), "1_a")
    assert [s.name for s in found.steps] == list(ORDER)
    assert [s.cents for s in found.steps] == [10000, 2000, 1200, -200, 150, 0]
    assert (found.unique_id, found.horizon, str(found.ds)) == ("1_a", 1, "2024-11-29")
    assert found.forecast == 131.5
    assert found.steps[0].title == "Same date last year"
    assert found.note == ""


def test_a_stores_steps_are_those_of_its_departments() -> None:
    """Each step of a store is the sum of its departments' to the cent; the name alone finds the level."""
    made = _made(FIRST, SECOND)
    (store,), (a,), (b,) = explain(made, "1"), explain(made, "1_a"), explain(made, "1_b", level="series")
    assert [s.cents for s in store.steps] == [
        x.cents + y.cents for x, y in zip(a.steps, b.steps, strict=True)
    ]
    assert store.forecast == 175.83


def test_inputs_that_are_not_used_are_named() -> None:
    """Each exogenous input has its line of $0; a model that reads them says so instead."""
    (found,) = explain(_made(FIRST, SECOND), "1_a")
    assert found.unused == EXOGENOUS
    lines = found.as_dict()["unused"]
    assert lines[0] == {"name": "temperature", "dollars": 0.0, "text": "$0, not used by this model"}
    assert len(lines) == 5
    (direct,) = explain(_made(FIRST, SECOND, model="boosting"), "1_a")
    assert direct.unused == ()
    assert "temperature" in direct.note
    for model in ("aligned", "seasonal-naive", "naive-growth"):
        assert explain(_made(FIRST, SECOND, model=model), "1_a")[0].unused == EXOGENOUS


def test_notes_reach_the_reader() -> None:
    """What is unusual about a series is said; of a store, how many of its series it concerns."""
    made = _made(FIRST, SECOND, notes={"1_b": "no history: the mean of its block"})
    assert explain(made, "1_a")[0].note == ""
    assert explain(made, "1_b")[0].note == "no history: the mean of its block"
    assert explain(made, "1")[0].note.startswith("1 of 2 series")


def test_unknown_names_levels_and_horizons_are_refused() -> None:
    """A name, level or week that is not there is refused with what would be."""
    made = _made(FIRST, SECOND)
    with pytest.raises(RequestError, match="'7' to explain"):
        explain(made, "7")
    with pytest.raises(RequestError, match="'1' to explain"):
        explain(made, "1", level="series")
    with pytest.raises(RequestError, match="no level 'region'"):
        explain(made, "1", level="region")
    for horizon in (0, 2, -1):
        with pytest.raises(RequestError, match="1 to 1 weeks ahead"):
            explain(made, "1_a", [horizon])


def test_steps_that_are_no_numbers_are_refused() -> None:
    """A damaged step is an error of the model's folder, never a row of dollars."""
    with pytest.raises(ArtifactError, match="not all numbers"):
        explain(_made((1.0, np.nan, 1.0, 1.0, 1.0, 1.0), SECOND), "1_a")


def test_all_steps_of_a_forecaster_are_explained() -> None:
    """The steps are the forecaster's own, in its order."""
    assert tuple(STEPS) == PARTS == ORDER


def test_a_fitted_forecaster_adds_up(departments: Forecaster) -> None:
    """For every series, store and the total, and every week, the steps add up to the published point."""
    for level, at in departments.levels.items():
        points = departments.points(level)
        for place, key in enumerate(at.keys.tolist()):
            found = explain(departments, key, level=level)
            assert [e.horizon for e in found] == list(range(1, 27))
            for e, point, ds in zip(found, points[:, place], departments.weeks, strict=True):
                assert e.forecast == point
                assert sum(s.cents for s in e.steps) == round(point * 100)
                assert e.ds == ds


def test_the_levels_add_up_step_by_step(departments: Forecaster) -> None:
    """Each step of the total is the sum of the stores', and each of a store's of its series'."""
    horizons = [1, 13, 26]

    def steps(key: str, level: str) -> NDArray[np.int64]:
        found = explain(departments, key, horizons, level=level)
        return np.array([[s.cents for s in e.steps] for e in found])

    stores = {key: steps(key, "store") for key in departments.levels["store"].keys.tolist()}
    assert (steps("total", "total") == sum(stores.values())).all()
    for store, cents in stores.items():
        own = departments.keys[departments.stores == store].tolist()
        assert len(own) > 1
        assert (cents == sum(steps(key, "series") for key in own)).all()


def test_a_forecast_starts_from_last_year_and_says_what_changed(departments: Forecaster) -> None:
    """The first step is most of the forecast, several others have something to say, and Easter moved."""
    found = explain(departments, "total", level="total")
    for e in found:
        assert e.steps[0].cents == pytest.approx(e.cents, rel=0.35)
        assert sum(s.cents != 0 for s in e.steps) >= 3
    easter = next(e for e in found if str(e.ds) == "2012-04-06")
    assert abs(next(s.dollars for s in easter.steps if s.name == "holiday")) > 0.005 * easter.forecast


@pytest.mark.parametrize("model", ["aligned", "seasonal-naive", "naive-growth"])
def test_every_model_is_explained(model: str) -> None:
    """Models without boosting have 0 in that step and add up as well; the plain naive has one step alone."""
    frame = make_sample(SampleSpec(stores=6, weeks=110))
    fitted = Forecaster.fit(Panel.from_frame(frame), ForecasterConfig(model=model, horizon=13), US_RETAIL)
    for place, key in enumerate(fitted.keys.tolist()):
        for e, point in zip(explain(fitted, key), fitted.point[:, place], strict=True):
            by_name = {s.name: s.cents for s in e.steps}
            assert sum(by_name.values()) == e.cents == round(point * 100)
            assert by_name["boosting"] == 0
            if model == "seasonal-naive":
                assert by_name == dict.fromkeys(ORDER, 0) | {"last_year": e.cents}


def test_a_closed_week_is_a_limit() -> None:
    """What a known closure takes away stands in the last step, not among the model's own."""
    panel = Panel.from_frame(make_sample(SampleSpec(stores=3, weeks=110)))
    key = str(panel.keys[0])
    second = panel.weeks[-1] + np.timedelta64(14, "D")
    closed = Event("closure", second, second, series=key)
    fitted = Forecaster.fit(panel, ForecasterConfig(horizon=4), US_RETAIL, [closed])
    open_, shut = explain(fitted, key, [1, 2])
    assert shut.forecast == 0.0 < open_.forecast
    assert shut.steps[-1].cents == -sum(s.cents for s in shut.steps[:-1]) < 0
    assert abs(open_.steps[-1].cents) <= 1


def test_an_explanation_is_plain_json(departments: Forecaster) -> None:
    """The dictionary goes through JSON unchanged, dollars with at most two decimals."""
    (found,) = explain(departments, "total", [5])
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told == found.as_dict()
    assert round(sum(step["dollars"] for step in told["steps"]), 2) == told["forecast"]
    assert all(round(step["dollars"], 2) == step["dollars"] for step in told["steps"])


def test_the_total_says_what_it_leaves_out():
    """Series that ended are named as left out of the total, and its dollars are those of the others."""
    frame = make_sample(SampleSpec(stores=4, weeks=110, seed=2))
    last = frame["ds"].max()
    gone = (frame["unique_id"] == frame["unique_id"].iloc[0]) & (frame["ds"] > last - np.timedelta64(70, "D"))
    fitted = Forecaster.fit(Panel.from_frame(frame[~gone]), ForecasterConfig(horizon=4), US_RETAIL)
    found = explain(fitted, "total")
    assert found[0].note.startswith("1 of 4 series have ended and are not in this sum")
    others = [explain(fitted, str(key))[0].cents for key in fitted.keys[1:]]
    assert found[0].cents == sum(others)
