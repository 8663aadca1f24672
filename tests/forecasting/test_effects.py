"""Moving holidays are found and taken out; closed and part-open weeks are told from slow ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.calendar import US_RETAIL, Calendar, easter_sunday, week_of
from storecast.forecasting.effects import moving_holidays, open_weeks
from storecast.forecasting.timeline import make_timeline
from tests.forecasting.panels import season_of, weeks_from

Float = NDArray[np.float64]
EASTER = np.log([1.15, 1.30, 0.90])  # of the weeks before, of and after Easter


def _easter_effect(first: str, rows: int) -> Float:
    weeks = weeks_from(first, rows)
    out = np.zeros(rows)
    for year in range(2008, 2024):
        for effect, offset in zip(EASTER, (-1, 0, 1), strict=True):
            i = int(week_of(np.array([easter_sunday(year)]), weeks)[0]) + offset
            if 0 <= i < rows:
                out[i] += effect
    return out


@pytest.mark.parametrize("first", ["2010-02-05", "2010-02-07", "2011-01-03"])
def test_easter_multipliers_are_found(first: str):
    """In a world whose Easter is known, the multipliers of its weeks are found, in the horizon too: within
    seven points after three years, within three after eight."""
    errors = {}
    for years in (3, 8):
        rows = 52 * years
        weeks = weeks_from(first, rows + 52)
        truth = _easter_effect(first, rows + 52)
        rng = np.random.default_rng(0)
        index = 1e6 * np.exp(truth)[:, None]
        index *= season_of(weeks, 0.2)[:, None] * np.exp(0.01 * rng.standard_normal(index.shape))
        found = moving_holidays(index[:rows], make_timeline(weeks, 3, US_RETAIL))
        assert found.shape == index.shape
        assert (found[truth == 0.0] == 1.0).all()
        errors[years] = np.abs(np.log(found[truth != 0.0, 0]) - truth[truth != 0.0]).max()
    assert errors[3] < 0.07
    assert errors[8] < 0.03


@pytest.mark.parametrize("first", ["2010-02-05", "2010-02-07", "2011-01-03"])
@pytest.mark.parametrize("years", [2, 3, 6])
def test_a_high_spring_is_no_easter(first: str, years: int):
    """A smooth season that is highest when Easter comes gives Easter no effect of its own."""
    weeks = weeks_from(first, 52 * years + 52)
    rng = np.random.default_rng(0)
    index = season_of(weeks, 0.2) * np.exp(0.005 * rng.standard_normal(len(weeks)))
    found = moving_holidays(index[: 52 * years, None], make_timeline(weeks, 3, US_RETAIL))
    assert np.abs(np.log(found)).max() < 0.03


def test_multipliers_by_plain_least_squares():
    """The ridge regression of the log index, solved as stacked least squares without normal equations; each
    effect is shrunk by half its squared standard error."""
    weeks = weeks_from("2010-02-05", 156)
    timeline = make_timeline(weeks, 3, US_RETAIL)
    rng = np.random.default_rng(1)
    index = np.exp(0.1 * rng.standard_normal((130, 2)) + 0.5 * timeline.moving[:130, [1]])
    index[[20, 64], 1] = math.nan
    found = moving_holidays(index, timeline)
    for b in (0, 1):
        seen = np.isfinite(index[:, b])
        design = np.zeros((int(seen.sum()), 62))
        for row, t in enumerate(np.flatnonzero(seen)):
            design[row, timeline.week_of_year[t]] = 1.0
            day = (weeks[t] - weeks[t].astype("datetime64[Y]")).astype(int) / 365.25 * 2 * math.pi
            design[row, 54:59] = t / 52, math.sin(day), math.cos(day), math.sin(2 * day), math.cos(2 * day)
            design[row, 59:] = timeline.moving[t]
        log = np.log(index[seen, b])
        ridge = np.diag(np.sqrt([1.0] * 54 + [0.01] * 5 + [0.1] * 3))
        solved = np.linalg.lstsq(
            np.vstack([design, ridge]), np.concatenate([log - log.mean(), np.zeros(62)]), rcond=None
        )[0]
        left, upper = log - log.mean() - design @ solved, np.linalg.qr(np.vstack([design, ridge]))[1]
        spread = np.linalg.solve(upper, np.linalg.solve(upper.T, np.eye(62)))
        freedom = len(log) - np.trace(design @ spread @ design.T)
        doubt = np.diag(spread)[59:] * (left @ left) / freedom
        effect = [s * s * s / (s * s + 0.5 * d) for s, d in zip(solved[59:], doubt, strict=True)]
        expected = np.exp(timeline.moving @ effect).clip(0.5, 2.0)
        np.testing.assert_allclose(found[:, b], expected, rtol=1e-7)


def test_what_is_told_badly_is_shrunk():
    """Two Easters in a noisy index say little: of no effect at all less is made up than the noise would have
    it; the same Easters in a quiet index are believed."""
    weeks = weeks_from("2010-02-05", 156)
    timeline = make_timeline(weeks, 3, US_RETAIL)
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((104, 200))
    loud = np.log(moving_holidays(np.exp(0.15 * noise), timeline))
    easter = timeline.moving[:104] @ np.array([[0.1], [0.2], [-0.1]])
    quiet = np.log(moving_holidays(np.exp(easter + 0.01 * noise), timeline))
    at = timeline.moving[:104].argmax(axis=0)
    assert np.abs(loud[at]).mean() < 0.1
    np.testing.assert_allclose(quiet[at].mean(axis=1), [0.1, 0.2, -0.1], atol=0.03)


def test_no_effect_where_it_cannot_be_told():
    """A short history, a calendar without moving holidays, an index that is mostly unknown: no effect."""
    weeks = weeks_from("2010-02-05", 150)
    timeline = make_timeline(weeks, 2, US_RETAIL)
    index = np.exp(np.random.default_rng(0).standard_normal((140, 1)))
    assert (moving_holidays(index[:59], timeline) == 1.0).all()
    assert (moving_holidays(index, timeline) != 1.0).any()
    assert (moving_holidays(index, make_timeline(weeks, 2, Calendar("none", ()))) == 1.0).all()
    index[:90] = math.nan
    assert (moving_holidays(index, timeline) == 1.0).all()
    assert (moving_holidays(np.zeros((140, 1)), timeline) == 1.0).all()
    assert (moving_holidays(-np.ones((140, 1)), timeline) == 1.0).all()


def test_effects_stay_within_bounds():
    """However wild the weeks around Easter, a multiplier is between a half and two."""
    weeks = weeks_from("2010-02-05", 200)
    timeline = make_timeline(weeks, 3, US_RETAIL)
    index = np.exp(timeline.moving[:156] @ np.array([[5.0], [-5.0], [0.0]]))
    found = moving_holidays(index, timeline)
    assert found.max() == 2.0
    assert found.min() == 0.5


def _regular(rows: int = 60) -> Float:
    return np.full((rows, 1), 100.0) + np.arange(rows)[:, None] % 3


def test_a_zero_of_a_series_that_sells_every_week_is_a_closed_week():
    """It becomes missing; in a series that often sells nothing a zero is a slow week and stays."""
    values = np.concatenate([_regular(), _regular()], axis=1)
    values[30, 0] = 0.0
    values[::3, 1] = 0.0
    found = open_weeks(values)
    assert np.flatnonzero(np.isnan(found[:, 0])).tolist() == [30]
    np.testing.assert_array_equal(found[:, 1], values[:, 1])


@pytest.mark.parametrize("gap", [2, 3, 26])
@pytest.mark.parametrize("zeros", [False, True])
def test_part_open_weeks_around_a_closure_are_left_out(gap: int, zeros: bool):
    """Low weeks just before and after three or more missing weeks (or zeros) are part-open."""
    values = _regular(120)
    if zeros and gap == 26:
        values = np.concatenate([values, _regular(300)])  # still selling in nine weeks of ten
    values[40 : 40 + gap] = 0.0 if zeros else math.nan
    values[39], values[40 + gap] = 30.0, 40.0
    found = np.flatnonzero(np.isnan(open_weeks(values)[:, 0])).tolist()
    closed = list(range(40, 40 + gap))
    assert found == ([39, *closed, 40 + gap] if gap >= 3 else closed)


def test_full_weeks_around_a_closure_stay():
    """A store that sells as usual on its last and first week keeps both."""
    values = _regular()
    values[20:30] = math.nan
    assert np.flatnonzero(np.isnan(open_weeks(values)[:, 0])).tolist() == list(range(20, 30))


def test_part_open_first_and_last_weeks():
    """The first week of a late start and the last before an end are left out where they are part-open."""
    values = np.concatenate([_regular(), _regular(), _regular()], axis=1)
    values[:20, 0], values[20, 0] = math.nan, 10.0
    values[41:, 1], values[40, 1] = math.nan, 10.0
    found = open_weeks(values)
    assert np.isfinite(found[:, 0]).argmax() == 21
    assert np.flatnonzero(np.isfinite(found[:, 1])).max() == 39
    np.testing.assert_array_equal(found[:, 2], values[:, 2])


def test_slow_weeks_without_a_closure_stay():
    """A fall by half between whole weeks is a slow week."""
    values = _regular()
    values[30] = 45.0
    np.testing.assert_array_equal(open_weeks(values), values)


def test_short_and_empty_series_pass():
    """One row, two rows, nothing known: nothing breaks, nothing is made up."""
    for rows in (1, 2, 3, 4):
        values = np.array([[5.0, math.nan, 0.0]] * rows)
        found = open_weeks(values)
        assert np.isnan(found[:, 1]).all()
        assert np.isfinite(found[:, 0]).all()
    negative = -_regular()
    np.testing.assert_array_equal(open_weeks(negative), negative)
