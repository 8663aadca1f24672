"""Known events: closures tell and sell nothing, promotions are measured and put where they come."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.events import Event, EventEffects, apply_events
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from tests.forecasting.panels import as_panel, season_of, weeks_from

Float = NDArray[np.float64]
DAY = np.timedelta64(1, "D")
WEEKS = weeks_from("2010-02-05", 120)
KEYS = np.array(["1_a", "1_b", "2_a"])
STORES = np.array(["1", "1", "2"])
BLOCKS = np.array(["a", "b", "a"])
ALIGNED = ForecasterConfig(model="aligned", horizon=13)


def _apply(values: Float, *events: Event) -> EventEffects:
    return apply_events(values, WEEKS, 13, events, KEYS, STORES, BLOCKS)


def _days(first: int, last: int | None = None) -> tuple[np.datetime64, np.datetime64]:
    """First day of week ``first`` to last day of week ``last``, by row; the horizon goes on from 120."""
    start = np.datetime64("2010-02-05")
    return start + (7 * first - 6) * DAY, start + 7 * (first if last is None else last) * DAY


def _flat() -> Float:
    return np.full((120, 3), 100.0)


@pytest.mark.parametrize(
    ("event", "concerned"),
    [
        (Event("closure", *_days(50)), [0, 1, 2]),
        (Event("closure", *_days(50), series="1_a"), [0]),
        (Event("closure", *_days(50), series="1"), [0, 1]),
        (Event("closure", *_days(50), block="a"), [0, 2]),
        (Event("closure", *_days(50), series="1", block="a"), [0]),
        (Event("closure", *_days(50), series="nobody"), []),
    ],
)
def test_an_event_concerns_whom_it_names(event: Event, concerned: list[int]):
    """A series by its key, a whole store, a block, both, or all; nobody else."""
    closed = np.isnan(_apply(_flat(), event).values)
    assert np.flatnonzero(closed.any(axis=0)).tolist() == concerned
    for i in concerned:
        assert np.flatnonzero(closed[:, i]).tolist() == [50]


def test_a_closure_covers_every_week_it_touches():
    """From the week of its first day to the week of its last, in the past and ahead."""
    effects = _apply(_flat(), Event("closure", _days(110)[0] + 3 * DAY, _days(124)[0], series="2"))
    assert np.flatnonzero(np.isnan(effects.values[:, 2])).tolist() == list(range(110, 120))
    assert np.flatnonzero(effects.closed[:, 2]).tolist() == [0, 1, 2, 3, 4]
    assert not effects.closed[:, :2].any()
    assert (effects.lift == 1.0).all()


def test_events_outside_the_weeks_do_nothing():
    """Long ago or far ahead, an event touches no week."""
    for shift in (-400, 400):
        effects = _apply(_flat(), Event("closure", *_days(shift)), Event("promotion", *_days(shift)))
        np.testing.assert_array_equal(effects.values, _flat())
        assert not effects.closed.any()
        assert (effects.lift == 1.0).all()
        assert effects.lifts == {}


def test_before_an_opening_nothing_is_known_and_nothing_sold():
    """Weeks before the first day are missing; an opening ahead keeps the weeks until then closed."""
    past = _apply(_flat(), Event("opening", *_days(30), series="2_a"))
    assert np.flatnonzero(np.isfinite(past.values[:, 2])).tolist() == list(range(30, 120))
    assert not past.closed.any()
    ahead = _apply(_flat(), Event("opening", *_days(125), series="2_a"))
    assert np.isnan(ahead.values[:, 2]).all()
    assert np.flatnonzero(ahead.closed[:, 2]).tolist() == [0, 1, 2, 3, 4]


def test_a_lift_is_measured_against_its_neighbours():
    """Thirty promoted weeks that sold 60 % more: a lift of 1.6, shrunk to one by eight weeks of no effect."""
    values, rng = _flat(), np.random.default_rng(0)
    events = []
    for t in range(5, 115, 11):
        values[t] *= 1.6
        events.append(Event("promotion", *_days(t)))
    values *= np.exp(0.01 * rng.standard_normal(values.shape))
    effects = _apply(values, *events, Event("promotion", *_days(121)))
    weeks = 3 * len(events)
    assert effects.lifts["promotion"] == pytest.approx(1.6 ** (weeks / (weeks + 8.0)), rel=0.01)
    np.testing.assert_allclose(effects.lift[121], effects.lifts["promotion"])
    assert (effects.lift[120] == 1.0).all()


def test_few_promoted_weeks_say_little_and_none_say_nothing():
    """One week's lift is nearly all shrunk away; a promotion ahead without a past one has no effect."""
    values = _flat()
    values[60, 0] = 300.0
    once = _apply(values, Event("promotion", *_days(60), series="1_a"))
    assert once.lifts["promotion"] == pytest.approx(3.0 ** (1.0 / 9.0))
    never = _apply(_flat(), Event("promotion", *_days(121)))
    assert never.lifts["promotion"] == 1.0


def test_kinds_have_lifts_of_their_own_and_bounds():
    """A local holiday that halves sales does not touch the promotions' lift; both stay within 0.2 to 5."""
    values = _flat()
    events = []
    for t in range(4, 116, 4):
        values[t] *= 100.0 if t % 8 else 0.001
        events.append(Event("promotion" if t % 8 else "holiday", *_days(t)))
    assert _apply(values, *events).lifts == {"promotion": 5.0, "holiday": 0.2}


