"""The last look at a table before it is published: sound ones pass, damage and jumps are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.intervals import Bands
from storecast.forecasting.plausible import check_table, smoke_forecast
from tests.forecasting.panels import as_panel
from tests.published import fitted, scaled


@pytest.mark.parametrize("model", ["blend", "aligned", "seasonal-naive", "naive-growth"])
def test_every_model_passes(model: str) -> None:
    """What our own models make of an ordinary panel, flat or by department, is plausible."""
    values = fitted(3).history
    flat = Forecaster.fit(as_panel(values), ForecasterConfig(model=model, horizon=13))
    assert check_table(flat, fitted(3)) == []
    stores = ["1", "1", "2", "2"]
    panel = as_panel(values, stores=stores, blocks=["a", "b"] * 2, keys=["1_a", "1_b", "2_a", "2_b"])
    deep = Forecaster.fit(panel, ForecasterConfig(model=model, horizon=13))
    assert set(deep.levels) == {"series", "store", "total"}
    assert check_table(deep, None) == []


@pytest.mark.parametrize("weeks", [1, 2, 5, 30])
def test_short_and_odd_histories_pass(weeks: int) -> None:
    """A history of weeks, series of zeros, of returns only and of nothing at all stay publishable."""
    values = np.full((weeks, 4), 100.0)
    values[:, 1] = 0.0
    values[:, 2] = -5.0
    values[:, 3] = np.nan
    values[0, 0] = 90.0
    made = Forecaster.fit(as_panel(values), ForecasterConfig(model="naive-growth", horizon=4))
    assert check_table(made, None) == []


def spoilt(what: str) -> Forecaster:
    """A sound forecaster with one thing wrong."""
    sound = fitted()
    series = sound.levels["series"]

    def with_level(**changes) -> Forecaster:
        return replace(sound, levels={**sound.levels, "series": replace(series, **changes)})

    point, history = sound.point.copy(), sound.history.copy()
    point[2, 1] = np.nan
    turned = Bands(series.bands.scale, series.bands.slopes, -series.bands.quantiles, series.bands.floor)
    sigma = series.sigma.copy()
    sigma[0, 0] = np.inf
    other = dict(sound.parts, growth=np.full_like(point, np.nan))
    made = {
        "nan point": lambda: replace(sound, point=point, parts={**sound.parts, "limits": point}),
        "infinite error": lambda: with_level(sigma=sigma),
        "negative error": lambda: with_level(sigma=-series.sigma),
        "falling quantiles": lambda: with_level(bands=turned),
        "nan part": lambda: replace(sound, parts=other),
        "explanation of another forecast": lambda: replace(sound, point=sound.point + 1.0),
        "lost column": lambda: replace(sound, point=sound.point[:, 1:]),
        "lost history": lambda: replace(sound, history=history[:, 1:]),
        "no weeks": lambda: replace(sound, weeks=sound.weeks[:0]),
        "a gap in the weeks": lambda: replace(sound, weeks=sound.weeks + np.timedelta64(7, "D")),
        "keys out of order": lambda: replace(sound, keys=sound.keys[::-1]),
        "no bands": lambda: replace(sound, levels={"total": sound.levels["total"]}),
        "sums outside": lambda: with_level(of=series.of + 1),
    }
    return made[what]()


SPOILT = [
    ("nan point", "1 values of point are not finite"),
    ("infinite error", "not finite and positive"),
    ("negative error", "not finite and positive"),
    ("falling quantiles", "do not rise"),
    ("nan part", "52 values of part growth are not finite"),
    ("explanation of another forecast", "explanation does not end"),
    ("lost column", r"shape \(13, 3\), not of 13 weeks and 4 series"),
    ("lost history", "history is of shape"),
    ("no weeks", "no forecasts"),
    ("a gap in the weeks", "every seven days"),
    ("keys out of order", "not in order"),
    ("no bands", "no bands for its series"),
    ("sums outside", "lacks series"),
]


@pytest.mark.parametrize(("what", "reason"), SPOILT, ids=[what for what, _ in SPOILT])
def test_damage_is_named(what: str, reason: str) -> None:
    """A table that is not whole or not finite is refused for that, with or without a look at its size."""
    import re

    for reasons in (smoke_forecast(spoilt(what)), check_table(spoilt(what), fitted())):
        assert any(re.search(reason, text) for text in reasons), reasons


@given(factor=st.floats(10.5, 1e6), up=st.booleans())
def test_jumps_of_the_total_are_refused(factor: float, up: bool) -> None:
    """Ten times the sales of the last year, or a tenth, is no forecast, whatever the champion says."""
    jumped = scaled(fitted(), factor if up else 1.0 / factor)
    assert smoke_forecast(jumped) == []
    assert any("times the mean week of the last year" in reason for reason in check_table(jumped, None))


@given(factor=st.floats(0.4, 2.5))
def test_a_good_or_a_bad_year_is_plausible(factor: float) -> None:
    """More than twice the sales, or less than half, may be: it is not this check's to judge."""
    assert check_table(scaled(fitted(), factor), fitted()) == []


