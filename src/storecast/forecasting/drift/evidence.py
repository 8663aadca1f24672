"""What one family of tests found, look by look: the common form of all kinds of drift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Evidence"]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """Tests of the ``keys`` (K,) of one ``level`` at the last L weeks of a panel of T.

    ``p_value`` (L, K) corrected for all keys, NaN where not judged; ``size`` (L, K) as in ``Alarm``;
    ``began`` (L, K) row of the panel that the change began at; ``of`` (N,) the place of each series among the
    keys. ``deviation`` (T, K) week by week, or None; its ``form``: "log" or "plain" differences from what was
    to be expected, "steps" from week to week, or "share" of the forecast.
    """

    kind: str
    level: str
    column: str
    keys: NDArray[np.str_]
    of: NDArray[np.int64]
    p_value: Float
    size: Float
    began: NDArray[np.int64]
    deviation: Float | None = None
    form: str = "plain"
