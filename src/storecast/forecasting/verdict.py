"""What to do with a model that serves: nothing, look at the data, take the new weeks, or train again.

Report first, decide second, act third: this decides, from what was found, by no clock but the data's weeks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.promotion.resampling import block_length, gain_deviations

__all__ = ["LEAST_WEEKS", "RECENT", "Facts", "Reason", "Verdict", "WeekSums", "decide"]

Float = NDArray[np.float64]
LEAST_WEEKS = 8  # with actuals, below which live accuracy says nothing
RECENT = 26  # weeks that live accuracy is judged by
_ALPHA = 0.05
_WORSE_THAN_NAIVE = 1.02  # times the naive's error
_WORSE_THAN_PROMISED = 1.15  # times what the back-test makes one expect
_MISSED = 5.0  # points of coverage
_OLD_WEEKS = 26  # since the fit
_FAULTS = ("unit", "shifted-dates")  # of the data: no model should learn from them
_CHANGES = ("level", "residual", "input")  # of the world: a model should
_DRAWS = 2000


@dataclass(frozen=True)
class WeekSums:
    """Live errors by week (W,), oldest first: sums of absolute errors of what was forecast (``own``), of the
    ``naive`` (NaN where it says nothing); ``size`` of sales; ``promised`` (own, what the back-test makes one
    expect, size) over those forecasts that the back-test reaches, zero where it reaches none; ``within``
    level -> (inside the band, of how many)."""

    weeks: NDArray[np.datetime64]
    own: Float
    naive: Float
    size: Float
    promised: tuple[Float, Float, Float]
    within: Mapping[float, tuple[Float, Float]]


@dataclass(frozen=True)
class Facts:
    """What is known: the ``cutoff`` of what serves and the week it was ``trained`` until, the ``newest`` week
    with sales (None: none is known after the cutoff), live errors if any, and ``drift`` kind -> alarms."""

    cutoff: np.datetime64
    trained: np.datetime64
    newest: np.datetime64 | None
    live: WeekSums | None
    drift: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Reason:
    """One thing found: its ``kind`` (new-data, age, decay-naive, decay-backtest, coverage, drift), the
    ``action`` it asks for, ``what`` in words, and the numbers behind it."""

    kind: str
    action: str
    what: str
    numbers: Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """``action``: nothing, update, retrain or check (the data, before anything is learnt from them)."""

    action: str
    reasons: tuple[Reason, ...]

    @property
    def due(self) -> bool:
        """Whether somebody should do something."""
        return self.action != "nothing"


def decide(facts: Facts) -> Verdict:
    """The gravest of what is found: check, retrain, update, nothing."""
    reasons = [*_new_data(facts), *_age(facts), *_drift(facts)]
    if facts.live is not None:
        reasons += [*_decay(facts.live), *_coverage(facts)]
    asked = {reason.action for reason in reasons}
    action = next((a for a in ("check", "retrain", "update") if a in asked), "nothing")
    return Verdict(action, tuple(reasons))


def _weeks(later: np.datetime64, earlier: np.datetime64) -> int:
    return int((later - earlier).astype("timedelta64[D]").astype(np.int64)) // 7


def _new_data(facts: Facts) -> list[Reason]:
    if facts.newest is None or (new := _weeks(facts.newest, facts.cutoff)) < 1:
        return []
    said = "1 week is" if new == 1 else f"{new} weeks are"
    return [
        Reason(
            "new-data",
            "update",
            f"{said} known that the model has not seen, up to {facts.newest}.",
            {"weeks": new, "newest": str(facts.newest), "cutoff": str(facts.cutoff)},
        )
    ]


def _age(facts: Facts) -> list[Reason]:
    age = _weeks(max(facts.newest or facts.cutoff, facts.cutoff), facts.trained)
    if age < _OLD_WEEKS:
        return []
    what = f"What it learnt is {age} weeks old; it was trained until {facts.trained}."
    return [Reason("age", "retrain", what, {"weeks": age, "most": _OLD_WEEKS})]


def _drift(facts: Facts) -> list[Reason]:
    out = []
    for kind, count in sorted(facts.drift.items()):
        action = "check" if kind in _FAULTS else "retrain" if kind in _CHANGES else "nothing"
        alarms = "1 alarm" if count == 1 else f"{count} alarms"
        what = f"Drift: {alarms} of kind {kind}."
        out.append(Reason("drift", action, what, {"kind": kind, "alarms": count}))
    return out


def _chance(gains: Float, weights: Float, weeks: NDArray[np.datetime64]) -> float:
    """How likely so large a sum of ``gains`` is by chance, weeks drawn in blocks; NaN for few weeks."""
    n = len(weeks)
    if n < LEAST_WEEKS or not weights.sum() > 0:
        return float("nan")
    length = block_length(weeks)
    rng = np.random.default_rng((0, n))
    starts = rng.integers(0, n, (_DRAWS, -(-n // length)))
    df = max(1.0, n / length - 1.0)
    scale = np.sqrt(rng.chisquare(df, _DRAWS) / df)
    drawn = gain_deviations(gains[:, None], weights, starts, scale, length)[:, 0]
    gain = float(gains.sum() / weights.sum())
    return float((1.0 + (drawn >= gain).sum()) / (_DRAWS + 1.0))


def _decay(live: WeekSums) -> list[Reason]:
    out = []
    recent = slice(-RECENT, None)
    for kind, sums, most, words in (
        ("decay-naive", (live.own, live.naive, live.size), _WORSE_THAN_NAIVE, "the naive forecast's"),
        ("decay-backtest", live.promised, _WORSE_THAN_PROMISED, "what its back-test promised"),
    ):
        latest = np.stack([part[recent] for part in sums])
        compared = latest.any(axis=0) & np.isfinite(latest).all(axis=0)
        (own, other, size), weeks = latest[:, compared], live.weeks[recent][compared]
        if not other.sum() > 0:
            continue
        ratio = float(own.sum() / other.sum())
        chance = _chance(own - other, size, weeks)
        if ratio > most and chance <= _ALPHA:
            out.append(
                Reason(
                    kind,
                    "retrain",
                    f"Over {len(weeks)} weeks its error is {ratio:.2f} times {words}, beyond noise.",
                    {"weeks": len(weeks), "ratio": ratio, "most": most, "chance": chance},
                )
            )
    return out


def _coverage(facts: Facts) -> list[Reason]:
    assert facts.live is not None
    unseen = facts.newest is not None and facts.newest > facts.cutoff
    out = []
    for level, (inside, of) in facts.live.within.items():
        inside, of, weeks = inside[-RECENT:], of[-RECENT:], facts.live.weeks[-RECENT:]
        if not of.sum() > 0:
            continue
        held = 100.0 * float(inside.sum() / of.sum())
        chance = _chance(level / 100.0 * of - inside, of, weeks)
        if held < level - _MISSED and chance <= _ALPHA:
            out.append(
                Reason(
                    "coverage",
                    "update" if unseen else "retrain",
                    f"Bands of {level:g} % held {held:.1f} % over {len(weeks)} weeks, beyond noise.",
                    {"level": level, "held": held, "weeks": len(weeks), "chance": chance},
                )
            )
    return out
