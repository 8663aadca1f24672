"""Two versions' tables beside each other: how far they are, where most, and what no model explains."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.forecaster import Forecaster

__all__ = ["SeriesMove", "TableMoves", "compare_tables"]

Float = NDArray[np.float64]
_SHOWN = 20
_YEAR = 52
_JUMP = 10.0  # times both the champion's forecast and the series' mean week, or a tenth of both
_COUNTS = 1e-4  # share of all sales from which a series' jump is one
_TOTAL_JUMP = 5.0  # times the champion's forecast, of everything both forecast


@dataclass(frozen=True)
class SeriesMove:
    """One series: dollars over the weeks that both forecast, as ``champion`` and ``challenger`` have them."""

    unique_id: str
    champion: float
    challenger: float


@dataclass(frozen=True)
class TableMoves:
    """``weeks`` and ``series`` that both forecast, ``added`` and ``lost`` series; dollars of ``champion`` and
    ``challenger`` over them; ``difference``: the sum of all differences over the champion's; ``median`` and
    ``high`` (9 of 10 series move less): a series' own; ``most``: what moves most in dollars, first;
    ``reasons``: moves that no model explains, in words, for which the challenger must not serve."""

    weeks: int
    series: int
    added: int
    lost: int
    champion: float
    challenger: float
    difference: float
    median: float
    high: float
    most: tuple[SeriesMove, ...]
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it: None for what is not known."""
        return {k: None if isinstance(v, float) and v != v else v for k, v in asdict(self).items()}


def _common(
    left: NDArray[np.generic], right: NDArray[np.generic]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    _, here, there = np.intersect1d(left, right, return_indices=True)
    return here.astype(np.int64), there.astype(np.int64)


def compare_tables(new: Forecaster, old: Forecaster) -> TableMoves:
    """The challenger's forecasts ``new`` beside the champion's ``old``, for the weeks and series of both."""
    mine, theirs = _common(new.keys, old.keys)
    here, there = _common(new.weeks, old.weeks)
    ours, before = new.point[np.ix_(here, mine)], old.point[np.ix_(there, theirs)]
    apart = np.abs(ours - before).sum(axis=0)  # NaN where a forecast is none
    was, now = before.sum(axis=0), ours.sum(axis=0)
    size = np.abs(before).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(size > 0, apart / size, np.nan)
    known = own[np.isfinite(own)]
    middle, high = np.quantile(known, [0.5, 0.9]) if known.size else (np.nan, np.nan)
    order = np.argsort(np.nan_to_num(-apart, nan=-np.inf), kind="stable")[:_SHOWN]
    names = new.keys[mine]
    total = float(size.sum())
    return TableMoves(
        weeks=len(here),
        series=len(mine),
        added=len(new.keys) - len(mine),
        lost=len(old.keys) - len(mine),
        champion=float(was.sum()),
        challenger=float(now.sum()),
        difference=float(apart.sum()) / total if total > 0 else float("nan"),
        median=float(middle),
        high=float(high),
        most=tuple(SeriesMove(str(names[i]), float(was[i]), float(now[i])) for i in order.tolist()),
        reasons=tuple(_implausible(new, mine, ours, before)),
    )


def _implausible(new: Forecaster, mine: NDArray[np.int64], ours: Float, before: Float) -> list[str]:
    if not np.isfinite(new.point).all():
        return [f"{int((~np.isfinite(new.point)).sum())} forecasts are not finite"]
    if not ours.size:
        return []
    said, was = np.abs(ours).sum(axis=0), np.abs(before).sum(axis=0)
    reasons = []
    if was.sum() > 0 and not 1 / _TOTAL_JUMP <= said.sum() / was.sum() <= _TOTAL_JUMP:
        times = said.sum() / was.sum()
        reasons.append(f"in all it forecasts {times:.3g} times what the champion does for the same weeks")
    history = new.history[-_YEAR:, mine]
    weeks = np.maximum(np.isfinite(history).sum(axis=0), 1)
    usual = np.where(np.isfinite(history), np.abs(history), 0.0).sum(axis=0) / weeks * len(ours)
    counts = np.maximum(said, was) >= _COUNTS * max(float(was.sum()), 1e-9)
    # a forecast of nothing at all is a closure or an end, which history cannot explain and the model knows
    wild = counts & (
        (said > _JUMP * np.maximum(was, usual)) | ((said > 0) & (said < np.minimum(was, usual) / _JUMP))
    )
    if wild.any():
        at = int(np.argmax(np.where(wild, np.abs(said - was), -1.0)))
        reasons.append(
            f"{int(wild.sum())} series move more than tenfold, away from the champion and from their own "
            f"sales, such as {new.keys[mine][at]}: {said[at]:,.0f} after {was[at]:,.0f}"
        )
    return reasons
