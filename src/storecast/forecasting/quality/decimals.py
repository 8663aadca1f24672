"""Lost decimal points: 164369090 among weeks of 1.6 million was 1643690.90.

A number is suspected when it has no cents in a column that has them, and is far above its series. It is
repaired only where exactly one power of ten brings it back among its neighbours or the same week of another
year, and as it stands it is unlike all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Decimals", "lost_decimals"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]

_FACTOR = 5.0  # times its series' median a number must be to be looked at
_FIT = 2.0  # a repaired number lies within this factor of what surrounds it
_TIGHT = 1.5  # likewise where the number's own form says nothing
_UNLIKE = 3.0  # as it stands it is this many times above everything it is compared with
_NEAR, _YEAR = 35, 364  # days
_POWERS = (1, 2, 3, 4, 5, 6)


@dataclass(frozen=True)
class Decimals:
    """``rows``: positions to repair, ``power`` of ten to divide by; ``suspects``: positions to look at."""

    rows: Int
    power: Int
    suspects: Int


def _surroundings(days: Int, values: Float, ok: NDArray[np.bool_], i: int) -> tuple[Float, Float]:
    """Values around row i, and those of the same weeks of other years."""
    apart = np.abs(days - days[i])
    near = values[ok & (apart <= _NEAR)]
    off_year = (apart + _YEAR // 2) % _YEAR - _YEAR // 2
    years = values[ok & (apart > _YEAR // 2) & (np.abs(off_year) <= 14)]
    return near[near > 0], years[years > 0]


def lost_decimals(series: Int, days: Int, values: Float) -> Decimals:
    """Look for lost decimal points in ``values`` (n,), rows sorted by ``series`` and ``days``."""
    nothing = np.empty(0, dtype=np.int64)
    finite = np.isfinite(values)
    whole = finite & (values == np.rint(values))
    if not finite.any():
        return Decimals(nothing, nothing, nothing)
    cents = float(whole[finite].mean()) < 0.5
    starts = np.flatnonzero(np.concatenate([[True], np.diff(series) > 0]))
    ends = np.concatenate([starts[1:], [len(series)]])
    top = np.fmax.reduceat(np.where(finite, values, -np.inf), starts)
    mean = np.add.reduceat(np.where(finite, np.abs(values), 0.0), starts) / (ends - starts)
    rows, power, suspects = [], [], []
    # A lost point lifts a series' maximum far above its mean unless it is very short.
    for a, b in zip(starts[top > 2 * mean], ends[top > 2 * mean], strict=True):
        v, d = values[a:b], days[a:b]
        positive = v[finite[a:b] & (v > 0)]
        if len(positive) < 6:
            continue
        odd = finite[a:b] & (v >= _FACTOR * np.median(positive))
        for i in np.flatnonzero(odd):
            near, years = _surroundings(d, v, finite[a:b] & ~odd, int(i))
            others, _ = _surroundings(d, v, odd & (np.abs(d - d[i]) > _NEAR), int(i))
            same_week = _surroundings(d, v, odd & (np.arange(b - a) != i), int(i))[1]
            refs = [float(np.median(x)) for x in (near, years) if len(x) >= (4 if x is near else 1)]
            if len(near) < 4 or len(others) or v[i] < _UNLIKE * max(float(near.max()), float(years.max(initial=0))):
                continue
            # The same week was high in another year: a season, unless that one is damaged the same way.
            if len(same_week) and (v[i] / same_week < _UNLIKE).any() and not whole[a + i]:
                continue
            fit = _FIT if whole[a + i] and cents else _TIGHT
            fitting = [k for k in _POWERS if any(1 / fit <= v[i] / 10**k / ref <= fit for ref in refs)]
            steady = float(near.max()) <= 4 * float(near.min())
            if len(fitting) == 1 and cents and whole[a + i] and steady:
                rows.append(a + i)
                power.append(fitting[0])
            elif fitting and steady and (cents or fitting[0] >= 2):
                suspects.append(a + i)
    as_int = lambda x: np.asarray(x, dtype=np.int64)  # noqa: E731
    return Decimals(as_int(rows), as_int(power), as_int(suspects))
