"""What the next weeks bring against last year: of all series together, of each store and of each series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.forecaster import Forecaster

__all__ = [
    "NEAR",
    "Change",
    "Lines",
    "changes",
    "coverages",
    "entity_level",
    "last_year",
    "lines",
    "top_level",
]

Float = NDArray[np.float64]
Days = NDArray[np.datetime64]
NEAR = 13  # weeks: the quarter that a planner can still act on
_YEAR = 52


@dataclass(frozen=True)
class Change:
    """Sums over the first ``weeks`` weeks ahead, dollars, one entry a key of the level: (S,).

    ``forecast`` of all, ``comparable`` of what also sold in the same weeks last year, and ``before``, what
    it sold then; a series and week without sales last year is in ``forecast`` alone.
    """

    weeks: int
    keys: NDArray[np.str_]
    forecast: Float
    comparable: Float
    before: Float

    @property
    def dollars(self) -> Float:
        """(S,) like for like; NaN where nothing sold last year."""
        return self.comparable - self.before

    @property
    def relative(self) -> Float:
        """(S,) ``dollars`` as a fraction of last year, NaN where there is none to compare with."""
        out = np.full(len(self.keys), np.nan)
        np.divide(self.dollars, np.abs(self.before), out=out, where=np.abs(self.before) > 0)
        return out


@dataclass(frozen=True)
class Lines:
    """One key's history (T,), forecast, last year's same weeks and naive-growth (H,), limits by coverage."""

    history: Float
    history_weeks: Days
    weeks: Days
    point: Float
    before: Float
    naive: Float
    bands: dict[float, tuple[Float, Float]]


def top_level(forecaster: Forecaster) -> str:
    """The level that holds the sum of everything; a panel of one series is its own sum."""
    return "total" if "total" in forecaster.levels else "series"


def entity_level(forecaster: Forecaster) -> str:
    """The level a planner plans by: stores where there are departments below them."""
    return "store" if "store" in forecaster.levels else "series"


def last_year(forecaster: Forecaster) -> Float:
    """(H, N) sales 52 weeks before each week ahead, NaN where there were none."""
    history, horizon = forecaster.history, len(forecaster.weeks)
    source = len(history) - _YEAR + np.arange(horizon)
    out = np.full((horizon, history.shape[1]), np.nan)
    out[source >= 0] = history[source[source >= 0]]
    return out


def changes(forecaster: Forecaster, level: str, weeks: int) -> Change:
    """Sums over the first ``weeks`` weeks ahead, by key of ``level``."""
    at = forecaster.levels[level]
    before = last_year(forecaster)[:weeks]
    point = forecaster.point[:weeks]
    both = np.isfinite(before)

    def summed(values: Float) -> Float:
        out: Float = at.total(values).sum(axis=0)
        return out

    some = at.total(np.where(both, 1.0, 0.0)).sum(axis=0) > 0
    return Change(
        weeks=len(point),
        keys=at.keys,
        forecast=forecaster.points(level)[:weeks].sum(axis=0),
        comparable=np.where(some, summed(np.where(both, point, 0.0)), np.nan),
        before=np.where(some, summed(np.where(both, before, 0.0)), np.nan),
    )


def coverages(levels: tuple[float, ...]) -> tuple[float, float]:
    """The narrow and the wide band to show: of the back-test's own levels, 80 and 95 percent without one."""
    return (min(levels), max(levels)) if levels else (80.0, 95.0)


def lines(forecaster: Forecaster, level: str, column: int, bands: tuple[float, ...], history: int) -> Lines:
    """All that is drawn of one key of ``level``, with the last ``history`` weeks before the forecast."""
    members = np.flatnonzero(forecaster.levels[level].of == column)  # not the whole level, which may be large

    def of(values: Float) -> Float:
        own = values[:, members]
        known = np.isfinite(own)
        return np.where(known.any(axis=1), np.where(known, own, 0.0).sum(axis=1), np.nan)

    limits = {coverage: forecaster.limits(coverage, level) for coverage in sorted(set(bands))}
    return Lines(
        history=of(forecaster.history[-history:]),
        history_weeks=forecaster.history_weeks[-history:].astype("datetime64[D]"),
        weeks=forecaster.weeks.astype("datetime64[D]"),
        point=np.round(of(forecaster.point), 2),
        before=of(last_year(forecaster)),
        naive=of(forecaster.naive["naive-growth"]),
        bands={c: (low[:, column], high[:, column]) for c, (low, high) in limits.items()},
    )
