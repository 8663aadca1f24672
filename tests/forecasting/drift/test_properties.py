"""Drift: the aligned comparison by a plain loop, wild panels, and what must not matter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.drift import DriftConfig, DriftReport, drift
from storecast.forecasting.drift.expected import compare
from storecast.forecasting.drift.medians import medians
from storecast.forecasting.drift.parts import middle
from storecast.forecasting.drift.runs import lengths
from storecast.forecasting.drift.tail import fit_tail
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from tests.forecasting.drift.worlds import FIRST, WEEKS, chain, change
from tests.forecasting.panels import as_panel

CONFIG = DriftConfig()


def kinds(report: DriftReport) -> list[tuple[object, ...]]:
    return [(a.kind, a.level, a.key, a.column, a.since, a.raised, round(a.size, 9)) for a in report.alarms]


def test_thanksgiving_is_compared_with_thanksgiving() -> None:
    """Sales of nothing but holidays: the week of one looks back to the week of the one before, by a plain
    loop over the dates of Thanksgiving."""
    panel = as_panel(np.full((130, 6), 100.0))
    values = panel.values.copy()
    rows = []
    for day in ("2010-11-25", "2011-11-24"):
        rows.append(next(i for i, week in enumerate(panel.weeks) if np.datetime64(day) <= week))
        values[rows[-1]] = 300.0
    compared = compare(change(panel, values), US_RETAIL, 118, CONFIG)
    assert compared.sold[rows[1]] == pytest.approx(300.0)
    assert compared.back[rows[1]] == pytest.approx(300.0)
    for row in range(60, 130):
        if row != rows[1]:
            assert compared.back[row].max() < 300.0


def test_the_difference_is_the_quotient_for_usual_sales() -> None:
    """In weeks far from holidays that move, the difference is nearly log(this year / last year)."""
    panel = chain(noise=0.01)
    compared = compare(panel, US_RETAIL, FIRST, CONFIG)
    row, column = 85, 4  # September
    quotient = np.log(compared.sold[row, column] / compared.back[row, column])
    assert compared.difference[row, column] == pytest.approx(quotient, abs=0.01)


@pytest.mark.parametrize("factor", [0.01, 1.0, 1e4])
def test_the_unit_of_all_sales_does_not_matter(factor: float) -> None:
    """A panel in cents throughout has the alarms that it has in dollars."""
    panel = chain()
    values = panel.values.copy()
    values[FIRST:, 3] *= 0.6
    one, other = drift(change(panel, values), weeks=12), drift(change(panel, factor * values), weeks=12)
    assert kinds(one) == kinds(other)
    assert one.alarms


@given(st.permutations(range(20)))
@settings(max_examples=5, deadline=None)
def test_the_order_of_stores_does_not_matter(order: list[int]) -> None:
    """A panel whose stores bear other names has the same alarms under those names."""
    panel = chain()
    values = panel.values.copy()
    values[FIRST:, 3] *= 0.6
    values[FIRST:, 11] *= 1000.0
    mixed = replace(
        panel,
        values=values[:, order],
        observed={name: v[:, order] for name, v in panel.observed.items()},
    )
    found = drift(mixed, weeks=12)
    named = {panel.keys[order.index(i)] for i in (3, 11)}
    assert {a.key for a in found.alarms} == named
    assert {a.kind for a in found.alarms} == {"level", "unit"}


wild = st.one_of(
    st.floats(-1e6, 1e6), st.just(0.0), st.just(float("nan")), st.floats(1e-6, 1e-3), st.just(100.0)
)


@given(
    st.integers(2, 120),
    st.integers(1, 7),
    st.lists(wild, min_size=1, max_size=40),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_wild_panels_give_a_report(
    weeks: int, size: int, pool: list[float], seed: int, departments: bool
) -> None:
    """Whatever the sales and inputs are, short, missing, negative, constant or absurd, there is a report that
    is plain and whose p-values are such."""
    rng = np.random.default_rng(seed)
    values = rng.choice(np.array(pool), (weeks, size))
    stores = ["1"] * (size // 2) + ["2"] * (size - size // 2) if departments else None
    panel = as_panel(values, stores=stores, blocks=[f"{i}" for i in range(size)] if departments else None)
    panel = replace(panel, observed={"temperature": rng.choice(np.array(pool), (weeks, size))})
    report = drift(panel, weeks=int(rng.integers(1, weeks)))
    assert isinstance(report.as_dict()["alarms"], list)
    for check in report.checks:
        known = check.p_value[np.isfinite(check.p_value)]
        assert ((known >= 0) & (known <= 1)).all()


def test_series_that_merely_have_a_christmas_are_no_alarm() -> None:
    """Stores that sell twice as much on the days of December, alone among others, are no drift."""
    panel = chain()
    days = panel.weeks[:, None] - np.arange(7)
    december = (days.astype("datetime64[M]").astype(int) % 12 == 11).mean(axis=1)
    values = panel.values.copy()
    values[:, [2, 5]] *= 1.0 + december[:, None]
    assert drift(change(panel, values), weeks=48).alarms == ()


def test_a_closure_that_is_known_is_no_loss() -> None:
    """A store that an event says is closed is not missed."""
    panel = chain()
    values = panel.values.copy()
    values[FIRST:, 3] = np.nan
    closed = Event("closure", panel.weeks[FIRST] - np.timedelta64(6, "D"), panel.weeks[-1], series="04")
    assert [a.kind for a in drift(change(panel, values), weeks=12).alarms] == ["lost-series"]
    assert drift(change(panel, values), weeks=12, events=[closed]).alarms == ()


def test_each_look_knows_no_later_week() -> None:
    """Alarms raised by a week are those of the panel that ends there, whatever comes after."""
    panel = chain()
    values = panel.values.copy()
    values[FIRST:, 3] *= 0.6
    panel = change(panel, values)
    whole = drift(panel, weeks=12)
    early = drift(panel.up_to(panel.weeks[FIRST + 3]), weeks=4)
    assert [(a.kind, a.key, a.raised) for a in whole.alarms if a.raised <= early.last] == [
        (a.kind, a.key, a.raised) for a in early.alarms
    ]


def test_what_the_model_has_learnt_is_no_news() -> None:
    """A level shift before the cutoff is not an alarm of the weeks after it."""
    panel = chain()
    values = panel.values.copy()
    values[FIRST:, 3] *= 0.6
    panel = change(panel, values)
    fitted = Forecaster.fit(panel.up_to(panel.weeks[FIRST + 5]), ForecasterConfig(model="aligned", horizon=8))
    assert drift(panel, forecaster=fitted).alarms == ()
    assert drift(panel, weeks=12).alarms != ()


def test_without_weeks_after_the_cutoff_the_report_is_empty() -> None:
    """A model that knows all weeks leaves nothing to look at, and nothing drifted."""
    panel = chain()
    report = drift(panel, forecaster=Forecaster.fit(panel, ForecasterConfig(model="aligned", horizon=4)))
    assert (report.looks, report.alarms, report.drifted) == (0, (), False)


def test_forecasts_that_are_off_are_residual_drift() -> None:
    """Sales that rise everywhere after the cutoff are off the forecasts, in all and by the size of the
    rise."""
    panel = chain()
    fitted = Forecaster.fit(
        panel.up_to(panel.weeks[FIRST - 1]), ForecasterConfig(model="aligned", horizon=12)
    )
    values = panel.values.copy()
    values[FIRST:] *= 1.3
    config = replace(CONFIG, shares={**CONFIG.shares, "level": 0.0})
    found = drift(change(panel, values), forecaster=fitted, config=config)
    whole = [a for a in found.alarms if a.kind == "residual" and a.level == "panel"]
    assert len(whole) == 1
    assert whole[0].size == pytest.approx(0.3, abs=0.08)


@given(st.lists(st.lists(st.floats(-10, 10) | st.just(float("nan")), min_size=3, max_size=3), min_size=1))
def test_medians_are_those_of_the_known(rows: list[list[float]]) -> None:
    """Column by column, by the middle of a sorted list."""
    values: NDArray[np.float64] = np.array(rows, dtype=np.float64)
    for column, found in enumerate(medians(values)):
        known = sorted(v for v in values[:, column].tolist() if v == v)
        if not known:
            assert np.isnan(found)
        else:
            n = len(known)
            assert found == pytest.approx((known[(n - 1) // 2] + known[n // 2]) / 2)


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_lengths_count_what_goes_on(flags: list[bool]) -> None:
    """The run at each row, by a plain loop."""
    run, expected = 0, []
    for flag in flags:
        run = run + 1 if flag else 0
        expected.append(run)
    assert lengths(np.array(flags)[:, None])[:, 0].tolist() == expected


def test_the_middle_is_not_bent_by_a_few() -> None:
    """Two of seven that run away leave the median of the others."""
    values = np.array([[1.0, 1.0, 1.0, 1.0, 1.0, 900.0, -900.0]])
    assert middle(values, np.ones(7), 5)[0] == 1.0
    assert np.isnan(middle(values, np.ones(7), 8)[0])


@pytest.mark.parametrize("rare", [1e-3, 1e-4])
def test_the_tail_of_normal_scores_is_carried_on_with_care(rare: float) -> None:
    """Beyond what was seen, a score that a normal law shows with probability p is not said to be rarer."""
    rng = np.random.default_rng(1)
    from statistics import NormalDist

    score = NormalDist().inv_cdf(1.0 - rare / 2.0)
    found = []
    for _ in range(40):
        tail = fit_tail(np.abs(rng.standard_normal(1500)), CONFIG)
        assert tail is not None
        found.append(float(tail.beyond(np.array([score]))[0]))
    assert 0.7 * rare < np.median(found) < 12.0 * rare


def test_alike_alarms_of_several_stores_are_one() -> None:
    """Three stores that are lost in the same week are one alarm that names them."""
    panel = chain()
    values = panel.values.copy()
    values[WEEKS - 3 :, [2, 5, 8]] = np.nan
    alarms = drift(change(panel, values), weeks=3).alarms
    assert [(a.kind, a.keys) for a in alarms] == [("lost-series", ("03", "06", "09"))]
    assert "03, 06, 09" in alarms[0].sentence
