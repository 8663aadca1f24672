"""The whole forecaster in worlds whose law is known, and in those where no one method is always right."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.backtest import backtest
from storecast.forecasting.baselines import recent_mean
from storecast.forecasting.calendar import US_RETAIL, easter_sunday, week_of
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.metrics import coverage
from storecast.forecasting.panel import Panel
from storecast.forecasting.sample import WORLDS, SampleSpec, make_sample
from storecast.forecasting.scores import score
from tests.forecasting.panels import as_panel, season_of, weeks_from

Float = NDArray[np.float64]


def _wape(point: Float, actual: Float) -> float:
    return float(np.abs(point - actual).sum() / np.abs(actual).sum())


@pytest.mark.parametrize("model", ["blend", "aligned"])
def test_season_and_trend_without_noise(model: str):
    """A season by date on a steady trend is forecast for a year to one percent, with narrow bands."""
    weeks = weeks_from("2010-02-05", 208)
    truth = 1000.0 * season_of(weeks, 0.3)[:, None] * 1.05 ** (np.arange(208) / 52.18)[:, None]
    truth = truth * np.array([1.0, 2.0, 0.5])
    fitted = Forecaster.fit(as_panel(truth[:156]), ForecasterConfig(model=model))
    assert _wape(fitted.point, truth[156:]) < 0.01
    low, high = fitted.limits(95.0)
    assert ((high - low) / truth[156:]).mean() < 0.08


def test_easter_is_found_where_it_moves():
    """In a year whose Easter lies three weeks from last year's, the peak is put where it is, and none is left
    where it was."""
    weeks = weeks_from("2010-02-05", 156 + 40)
    effect = np.ones(len(weeks))
    for year in range(2010, 2014):
        effect[week_of(np.array([easter_sunday(year)]), weeks)] = 1.4
    rng = np.random.default_rng(0)
    values = 1000.0 * season_of(weeks, 0.15) * effect
    truth = values[:, None] * rng.uniform(0.5, 2.0, 12) * np.exp(0.02 * rng.standard_normal((len(weeks), 12)))
    fitted = Forecaster.fit(as_panel(truth[:156]), ForecasterConfig(horizon=40))
    assert _wape(fitted.point, truth[156:]) < 0.03
    now = int(np.flatnonzero(effect[156:] > 1.0)[0])
    for h in (now - 1, now, now + 1):
        assert fitted.point[h].sum() == pytest.approx(truth[156 + h].sum(), rel=0.07)


def _chain(seed: int) -> Panel:
    return Panel.from_frame(make_sample(SampleSpec(stores=20, weeks=143, seed=seed)))


def test_better_than_both_naives_on_chains_of_stores():
    """On sampled chains, a year of cutoffs, Thanksgiving and Christmas among them: a fifth better than the
    seasonal naive and better than naive x growth, in holiday weeks as in others, without bias."""
    for seed in (1, 2):
        panel = _chain(seed)
        cutoffs = [panel.weeks[c - 1] for c in (91, 104, 117, 130)]
        made = backtest(panel, ForecasterConfig(horizon=13), cutoffs, US_RETAIL)
        for rows, most in ((made.rows, 0.02), (made.rows[made.rows["weight"] > 1.0], 0.04)):
            found = score(rows, (80.0, 95.0))
            assert found["wmae"] < 0.8 * found["wmae:seasonal-naive"]
            assert found["wmae"] < 0.95 * found["wmae:naive-growth"]
            assert abs(found["bias"]) < most
        found = score(made.rows, (80.0, 95.0))
        assert 75.0 < found["coverage-80"] < 88.0
        assert 91.0 < found["coverage-95"] < 99.0


@pytest.mark.parametrize("world", WORLDS)
def test_no_world_is_lost_to_a_simple_method(world: str):
    """Over two seeds the error at 13 weeks stays within 8 % of the best of both naives and the mean of the
    last 13 weeks, whichever that is in this world; bands cover about what they say."""
    errors = np.zeros(4)
    inside: list[float] = []
    for seed in (0, 1):
        panel = Panel.from_frame(WORLDS[world](seed, series=40))
        known = panel.up_to(panel.weeks[len(panel.weeks) - 14])
        fitted = Forecaster.fit(known, ForecasterConfig(horizon=13))
        actual = panel.values[len(known.weeks) :, np.isin(panel.keys, known.keys)]
        recent = np.broadcast_to(recent_mean(known.values), actual.shape)
        seen = np.isfinite(actual)
        for i, forecast in enumerate([fitted.point, *fitted.naive.values(), recent]):
            errors[i] += _wape(forecast[seen], actual[seen])
        inside.append(coverage(actual, *fitted.limits(80.0)))
    assert errors[0] < 1.08 * errors[1:].min()
    assert 0.68 < np.mean(inside) < 0.93


def test_weights_go_where_the_evidence_is():
    """Promotion-driven items lean on the recent mean more than stores with a season do, which hardly do."""
    names = ("season", "growth", "block", "recent", "same")
    learnt = {}
    for world in ("promotions", "regular"):
        panel = Panel.from_frame(WORLDS[world](0, series=40))
        fitted = Forecaster.fit(panel, ForecasterConfig(model="aligned", horizon=13))
        learnt[world] = dict(zip(names, fitted.learnt["member_weights"], strict=True))
    assert learnt["regular"]["recent"] < 0.05
    assert learnt["promotions"]["recent"] > 2.0 * learnt["regular"]["recent"]
    assert learnt["promotions"]["season"] < learnt["regular"]["season"]


def test_bands_are_wider_where_errors_are_larger():
    """Series with four times the noise have about four times the band; far weeks are no surer than near."""
    rng = np.random.default_rng(0)
    weeks = weeks_from("2010-02-05", 143)
    noise = np.where(np.arange(30) < 15, 0.03, 0.12)
    values = 1000.0 * season_of(weeks, 0.2)[:, None] * np.exp(noise * rng.standard_normal((143, 30)))
    fitted = Forecaster.fit(as_panel(values), ForecasterConfig(model="aligned"))
    low, high = fitted.limits(80.0)
    width = (high - low).mean(axis=0)
    assert 2.5 < width[15:].mean() / width[:15].mean() < 4.5
    wide = ((high - low) / fitted.point).mean(axis=1)
    assert wide[26:].mean() >= 0.98 * wide[:13].mean()
