"""Other retailers' worlds: bare panels, repeatable, each with the trait it is named for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from storecast.errors import RequestError
from storecast.forecasting.sample import WORLDS

ALL = sorted(WORLDS)


def _matrix(name: str, seed: int = 1, series: int = 200, **more: int) -> np.ndarray:
    """Weeks x series of a small world."""
    return (
        WORLDS[name](seed, series=series, **more)
        .pivot(index="ds", columns="unique_id", values="y")
        .to_numpy()
    )


def _wape(name: str) -> dict[str, float]:
    """WAPE at 13 weeks, three cutoffs, of last year's weeks, these x growth and the last 13 weeks' mean."""
    values = _matrix(name, series=400)
    errors: dict[str, list[float]] = {"naive": [], "growth": [], "mean": []}
    for cut in (len(values) - 39, len(values) - 26, len(values) - 13):
        past, actual = values[:cut], values[cut : cut + 13]
        lasting = ~np.isnan(past[-65]) & ~np.isnan(past[-13:]).all(axis=0)
        past, actual = past[:, lasting], actual[:, lasting]
        mean, before = np.nanmean(past[-13:], axis=0), np.nanmean(past[-65:-52], axis=0)
        growth = np.divide(mean, before, out=np.ones_like(before), where=before > 0)
        last_year = np.where(np.isnan(past[-52:-39]), mean, past[-52:-39])
        made = {
            "naive": last_year,
            "growth": last_year * growth,
            "mean": mean + 0 * actual,
        }
        for method, forecast in made.items():
            errors[method].append(float(np.nansum(abs(actual - forecast)) / np.nansum(abs(actual))))
    return {method: float(np.mean(found)) for method, found in errors.items()}


@pytest.mark.parametrize("name", ALL)
def test_a_world_is_three_columns_and_repeats(name: str):
    """Only unique_id, ds and y; weeks seven days apart; no NaN; the same bits for the same seed."""
    frame = WORLDS[name](7, series=60, weeks=80)
    assert list(frame.columns) == ["unique_id", "ds", "y"]
    assert not frame.duplicated(["unique_id", "ds"]).any()
    assert np.isfinite(frame["y"]).all()
    assert frame["ds"].dt.day_of_week.nunique() == 1
    assert frame["unique_id"].nunique() == 60
    assert frame["unique_id"].is_monotonic_increasing
    pd.testing.assert_frame_equal(frame, WORLDS[name](7, series=60, weeks=80), check_exact=True)
    assert not frame.equals(WORLDS[name](8, series=60, weeks=80))


def test_closures_are_missing_for_about_half_a_year():
    """A fifth of the stores has one hole of about 26 weeks between part-open weeks, and no zero."""
    values = _matrix("closures")
    missing = np.isnan(values)
    closed = missing.any(axis=0)
    assert closed.sum() == 40
    assert (values[~missing] > 0).all()
    assert 22 < missing[:, closed].sum(axis=0).mean() < 30
    edge = (np.diff(missing.astype(int), axis=0) == 1)[:, closed]
    last_open = values[:-1, closed][edge]
    assert (last_open < np.nanmedian(values[:, closed], axis=0)).mean() > 0.75


def test_grocery_has_gaps_and_lives():
    """Rows are missing inside the items' lives, and some items start late or end early."""
    missing = np.isnan(_matrix("grocery"))
    inner = missing & (np.cumsum(~missing, axis=0) > 0) & (np.cumsum(~missing[::-1], axis=0)[::-1] > 0)
    assert inner.sum() == pytest.approx(0.08 * ((~missing).sum() + inner.sum()), abs=1)
    assert missing[0].sum() == 30
    assert missing[-1].sum() == 16


def test_intermittent_counts_are_whole_low_and_often_zero():
    """Units are whole numbers, half of them zero or so, and few are large."""
    values = _matrix("intermittent")
    sold = values[~np.isnan(values)]
    assert (sold == np.rint(sold)).all()
    assert 0.35 < (sold == 0).mean() < 0.65
    assert np.quantile(sold, 0.95) < 8


def test_short_world_has_no_second_year():
    """No series has the 104 weeks that two seasons take, a third not even the panel's."""
    values = _matrix("short", series=150)
    assert len(values) == 70
    assert np.isnan(values[0]).sum() == 50


def test_openings_move_the_number_of_stores():
    """A quarter opens and a sixth ends inside the panel."""
    values = _matrix("openings", series=240)
    assert np.isnan(values[0]).sum() == 60
    assert np.isnan(values[-1]).sum() == 40


def test_seasonal_lines_sell_next_to_nothing_off_season():
    """The best eight weeks of a year carry more than half of it."""
    values = _matrix("seasonal", weeks=104)
    year = np.sort(values[-52:], axis=0)
    assert np.median(year[-8:].sum(axis=0) / year.sum(axis=0)) > 0.5


@pytest.mark.parametrize("name", ["grocery", "intermittent", "promotions"])
def test_recent_level_wins_where_last_year_says_little(name: str):
    """The last 13 weeks' mean beats both looks at last year by a tenth and more."""
    wape = _wape(name)
    assert wape["mean"] < 0.9 * min(wape["naive"], wape["growth"])


@pytest.mark.parametrize("name", ["regular", "seasonal"])
def test_last_year_wins_where_season_rules(name: str):
    """A look at last year beats the last 13 weeks' mean by a quarter and more."""
    wape = _wape(name)
    assert min(wape["naive"], wape["growth"]) < 0.75 * wape["mean"]


@pytest.mark.parametrize("size", [{"series": 0}, {"weeks": 5}])
def test_worlds_too_small_are_refused(size: dict[str, int]):
    """Below ten weeks or one series there is no world."""
    with pytest.raises(RequestError, match="too small"):
        WORLDS["closures"](1, **size)
