"""The challenger against the version that serves: better, or no worse and fresher, and as sure of itself.

The champion's configuration is back-tested on the challenger's data and cutoffs: its fitted state has seen
weeks that the test asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.metrics import wmae
from storecast.forecasting.promotion.gate import verdicts_on
from storecast.forecasting.promotion.report import Check, Decision, GateReport, SegmentVerdict, money
from storecast.forecasting.promotion.rows import BacktestArrays

__all__ = ["COVERAGE_LIMITS", "MARGIN", "Rival", "against"]

Float = NDArray[np.float64]
Held = Mapping[float, NDArray[np.bool_]]
MARGIN = 0.02  # of the champion's mean error: differences below it are taken for none
COVERAGE_LIMITS = (5.0, 15.0)  # points under and over a band's level within which its coverage is kept
_COVERAGE_LOST = 1.0  # points below the champion's, on the same rows, from which coverage counts as lost
_NAME = "champion"


@dataclass(frozen=True)
class Rival:
    """``version`` that serves, and its kind of ``model``.

    ``forecast`` (R,) dollars: what its configuration says at the challenger's rows, None where that is not
    known, ``unknown`` then says why; ``held`` level -> (R,) whether its bands held; ``equal``: whether both
    configurations are one, so that both back-tests are; ``fresher``: what the challenger knows more, in
    words, "" for nothing.
    """

    version: int
    model: str
    forecast: Float | None = None
    held: Held = field(default_factory=dict)
    equal: bool = False
    fresher: str = ""
    unknown: str = ""


def against(
    report: GateReport,
    rows: BacktestArrays | None,
    held: Held,
    rival: Rival,
    *,
    seed: int = 0,
    draws: int = 2000,
    unit: str = "$",
) -> GateReport:
    """``report`` with the decision on what it names as serving, now that a ``rival`` serves.

    ``rows``: its back-test, with the forecasts of what serves as candidate, None without one; ``held``: as
    the rival's. It is promoted if its mean error is lower beyond noise, or if that is above the rival's by no
    more than ``MARGIN`` with 95 % confidence and it is fresher; if it is proven worse in no segment; and if
    the coverage of its bands is within ``COVERAGE_LIMITS`` of their levels or no further off than the
    rival's.
    """
    name = f"champion version {rival.version}"
    if rival.equal:
        words = f"{report.serves} is configured as {name} is, so that both are as good on these weeks"
        return _decided(report, rival, "as good", words, {}, _kept(held, held), ())
    if rows is None or rival.forecast is None:
        words = f"{report.serves} cannot be compared with {name}"
        why = rival.unknown or "there is no back-test"
        return _decided(report, rival, "unknown", f"{words}: {why}", {}, None, ())
    beside = replace(rows, naives={_NAME: rival.forecast})
    (total,), segments = verdicts_on(beside, seed=seed, draws=draws)
    theirs = wmae(rows.y, rival.forecast, rows.weight)
    ours = wmae(rows.y, rows.candidate, rows.weight)
    figures = {"wmae": ours, "champion wmae": theirs, "gain": total.gain, "gain low": total.gain_low}
    found, words = _found(report.serves, name, total, segments, theirs, unit)
    return _decided(report, rival, found, words, figures, _kept(held, rival.held), (total, *segments))


def _found(
    model: str,
    name: str,
    total: SegmentVerdict,
    segments: list[SegmentVerdict],
    theirs: float,
    unit: str,
) -> tuple[str, str]:
    """``better``, ``as good``, ``worse`` or ``unknown``, and why."""
    hurt = [v for v in segments if v.verdict == "worse"]
    by = money(total.gain, unit)
    if total.verdict == "not judged":
        return "unknown", f"{total.weeks} weeks of test are too few to compare {model} with {name}"
    if total.verdict == "worse" and -total.gain > MARGIN * theirs:
        return "worse", f"{model} is worse than {name} on the same cutoffs: its mean error is {by} higher"
    if hurt:
        v = min(hurt, key=lambda v: v.p_holm)
        return "worse", (
            f"{model} is worse than {name} in the segment {v.segment}: there its mean error is "
            f"{money(v.gain, unit)} higher, more than chance explains"
        )
    if total.verdict == "better":
        least = money(total.gain_low, unit)
        return "better", (
            f"{model} beats {name} on the same cutoffs: its mean error is {by} lower, at least {least} with "
            "95 % confidence"
        )
    if total.gain_low >= -MARGIN * theirs:
        return "as good", f"{model} is no worse than {name}, within {MARGIN:.0%} of its mean error"
    side = "lower" if total.gain >= 0 else "higher"
    return "unproven", (
        f"{model} is not proven as good as {name}: its mean error is {by} {side}, and chance alone may hide "
        f"that it is more than {MARGIN:.0%} higher"
    )


def _kept(ours: Held, theirs: Held) -> Check | None:
    """Whether the bands still hold what they say; None where nothing is known of them."""
    figures: dict[str, float] = {}
    lost = []
    for level, held in ours.items():
        mine = 100.0 * float(held.mean())
        other = 100.0 * float(theirs[level].mean()) if level in theirs else np.nan
        figures |= {f"coverage-{level:g}": mine, f"champion coverage-{level:g}": other}
        lowest, highest = level - COVERAGE_LIMITS[0], min(level + COVERAGE_LIMITS[1], 100.0)
        low = mine < lowest and not mine >= other - _COVERAGE_LOST
        high = mine > highest and not mine <= other + _COVERAGE_LOST
        if low or high:
            lost.append(
                f"its {level:g} % bands held {mine:.1f} %, not {lowest:g} to {highest:g} %"
                + (f", those of the champion {other:.1f} %" if np.isfinite(other) else "")
            )
    if not figures:
        return None
    told = ", ".join(f"{level:g} % bands {figures[f'coverage-{level:g}']:.1f} %" for level in ours)
    return Check("coverage", not lost, "; ".join(lost) or f"kept: {told}", figures)


def _decided(
    report: GateReport,
    rival: Rival,
    found: str,
    words: str,
    figures: dict[str, float],
    coverage: Check | None,
    verdicts: tuple[SegmentVerdict, ...],
) -> GateReport:
    decision: Decision = "refuse"
    ends = f"version {rival.version} serves on."
    if coverage is not None and not coverage.passed:
        text = f"{words}; but {coverage.text}; {ends}"
    elif found == "better" or (found == "as good" and rival.fresher):
        decision = "promote"
        text = f"{words}{f'; it knows {rival.fresher}' if rival.fresher else ''}."
    elif found == "as good":
        decision = "keep"
        text = f"{words}; it knows nothing that the champion does not; {ends}"
    else:
        text = f"{words}; {ends}"
    checks = (Check(_NAME, None if found == "unknown" else decision == "promote", words, figures), coverage)
    return replace(
        report,
        reason=f"{report.reason} {text[0].upper()}{text[1:]}",
        decision=decision,
        champion=rival.version,
        segments=(*report.segments, *verdicts),
        checks=(*report.checks, *(check for check in checks if check is not None)),
    )
