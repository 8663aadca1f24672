"""What the gate says: verdicts by segment, and one sentence for a planner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["Check", "Decision", "GateReport", "SegmentVerdict", "Verdict", "money", "reason"]

Verdict = Literal["better", "worse", "not proven", "not judged"]
Decision = Literal["promote", "keep", "refuse"]


@dataclass(frozen=True)
class SegmentVerdict:
    """One ``segment`` of the rows ``against`` one naive.

    ``gain``: the naive's wmae minus the candidate's, dollars; ``gain_low``: its one-sided 95 % lower
    bound; ``p_value``: one-sided, of a gain of this sign by chance; ``p_holm``: the same corrected for all
    segments and naives (not for "all"); ``weeks``: distinct weeks. NaN where not judged.
    """

    segment: str
    against: str
    gain: float
    gain_low: float
    p_value: float
    p_holm: float
    weeks: int
    verdict: Verdict


@dataclass(frozen=True)
class Check:
    """One question beside the naives: its ``name``, whether it ``passed`` (None: not judged), a sentence, and
    the figures that it rests on."""

    name: str
    passed: bool | None
    text: str
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class GateReport:
    """Whether the model ``passed``, what ``serves`` (its name or the better naive's) and the ``reason``.

    ``segments``: the verdicts, "all" first; ``wmae``: name -> dollars, of the model and the naives. Both are
    empty where no back-test was possible. ``decision`` on what the report names as serving: ``promote``;
    ``keep`` the ``champion``, the version it was compared with, as it is no worse and knows no more; or
    ``refuse``, which an operator may overrule. ``checks``: what else was looked at.
    """

    passed: bool
    serves: str
    reason: str
    segments: tuple[SegmentVerdict, ...] = ()
    wmae: dict[str, float] = field(default_factory=dict)
    decision: Decision = "promote"
    champion: int | None = None
    checks: tuple[Check, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it: plain types, None for what was not judged."""
        out = asdict(self)
        out["segments"] = [_plain(segment) for segment in out["segments"]]
        out["checks"] = [{**check, "figures": _plain(check["figures"])} for check in out["checks"]]
        return out


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}


def money(value: float, unit: str) -> str:
    """The size of ``value``; small amounts with two decimals."""
    return f"{unit}{abs(value):,.0f}" if abs(value) >= 100 else f"{unit}{abs(value):,.2f}"


def reason(
    model: str,
    better: str,
    total: Sequence[SegmentVerdict],
    segments: Sequence[SegmentVerdict],
    *,
    cutoffs: int,
    unit: str,
) -> str:
    """Why ``model`` or the ``better`` naive serves: the first obstacle met, or the gain."""
    test = f"{total[0].weeks} weeks forecast from {cutoffs} {'cutoff' if cutoffs == 1 else 'cutoffs'}"
    lost = [v for v in total if v.verdict != "better"]
    hurt = [v for v in segments if v.verdict == "worse"]
    if lost:
        v = min(lost, key=lambda v: v.gain)
        by = money(v.gain, unit)
        if v.verdict == "worse":
            found = f"its mean error is {by} higher"
            return f"{model} is worse than {v.against} on {test}: {found}; {better} serves."
        if v.gain == 0:
            return f"{model} is just as good as {v.against} on {test}, not better; {better} serves."
        side = "lower" if v.gain > 0 else "higher"
        return (
            f"{model} is not proven better than {v.against} on {test}: its mean error is {by} {side}, "
            f"within what chance explains; {better} serves."
        )
    if hurt:
        v = min(hurt, key=lambda v: v.p_holm)
        return (
            f"{model} is better in all, but worse than {v.against} in the segment {v.segment}: there "
            f"its mean error is {money(v.gain, unit)} higher, more than chance explains; {better} serves."
        )
    v = next(v for v in total if v.against == better)
    naives = "both naives" if len(total) == 2 else "the naive"
    return (
        f"{model} beats {naives} on {test}: its mean error is {money(v.gain, unit)} below that of {better}, "
        f"at least {money(v.gain_low, unit)} with 95 % confidence."
    )
