"""Whether a table of forecasts may be published: whole, finite, and of a size that its history explains.

A gate on accuracy comes before, at training; this is the last look at the numbers that will be served, for
damage, for slips of unit and for jumps that no model should make.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.hierarchy import LEFT_OUT

__all__ = ["check_table", "same_sales", "smoke_forecast"]

Float = NDArray[np.float64]
_COVERAGE = (80.0, 95.0)
_YEAR = 52
_TOTAL_JUMP = 5.0  # times the mean week of the last year, or the champion's forecast of the same weeks
_WEEK_JUMP = 10.0  # times the highest week ever sold
_SERIES_LEFT = 0.5  # share of the champion's series that may not vanish
_SAME, _SAME_UNIT = 0.01, 0.02  # relative differences of one history in two models


def smoke_forecast(new: Forecaster) -> list[str]:
    """Reasons why ``new`` cannot answer: a forecast of every level with its bands is made and looked at."""
    reasons = _shapes(new)
    if reasons:
        return reasons
    for name in new.levels:
        points = new.points(name)
        if not np.isfinite(points).all():
            reasons.append(f"{_count(~np.isfinite(points))} forecasts of level {name} are not finite")
            continue
        inner_low, inner_high = points, points
        for coverage in _COVERAGE:
            try:
                low, high = new.limits(coverage, name)
            except (RequestError, ValueError, IndexError) as error:
                reasons.append(f"no band of level {name}: {error}")
                break
            ordered = (low <= inner_low) & (inner_high <= high)  # False where a limit is NaN
            bad = ~(ordered & np.isfinite(low) & np.isfinite(high))
            if bad.any():
                reasons.append(f"{_count(bad)} bands of {coverage:g} % do not hold their point, level {name}")
            inner_low, inner_high = low, high
    return reasons


def check_table(new: Forecaster, old: Forecaster | None) -> list[str]:
    """Reasons why ``new`` must not be published in the place of ``old``; empty where there is none.

    ``old`` counts only where it was made from the same data, told by the weeks that both histories hold: a
    champion of other data says nothing about these.
    """
    reasons = smoke_forecast(new)
    if reasons:
        return reasons
    reasons = _against_history(new)
    return reasons if old is None else [*reasons, *_against_champion(new, old)]


def _shapes(new: Forecaster) -> list[str]:
    rows, size = len(new.weeks), len(new.keys)
    if not rows or not size:
        return ["it holds no forecasts"]
    tables = {"point": new.point, **{f"part {name}": part for name, part in new.parts.items()}}
    tables |= {f"naive {name}": naive for name, naive in new.naive.items()}
    reasons = [f"{name} is of shape {t.shape}" for name, t in tables.items() if t.shape != (rows, size)]
    if new.history.shape != (len(new.history_weeks), size) or not len(new.history_weeks):
        reasons.append(f"history is of shape {new.history.shape}")
    if reasons:
        return [f"{reason}, not of {rows} weeks and {size} series" for reason in reasons]
    if (new.keys[1:] <= new.keys[:-1]).any():
        reasons.append("its series are not in order, or one is there twice")
    weeks = np.concatenate([new.history_weeks[-1:], new.weeks]).astype("datetime64[D]").astype(np.int64)
    if (np.diff(weeks) != 7).any():
        reasons.append("its weeks do not follow the history every seven days")
    if "series" not in new.levels:
        reasons.append("it has no bands for its series")
    for name, level in new.levels.items():
        if level.sigma.shape != (rows, len(level.keys)) or level.of.shape != (size,):
            reasons.append(f"level {name} is of another shape than the forecasts")
        elif level.of.min() < LEFT_OUT or level.of.max() >= len(level.keys):
            reasons.append(f"level {name} lacks series that it should sum")
        elif not np.isfinite(level.sigma).all() or (level.sigma < 0).any():
            reasons.append(f"the expected error of level {name} is not finite and positive everywhere")
        elif not np.isfinite(level.bands.quantiles).all() or (np.diff(level.bands.quantiles) < 0).any():
            reasons.append(f"the quantiles of level {name} do not rise")
    for name, table in tables.items():
        if not np.isfinite(table).all() and not name.startswith("naive"):
            reasons.append(f"{_count(~np.isfinite(table))} values of {name} are not finite")
    if not reasons and new.parts and not np.array_equal(list(new.parts.values())[-1], new.point):
        reasons.append("its explanation does not end at its forecast")
    return reasons


def _against_history(new: Forecaster) -> list[str]:
    """Jumps away from what was ever sold, of the total and of any series."""
    known = np.isfinite(new.history)
    sold = np.where(known, np.abs(new.history), 0.0)
    if not known.any():
        return []
    reasons = []
    highest = sold.max(axis=0)
    wild = (np.abs(new.point) > _WEEK_JUMP * highest).any(axis=0) & (highest > 0)
    if wild.any():
        worst = int(np.argmax(np.where(wild, np.abs(new.point).max(axis=0) / np.maximum(highest, 1e-9), 0.0)))
        reasons.append(
            f"{_count(wild)} series are forecast above {_WEEK_JUMP:g} times what they ever sold, such as "
            f"{new.keys[worst]}: {np.abs(new.point[:, worst]).max():,.0f} after at most {highest[worst]:,.0f}"
        )
    # series that still sell, so that one that closed long ago does not count as lost sales
    recent = slice(-_YEAR, None)
    alive = known[recent].any(axis=0)
    weeks = np.maximum(known[recent].sum(axis=0), 1)
    usual = float((sold[recent].sum(axis=0) / weeks)[alive].sum())
    ahead = float(np.abs(new.point[:, alive]).mean(axis=0).sum())
    closed = float((new.point[:, alive] == 0.0).mean()) if alive.any() else 1.0
    lowest = usual * (1.0 - closed) / _TOTAL_JUMP  # weeks that are known to be closed explain a fall
    if usual > 0 and not lowest <= ahead <= _TOTAL_JUMP * usual:
        reasons.append(
            f"the mean week ahead is {ahead / usual:.3g} times the mean week of the last year in total "
            f"({ahead:,.0f} after {usual:,.0f})"
        )
    return reasons


def _ratios(
    keys: NDArray[np.str_], weeks: NDArray[np.datetime64], sales: Float, old: Forecaster
) -> NDArray[np.float64]:
    """``sales`` (T, N) over those of ``old``, where both hold a series and week that sold something."""
    mine, theirs = _common(keys, old.keys)
    then, before = _common(weeks, old.history_weeks)
    ours, other = sales[np.ix_(then, mine)], old.history[np.ix_(before, theirs)]
    both = np.isfinite(ours) & np.isfinite(other) & (ours != 0.0) & (other != 0.0)
    found: Float = ours[both] / other[both]
    return found


def _same(ratios: Float) -> bool:
    """Whether most of the sales are one, a few having been corrected since."""
    if not ratios.size:
        return False
    return abs(float(np.median(ratios)) - 1.0) <= _SAME and bool(
        np.mean(np.abs(ratios - 1.0) <= _SAME) >= 0.5
    )


def same_sales(keys: NDArray[np.str_], weeks: NDArray[np.datetime64], sales: Float, old: Forecaster) -> bool:
    """Whether ``sales`` (T, N) of ``keys`` and ``weeks`` are those that ``old`` was made from, longer or
    shorter: told by what both hold. False for other data under the same name."""
    return _same(_ratios(keys, weeks, sales, old))


def _against_champion(new: Forecaster, old: Forecaster) -> list[str]:
    ratios = _ratios(new.keys, new.history_weeks, new.history, old)
    if not ratios.size:
        return []
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    if middle > 0 and high - low <= _SAME_UNIT * middle and not 1 / _TOTAL_JUMP < middle < _TOTAL_JUMP:
        return [f"its history is the champion's in another unit: {middle:.4g} times the same sales"]
    if not _same(ratios):
        return []  # other data under the same name
    mine, theirs = _common(new.keys, old.keys)
    reasons = []
    if len(mine) < _SERIES_LEFT * len(old.keys):
        reasons.append(f"it forecasts {len(mine)} of the {len(old.keys)} series that the champion forecasts")
    known, sold = (
        np.isfinite(old.history[:, theirs]).any(axis=0),
        np.isfinite(new.history[:, mine]).any(axis=0),
    )
    invented = known & ~sold & (new.point[:, mine] != 0).any(axis=0)
    if invented.any():
        first = new.keys[mine[invented][0]]
        reasons.append(f"it forecasts {_count(invented)} series whose whole history is gone, such as {first}")
    here, there = _common(new.weeks, old.weeks)
    if len(here):
        said = float(np.abs(new.point[np.ix_(here, mine)]).sum())
        champion = float(np.abs(old.point[np.ix_(there, theirs)]).sum())
        if champion > 0 and not 1 / _TOTAL_JUMP <= said / champion <= _TOTAL_JUMP:
            reasons.append(
                f"it forecasts {said / champion:.3g} times what the champion does for the same "
                f"{len(here)} weeks and {len(mine)} series"
            )
    return reasons


def _common(
    left: NDArray[np.generic], right: NDArray[np.generic]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the values that both hold lie in each."""
    _, here, there = np.intersect1d(left, right, assume_unique=True, return_indices=True)
    return here.astype(np.int64), there.astype(np.int64)


def _count(bad: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(bad))
