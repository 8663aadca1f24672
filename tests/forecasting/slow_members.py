"""The members of the aligned forecaster, one series, cutoff and week at a time: the oracle of its tests.

Written from the recipe with plain loops and no shared operator; only the timeline's rows are taken as given
(tests/forecasting/test_timeline.py proves those).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from storecast.forecasting.timeline import Timeline

__all__ = ["SlowSeries", "slow_index"]

RATES = (0.05, 0.1, 0.2, 0.3, 0.5)


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else math.nan


def _known(x: float) -> bool:
    return not math.isnan(x)


@dataclass
class SlowSeries:
    """One series' ``values`` (T,) and, for a member of a block, its ``block``."""

    values: list[float]
    timeline: Timeline
    block: SlowSeries | None = None

    def at(self, row: int) -> float:
        return self.values[row] if 0 <= row < len(self.values) else math.nan

    def back(self, row: int, k: int) -> float:
        """The value k + 1 years before ``row``, by date."""
        low, part = int(self.timeline.low[k, row]), float(self.timeline.part[k, row])
        near = [(self.at(low), 1.0 - part), (self.at(low + 1), part)]
        weight = sum(w for v, w in near if _known(v))
        if weight < 0.3:
            return math.nan
        return sum(v * w for v, w in near if _known(v)) / weight

    def backs(self, row: int) -> dict[int, float]:
        """Years back -> value, those that are known."""
        found = {k + 1: self.back(row, k) for k in range(self.timeline.years)}
        return {k: v for k, v in found.items() if _known(v)}

    def mean_back(self, row: int) -> tuple[float, float]:
        found = self.backs(row)
        return _mean(list(found.values())), _mean([float(k) for k in found])

    def trend(self, cutoff: int) -> float:
        changes = [self.at(t) - self.back(t, 0) for t in range(max(0, cutoff - 52), cutoff)]
        changes = [c for c in changes if _known(c)]
        return 0.9 * sum(changes) / (len(changes) + 8.0)

    def _smooth(self, numbers: list[float]) -> float:
        levels = []
        for rate in RATES:
            top, weight = 0.0, 1.0
            for x in numbers:
                top, weight = top * (1 - rate), weight * (1 - rate)
                if _known(x):
                    top, weight = top + rate * x, weight + rate
            levels.append(top / weight)
        return _mean(levels)

    def level(self, cutoff: int) -> float:
        deviations, years = [], []
        for t in range(cutoff):
            mean, ago = self.mean_back(t)
            known = _known(self.at(t)) and _known(mean)
            deviations.append(self.at(t) - mean if known else math.nan)
            years.append(ago if known else math.nan)
        return self._smooth(deviations) - self.trend(cutoff) * self._smooth(years)

    def height(self, cutoff: int, row: int) -> float:
        seasons = [self.mean_back(t)[0] for t in range(max(0, cutoff - 52), cutoff)]
        usual = _mean([s for s in seasons if _known(s)])
        there = self.mean_back(row)[0]
        if not _known(there) or not usual > 0:
            return 1.0
        return math.sqrt(min(max(there, 0.0) / usual, 4.0))

    def season(self, cutoff: int, row: int) -> float:
        mean, ago = self.mean_back(row)
        return mean + (self.trend(cutoff) * ago + self.level(cutoff)) * self.height(cutoff, row)

    def growth_of(self, cutoff: int, window: int) -> float:
        now = then = 0.0
        for t in range(max(0, cutoff - window), cutoff):
            if _known(self.at(t)) and _known(self.back(t, 0)):
                now, then = now + self.at(t), then + self.back(t, 0)
        own = now / then if then > 0 else math.nan
        if self.block is None:
            return min(max(own, 0.5), 2.0) if _known(own) else 1.0
        whole = self.block.growth_of(cutoff, window)
        own = min(max(own if _known(own) else whole, 0.5), 2.0)
        return 0.6 * own + 0.4 * whole

    def growth(self, cutoff: int, row: int) -> float:
        recent = _mean([self.growth_of(cutoff, w) for w in (13, 26, 52)])
        yearly = self.growth_of(cutoff, 52)
        return _mean([v * recent * yearly ** (k - 1) for k, v in self.backs(row).items()])

    def recent(self, cutoff: int) -> float:
        for window in (13, 52, cutoff):
            known = [v for v in self.values[max(0, cutoff - window) : cutoff] if _known(v)]
            if known:
                return _mean(known)
        return math.nan

    def share(self, cutoff: int) -> float:
        block = self.block
        assert block is not None

        def share_of(window: int) -> float:
            start = max(0, cutoff - window)
            rows = [t for t in range(start, cutoff) if _known(self.at(t)) and _known(block.at(t))]
            own = sum(v for v in self.values[start:cutoff] if _known(v))
            whole = sum(block.at(t) for t in rows)
            return own / whole if whole > 0 else math.nan

        shares, last = [], math.nan
        for window in (52, 26, 13):
            found = share_of(window)
            last = found if _known(found) else last
            shares.append(last if _known(last) else share_of(cutoff))
        return _mean(shares)

    def whole(self, cutoff: int, row: int) -> float:
        """The block's own forecast."""
        season, growth = self.season(cutoff, row), self.growth(cutoff, row)
        if not _known(season):
            return self.recent(cutoff)
        return (2 * season + growth) / 3 if _known(growth) else season

    def members(self, cutoff: int, row: int) -> list[float]:
        """The five members' forecasts of ``row`` with what is known after ``cutoff`` weeks."""
        of_block = math.nan if self.block is None else self.block.whole(cutoff, row) * self.share(cutoff)
        return [
            self.season(cutoff, row),
            self.growth(cutoff, row),
            of_block,
            self.recent(cutoff),
            self.back(row, 0),
        ]


def slow_index(values: np.ndarray) -> list[float]:
    """(T,) sum of the known series of (T, N) over their usual sizes, at the scale of all; what is usual is
    the mean at first, then twice the share of the index over the series' own weeks."""
    columns = values.T.tolist()

    def index_of(usual: list[float]) -> list[float]:
        index = []
        for row in values.tolist():
            there = [(v, u) for v, u in zip(row, usual, strict=True) if _known(v)]
            bottom = sum(u for _, u in there)
            index.append(sum(v for v, _ in there) / bottom * sum(usual) if bottom > 0 else math.nan)
        return index

    means = [_mean([abs(v) for v in column if _known(v)]) for column in columns]
    index = index_of([m if _known(m) else 0.0 for m in means])
    for _ in range(0 if np.isfinite(values).all() else 2):
        shares = []
        for column in columns:
            own = sum(abs(v) for v in column if _known(v))
            whole = sum(abs(x) for x, v in zip(index, column, strict=True) if _known(v) and _known(x))
            shares.append(own / whole if whole > 0 else 0.0)
        index = index_of(shares)
    return index
