"""The classic features against plain loops, and that none of them reads past its cutoff."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from storecast.forecasting.calendar import US_RETAIL, Calendar
from storecast.forecasting.effects import open_weeks
from storecast.forecasting.features import Facts, Features, make_facts, make_features
from storecast.forecasting.panel import Panel
from tests.forecasting import slow_features as slow
from tests.forecasting.panels import as_panel, season_of, weeks_from

Float = NDArray[np.float64]
ROWS, HORIZON = 150, 53
BLOCKS = ["a", "b", "a", "b", "a", "b"]


def _panel(rows: int = ROWS, seed: int = 0) -> Panel:
    """Six series of two blocks: whole, gaps, closed for half a year, late, negative at times, all zero."""
    rng = np.random.default_rng(seed)
    season = season_of(weeks_from("2010-02-05", rows), 0.4)[:, None]
    values = rng.gamma(4.0, 300.0, 6) * season * np.exp(0.1 * rng.standard_normal((rows, 6)))
    values[rng.random(rows) < 0.2, 1] = math.nan
    values[rows // 2 : rows // 2 + 26, 2] = math.nan
    values[: rows - 20, 3] = math.nan
    values[rng.random(rows) < 0.1, 4] *= -1.0
    values[:, 5] = 0.0
    observed = {
        "temperature": rng.normal(60.0, 15.0, (rows, 6)),
        "cpi": 200.0 + np.cumsum(rng.random((rows, 6)), axis=0),
        "markdown1": np.where(rng.random((rows, 6)) < 0.3, rng.gamma(2.0, 1000.0, (rows, 6)), math.nan),
    }
    observed["markdown1"][: rows - 40] = math.nan
    observed["cpi"][-3:, 0] = math.nan
    return replace(as_panel(values, blocks=BLOCKS), observed=observed)


def _facts(panel: Panel, horizon: int = HORIZON, calendar: Calendar = US_RETAIL) -> Facts:
    return make_facts(panel.weeks[0] + 7 * np.arange(len(panel.weeks) + horizon + 1), calendar)


def _columns(features: Features) -> dict[str, Float]:
    """name -> (H, N)."""
    table = features.rows().reshape(*features.base.shape, len(features.names))
    return {name: table[..., i] for i, name in enumerate(features.names)}


def _same(found: float, expected: float) -> bool:
    return found == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("cutoff", [150, 117, 60, 52, 30])
def test_sales_features_by_plain_loops(cutoff: int):
    """Lags, windows, growths, look-backs and the base of every cell equal plain loops over one series."""
    panel = _panel()
    facts = _facts(panel)
    found = make_features(panel, cutoff, HORIZON, facts)
    named, timeline = _columns(found), facts.timeline
    known = open_weeks(panel.values[:cutoff]).T.tolist()
    index = {b: slow.index_of([known[i] for i in range(6) if BLOCKS[i] == b]) for b in "ab"}
    for n in range(6):
        values, block, scale = known[n], index[BLOCKS[n]], slow.scale_of(known[n])
        assert _same(found.scale[n], scale)
        expected = slow.history_features(values)
        for width in (13, 26, 52):
            expected[f"growth_{width}"] = slow.growth(values, timeline, width)
            expected[f"block_growth_{width}"] = slow.growth(block, timeline, width)
        shared = expected["block_growth_13"] if expected["block_growth_13"] > 0 else 1.0
        own = expected["growth_13"] if expected["growth_13"] > 0 else shared
        recent = slow.mean(values[-13:])
        recent = slow.mean(values) if math.isnan(recent) else recent
        for h in (0, 1, 20, 43, 44, 46, 51, 52):
            row = cutoff + h
            years = [slow.back(values, timeline, row, k) for k in (1, 2, 3)]
            nearest = [(k, y) for k, y in enumerate(years, start=1) if not math.isnan(y)]
            base = nearest[0][1] * (0.5 * own + 0.5 * shared) ** nearest[0][0] if nearest else recent
            base = 0.0 if math.isnan(base) else base
            usual = slow.mean(block[-52:])
            expected |= {f"same_date_{k}": y / scale for k, y in enumerate(years, start=1)}
            expected |= {
                "horizon": h + 1.0,
                "same_date_mean": slow.mean(years) / scale,
                "same_date_before": slow.back(values, timeline, row - 1, 1) / scale,
                "same_date_after": slow.back(values, timeline, row + 1, 1) / scale,
                "base": base / scale,
                "block_height": slow.back(block, timeline, row, 1) / usual if usual > 0 else math.nan,
            }
            wrong = [name for name, x in expected.items() if not _same(named[name][h, n], x)]
            assert wrong == [], (n, h)
            assert _same(found.base[h, n], base)
            assert _same(found.last_year[h, n], years[0])


@pytest.mark.parametrize("first", ["2010-02-05", "2011-01-03", "2015-12-27"])
def test_calendar_features_by_plain_dates(first: str):
    """Week, month, harmonics, holiday flags and days to holidays equal date arithmetic, a day at a time."""
    weeks = weeks_from(first, 220)
    facts = make_facts(weeks, US_RETAIL)
    holidays = {
        rule.name: [
            date.fromisoformat(str(holiday))
            for year in range(2008, 2023)
            if (holiday := rule.date(year)) is not None
        ]
        for rule in US_RETAIL.rules
    }
    monday = date.fromisoformat(first).weekday() == 0
    for t in range(0, 220, 3):
        day = date.fromisoformat(str(weeks[t]))
        expected = slow.calendar_features(day, holidays)
        if monday:  # a Monday opens its week
            flags = slow.calendar_features(day + timedelta(days=6), holidays)
            expected |= {name: x for name, x in flags.items() if name.startswith("is ")}
        row = dict(zip(facts.names, facts.table[t].tolist(), strict=True))
        assert {name: row[name] for name in expected} == pytest.approx(expected, nan_ok=True)


def test_a_moving_holiday_says_how_far_it_moved():
    """Easter fell on 4 April 2010 and 24 April 2011: the week before it had been 20 days further off."""
    weeks = weeks_from("2010-02-05", 100)
    facts = make_facts(weeks, US_RETAIL)
    moved = facts.table[:, facts.names.index("Easter moved")]
    week_of_april_8 = int(np.flatnonzero(weeks == np.datetime64("2011-04-08"))[0])
    assert moved[week_of_april_8] == pytest.approx(20.0, abs=1.0)
    assert math.isnan(moved[int(np.flatnonzero(weeks == np.datetime64("2011-10-07"))[0])])


def test_other_calendars_have_their_own_columns():
    """Holidays are those of the calendar that is given; one whose days lie elsewhere is never near."""
    days = {"Sinterklaas": np.array(["2010-12-05", "2011-12-05"], dtype="datetime64[D]")}
    facts = make_facts(weeks_from("2010-02-05", 120), Calendar.from_dates("NL", days))
    assert "is Sinterklaas" in facts.names
    assert not [name for name in facts.names if "Easter" in name]
    assert facts.table[:, facts.names.index("is Sinterklaas")].sum() == 2.0
    nowhere = make_facts(weeks_from("1990-01-05", 20), Calendar.from_dates("NL", days))
    assert np.isnan(nowhere.table[:, nowhere.names.index("days to Sinterklaas")]).all()


def test_unknown_coming_values_are_filled_as_stated():
    """Temperature: mean of the same dates; CPI: the last known value; markdowns: same dates or nothing."""
    panel = _panel()
    facts = _facts(panel)
    named = _columns(make_features(panel, 143, 39, facts))
    for h in (0, 20, 38):
        for n in range(6):
            temperature = panel.observed["temperature"][:143, n].tolist()
            years = [slow.back(temperature, facts.timeline, 143 + h, k) for k in (1, 2, 3)]
            assert _same(named["temperature"][h, n], slow.mean(years))
            markdown = panel.observed["markdown1"][:143, n].tolist()
            years = [slow.back(markdown, facts.timeline, 143 + h, k) for k in (1, 2, 3)]
            assert _same(named["markdown1"][h, n], slow.mean(years))
    assert np.array_equal(named["cpi"], np.broadcast_to(panel.observed["cpi"][142], (39, 6)))
    assert np.isnan(named["cpi_surprise"]).all()
    last = _columns(make_features(panel, 150, 3, facts))["cpi"]
    assert np.array_equal(last[:, 0], np.full(3, panel.observed["cpi"][146, 0]))  # three weeks unknown


def test_temperature_without_a_year_is_the_last_one():
    """In the first year there is no same date to read, so that the last known temperature stands."""
    panel = _panel()
    named = _columns(make_features(panel, 20, 10, _facts(panel)))
    assert np.array_equal(named["temperature"], np.broadcast_to(panel.observed["temperature"][19], (10, 6)))
    assert np.isnan(named["markdown1"]).all()


def test_given_coming_values_stand_with_their_surprise():
    """What is given replaces what was expected, cell by cell, and the difference is told apart."""
    panel = _panel()
    facts = _facts(panel)
    expected = _columns(make_features(panel, 143, 7, facts))
    coming = panel.observed["temperature"][143:].copy()
    coming[2, 3] = math.nan
    named = _columns(make_features(panel, 143, 7, facts, {"temperature": coming}))
    there = np.isfinite(coming)
    assert np.array_equal(named["temperature"][there], coming[there])
    assert np.array_equal(
        named["temperature_surprise"][there], coming[there] - expected["temperature"][there]
    )
    assert named["temperature"][2, 3] == expected["temperature"][2, 3]
    assert math.isnan(named["temperature_surprise"][2, 3])
    others = [name for name in named if not name.startswith("temperature")]
    assert all(np.array_equal(named[name], expected[name], equal_nan=True) for name in others)


@pytest.mark.parametrize("poison", [math.nan, 1e12, -7.0])
@pytest.mark.parametrize("cutoff", [30, 104, 143])
def test_nothing_after_the_cutoff_is_read(cutoff: int, poison: float):
    """Whatever stands after the cutoff, in sales and in what was observed, the features are the same bits."""
    panel = _panel()
    poisoned = replace(
        panel,
        values=np.where(np.arange(ROWS)[:, None] < cutoff, panel.values, poison),
        observed={
            name: np.where(np.arange(ROWS)[:, None] < cutoff, o, poison) for name, o in panel.observed.items()
        },
    )
    facts = _facts(panel)
    clean, other = (make_features(p, cutoff, 39, facts) for p in (panel, poisoned))
    assert clean.rows().tobytes() == other.rows().tobytes()
    for name in ("base", "scale", "last_year", "slip"):
        assert getattr(clean, name).tobytes() == getattr(other, name).tobytes()


def test_a_longer_horizon_changes_no_earlier_week():
    """The features of the first weeks are the same bits, however many follow and however long the panel."""
    panel = _panel()
    whole = make_features(panel, 104, 46, _facts(panel, 46))
    short_panel = replace(
        panel,
        weeks=panel.weeks[:104],
        values=panel.values[:104],
        observed={name: o[:104] for name, o in panel.observed.items()},
    )
    short = make_features(short_panel, 104, 8, _facts(short_panel, 8))
    assert short.rows().tobytes() == whole.rows()[: 8 * 6].tobytes()


def test_picked_rows_are_rows_of_the_whole():
    """``rows(at)`` are the rows at those places of the whole table, in the order asked for."""
    panel = _panel()
    features = make_features(panel, 104, 20, _facts(panel))
    at = np.random.default_rng(0).permutation(20 * 6)[:30]
    assert features.rows(at).tobytes() == features.rows()[at].tobytes()
    assert len(set(features.names)) == len(features.names) == features.rows().shape[1]


@given(
    rows=st.integers(1, 130),
    size=st.integers(1, 4),
    seed=st.integers(0, 2**32),
    missing=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
    magnitude=st.sampled_from([0.0, 1e-6, 1.0, 1e9]),
)
def test_any_panel_gives_numbers_or_unknown(
    rows: int, size: int, seed: int, missing: float, magnitude: float
):
    """Gaps, zeros, negatives, tiny and huge sales, one week alone: never infinite, and a base everywhere."""
    rng = np.random.default_rng(seed)
    values = magnitude * rng.normal(1.0, 1.0, (rows, size))
    values[rng.random((rows, size)) < missing] = math.nan
    panel = as_panel(values)
    features = make_features(panel, rows, 53, _facts(panel))
    assert not np.isinf(features.rows()).any()
    assert np.isfinite(features.base).all()
    assert (features.scale > 0).all()
    assert (np.isfinite(features.slip) & (features.slip >= 0)).all()
