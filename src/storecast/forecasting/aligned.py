"""The statistical forecaster: members that look back to the same date of earlier years.

Five members, each linear in the history or a product of two such terms, so that what any cutoff needs is
computed once for all cutoffs:

season   mean over past years of (same date + yearly trend) + smoothed recent deviation from it
growth   the same, read as a ratio: past years x recent growth, the series' own shrunk to its block's
block    the block's own forecast x the series' recent share of it; the answer for young series
recent   mean of the last 13 weeks, for series that follow no year (intermittent, promotion-driven)
same     the same date of last year as it was, for series whose level is not going anywhere
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.operators import counted, cumulative, look_back, ratio, smoothed, window_sum
from storecast.forecasting.timeline import YEAR, Timeline

__all__ = ["MEMBERS", "Aligned", "AlignedConfig", "block_index"]

Float = NDArray[np.float64]
_INDEX_ROUNDS = 2
MEMBERS = ("season", "growth", "block", "recent", "same")


@dataclass(frozen=True)
class AlignedConfig:
    """Constants of the members, chosen on store sales before the test windows (see the accuracy log).

    ``trend_keep``: share of the measured yearly trend that is carried on; ``trend_prior``: weeks of
    zero trend it is averaged with; ``rates``: of the smoothing; ``growth_own``: weight of the series' own
    growth against its block's; windows in weeks. ``height_power``: a deviation in dollars is carried to a
    week of another season in proportion to that week's usual height to this power (0 adds it as it is, 1 as a
    percentage), the height within ``height_bound``.
    """

    trend_keep: float = 0.9
    trend_prior: float = 8.0
    rates: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5)
    level_prior: float = 1.0
    growth_windows: tuple[int, ...] = (13, 26, 52)
    growth_own: float = 0.6
    growth_bounds: tuple[float, float] = (0.5, 2.0)
    share_windows: tuple[int, ...] = (13, 26, 52)
    recent_window: int = 13
    height_power: float = 0.5
    height_bound: float = 4.0


class Aligned:
    """Members' coefficients of N columns at every cutoff c = 0..T (rows), and forecasts from them.

    ``values`` (T, N) sales with moving holidays taken out, NaN = missing; ``timeline`` of T + H weeks;
    ``block`` the same object for the blocks' index series with ``of_block`` (N,) pointing into its columns,
    or None for the blocks themselves.
    """

    def __init__(
        self,
        values: Float,
        timeline: Timeline,
        config: AlignedConfig,
        block: Aligned | None = None,
        of_block: NDArray[np.int64] | None = None,
    ) -> None:
        self.values, self.timeline, self.config = values, timeline, config
        self.block, self.of_block = block, of_block
        self.back = [look_back(values, timeline.low[k], timeline.part[k]) for k in range(timeline.years)]
        self._seasons()
        self._trend_and_level()
        self._growth()
        self._recent_and_share()

    def _seasons(self) -> None:
        """Mean over the years known at each row, how many they are and how many years back that mean lies."""
        known = [np.isfinite(b) for b in self.back]
        self._filled = [np.where(k, b, 0.0) for k, b in zip(known, self.back, strict=True)]
        self._count: Float = np.stack(known).sum(axis=0, dtype=np.float64)
        years = np.sum([k * float(i) for i, k in enumerate(known, 1)], axis=0)
        self.mean_back = ratio(np.sum(self._filled, axis=0), self._count)
        self.years_back = ratio(years, self._count)

    def _trend_and_level(self) -> None:
        rows, c = len(self.values), self.config
        change = self.values - self.back[0][:rows]
        weeks = window_sum(counted(np.isfinite(change)), YEAR)
        total = window_sum(cumulative(change), YEAR)
        self.trend = c.trend_keep * total / (weeks + c.trend_prior)  # dollars a year
        deviation = self.values - self.mean_back[:rows]
        years = np.where(np.isfinite(deviation), self.years_back[:rows], np.nan)
        level = smoothed(deviation, c.rates, c.level_prior)
        if np.array_equal(years, np.broadcast_to(years[:, :1], years.shape), equal_nan=True):
            years = years[:, :1]  # no week is missing: all series look back alike
        self.level = level - self.trend * smoothed(years, c.rates, c.level_prior)
        usual = self.mean_back[:rows]
        count = window_sum(counted(np.isfinite(usual)), YEAR)
        self.usual = ratio(window_sum(cumulative(usual), YEAR), count)
        self._tall = self._raised(self.mean_back)
        self._short = np.where(self.usual > 0, self.usual, np.nan) ** -c.height_power

    def _growth(self) -> None:
        rows, c = len(self.values), self.config
        both = np.isfinite(self.values) & np.isfinite(self.back[0][:rows])
        now = cumulative(np.where(both, self.values, np.nan))
        then = cumulative(np.where(both, self.back[0][:rows], np.nan))
        own: list[Float] = []
        for w in c.growth_windows:
            g = ratio(window_sum(now, w), window_sum(then, w))
            if self.block is None or self.of_block is None:
                own.append(np.nan_to_num(np.clip(g, *c.growth_bounds), nan=1.0))
            else:
                whole = self.block.growth_by_window[len(own)][:, self.of_block]
                g = np.clip(np.where(np.isfinite(g), g, whole), *c.growth_bounds)
                own.append(c.growth_own * g + (1.0 - c.growth_own) * whole)
        self.growth_by_window: list[Float] = own
        self.growth = np.mean(own, axis=0)
        self.yearly_growth = own[-1]

    def _recent_and_share(self) -> None:
        c = self.config
        total = cumulative(self.values)
        count = counted(np.isfinite(self.values))
        self.recent = ratio(total, count)
        for w in (YEAR, c.recent_window):  # the narrowest window that holds a value speaks
            near = ratio(window_sum(total, w), window_sum(count, w))
            self.recent = np.where(np.isfinite(near), near, self.recent)
        if self.block is None or self.of_block is None:
            return
        whole = cumulative(np.where(np.isfinite(self.values), self.block.values[:, self.of_block], np.nan))
        share = np.full_like(total, np.nan)
        parts = []
        for w in (*sorted(c.share_windows, reverse=True),):
            near = ratio(window_sum(total, w), window_sum(whole, w))
            share = np.where(np.isfinite(near), near, share)
            parts.append(share)
        far = ratio(total, whole)
        self.share = np.mean([np.where(np.isfinite(p), p, far) for p in parts], axis=0)

    def forecasts(self, cutoff: int, rows: slice, known: int) -> Float:
        """(len(MEMBERS), R, N) each member's forecast of ``rows`` with what is known after ``cutoff`` weeks.

        Only the first ``known`` rows of a look-back may be read (the caller passes ``cutoff``, or the row
        itself for one-step forecasts). NaN where a member has no answer.
        """
        at = slice(cutoff, cutoff + 1)
        return self._members(at, rows, known)

    def height(self, at: slice, rows: slice, known: int) -> Float:
        """(R, N) how a deviation known at ``at`` is scaled in ``rows``; 1 where the season is unknown."""
        back = self._struck_out(at, rows, known)
        tall = self._tall[rows] if back is None else self._raised(_means(back)[0])
        height = tall * self._short[at]
        bound = self.config.height_bound**self.config.height_power
        return np.where(np.isfinite(height), np.minimum(height, bound), 1.0)

    def _raised(self, mean_back: Float) -> Float:
        out: Float = np.maximum(mean_back, 0.0) ** self.config.height_power
        return out

    def one_step(self, first: int = 0) -> Float:
        """(len(MEMBERS), T - first, N) forecasts of each week from ``first`` on, made a week before."""
        every = slice(first, len(self.values))
        return self._members(every, every, len(self.values))

    def _struck_out(self, at: slice, rows: slice, known: int) -> list[Float] | None:
        """The look-backs of ``rows`` without what was not known yet; None where all of it was, as nearly
        always: only where a holiday comes early in its year does the week it snaps to lie after the cutoff.
        """
        reach = self.timeline.low[:, rows] + (self.timeline.part[:, rows] > 0)
        blind = reach >= (known if at != rows else np.arange(rows.start, rows.stop))
        if not blind.any():
            return None
        return [np.where(blind[k][:, None], np.nan, b[rows]) for k, b in enumerate(self.back)]

    def _members(self, at: slice, rows: slice, known: int) -> Float:
        back = self._struck_out(at, rows, known)
        if back is None:
            back, filled, count = [self.back[0][rows]], [f[rows] for f in self._filled], self._count[rows]
            mean_back, years_back = self.mean_back[rows], self.years_back[rows]
        else:
            filled = [np.where(np.isfinite(b), b, 0.0) for b in back]
            count = np.sum([np.isfinite(b) for b in back], axis=0, dtype=np.float64)
            mean_back, years_back = _means(back)
        change = self.trend[at] * years_back + self.level[at]
        season = mean_back + change * self.height(at, rows, known)
        factor = self.growth[at]
        grown = filled[0] * factor
        for f in filled[1:]:
            factor = factor * self.yearly_growth[at]
            grown += f * factor
        growth = ratio(grown, count)
        recent = np.broadcast_to(self.recent[at], season.shape)
        if self.block is None or self.of_block is None:
            share_of_block = np.full(season.shape, np.nan)
        else:
            whole = self.block.blended(at, rows, known)
            share_of_block = whole[:, self.of_block] * self.share[at]
        return np.stack([season, growth, share_of_block, recent, back[0]])

    def blended(self, at: slice, rows: slice, known: int) -> Float:
        """(R, B) the blocks' own forecast: season and growth 2 : 1, recent where neither speaks."""
        season, growth, _, recent, _ = self._members(at, rows, known)
        both: Float = np.where(np.isfinite(growth), (2.0 * season + growth) / 3.0, season)
        return np.where(np.isfinite(both), both, recent)


