"""Tuning: what may be turned, on which weeks, how a trial is scored, and when luck is called luck."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from storecast.errors import RequestError
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.tuning import (
    KNOBS,
    Selection,
    Tried,
    configured,
    defaults,
    judge_trials,
    score_trial,
    selection,
)
from tests.forecasting.panels import as_panel, season_of, weeks_from

ALIGNED = ForecasterConfig(model="aligned", horizon=13)


def _never(cutoff: int, score: float) -> bool:
    return False


def _panel(weeks: int = 150, series: int = 3, seed: int = 0):
    season = season_of(weeks_from("2010-02-05", weeks))
    noise = np.random.default_rng(seed).standard_normal((weeks, series))
    return as_panel(10_000.0 * season[:, None] * (1 + 0.05 * noise))


@pytest.mark.parametrize("model", KNOBS)
def test_every_knob_turns_what_it_names(model: str) -> None:
    """A value given at a path is there afterwards, of the type it had; everything else stays."""
    config = ForecasterConfig(model=model)
    for knob in KNOBS[model]:
        before = defaults(config, [knob])
        assert knob.low <= before[knob.path] <= knob.high
        turned = configured(config, {knob.path: knob.high})
        assert defaults(turned, KNOBS[model]) == defaults(config, KNOBS[model]) | {knob.path: knob.high}
        assert configured(turned, before) == config


@pytest.mark.parametrize("path", ["horizont", "models.aligned.trend", "model.of.nothing"])
def test_a_path_that_leads_nowhere_is_an_error(path: str) -> None:
    """A misspelt setting is not silently left alone."""
    with pytest.raises(KeyError):
        configured(ForecasterConfig(), {path: 1.0})


@pytest.mark.parametrize(("weeks", "horizon"), [(143, 13), (150, 8), (300, 26), (128, 13)])
def test_the_weeks_held_back_are_never_looked_at(weeks: int, horizon: int) -> None:
    """The last actual of the last cutoff lies before them, and the panel of the study ends there."""
    panel = _panel(weeks)
    chosen = selection(panel, "aligned", horizon)
    assert len(chosen.panel.weeks) == weeks - 39
    last = np.searchsorted(panel.weeks, chosen.cutoffs[-1]) + 1
    assert last + horizon <= weeks - 39
    assert 3 <= len(chosen.cutoffs) <= 12


def test_garbage_in_the_weeks_held_back_changes_nothing() -> None:
    """Scores and losses stay equal bit for bit."""
    panel = _panel()
    spoilt = panel.values.copy()
    spoilt[-39:] = 1e9
    found = []
    for values in (panel.values, spoilt):
        chosen = selection(replace(panel, values=values), "aligned", 13)
        found.append(score_trial(chosen, ALIGNED, US_RETAIL, (), None, _never))
    assert found[0] == found[1]


def test_correctors_are_not_picked_on_less_than_two_years() -> None:
    """With fewer weeks to choose by they stay as they are, and the reason says how many there are."""
    chosen = selection(_panel(142), "aligned", 13)
    assert list(chosen.left_out) == ["models.blend.residual_keep"]
    assert "103 are there" in chosen.left_out["models.blend.residual_keep"]
    assert selection(_panel(143), "aligned", 13).left_out == {}
    blend = selection(_panel(143), "blend", 13)
    assert all(path.startswith("boosting.") for path in blend.left_out)
    assert len(blend.left_out) == 4


def test_what_cannot_be_tuned_is_refused() -> None:
    """A naive forecast has no settings; a short history leaves nothing to choose by."""
    with pytest.raises(RequestError, match="nothing to tune"):
        selection(_panel(), "naive-growth", 13)
    with pytest.raises(RequestError, match="too short to choose") as caught:
        selection(_panel(119), "aligned", 13)
    assert "at least 120 weeks" in caught.value.expected
    assert len(selection(_panel(120), "aligned", 13).cutoffs) == 3


def test_a_trial_is_scored_as_a_loop_would() -> None:
    """Losses by cutoff and week are weighted absolute errors of forecasts fitted there; the score is the mean
    ratio to the default's."""
    panel = _panel(130)
    chosen = selection(panel, "aligned", 13)
    default = Tried(0, {}, *score_trial(chosen, ALIGNED, US_RETAIL, (), None, _never))  # type: ignore[misc]
    assert default.score == 1.0
    turned = configured(ALIGNED, {"models.aligned.growth_own": 0.2, "models.aligned.height_power": 1.0})
    score, losses = score_trial(chosen, turned, US_RETAIL, (), default, _never)  # type: ignore[misc]
    weights, expected, ratios = US_RETAIL.weights(panel.weeks), [], []
    for i, cutoff in enumerate(chosen.cutoffs):
        known = int(np.searchsorted(panel.weeks, cutoff)) + 1
        fitted = Forecaster.fit(panel.up_to(cutoff), turned, US_RETAIL)
        point = fitted.points("series")
        for h in range(13):
            missed = 0.0
            for j in range(3):
                missed += abs(panel.values[known + h, j] - round(float(point[h, j]), 2))
            expected.append(weights[known + h] * missed)
        ratios.append(sum(expected[-13:]) / sum(default.losses[13 * i : 13 * (i + 1)]))
    assert losses == pytest.approx(expected, rel=1e-9)
    assert score == pytest.approx(float(np.mean(ratios)), rel=1e-12)


