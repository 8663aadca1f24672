"""Drift since the champion: whole files and new weeks alone, from the registry to the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storecast.errors import DataError
from storecast.forecasting.calendar import US_RETAIL, calendar_state
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.panel import Panel
from storecast.jobs.drift import drift, since_cutoff
from storecast.jobs.train import content_of
from storecast.ports import ModelVersion
from storecast.stores.report import HtmlReport
from tests.fakes import FakeRegistry
from tests.forecasting.drift.worlds import FIRST, chain, change
from tests.jobs.worlds import SALES

META = {"calendar": calendar_state(US_RETAIL)}


@pytest.fixture(scope="module")
def world() -> Panel:
    """Store 04 sells a third less from week FIRST on."""
    panel = chain(stores=12)
    values = panel.values.copy()
    values[FIRST:, 3] *= 0.65
    return change(panel, values)


@pytest.fixture(scope="module")
def forecaster(world: Panel) -> Forecaster:
    """Fitted on all weeks before FIRST."""
    known = world.up_to(world.weeks[FIRST - 1])
    return Forecaster.fit(known, ForecasterConfig(model="aligned", horizon=13))


def tail(panel: Panel, first: int) -> Panel:
    """The weeks from ``first`` on alone."""
    return replace(
        panel,
        weeks=panel.weeks[first:],
        values=panel.values[first:],
        observed={name: v[first:] for name, v in panel.observed.items()},
    )


def test_a_whole_file_is_looked_at_with_its_inputs(world: Panel, forecaster: Forecaster) -> None:
    """The store is found, and the inputs are among what was looked at."""
    found = since_cutoff(forecaster, META, world)
    assert {(a.kind, a.key) for a in found.report.alarms} == {("level", "04")}
    assert {check.column for check in found.report.checks} == {"sales", *world.observed}
    assert found.report.first == str(world.weeks[FIRST])


def test_new_weeks_alone_follow_the_history_that_the_model_keeps(
    world: Panel, forecaster: Forecaster
) -> None:
    """The same store is found by the new weeks alone; inputs that the model does not keep are not looked
    at."""
    found = since_cutoff(forecaster, META, tail(world, FIRST))
    assert {(a.kind, a.key) for a in found.report.alarms} == {("level", "04")}
    assert {check.column for check in found.report.checks} == {"sales"}


@pytest.mark.parametrize("first", [0, FIRST])
def test_a_store_that_a_file_lacks_is_lost(world: Panel, forecaster: Forecaster, first: int) -> None:
    """A whole file without the store says the same as new weeks without it: the sales that were known of it
    are what it is missed by."""
    found = since_cutoff(forecaster, META, tail(world.of(world.keys != "12"), first))
    assert {(a.kind, a.key) for a in found.report.alarms} == {("level", "04"), ("lost-series", "12")}


def test_a_week_left_out_is_refused(world: Panel, forecaster: Forecaster) -> None:
    """New weeks that do not follow on the history are no basis for a look."""
    with pytest.raises(DataError):
        since_cutoff(forecaster, META, tail(world, FIRST + 1))


def test_from_the_registry_to_a_page(world: Panel, forecaster: Forecaster, tmp_path: Path) -> None:
    """The champion's file is read, its calendar is used, and the page names the store and shows it."""
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(world.keys, len(world.weeks)),
            "ds": np.tile(world.weeks.astype("datetime64[ns]"), len(world.keys)),
            "y": world.values.T.ravel(),
        }
    )
    path = tmp_path / "sales.csv"
    frame.to_csv(path, index=False)
    registry = FakeRegistry()
    version: ModelVersion = registry.register(
        "storecast", content_of(forecaster, **META), params={}, metrics={}, tags={}, files={}
    )
    found = drift(SALES, registry, str(path), version)
    assert found.report.counts() == {"level": 1}
    page = tmp_path / "drift.html"
    HtmlReport().write_drift(found.run(version, "sales.csv", "2012-11-05T06:00:00+00:00", "$"), str(page))
    text = page.read_text()
    assert "1 thing drifted" in text
    assert found.report.alarms[0].sentence in text
    assert text.count("data:image/svg+xml") == 4  # the alarm's picture and the map, wide and narrow
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")