def _means(parts: list[Float]) -> tuple[Float, Float]:
    """Mean over the years that speak, and the mean number of years they lie back."""
    known = np.stack([np.isfinite(p) for p in parts]).astype(np.float64)
    count = known.sum(axis=0)
    years = np.tensordot(np.arange(1.0, len(parts) + 1.0), known, 1)
    return ratio(np.sum([np.nan_to_num(p) for p in parts], axis=0), count), ratio(years, count)


def block_index(values: Float, of_block: NDArray[np.int64], blocks: int) -> Float:
    """(T, B) one series a block that a missing week or a late start of a member does not bend.

    The sum of what is there over the sum of the usual sales of those that are there, at the scale of the
    whole block; NaN where no member sold. What is usual of a member is first its mean, then its share of the
    index over its own weeks: the mean of one that came late would be that of other seasons and years.
    """
    seen = np.isfinite(values)
    size = np.where(seen, np.abs(values), 0.0).sum(axis=0)
    order = np.argsort(of_block, kind="stable")
    starts = np.searchsorted(of_block[order], np.arange(blocks))
    top = np.add.reduceat(np.where(seen, values, 0.0)[:, order], starts, axis=1)

    def index(usual: Float) -> Float:
        bottom = np.add.reduceat((seen * usual)[:, order], starts, axis=1)
        return ratio(top, bottom) * np.add.reduceat(usual[order], starts)

    out = index(size / np.maximum(seen.sum(axis=0), 1))
    for _ in range(0 if seen.all() else _INDEX_ROUNDS):
        whole = np.nan_to_num(np.abs(out))[:, of_block].sum(axis=0, where=seen)
        out = index(np.nan_to_num(ratio(size, whole)))
    return out