def test_a_cutoff_before_a_closure_of_all_neither_helps_nor_harms() -> None:
    """Nothing is lost there, and the trial counts as good as the default."""
    panel = _panel()
    chosen = selection(panel, "aligned", 13)
    values = panel.values.copy()
    first = int(np.searchsorted(panel.weeks, chosen.cutoffs[1])) + 1
    values[first : first + 13] = np.nan
    chosen = selection(replace(panel, values=values), "aligned", 13)
    found = score_trial(chosen, ALIGNED, US_RETAIL, (), None, _never)
    assert found is not None
    assert found[0] == 1.0
    assert found[1][13:26] == (0.0,) * 13
    assert all(np.array(found[1][-13:]) > 0)


def test_a_trial_is_given_up_when_told() -> None:
    """It hears the score so far after each cutoff, and nothing is kept of it."""
    told = []

    def after_two(cutoff: int, score: float) -> bool:
        told.append((cutoff, score))
        return cutoff == 1

    assert score_trial(selection(_panel(), "aligned", 13), ALIGNED, US_RETAIL, (), None, after_two) is None
    assert told == [(0, 1.0), (1, 1.0)]


def _worlds(gain: float, trials: int, seed: int) -> tuple[Selection, list[Tried]]:
    """Trials whose losses are noise around the default's, the last one smaller by ``gain``."""
    chosen = selection(_panel(160), "aligned", 13)
    rng = np.random.default_rng(seed)
    size = len(chosen.cutoffs) * 13
    base = rng.gamma(20.0, 50.0, size)
    tried = [Tried(0, {}, 1.0, tuple(base))]
    for number in range(1, trials + 1):
        factor = 1.0 + 0.1 * rng.standard_normal(size) - (gain if number == trials else 0.0)
        losses = base * factor
        tried.append(Tried(number, {}, float(losses.sum() / base.sum()), tuple(losses)))
    return chosen, tried


def test_luck_among_many_trials_is_not_taken_for_skill() -> None:
    """Forty trials without any gain: the best of them passes about as often as the 5 % that are stated."""
    taken = [judge_trials(*_worlds(0.0, 40, seed), seed=seed, draws=400).taken for seed in range(60)]
    assert sum(taken) <= 9  # 5 % of 60 are 3; more than 9 come of it once in a thousand


def test_a_plain_gain_is_taken() -> None:
    """A tenth less error in every week is found among forty trials, named and sized."""
    chosen, tried = _worlds(0.1, 40, 5)
    verdict = judge_trials(chosen, tried)
    assert verdict.taken
    assert verdict.best.number == 40
    assert verdict.gain == pytest.approx(0.1, abs=0.03)
    assert verdict.p is not None
    assert verdict.p < 0.05


def test_the_default_wins_ties() -> None:
    """Where nothing is better it stays, and the verdict says so."""
    chosen, tried = _worlds(0.0, 1, 0)
    same = [tried[0], replace(tried[0], number=1), replace(tried[0], number=2)]
    verdict = judge_trials(chosen, same)
    assert (verdict.taken, verdict.best.number, verdict.p) == (False, 0, None)
    assert "it stays" in verdict.reason
    with pytest.raises(ValueError, match="trial 0"):
        judge_trials(chosen, tried[1:])
