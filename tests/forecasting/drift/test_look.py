"""Drift: a clean world is silent, and each fault is found, of its kind, where it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from storecast.errors import RequestError
from storecast.forecasting.drift import DriftReport, drift
from storecast.forecasting.panel import Panel
from tests.forecasting.drift.worlds import FIRST, WEEKS, chain, change, stuck

NEW = WEEKS - FIRST


def look(panel: Panel) -> DriftReport:
    return drift(panel, weeks=NEW)


def weeks_late(report: DriftReport, kind: str) -> int:
    """Weeks from the fault to the first alarm of ``kind``, the first week counting 1."""
    raised = min(np.datetime64(a.raised) for a in report.alarms if a.kind == kind)
    return int((raised - np.datetime64("2010-02-05")).astype(int)) // 7 - FIRST + 1


@pytest.mark.parametrize("departments", [0, 8])
@pytest.mark.parametrize("seed", range(3))
def test_a_clean_world_raises_no_alarm(seed: int, departments: int) -> None:
    """Stores with a season, a Christmas, growth, weather and wandering prices are no drift."""
    report = drift(chain(seed, departments=departments), weeks=48)
    assert report.alarms == ()
    assert not report.drifted
    assert report.looks == 48


@pytest.mark.parametrize("departments", [0, 8])
def test_a_store_that_falls_by_a_third_is_a_level_shift(departments: int) -> None:
    """It is found within 4 weeks, in that store and nowhere else."""
    panel = chain(departments=departments)
    values = panel.values.copy()
    values[FIRST:, panel.stores == "04"] *= 0.65
    report = look(change(panel, values))
    assert {(a.kind, a.level, a.key) for a in report.alarms} == {
        ("level", "store" if departments else "series", "04")
    }
    assert weeks_late(report, "level") <= 4


@pytest.mark.parametrize("departments", [0, 8])
def test_a_store_without_rows_is_lost(departments: int) -> None:
    """A store that sends nothing is missed in the first week, once and not by department."""
    panel = chain(departments=departments)
    values = panel.values.copy()
    values[FIRST:, panel.stores == "04"] = np.nan
    report = look(change(panel, values))
    assert [(a.kind, a.key) for a in report.alarms] == [("lost-series", "04")]
    assert weeks_late(report, "lost-series") == 1
    assert report.alarms[0].size == NEW


@pytest.mark.parametrize("factor", [100.0, 1000.0, 0.01, 0.001])
def test_another_unit_is_named_as_one(factor: float) -> None:
    """Cents or thousands for a store are a slip of the unit, and no level shift besides."""
    panel = chain()
    values = panel.values.copy()
    values[FIRST:, 3] *= factor
    report = look(change(panel, values))
    assert [(a.kind, a.key) for a in report.alarms] == [("unit", "04")]
    assert report.alarms[0].size == pytest.approx(factor)


@pytest.mark.parametrize("column", ["temperature", "fuel_price"])
def test_an_input_that_stands_still_is_named(column: str) -> None:
    """A column that repeats its last value in all stores is found within 2 weeks, as stuck."""
    report = look(stuck(chain(), column))
    assert [(a.kind, a.level, a.column) for a in report.alarms] == [("stuck-input", "panel", column)]
    assert weeks_late(report, "stuck-input") <= 2


def test_a_figure_published_each_quarter_is_not_stuck() -> None:
    """Unemployment that holds for thirteen weeks, as it always did, is no alarm."""
    assert drift(chain(3), weeks=48).alarms == ()


def test_a_column_that_is_no_longer_given_is_named() -> None:
    """An input that ends is lost, not drifted."""
    panel = chain()
    gone = panel.observed["temperature"].copy()
    gone[FIRST:] = np.nan
    report = look(replace(panel, observed={**panel.observed, "temperature": gone}))
    assert [(a.kind, a.column) for a in report.alarms] == [("lost-input", "temperature")]


def test_celsius_for_fahrenheit_is_input_drift() -> None:
    """An input on another scale drifts, in all stores together."""
    panel = chain()
    warmth = panel.observed["temperature"].copy()
    warmth[FIRST:] = (warmth[FIRST:] - 32.0) / 1.8
    report = look(replace(panel, observed={**panel.observed, "temperature": warmth}))
    assert {(a.kind, a.level, a.column) for a in report.alarms} == {("input", "panel", "temperature")}
    assert weeks_late(report, "input") <= 2


def test_without_new_weeks_it_refuses() -> None:
    """Nothing to look at, or nothing before it, is refused with what is expected."""
    for weeks in (0, WEEKS):
        with pytest.raises(RequestError, match="no new weeks"):
            drift(chain(), weeks=weeks)


def test_the_report_is_the_same_every_time_and_is_plain() -> None:
    """Twice the same input gives the same report, and JSON can have it."""
    import json

    panel = chain()
    values = panel.values.copy()
    values[FIRST:, 3] *= 0.5
    first, second = look(change(panel, values)).as_dict(), look(change(panel, values)).as_dict()
    assert first == second
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    assert first["counts"] == {"level": 1}
