"""Search of a configuration on the panel's earlier weeks: what may be turned, how a trial is scored, and
whether the best of many trials is better than the default beyond luck.

The last weeks of the panel are held back: no trial sees them, so that the gate judges on weeks by which
nothing was chosen. A trial's score is the mean over rolling cutoffs of its wmae against the default's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.backtest import backtest, with_actuals
from storecast.forecasting.calendar import Calendar, Days
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.panel import Panel, Y
from storecast.forecasting.promotion.resampling import block_length, gain_deviations

__all__ = [
    "HELD_WEEKS",
    "KNOBS",
    "Knob",
    "Selection",
    "Tried",
    "Verdict",
    "configured",
    "defaults",
    "judge_trials",
    "score_trial",
    "selection",
]

Float = NDArray[np.float64]
HELD_WEEKS = 39  # the newest weeks, which the gate judges on: three cutoffs of a quarter each
_FIRST_CUTOFF = 60  # known weeks from which a season and its neighbour can be told apart
_CORRECTOR_WEEKS = 104  # correctors picked on less were wrong by a quarter in a window with Christmas
_APART = 4  # weeks between cutoffs
_MOST_CUTOFFS = 12
_LEAST_CUTOFFS = 3
_ALPHA = 0.05


@dataclass(frozen=True)
class Knob:
    """One number that may be turned: ``path`` in ``ForecasterConfig``, from ``low`` to ``high``.

    ``log``: searched by ratios; ``whole``: an integer; ``corrector``: it corrects forecasts by past
    residuals, which takes two years to pick.
    """

    path: str
    low: float
    high: float
    log: bool = False
    whole: bool = False
    corrector: bool = False


_STATISTICAL = (
    Knob("models.aligned.trend_keep", 0.5, 1.0),
    Knob("models.aligned.trend_prior", 2.0, 32.0, log=True),
    Knob("models.aligned.growth_own", 0.2, 1.0),
    Knob("models.aligned.height_power", 0.0, 1.0),
    Knob("models.blend.prior_pull", 4.0, 64.0, log=True),
    Knob("models.blend.series_prior", 3.0, 48.0, log=True),
    Knob("models.blend.residual_keep", 0.0, 0.6, corrector=True),
)
_CORRECTING_TREES = (
    Knob("boosting.rounds", 30, 300, log=True, whole=True, corrector=True),
    Knob("boosting.learning_rate", 0.02, 0.2, log=True, corrector=True),
    Knob("boosting.leaves", 7, 63, log=True, whole=True, corrector=True),
    Knob("boosting.min_rows_in_leaf", 20, 400, log=True, whole=True, corrector=True),
)
_TREES = (
    Knob("models.direct.rounds", 50, 500, log=True, whole=True),
    Knob("models.direct.learning_rate", 0.01, 0.2, log=True),
    Knob("models.direct.leaves", 7, 63, log=True, whole=True),
    Knob("models.direct.min_rows_in_leaf", 10, 200, log=True, whole=True),
    Knob("models.direct.feature_share", 0.05, 0.6, log=True),
    Knob("models.direct.evidence", 4.0, 104.0, log=True),
)
KNOBS: dict[str, tuple[Knob, ...]] = {
    "aligned": _STATISTICAL,
    "blend": (*_STATISTICAL, *_CORRECTING_TREES),
    "boosting": _TREES,
}


@dataclass(frozen=True)
class Selection:
    """What a study searches on: ``panel`` without the weeks held back, ``cutoffs`` in it, the ``knobs`` that
    may be turned, and path -> why of those that may not."""

    panel: Panel
    cutoffs: tuple[np.datetime64, ...]
    knobs: tuple[Knob, ...]
    left_out: dict[str, str]


@dataclass(frozen=True)
class Tried:
    """A finished trial: its ``number``, ``values`` by path, ``score`` (1.0: as the default) and ``losses``,
    the weighted absolute errors summed over series, of every cutoff and week of its horizon in order."""

    number: int
    values: Mapping[str, float]
    score: float
    losses: tuple[float, ...]


@dataclass(frozen=True)
class Verdict:
    """Whether the ``best`` trial is taken: ``gain`` is the share of the default's error that it saves, ``p``
    the chance that the best of as many trials saves as much by luck, None where nothing was to compare."""

    best: Tried
    taken: bool
    gain: float
    p: float | None
    reason: str


def defaults(config: ForecasterConfig, knobs: Sequence[Knob]) -> dict[str, float]:
    """The values that ``config`` has at the ``knobs``."""
    return {knob.path: float(_at(config, knob.path)) for knob in knobs}


def _at(config: Any, path: str) -> Any:
    for name in path.split("."):
        config = getattr(config, name)
    return config


def configured(config: ForecasterConfig, values: Mapping[str, float]) -> ForecasterConfig:
    """``config`` with the ``values`` by path; raises KeyError for a path that is none."""
    for path, value in values.items():
        config = _with(config, path.split("."), value)
    return config


def _with(config: Any, names: Sequence[str], value: float) -> Any:
    name, rest = names[0], names[1:]
    if not is_dataclass(config) or name not in {field.name for field in fields(config)}:
        raise KeyError(".".join(names))
    old = getattr(config, name)
    new = _with(old, rest, value) if rest else type(old)(value)
    return replace(config, **{name: new})  # type: ignore[type-var]


def selection(panel: Panel, model: str, horizon: int, *, held: int = HELD_WEEKS) -> Selection:
    """What may be searched on ``panel``, ``horizon`` weeks ahead, without its last ``held`` weeks.

    Raises RequestError where the model has nothing to turn, or the history is too short to choose by.
    """
    if model not in KNOBS:
        raise RequestError(
            "This model has nothing to tune.",
            where=f"--model {model}",
            expected=f"one of {', '.join(KNOBS)}",
            found=model,
            remedy="Choose another model; a naive forecast is what it is.",
        )
    known = len(panel.weeks) - held
    latest = known - horizon
    index = list(range(latest, _FIRST_CUTOFF - 1, -_APART))[::-1]
    if len(index) < _LEAST_CUTOFFS:
        least = _FIRST_CUTOFF + (_LEAST_CUTOFFS - 1) * _APART + horizon + held
        raise RequestError(
            "The history is too short to choose a configuration by.",
            expected=f"at least {least} weeks for {horizon} weeks ahead, the last {held} held back",
            found=f"{len(panel.weeks)} weeks",
            remedy="Train with the default configuration, or tune for a shorter horizon.",
        )
    if len(index) > _MOST_CUTOFFS:
        index = [index[i] for i in np.linspace(0, len(index) - 1, _MOST_CUTOFFS).round().astype(int)]
    seen = panel.up_to(panel.weeks[known - 1])
    knobs, left_out = [], {}
    for knob in KNOBS[model]:
        why = _why_not(knob, known, index[0])
        if why:
            left_out[knob.path] = why
        else:
            knobs.append(knob)
    return Selection(
        seen, tuple(np.datetime64(panel.weeks[i - 1], "D") for i in index), tuple(knobs), left_out
    )


def _why_not(knob: Knob, known: int, first: int) -> str:
    if not knob.corrector:
        return ""
    if known < _CORRECTOR_WEEKS:
        return f"a corrector is picked on {_CORRECTOR_WEEKS} weeks or more; {known} are there to choose by"
    if knob.path.startswith("boosting.") and first < _CORRECTOR_WEEKS:
        return f"the trees are off below {_CORRECTOR_WEEKS} weeks, where the first cutoffs lie"
    return ""


def score_trial(
    chosen: Selection,
    config: ForecasterConfig,
    calendar: Calendar,
    events: Sequence[Event],
    against: Tried | None,
    report: Callable[[int, float], bool],
) -> tuple[float, tuple[float, ...]] | None:
    """Score and losses of ``config``; None where ``report``, told the score so far after each cutoff, says to
    give up. ``against``: the default's trial, None where this is it.
    """
    losses: list[float] = []
    ratios: list[float] = []
    length = config.horizon
    for i, cutoff in enumerate(chosen.cutoffs):
        own: Float = np.zeros(length)
        if with_actuals(chosen.panel, [cutoff], length):  # else all were closed, and nothing can be missed
            rows = backtest(chosen.panel, config, [cutoff], calendar, events=events).rows
            missed = rows["weight"].to_numpy() * np.abs(rows[Y].to_numpy() - rows["storecast"].to_numpy())
            own = np.bincount(rows["h"].to_numpy() - 1, missed, length).astype(np.float64)
        losses += [float(value) for value in own]
        before = own.sum() if against is None else sum(against.losses[i * length : (i + 1) * length])
        ratios.append(float(own.sum() / before) if before > 0 else 1.0)
        if report(i, float(np.mean(ratios))):
            return None
    return float(np.mean(ratios)), tuple(losses)


def judge_trials(chosen: Selection, tried: Sequence[Tried], *, seed: int = 0, draws: int = 2000) -> Verdict:
    """Whether the best of ``tried`` replaces the default, number 0, which wins ties.

    Weeks are drawn in blocks, as the gate does. What the best saves is compared with the most that any of the
    trials saves in a draw around its own mean (the single-step maximum of Westfall and Young 1993), so that
    looking at many trials does not make luck look like skill; those given up on the way had no chance and
    count as none. Raises ValueError where the default is not among them.
    """
    default = next((trial for trial in tried if trial.number == 0), None)
    if default is None:
        raise ValueError("the default, trial 0, is not among the trials")
    best = min(tried, key=lambda trial: (trial.score, trial.number))
    gains, weights, weeks = _gains(chosen, default, tried)
    total = sum(default.losses)
    saved = (total - sum(best.losses)) / total if total > 0 else 0.0
    if best.number == 0 or saved <= 0:
        return Verdict(default, False, 0.0, None, f"None of {len(tried)} trials beats the default; it stays.")
    n = len(weeks)
    length = block_length(weeks)
    rng = np.random.default_rng((seed, n))
    starts = rng.integers(0, n, (draws, -(-n // length)))
    df = max(1.0, n / length - 1.0)
    deviation = gain_deviations(gains, weights, starts, np.sqrt(rng.chisquare(df, draws) / df), length)
    most = deviation.max(axis=1)
    own = gains[:, [t.number for t in tried].index(best.number)].sum() / weights.sum()
    p = float((1.0 + (most >= own).sum()) / (draws + 1.0))
    taken = p <= _ALPHA
    told = f"Trial {best.number} saves {100 * saved:.1f} % of the default's error over {n} weeks"
    chance = f"the best of {len(tried)} trials saves as much by luck in {math.ceil(100 * p)} of 100 panels"
    end = "; it is taken." if taken else "; the default stays."
    return Verdict(best if taken else default, taken, saved, p, f"{told}; {chance}{end}")


def _gains(chosen: Selection, default: Tried, tried: Sequence[Tried]) -> tuple[Float, Float, Days]:
    """(n, K) what each trial saves in each distinct week, (n,) the default's loss, the weeks."""
    horizon = len(default.losses) // len(chosen.cutoffs)
    start = np.array(chosen.cutoffs, dtype="datetime64[D]")[:, None]
    weeks = (start + 7 * (1 + np.arange(horizon))[None, :]).ravel()
    distinct, of = np.unique(weeks, return_inverse=True)
    base = np.array(default.losses)
    saved = [np.bincount(of, base - np.array(trial.losses), len(distinct)) for trial in tried]
    gains: Float = np.stack(saved, axis=1).astype(np.float64)
    loss: Float = np.bincount(of, base, len(distinct)).astype(np.float64)
    return gains, loss, distinct.astype("datetime64[D]")
