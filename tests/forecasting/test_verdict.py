"""What to do with a model: each finding asks for its own, the gravest decides, and noise asks for nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.verdict import Facts, WeekSums, decide

CUTOFF = np.datetime64("2012-06-01")
WEEKS = 20
CALM = Facts(CUTOFF, CUTOFF, None, None)


def later(weeks: int) -> np.datetime64:
    return np.datetime64(CUTOFF + np.timedelta64(7 * weeks, "D"))


def live(
    own: float = 0.8, promised: float = 0.8, held: float = 0.8, weeks: int = WEEKS, seed: int = 0
) -> WeekSums:
    """Weeks with noise: errors over the naive's, which is 100 of 1,000; coverage of the 80 % band."""
    rng = np.random.default_rng(seed)

    def about(mean: float) -> NDArray[np.float64]:
        return mean * (1.0 + 0.1 * rng.standard_normal(weeks))

    many = np.full(weeks, 50.0)
    inside = np.clip(about(held), 0.0, 1.0) * many
    erred, size = about(100.0 * own), np.full(weeks, 1000.0)
    return WeekSums(
        later(-weeks) + 7 * np.arange(1, weeks + 1),
        erred,
        about(100.0),
        size,
        (erred, about(100.0 * promised), size),
        {80.0: (inside, many), 95.0: (0.95 * many, many)},
    )


def kinds(facts: Facts) -> tuple[str, list[str]]:
    verdict = decide(facts)
    assert verdict.due == (verdict.action != "nothing")
    return verdict.action, [reason.kind for reason in verdict.reasons]


def test_nothing_new_and_nothing_wrong() -> None:
    """A model that does what it promised is left alone."""
    assert kinds(CALM) == ("nothing", [])
    assert kinds(replace(CALM, live=live())) == ("nothing", [])


def test_new_weeks_ask_for_an_update() -> None:
    """Weeks after the cutoff are counted; the cutoff's own week is none."""
    action, _ = kinds(replace(CALM, newest=later(2)))
    assert action == "update"
    assert decide(replace(CALM, newest=later(2))).reasons[0].numbers["weeks"] == 2
    assert kinds(replace(CALM, newest=CUTOFF)) == ("nothing", [])


@pytest.mark.parametrize(("weeks", "action"), [(25, "nothing"), (26, "retrain")])
def test_old_weights_ask_for_training(weeks: int, action: str) -> None:
    """Half a year after the fit, however often it was updated since."""
    assert kinds(replace(CALM, trained=later(-weeks)))[0] == action


@pytest.mark.parametrize("seed", range(5))
def test_decay_is_seen_beyond_noise(seed: int) -> None:
    """Worse than the naive, or much worse than the back-test promised."""
    assert "decay-naive" in kinds(replace(CALM, live=live(own=1.2, seed=seed)))[1]
    found = kinds(replace(CALM, live=live(own=0.95, promised=0.7, seed=seed)))
    assert found == ("retrain", ["decay-backtest"])


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_decay(seed: int) -> None:
    """Errors like the naive's, with noise, and few weeks of whatever, say nothing."""
    assert kinds(replace(CALM, live=live(own=1.0, promised=1.0, seed=seed)))[0] == "nothing"
    assert kinds(replace(CALM, live=live(own=3.0, weeks=7, seed=seed)))[0] == "nothing"


def test_a_missing_promise_is_not_judged() -> None:
    """A version without a back-test is compared with the naive alone; weeks that the back-test does not reach
    are none of those that it is judged by."""
    found = live(own=0.95, promised=0.7)
    nothing = np.zeros(WEEKS)
    assert kinds(replace(CALM, live=replace(found, promised=(nothing, nothing, nothing)))) == ("nothing", [])
    for reached, due in ((8, ["decay-backtest"]), (7, [])):
        here = np.arange(WEEKS) < reached
        own, promise, size = (np.where(here, part, 0.0) for part in found.promised)
        verdict = decide(replace(CALM, live=replace(found, promised=(own, promise, size))))
        assert [reason.kind for reason in verdict.reasons] == due
        assert [reason.numbers["weeks"] for reason in verdict.reasons] == [8] * len(due)


def test_a_week_without_a_naive_forecast_leaves_the_others_to_judge_by() -> None:
    """It is none of the weeks that are counted, and switches nothing off."""
    found = live(own=1.2)
    naive = np.where(np.arange(WEEKS) == WEEKS - 3, np.nan, found.naive)
    verdict = decide(replace(CALM, live=replace(found, naive=naive)))
    (reason,) = [r for r in verdict.reasons if r.kind == "decay-naive"]
    (whole,) = [r for r in decide(replace(CALM, live=found)).reasons if r.kind == "decay-naive"]
    assert reason.numbers["weeks"] == whole.numbers["weeks"] - 1
    assert kinds(replace(CALM, live=replace(found, naive=np.full(WEEKS, np.nan))))[1] == ["decay-backtest"]


def test_bands_that_hold_too_little_are_adapted_or_learnt_anew() -> None:
    """An update adapts them where there are new weeks; where there are none only training helps."""
    found = replace(CALM, live=live(held=0.6))
    assert kinds(found) == ("retrain", ["coverage"])
    assert kinds(replace(found, newest=later(1))) == ("update", ["new-data", "coverage"])
    assert kinds(replace(CALM, live=live(held=0.77)))[0] == "nothing"


@pytest.mark.parametrize(
    ("kind", "action"),
    [("unit", "check"), ("shifted-dates", "check"), ("level", "retrain"), ("lost-series", "update")],
)
def test_drift_asks_for_what_helps(kind: str, action: str) -> None:
    """Faults of the data come before all learning; changes of the world ask for training."""
    facts = replace(CALM, newest=later(1), trained=later(-5), drift={kind: 1})
    assert kinds(facts)[0] == action
    assert "drift" in kinds(facts)[1]