def test_a_promotion_in_a_closed_week_does_not_count():
    """Weeks that are missing, closed or of a series that sold nothing near them are no witness."""
    values = _flat()
    values[30:36, 0] = math.nan
    values[:, 1] = 0.0
    events = [Event("closure", *_days(60), series="2_a"), Event("promotion", *_days(60), series="2_a")]
    events += [Event("promotion", *_days(33), series="1_a"), Event("promotion", *_days(90), series="1_b")]
    assert _apply(values, *events).lifts["promotion"] == 1.0


def _sales(rows: int = 120, size: int = 6, seed: int = 0) -> Float:
    rng = np.random.default_rng(seed)
    season = season_of(weeks_from("2010-02-05", rows), 0.2)[:, None]
    return rng.uniform(800, 1500, size) * season * np.exp(0.02 * rng.standard_normal((rows, size)))


@pytest.mark.parametrize("model", ["blend", "aligned", "seasonal-naive", "naive-growth"])
def test_a_closure_ahead_sells_nothing_for_certain(model: str):
    """Closed weeks ahead are zero with a band of no width; sums leave them out."""
    panel = as_panel(_sales(), stores=["a", "a", "b", "b", "c", "c"])
    events = [Event("closure", *_days(122, 124), series="s001"), Event("closure", *_days(130), series="b")]
    config = ForecasterConfig(model=model, horizon=13)
    fitted, free = (Forecaster.fit(panel, config, events=given) for given in (events, []))
    low, high = fitted.limits(95.0)
    point = fitted.points()
    shut = np.zeros((13, 6), dtype=bool)
    shut[2:5, 1] = shut[10, [2, 3]] = True
    for values in (point, low, high):
        assert not values[shut].any()
    assert (point[~shut] > 0).all()
    assert (high[~shut] > low[~shut]).all()
    store_low, store_high = fitted.limits(95.0, "store")
    assert store_low[10, 1] == store_high[10, 1] == fitted.points("store")[10, 1] == 0.0
    assert fitted.points("store")[3, 0] == pytest.approx(point[3, 0])
    assert fitted.points("total")[10, 0] < 0.8 * free.points("total")[10, 0]


def test_a_past_closure_as_event_is_as_one_as_missing_rows():
    """What stands in the weeks of a known closure does not bend the forecast: it is as if missing."""
    whole = _sales()
    listed, missing = whole.copy(), whole.copy()
    listed[60:86, 2], missing[60:86, 2] = 17.0, math.nan
    closure = Event("closure", *_days(60, 85), series="s002")
    named = Forecaster.fit(as_panel(listed), ALIGNED, events=[closure])
    left_out = Forecaster.fit(as_panel(missing), ALIGNED)
    np.testing.assert_array_equal(named.point, left_out.point)
    open_ = Forecaster.fit(as_panel(whole), ALIGNED)
    assert np.abs(named.point[:, 2] / open_.point[:, 2] - 1.0).mean() < 0.03


def test_a_promotion_ahead_is_lifted_and_a_past_one_is_not_repeated():
    """Promotions that move by a few weeks each year: their lift is found and put where they come, and last
    year's promoted weeks are not forecast high again."""
    rows, rng = 146, np.random.default_rng(1)
    truth = _sales(rows, 8, seed=2)
    promoted = np.zeros(rows, dtype=bool)
    promoted[rng.choice(np.arange(4, 130), 24, replace=False)] = True
    promoted[[135, 140]] = True
    promoted[[83, 88]] = False  # a year before the promotions ahead
    promoted[[81, 91]] = True  # a year before weeks without
    truth = truth * np.where(promoted, 1.5, 1.0)[:, None]
    start = np.datetime64("2010-02-05")
    events = [
        Event("promotion", start + (7 * int(t) - 6) * DAY, start + 7 * int(t) * DAY)
        for t in np.flatnonzero(promoted)
    ]
    fitted, blind = (Forecaster.fit(as_panel(truth[:133]), ALIGNED, events=given) for given in (events, []))
    assert fitted.learnt["events"]["promotion"] == pytest.approx(1.5, rel=0.06)
    error = np.abs(fitted.point - truth[133:]).sum() / truth[133:].sum()
    assert error < 0.04
    assert np.abs(blind.point - truth[133:]).sum() / truth[133:].sum() > 2.0 * error


@pytest.mark.parametrize("model", ["blend", "aligned", "seasonal-naive"])
def test_a_store_that_opens_ahead_is_closed_until_then(model: str):
    """A series whose opening lies ahead sells nothing before, and its block's mean from then on."""
    panel = as_panel(_sales())
    fitted = Forecaster.fit(
        panel,
        ForecasterConfig(model=model, horizon=13),
        events=[Event("opening", *_days(125), series="s003")],
    )
    assert not fitted.point[:5, 3].any()
    others = np.delete(fitted.point, 3, axis=1)
    np.testing.assert_allclose(fitted.point[5:, 3], others[5:].mean(axis=1), rtol=0.02)
    assert "s003" in fitted.notes


def test_all_closed_is_no_failure():
    """Every series closed through all of the past and ahead: zeros, without a warning."""
    fitted = Forecaster.fit(as_panel(_sales()), ALIGNED, events=[Event("closure", *_days(0, 140))])
    assert not fitted.point.any()
    for level in fitted.levels:
        assert not fitted.limits(80.0, level)[1].any()
