"""What happens or does not: how long a thing has gone on, and how rare that is by the panel's own record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.operators import ratio

__all__ = ["lengths", "run_p_values"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
_REGULAR = 0.35  # of the mean length, a spread below which runs follow a clock and not chance
_CLOCK_RUNS = 6  # from which that can be told
_ENDS, _GOES_ON = 4.5, 0.5  # runs of which so much is known beforehand: how often one ends, and goes on
_OWN_PRIOR = 4.0  # weeks of a series' runs that the panel's are mixed in as


def lengths(flag: Bool) -> Int:
    """(T, K) for how many rows up to each one ``flag`` has been true without a break."""
    rows = np.arange(1, len(flag) + 1)[:, None]
    last = np.maximum.accumulate(np.where(flag, 0, rows), axis=0)
    out: Int = np.where(flag, rows - last, 0).astype(np.int64)
    return out


def run_p_values(flag: Bool, possible: Bool, looks: int, config: DriftConfig) -> Float:
    """(looks, K) p-values of the runs of ``flag`` (T, K) at the last ``looks`` rows, corrected for all K.

    The first run of a column is as rare as it begins in the rows in which it was ``possible`` (its own
    record, of none, mixed with how often others had a first one) and goes on week by week as first runs do.
    One that is longer than all before it goes on as that column's do; where runs come and go by the clock (a
    figure published each quarter) a week beyond the longest is as rare as one run in all that were. 1 where
    nothing runs, or for longer than ``config.forget`` weeks beyond the longest; NaN where too little was
    possible.
    """
    rows, size = flag.shape
    flag = flag & possible
    run = lengths(flag)
    going, could_go = np.zeros_like(flag), np.zeros_like(flag)
    going[1:] = flag[1:] & flag[:-1]
    could_go[1:] = possible[1:] & flag[:-1]
    ended = np.zeros_like(flag)
    ended[:-1] = flag[:-1] & ~flag[1:]
    longest = np.concatenate([np.zeros((1, size), dtype=np.int64), np.maximum.accumulate(run, axis=0)])
    happened, chances, began = _known(flag), _known(possible), _known(flag & ~going)
    went_on, could = _known(going), _known(could_go)
    squares = _known(np.where(ended, run.astype(np.float64) ** 2, 0.0))
    young = began[1:] <= 1  # rows that belong to no run or to the first
    fresh = (happened[:-1] == 0) & (chances[:-1] >= config.least_reference)
    first, exposed = _known(flag & fresh).sum(axis=1), _known(possible & fresh).sum(axis=1)
    first_on, first_could = _known(going & young).sum(axis=1), _known(could_go & young).sum(axis=1)
    columns = np.arange(size)
    at = np.arange(rows - looks, rows)
    now = run[at]
    before = at[:, None] + 1 - now  # (looks, K) rows known before each run
    tried, runs = chances[before, columns], began[before, columns]
    hazard = (first[before] + 1.0) / (exposed[before] + 2.0)
    entry = config.prior_runs * hazard / (tried + config.prior_runs)
    pooled = (first_on[before] + _GOES_ON) / (first_could[before] + _GOES_ON + _ENDS)
    own = (went_on[before, columns] + _OWN_PRIOR * pooled) / (could[before, columns] + _OWN_PRIOR)
    # Clockwork is told of all columns together: among many a few are regular by chance.
    many = runs.sum(axis=1, keepdims=True)
    mean = ratio(happened[before, columns].sum(axis=1, keepdims=True), many)
    scatter = ratio(squares[before, columns].sum(axis=1, keepdims=True), many) - mean**2
    clocked = (runs >= _CLOCK_RUNS) & (mean > 1.5) & (scatter < (_REGULAR * mean) ** 2)
    own = np.where(clocked, np.minimum(own, 1.0 / (runs + 2.0)), own)
    beyond = np.maximum(now - longest[before, columns], 0)
    p = np.where(runs > 0, own**beyond, entry * pooled ** np.maximum(beyond - 1, 0))
    p = np.where((beyond == 0) | (beyond > config.forget), 1.0, p)
    judged = tried >= config.least_reference
    return np.where(judged, np.minimum(1.0, judged.sum(axis=1, keepdims=True) * p), np.nan)


def _known(values: NDArray[np.generic]) -> Float:
    """(T + 1, K) sums of the rows before each."""
    out = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=out[1:])
    return out