def test_one_series_that_jumps_is_named() -> None:
    """A single series far above all it ever sold is refused with its name, though the total hides it."""
    sound = fitted()
    point = sound.point.copy()
    smallest = int(np.argmin(sound.history.max(axis=0)))
    point[4, smallest] = 11 * sound.history[:, smallest].max()
    made = replace(sound, point=point, parts={**sound.parts, "limits": point})
    reasons = check_table(made, None)
    assert len(reasons) == 1
    assert str(sound.keys[smallest]) in reasons[0]


def test_closed_weeks_explain_a_fall() -> None:
    """Where nearly all weeks ahead are known to be closed, almost nothing is what one expects."""
    sound = fitted()
    point = sound.point.copy()
    point[1:] = 0.0
    made = replace(sound, point=point, parts={**sound.parts, "limits": point})
    assert check_table(made, None) == []


def test_jumps_away_from_the_champion_are_refused() -> None:
    """Six times what the champion forecasts for the same weeks of the same data is refused."""
    low = scaled(fitted(), 0.4)
    high = scaled(fitted(), 2.5)
    assert check_table(high, None) == []
    assert any("what the champion does" in reason for reason in check_table(high, low))


def test_a_champion_of_other_data_says_nothing() -> None:
    """After other data came under the same name, with the same keys and weeks, the old sizes do not count."""
    rng = np.random.default_rng(8)
    small = as_panel(rng.uniform(5.0, 50.0, fitted().history.shape))
    made = Forecaster.fit(small, ForecasterConfig(model="seasonal-naive", horizon=13))
    assert check_table(made, fitted()) == []
    assert check_table(fitted(), made) == []


@pytest.mark.parametrize("factor", [1000.0, 0.001, 100.0])
def test_a_slip_of_unit_is_named(factor: float) -> None:
    """The champion's own history in thousands, or in cents, is refused for that."""
    panel = as_panel(fitted().history * factor)
    made = Forecaster.fit(panel, ForecasterConfig(model="naive-growth", horizon=13))
    assert any("another unit" in reason for reason in check_table(made, fitted()))


def test_most_series_may_not_vanish() -> None:
    """A model of the same data that lacks most of the champion's series is refused; half may go."""
    assert check_table(fitted(size=2), fitted(size=4)) == []
    reasons = check_table(fitted(size=3), fitted(size=8))
    assert any("3 of the 8 series" in reason for reason in reasons)


def test_older_and_newer_versions_follow_each_other_both_ways() -> None:
    """A model of five more weeks takes the champion's place, and a rollback takes it back."""
    assert check_table(fitted(weeks=115), fitted(weeks=120)) == []
    assert check_table(fitted(weeks=120), fitted(weeks=115)) == []


def test_a_series_whose_history_is_gone_is_not_forecast_at_others_size() -> None:
    """What the champion knew of it is not there any more: whatever is forecast is made up. A series that had
    none before may stand in as its block."""
    old = fitted(size=4)
    values = old.history.copy()
    values[:, 2] = np.nan
    made = Forecaster.fit(as_panel(values, keys=old.keys.tolist()), old.config)
    assert (made.point[:, 2] > 0).all()
    key = old.keys[2]
    assert [r for r in check_table(made, old) if "gone" in r] == [
        f"it forecasts 1 series whose whole history is gone, such as {key}"
    ]
    assert check_table(made, made) == []
