"""How a forecast is scored here: on the rows that have an actual, by code that shares nothing with ours.

Everything is a long frame: the rows of a split are ``unique_id, ds, cutoff, y, weight``; a forecast is
``unique_id, ds, cutoff, point`` with ``lo-80, hi-80, lo-95, hi-95`` where there are bands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pandas as pd

__all__ = [
    "KEYS",
    "LEVELS",
    "align",
    "bands",
    "losers",
    "naive_growth",
    "recent_mean",
    "rows_of",
    "seasonal_naive",
    "wape",
    "wmae",
]

KEYS = ["unique_id", "ds", "cutoff"]
LEVELS = (80, 95)
HOLIDAY_WEIGHT = 5.0
_YEAR, _RECENT = pd.Timedelta(weeks=52), 13


def rows_of(frame: pd.DataFrame, cutoffs: Sequence[date], horizon: int) -> pd.DataFrame:
    """The rows to score: every actual within ``horizon`` weeks of a cutoff, of series known at that cutoff.

    ``frame``: ``unique_id, ds, y, is_holiday``; holiday weeks weigh 5.
    """
    parts = []
    for cutoff in map(pd.Timestamp, cutoffs):
        known = frame.loc[frame["ds"] <= cutoff, "unique_id"].unique()
        ahead = (frame["ds"] > cutoff) & (frame["ds"] <= cutoff + pd.Timedelta(weeks=horizon))
        rows = frame[ahead & frame["unique_id"].isin(known)]
        weight = np.where(rows["is_holiday"], HOLIDAY_WEIGHT, 1.0)
        parts.append(rows[["unique_id", "ds", "y"]].assign(cutoff=cutoff, weight=weight))
    return pd.concat(parts, ignore_index=True)


def _by_cutoff(rows: pd.DataFrame) -> Iterator[tuple[pd.Timestamp, pd.DataFrame]]:
    for cutoff in pd.DatetimeIndex(rows["cutoff"].unique()):
        yield cutoff, rows[rows["cutoff"] == cutoff]


def _look_up(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """The sales of each row's series 52 weeks before its week; NaN where that week is missing."""
    then = frame[["unique_id", "ds", "y"]].assign(ds=frame["ds"] + _YEAR)
    return rows[["unique_id", "ds"]].merge(then, on=["unique_id", "ds"], how="left")["y"].set_axis(rows.index)


def recent_mean(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Mean of the 13 weeks up to each row's cutoff; of the whole history where none of them is known."""
    out = pd.Series(np.nan, index=rows.index)
    for cutoff, part in _by_cutoff(rows):
        past = frame[frame["ds"] <= cutoff]
        recent = past[past["ds"] > cutoff - pd.Timedelta(weeks=_RECENT)]
        mean = past.groupby("unique_id")["y"].mean()
        mean.update(recent.groupby("unique_id")["y"].mean())
        out[part.index] = part["unique_id"].map(mean).to_numpy(dtype=float)
    return out


def seasonal_naive(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """The sales of the same week a year before (52 weeks; horizons up to 52); else the recent mean."""
    return _look_up(frame, rows).fillna(recent_mean(frame, rows))


def naive_growth(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """``seasonal_naive`` x growth of the last 13 weeks on the same weeks a year before, within 0.5 to 2."""
    out, seen = seasonal_naive(frame, rows), _look_up(frame, rows).notna()
    for cutoff, part in _by_cutoff(rows):
        recent = frame[
            (frame["ds"] <= cutoff) & (frame["ds"] > cutoff - pd.Timedelta(weeks=_RECENT))
        ].reset_index(drop=True)
        pairs = recent.assign(then=_look_up(frame, recent)).dropna(subset=["then"])
        sums = pairs.groupby("unique_id")[["y", "then"]].sum()
        sums = sums[sums["then"] > 0]  # returns alone a year ago tell nothing of growth
        growth = (sums["y"] / sums["then"]).clip(0.5, 2.0)
        factor = part["unique_id"].map(growth).astype(float).fillna(1.0)
        out[part.index] *= factor.where(seen[part.index], 1.0)
    return out


def align(rows: pd.DataFrame, forecast: pd.DataFrame) -> pd.DataFrame:
    """``forecast`` on exactly the rows to score, in their order; NaN where it says nothing."""
    if forecast.duplicated(KEYS).any():
        raise ValueError("a forecast has two answers for one series, week and cutoff")
    return rows[KEYS].merge(forecast, on=KEYS, how="left").set_axis(rows.index)


def wmae(rows: pd.DataFrame, point: pd.Series) -> float:
    """sum(w |y - f|) / sum(w), dollars; every row must have a forecast."""
    if not np.isfinite(point.to_numpy(dtype=float)).all():
        raise ValueError("a row has no finite forecast")
    return float((rows["weight"] * (rows["y"] - point).abs()).sum() / rows["weight"].sum())


def wape(rows: pd.DataFrame, point: pd.Series) -> float:
    """sum |y - f| / sum |y|, a fraction; every row must have a forecast."""
    if not np.isfinite(point.to_numpy(dtype=float)).all():
        raise ValueError("a row has no finite forecast")
    return float((rows["y"] - point).abs().sum() / rows["y"].abs().sum())


def bands(rows: pd.DataFrame, aligned: pd.DataFrame) -> dict[int, dict[str, float]]:
    """Per level: ``coverage`` (percent), mean ``width`` (dollars), ``rows`` (percent that had a band).

    ``aligned``: see ``align``; a level without columns or without any row is left out.
    """
    out = {}
    for level in LEVELS:
        if f"lo-{level}" not in aligned:
            continue
        low, high = aligned[f"lo-{level}"], aligned[f"hi-{level}"]
        known = low.notna() & high.notna()
        if known.any():
            inside = (rows["y"] >= low) & (rows["y"] <= high)
            out[level] = {
                "coverage": 100 * float(inside[known].mean()),
                "width": float((high - low)[known].mean()),
                "rows": 100 * float(known.mean()),
            }
    return out


def losers(rows: pd.DataFrame, point: pd.Series, naives: Sequence[pd.Series], margin: float) -> list[str]:
    """Series whose weighted error is more than ``margin`` (a fraction) above that of their better naive."""

    def error(f: pd.Series) -> pd.Series:
        return (rows["weight"] * (rows["y"] - f).abs()).groupby(rows["unique_id"]).sum()

    best = pd.concat([error(naive) for naive in naives], axis=1).min(axis=1)
    worse = error(point) > (1 + margin) * best
    return sorted(str(name) for name in worse.index[worse])
