"""When a change began and how large it is, once it is known that there is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Change", "change_of"]

Float = NDArray[np.float64]
_LATEST = 4  # weeks that say whether a change is still there
_KEPT = 0.5  # share of its size that it must keep to be so


@dataclass(frozen=True)
class Change:
    """``began`` at which row, its ``size``, and whether it ``lasts`` at the last row."""

    began: int
    size: float
    lasts: bool


def change_of(deviation: Float, form: str, raised: int, longest: int, reference: int) -> Change:
    """The change of one column's ``deviation`` (T,) that was seen at row ``raised``: it began within the
    ``longest`` weeks before, where the weeks since differ most from the ``reference`` weeks before them."""
    if form == "steps":
        return _move(deviation, raised, longest)
    best, began = -1.0, raised
    for start in range(max(raised - longest + 1, 1), raised + 1):
        here, past = deviation[start : raised + 1], deviation[max(start - reference, 0) : start]
        n, m = int(np.isfinite(here).sum()), int(np.isfinite(past).sum())
        if not n or not m:
            continue
        gain = abs(np.nanmean(here) - np.nanmean(past)) * np.sqrt(n * m / (n + m))
        if gain > best:
            best, began = float(gain), start
    past = deviation[max(began - reference, 0) : began]
    usual = float(np.nanmean(past)) if np.isfinite(past).any() else 0.0
    size = float(np.nanmean(deviation[began : raised + 1])) - usual
    latest = deviation[max(began, len(deviation) - _LATEST) :]
    now = float(np.nanmean(latest)) - usual if np.isfinite(latest).any() else 0.0
    lasts = now * np.sign(size) >= _KEPT * abs(size)
    since = deviation[began:]
    size = float(np.nanmean(since)) - usual if lasts else size
    return Change(began, float(np.expm1(size)) if form == "log" else size, bool(lasts))


def _move(steps: Float, raised: int, longest: int) -> Change:
    """The same of a wandering column: where it made its largest step, and whether it stayed there."""
    first = max(raised - longest + 1, 0)
    began = first + int(np.nanargmax(np.abs(np.nan_to_num(steps[first : raised + 1]))))
    size = float(np.nansum(steps[began : raised + 1]))
    now = float(np.nansum(steps[began:]))
    return Change(began, size, bool(now * np.sign(size) >= _KEPT * abs(size)))
