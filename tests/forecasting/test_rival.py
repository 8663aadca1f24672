"""The challenger against what serves: verdicts on worlds whose answer is known by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.forecasting.promotion import BacktestArrays, GateReport, Rival, against, judge, segment_labels

Float = NDArray[np.float64]
FIRST = np.datetime64("2020-01-03")
WEEKS, SERIES, ERROR = 52, 5, 500.0
FRESH = "4 weeks more"


def _world(more: Float, *, seed: int = 0) -> tuple[BacktestArrays, Float]:
    """Rows whose candidate errs by 500 and beats both naives, and what a champion says that errs by ``more``
    (weeks,) than that."""
    of = np.tile(np.arange(WEEKS), SERIES)
    y = np.random.default_rng(seed).uniform(9_000.0, 11_000.0, len(of))
    h = of % 13 + 1
    weight = np.where(of % 6 == 5, 5.0, 1.0)
    naive = 400.0 + 50.0 * np.random.default_rng(seed + 1).standard_normal(WEEKS)
    rows = BacktestArrays(
        y=y,
        weight=weight,
        candidate=y + ERROR,
        naives={"seasonal-naive": y - (ERROR + naive[of]), "naive-growth": y - (ERROR + naive[of])},
        week=FIRST + 7 * of,
        cutoff=FIRST + 7 * (of - h),
        h=h,
        segments=segment_labels(h, weight, y, buckets=((1, 4), (5, 13))),
    )
    return rows, y - (ERROR + more[of])


def _noise(size: float, *, mean: float = 0.0) -> Float:
    draw = np.random.default_rng(5).standard_normal(WEEKS)
    made: Float = mean + size * (draw - draw.mean())
    return made


def _decided(more: Float, **rival: object) -> GateReport:
    rows, champion = _world(more)
    held = {80.0: np.ones(len(rows.y), dtype=bool)}
    held[80.0][:: 100 // 18] = False  # about 82 % hold
    given = Rival(3, "aligned", champion, held=held, **rival)  # type: ignore[arg-type]
    return against(judge(rows, model="blend"), rows, held, given)


@pytest.mark.parametrize("fresher", [FRESH, ""])
def test_a_better_challenger_is_promoted(fresher: str) -> None:
    """One whose mean error is lower beyond noise takes the champion's place, fresher or not."""
    report = _decided(_noise(40.0, mean=120.0), fresher=fresher)
    assert report.decision == "promote"
    assert "beats champion version 3 on the same cutoffs" in report.reason
    (check,) = [c for c in report.checks if c.name == "champion"]
    assert check.passed
    assert check.figures["gain"] == pytest.approx(check.figures["champion wmae"] - ERROR)
    assert 0 < check.figures["gain low"] < check.figures["gain"]


def test_an_equal_and_fresher_challenger_is_promoted() -> None:
    """One no worse within the margin that knows later weeks takes its place, and the reason says both."""
    report = _decided(_noise(4.0), fresher=FRESH)
    assert report.decision == "promote"
    assert "no worse than champion version 3, within 2%" in report.reason
    assert FRESH in report.reason


def test_an_equal_challenger_that_is_no_fresher_is_kept_beside() -> None:
    """One no worse that knows nothing new changes nothing: the champion serves on, and nothing is held
    against the challenger."""
    report = _decided(_noise(4.0), fresher="")
    assert (report.decision, report.champion) == ("keep", 3)
    assert "version 3 serves on" in report.reason


@pytest.mark.parametrize("fresher", [FRESH, ""])
def test_a_worse_challenger_is_refused(fresher: str) -> None:
    """One whose mean error is proven higher by more than the margin is refused, however fresh."""
    report = _decided(_noise(40.0, mean=-120.0), fresher=fresher)
    assert report.decision == "refuse"
    assert "is worse than champion version 3" in report.reason


def test_what_chance_may_hide_is_refused() -> None:
    """One that seems as good, in weeks so noisy that it may be much worse, is not proven as good."""
    report = _decided(_noise(400.0), fresher=FRESH)
    assert report.decision == "refuse"
    assert "not proven as good" in report.reason


