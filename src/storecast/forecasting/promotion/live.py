"""What came against what two versions had said of it: whether the challenger does harm."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_ROWS", "LIVE_LOSS", "live_breach"]

Float = NDArray[np.float64]
LEAST_ROWS = 8  # actuals without which nothing is judged
LIVE_LOSS = 1.25  # times the champion's error from which the challenger's is one too many
_DEVIATIONS = 2.0  # standard errors of the mean loss beyond which it is no chance


def live_breach(y: Float, old: Float, new: Float) -> str:
    """Why the challenger, who said ``new`` of the actuals ``y``, must not go on beside the champion, who said
    ``old`` (all (R,) dollars); "" where nothing is proven.

    Its error must be above ``LIVE_LOSS`` times the champion's, and the mean difference of the errors beyond
    two standard errors. Errors of one week are shared, so that this alone errs on the side of stopping.
    """
    if len(y) < LEAST_ROWS:
        return ""
    theirs, ours = np.abs(y - old), np.abs(y - new)
    loss = ours - theirs
    error = float(loss.std(ddof=1)) / math.sqrt(len(y))
    if ours.sum() <= LIVE_LOSS * theirs.sum() or loss.mean() <= _DEVIATIONS * error:
        return ""
    times = f"{ours.sum() / theirs.sum():.3g} times" if theirs.sum() > 0 else "more than"
    return (
        f"its error on the {len(y):,} actuals that came is {times} the champion's "
        f"({ours.mean():,.0f} after {theirs.mean():,.0f})"
    )
