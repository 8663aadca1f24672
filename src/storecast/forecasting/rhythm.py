"""A fortnight's rhythm: chains that advertise every other week.

Sales that alternate are no season of the year: where the rhythm slips by a week, the same week a year ago is
the wrong one of the two. So it is told from neighbouring weeks alone, divided out before years are compared,
and multiplied onto the weeks ahead in its present phase. A chain without a plain rhythm has none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["Rhythm", "find_rhythm"]

Float = NDArray[np.float64]
_AROUND, _TRAILING = 9, 5  # weeks whose median is a week's swing: around it, and for the weeks ahead
_LEAST_WEEKS = 26
_PLAIN = 4.0  # times the weeks' deviations from it that a swing must be; others have 0.3 to 2.5
_LEAST_SWING = 0.02


@dataclass(frozen=True)
class Rhythm:
    """``swing`` (T, B) log of half the difference of even and odd weeks, as known around each week;
    ``trailing`` (T + 1, B) as known at each cutoff. Zero in blocks without a rhythm."""

    swing: Float
    trailing: Float

    @property
    def heard(self) -> bool:
        """Whether any block has one."""
        return bool(self.swing.any() or self.trailing.any())

    def history(self) -> Float:
        """(T, B) multipliers of the weeks known."""
        out: Float = np.exp(self.swing * _sign(np.arange(len(self.swing))))
        return out

    def ahead(self, cutoff: int, horizon: int) -> Float:
        """(H, B) multipliers of the weeks after the first ``cutoff``, from what was known then."""
        out: Float = np.exp(self.trailing[cutoff] * _sign(np.arange(cutoff, cutoff + horizon)))
        return out


def find_rhythm(index: Float) -> Rhythm:
    """The rhythm of each block's ``index`` (T, B), NaN where unknown.

    A week's swing is half its log distance from the mean of the weeks beside it, even weeks counted up and
    odd ones down; medians over several weeks leave holidays out and turn at once where the phase slips.
    """
    rows, blocks = index.shape
    none = Rhythm(np.zeros((rows, blocks)), np.zeros((rows + 1, blocks)))
    if rows < _LEAST_WEEKS:
        return none
    log = np.log(np.where(np.isfinite(index) & (np.nan_to_num(index) > 0), index, np.nan))
    each = np.full((rows, blocks), np.nan)
    each[1:-1] = 0.5 * (log[1:-1] - 0.5 * (log[:-2] + log[2:])) * _sign(np.arange(1, rows - 1))
    around = _medians(np.pad(each, ((_AROUND // 2, _AROUND // 2), (0, 0)), constant_values=np.nan), _AROUND)
    size = np.median(np.abs(around), axis=0)
    seen = np.isfinite(each)
    deviation = np.array(
        [np.median(np.abs(each[s, b] - around[s, b])) if s.any() else np.inf for b, s in enumerate(seen.T)]
    )
    plain = (size > _LEAST_SWING) & (size > _PLAIN * 1.4826 * deviation) & (seen.sum(axis=0) >= _LEAST_WEEKS)
    if not plain.any():
        return none
    # A week's swing needs the week after it: at a cutoff, the last one known is that of the week before.
    trailing = _medians(np.pad(each, ((_TRAILING + 1, 0), (0, 0)), constant_values=np.nan)[:-1], _TRAILING)
    return Rhythm(np.where(plain, around, 0.0), np.where(plain, trailing, 0.0))


def _sign(weeks: NDArray[np.int64]) -> Float:
    return np.where(weeks % 2 == 0, 1.0, -1.0)[:, None]


def _medians(values: Float, width: int) -> Float:
    """(T - width + 1, B) medians of the known values in each window, zero where none is."""
    windows = np.sort(sliding_window_view(values, width, axis=0), axis=-1)  # unknown ones come last
    count = np.isfinite(windows).sum(axis=-1)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    pick = [
        np.take_along_axis(windows, np.minimum(at, width - 1)[..., None], -1)[..., 0] for at in (low, high)
    ]
    return np.where(count > 0, 0.5 * (pick[0] + pick[1]), 0.0)