def test_a_challenger_worse_in_one_segment_is_refused() -> None:
    """One better in all that is proven worse one to four weeks ahead is refused, and the segment is named."""
    more = np.where(np.arange(WEEKS) % 13 < 4, -80.0, 200.0)
    report = _decided(more + _noise(5.0), fresher=FRESH)
    assert report.decision == "refuse"
    assert "in the segment horizon 1-4" in report.reason


def _with_held(level: float, ours: float, theirs: float) -> GateReport:
    rows, champion = _world(_noise(40.0, mean=120.0))
    at = np.linspace(0.0, 1.0, len(rows.y), endpoint=False)
    rival = Rival(3, "aligned", champion, held={level: at < theirs}, fresher=FRESH)
    return against(judge(rows, model="blend"), rows, {level: at < ours}, rival)


@pytest.mark.parametrize(
    ("level", "ours", "theirs", "decision"),
    [
        (80.0, 0.79, 0.82, "promote"),
        (80.0, 0.70, 0.80, "refuse"),  # too low, and lost
        (80.0, 0.70, 0.70, "promote"),  # too low, and no lower than the champion's
        (80.0, 0.99, 0.82, "refuse"),  # so wide that they say nothing
        (95.0, 0.88, 0.95, "refuse"),
        (95.0, 0.92, 0.95, "promote"),
    ],
)
def test_coverage_must_be_kept(level: float, ours: float, theirs: float, decision: str) -> None:
    """A better challenger whose bands hold less, or much more, than they say is refused, unless the
    champion's were no nearer."""
    report = _with_held(level, ours, theirs)
    assert report.decision == decision
    (check,) = [c for c in report.checks if c.name == "coverage"]
    assert check.passed == (decision == "promote")
    assert check.figures[f"coverage-{level:g}"] == pytest.approx(100 * ours, abs=0.5)
    assert (f"{level:g} % bands held" in report.reason) == (decision == "refuse")


@pytest.mark.parametrize(("fresher", "decision"), [(FRESH, "promote"), ("", "keep")])
def test_one_configuration_is_equal_by_construction(fresher: str, decision: str) -> None:
    """Where both are configured alike nothing needs a test: what counts is which knows more."""
    rows, _ = _world(_noise(1.0))
    report = against(judge(rows, model="blend"), rows, {}, Rival(3, "blend", equal=True, fresher=fresher))
    assert report.decision == decision


def test_what_cannot_be_compared_is_refused_and_says_why() -> None:
    """Without anything to go by the version that serves stays, and an operator decides."""
    rows, _ = _world(_noise(1.0))
    rival = Rival(3, "blend", fresher=FRESH, unknown="it cannot be read")
    report = against(judge(rows, model="blend"), rows, {}, rival)
    assert report.decision == "refuse"
    assert "it cannot be read" in report.reason
    assert [c.passed for c in report.checks if c.name == "champion"] == [None]


def test_few_weeks_prove_nothing() -> None:
    """Seven weeks are too few for any verdict."""
    rows, champion = _world(_noise(40.0, mean=120.0))
    few = rows.week < FIRST + np.timedelta64(49, "D")
    names = ("y", "weight", "candidate", "week", "cutoff", "h")
    cut = {name: getattr(rows, name)[few] for name in names}
    naives = {name: values[few] for name, values in rows.naives.items()}
    rows = replace(rows, **cut, naives=naives, segments={})
    report = against(GateReport(True, "blend", ""), rows, {}, Rival(3, "a", champion[few], fresher=FRESH))
    assert report.decision == "refuse"
    assert "7 weeks of test are too few" in report.reason


def test_noise_rarely_beats_the_champion() -> None:
    """A challenger just as good as the champion is called better in about 5 % of worlds."""
    better = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        rows, champion = _world(100.0 * rng.standard_normal(WEEKS))
        rows = replace(rows, segments={})
        report = against(GateReport(True, "blend", ""), rows, {}, Rival(3, "a", champion), draws=200)
        better += report.decision == "promote"
    assert 0.01 <= better / 300 <= 0.09
