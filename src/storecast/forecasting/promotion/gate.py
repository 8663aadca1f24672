"""The decision: measure every segment against every naive, then say what serves.

Errors of one week are shared (weather, a holiday's day) and last over several, so the sample is the week
with all of its rows, and weeks are drawn in blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.metrics import wmae
from storecast.forecasting.promotion.report import GateReport, SegmentVerdict, Verdict, reason
from storecast.forecasting.promotion.resampling import block_length, gain_deviations, holm
from storecast.forecasting.promotion.rows import BacktestArrays, check_rows

__all__ = ["LEAST_WEEKS", "judge", "serve_naive", "verdicts_on"]

Float = NDArray[np.float64]
LEAST_WEEKS = 8  # distinct weeks without which nothing is judged
_LEAST_SEGMENT_WEEKS = 4
_ALPHA = 0.05


def serve_naive(why: str, naive: str = "naive-growth") -> GateReport:
    """The report where nothing could be judged, such as a history too short for any back-test."""
    return GateReport(False, naive, why)


@dataclass(frozen=True)
class _Measured:
    """One segment over all K naives; all but ``gain`` (K,) NaN where it has too few weeks."""

    segment: str
    weeks: int
    gain: Float
    low: Float
    p_better: Float
    p_worse: Float


def _measure(
    rows: BacktestArrays, at: NDArray[np.bool_], name: str, least: int, seed: int, draws: int
) -> _Measured:
    weeks, of = np.unique(rows.week[at], return_inverse=True)
    n, y, weight = len(weeks), rows.y[at], rows.weight[at]
    own = np.abs(y - rows.candidate[at])
    by_week = [np.bincount(of, weight * (np.abs(y - naive[at]) - own), n) for naive in rows.naives.values()]
    gains: Float = np.stack(by_week, axis=1).astype(np.float64)  # (n, K)
    weights: Float = np.bincount(of, weight, n).astype(np.float64)
    gain = gains.sum(axis=0) / weights.sum()
    if n < least:
        unknown = np.full(len(gain), np.nan)
        return _Measured(name, n, gain, unknown, unknown, unknown)
    length = block_length(weeks)
    rng = np.random.default_rng((seed, n))
    starts = rng.integers(0, n, (draws, -(-n // length)))
    df = max(1.0, n / length - 1.0)
    deviation = gain_deviations(gains, weights, starts, np.sqrt(rng.chisquare(df, draws) / df), length)
    # The order statistic that makes "low > 0" and "p <= 0.05" the same statement.
    low = gain - np.sort(deviation, axis=0)[math.ceil((1.0 - _ALPHA) * (draws + 1)) - 1]
    p_better = (1.0 + (deviation >= gain).sum(axis=0)) / (draws + 1.0)
    p_worse = (1.0 + (deviation <= gain).sum(axis=0)) / (draws + 1.0)
    return _Measured(name, n, gain, low, p_better, p_worse)


def _verdicts(
    measured: Sequence[_Measured], naives: Sequence[str], *, corrected: bool
) -> list[SegmentVerdict]:
    """Verdicts of all segments x naives; "better" and "worse" are two families of tests, each held to 5 %."""
    p = np.array([(m.p_better, m.p_worse) for m in measured]).reshape(len(measured), 2, len(naives))
    judged = np.isfinite(p[:, 0, 0])
    adjusted = p.copy()
    for side in (0, 1) if corrected else ():
        adjusted[judged, side] = holm(p[judged, side].ravel()).reshape(-1, len(naives))
    out = []
    for i, m in enumerate(measured):
        for k, naive in enumerate(naives):
            side = int(m.gain[k] < 0)
            verdict: Verdict = "not proven" if judged[i] else "not judged"
            if adjusted[i, side, k] <= _ALPHA:
                verdict = "worse" if side else "better"
            gain, low = float(m.gain[k]), float(m.low[k])
            chance, among = float(p[i, side, k]), float(adjusted[i, side, k])
            out.append(SegmentVerdict(m.segment, naive, gain, low, chance, among, m.weeks, verdict))
    return out


def verdicts_on(
    rows: BacktestArrays, *, seed: int = 0, draws: int = 2000
) -> tuple[list[SegmentVerdict], list[SegmentVerdict]]:
    """Verdicts over all rows, one against each of ``rows.naives``, and those on segments, corrected for their
    number. A segment under 4 distinct weeks is not judged, nor anything under 8."""
    naives = list(rows.naives)
    everything = np.ones(len(rows.y), dtype=bool)
    total = _verdicts([_measure(rows, everything, "all", LEAST_WEEKS, seed, draws)], naives, corrected=False)
    weeks = total[0].weeks
    least = _LEAST_SEGMENT_WEEKS if weeks >= LEAST_WEEKS else weeks + 1
    parts = [
        _measure(rows, labels == name, name, least, seed, draws)
        for labels in rows.segments.values()
        for name in dict.fromkeys(labels.tolist())
        if name != ""
    ]
    return total, _verdicts(parts, naives, corrected=True) if parts else []


def judge(
    rows: BacktestArrays, *, model: str, seed: int = 0, draws: int = 2000, unit: str = "$"
) -> GateReport:
    """Whether ``model``, the candidate of ``rows``, may serve; the reason gives money in ``unit``.

    It may if it beats every naive over all rows (one-sided, 5 %: it must win each comparison, which needs no
    correction) and is worse than none in any segment after Holm's correction. A segment under 4 distinct
    weeks is not judged, nor anything under 8. Raises RequestError for rows that are empty or not finite.
    """
    check_rows(rows)
    naives = list(rows.naives)
    total, segments = verdicts_on(rows, seed=seed, draws=draws)
    weeks = total[0].weeks
    errors = {name: wmae(rows.y, values, rows.weight) for name, values in rows.naives.items()}
    better = min(naives, key=lambda name: errors[name])
    passed = all(v.verdict == "better" for v in total) and not any(v.verdict == "worse" for v in segments)
    if weeks < LEAST_WEEKS:
        why = f"{weeks} weeks of test are too few to judge {model}, it takes {LEAST_WEEKS}; {better} serves."
    elif model in errors:
        why = f"{model} is a naive forecast itself; {better} is the better naive and serves."
    else:
        why = reason(model, better, total, segments, cutoffs=len(np.unique(rows.cutoff)), unit=unit)
    return GateReport(
        passed,
        model if passed else better,
        why,
        (*total, *segments),
        {model: wmae(rows.y, rows.candidate, rows.weight)} | errors,
    )
