"""Rolling origins: what would have been forecast at earlier cutoffs, beside what will be from the last one.

One pass over the columns gives the forecasts of every inner cutoff and of the final one, from the same
coefficients. The inner ones have actuals: bands, boosting and the gate learn from their residuals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.aligned import Aligned, AlignedConfig, block_index
from storecast.forecasting.blend import (
    BlendConfig,
    blend,
    gather,
    own_weights,
    panel_weights,
    recent_residual,
)
from storecast.forecasting.calendar import Calendar, Days
from storecast.forecasting.effects import moving_holidays, open_weeks
from storecast.forecasting.operators import ratio
from storecast.forecasting.rhythm import Rhythm, find_rhythm
from storecast.forecasting.timeline import YEAR, Timeline, make_timeline

__all__ = ["FIRST_ORIGIN", "STATES", "Groups", "Rolling", "inner_cutoffs", "roll"]

Float = NDArray[np.float64]
FIRST_ORIGIN = 56  # weeks before the first inner cutoff: a year to look back to, and a month of deviations
STATES = (
    "usual",
    "level",
    "growth",
    "block_growth",
    "residual_4",
    "residual_13",
    "store_residual",
    "volatility",
)
_MANY_SERIES = 5_000  # above, every other origin is heard for the weights of a single series
_YEARS_BACK = 5  # that are compared; on longer histories older years make the forecast worse
_COLUMNS = 1024  # series a pass, so that a pass stays in the cache
Columns = NDArray[np.int64] | slice


@dataclass(frozen=True)
class Groups:
    """Which block and which store each of the N series belongs to: (N,) indices."""

    block: NDArray[np.int64]
    store: NDArray[np.int64]
    hierarchical: bool


@dataclass
class Rolling:
    """Forecasts at cutoffs (C,), the last of which is the final one (all T weeks known).

    ``point``, ``actual`` (C, H, N), NaN beyond the known; ``slope`` (C, H, N) what a week's slip of the
    calendar would change, as a share of ``point``; ``state`` name -> (C, N) what was known of each
    series then; of the final cutoff: ``parts`` name -> (H, N) running forecast after each step of the
    explanation; ``weights`` (M, N); ``panel_weights`` (M,).
    """

    cutoffs: NDArray[np.int64]
    point: Float
    actual: Float
    slope: Float
    state: dict[str, Float]
    parts: dict[str, Float]
    weights: Float
    panel_weights: Float
    holidays: Float = field(default_factory=lambda: np.ones((0, 0)))

    @property
    def inner(self) -> slice:
        """The cutoffs that have actuals."""
        return slice(0, len(self.cutoffs) - 1)


def inner_cutoffs(rows: int, step: int) -> NDArray[np.int64]:
    """Cutoffs for learning within ``rows`` known weeks: every ``step`` weeks back from the last but
    ``step``."""
    return np.arange(rows - step, FIRST_ORIGIN - 1, -step)[::-1]


def roll(
    values: Float,
    weeks: Days,
    groups: Groups,
    horizon: int,
    calendar: Calendar,
    *,
    aligned: AlignedConfig,
    blending: BlendConfig,
    step: int,
    weights: Float | None = None,
    origins: NDArray[np.int64] | None = None,
    event_effects: Float | None = None,
    advance: Callable[[float], None] = lambda share: None,
) -> Rolling:
    """Fit all coefficients on ``values`` (T, N) and forecast ``horizon`` weeks from every cutoff.

    ``weeks`` (T,); ``weights`` (M, N) from an earlier fit are used as they are; ``origins``: inner
    cutoffs other than every ``step`` weeks; ``event_effects`` (T + H, N)
    multipliers of known events. ``advance`` is told the share of columns that is done.
    """
    rows, size = values.shape
    span = np.concatenate([weeks, weeks[-1] + 7 * np.arange(1, horizon + 1)])
    timeline = make_timeline(span, min(max(1, -(-(rows - 4) // YEAR)), _YEARS_BACK), calendar)
    values = open_weeks(values)
    events = np.ones((1, 1)) if event_effects is None else event_effects
    values = values / (events if event_effects is None else events[:rows])
    blocks = int(groups.block.max()) + 1
    index = block_index(values, groups.block, blocks)
    rhythm = find_rhythm(index)
    index = index / rhythm.history()
    holidays = moving_holidays(index, timeline)
    whole = Aligned(index / holidays[:rows], timeline, aligned)
    usual = holidays[:rows] * rhythm.history()
    cutoffs = np.append(inner_cutoffs(rows, step) if origins is None else origins, rows)

    def columns(at: Columns) -> Aligned:
        known = values[:, at] / usual[:, groups.block[at]]
        return Aligned(known, timeline, aligned, whole, groups.block[at])

    chunks = _chunks(groups, size)
    heard = cutoffs[:-1] if size <= _MANY_SERIES else cutoffs[:-1][::-2][::-1]
    pooled = None
    if weights is None:
        sample = np.sort(np.random.default_rng(0).permutation(size)[: 2 * _COLUMNS])
        pooled = gather(columns(sample), cutoffs[:-1], horizon, blending).pooled()
    shared = panel_weights(pooled, blending) if pooled is not None else np.zeros(0)

    shape = (len(cutoffs), horizon, size)
    out = Rolling(
        cutoffs,
        point=np.empty(shape),
        actual=np.empty(shape),
        slope=np.empty(shape),
        state={name: np.zeros((len(cutoffs), size)) for name in STATES},
        parts={name: np.zeros((horizon, size)) for name in ("last_year", "growth", "holiday", "residual")},
        weights=np.zeros((len(blending.prior), size)) if weights is None else weights,
        panel_weights=shared,
        holidays=holidays,
    )
    for done, at in enumerate(chunks):
        part = columns(at)
        if weights is None and pooled is not None:
            evidence = gather(part, heard, horizon, blending)
            out.weights[:, at] = own_weights(evidence, pooled, shared, blending)
        effect = holidays[:, groups.block[at]] * (events if event_effects is None else events[:, at])
        _forecast(out, part, at, groups, effect, rhythm, blending, timeline)
        advance((done + 1) / len(chunks))
    return out


def _chunks(groups: Groups, size: int) -> list[Columns]:
    """Columns in groups of whole stores, so that a store's residuals are seen together; a slice where they
    lie side by side, which is several times as fast to read and write."""
    if not groups.hierarchical:
        return [slice(i, min(i + _COLUMNS, size)) for i in range(0, size, _COLUMNS)]
    order = np.argsort(groups.store, kind="stable")
    cuts = np.flatnonzero(np.diff(groups.store[order])) + 1
    chunks: list[Columns] = []
    last = 0
    for cut in (*cuts, size):
        if cut - last >= _COLUMNS or cut == size:
            at = order[last:cut]
            together = bool((np.diff(at) == 1).all())
            chunks.append(slice(int(at[0]), int(at[-1]) + 1) if together else at)
            last = int(cut)
    return chunks


def _forecast(
    out: Rolling,
    part: Aligned,
    at: Columns,
    groups: Groups,
    effect: Float,
    rhythm: Rhythm,
    config: BlendConfig,
    timeline: Timeline,
) -> None:
    rows, horizon = len(part.values), out.point.shape[1]
    weights = out.weights[:, at]
    one = np.full_like(part.values, np.nan)
    if rows > FIRST_ORIGIN:
        one[FIRST_ORIGIN:] = blend(part.one_step(FIRST_ORIGIN), weights)
    residual = part.values - one
    carried, longer = recent_residual(residual, config.residual_window, 13)
    shared = np.zeros_like(carried)
    if groups.hierarchical:
        shared = _store_residual(residual, one, groups.store[at], config.residual_window)
        usual = np.nan_to_num(np.abs(one))[np.maximum(np.arange(rows + 1) - 1, 0)]
        near = (1.0 - config.residual_shared) * carried + config.residual_shared * shared * usual
    else:
        near = carried
    decay = config.residual_decay ** np.arange(1, horizon + 1)[:, None]
    recent = np.nan_to_num(part.recent)
    scale = np.maximum(np.abs(recent), 1e-9)
    noise = np.sqrt(recent_residual(residual**2, 26)[0])
    block_growth = part.growth if part.block is None else part.block.growth[:, groups.block[at]]
    states = (recent, part.level, part.growth, block_growth, carried, longer, shared, noise)
    relative = {"level", "residual_4", "residual_13", "volatility"}
    for name, value in zip(STATES, states, strict=True):
        state = value / scale if name in relative else value
        out.state[name][:, at] = state[out.cutoffs]
    week = np.abs(np.diff(part.back[0], axis=0))
    slip = np.nan_to_num(np.maximum(np.concatenate([week, week[-1:]]), np.concatenate([week[:1], week])))
    block = groups.block[at]
    sold = effect[:rows] * rhythm.history()[:, block] if rhythm.heard else effect[:rows]
    for i, c in enumerate(out.cutoffs):
        stretch = slice(int(c), int(c) + horizon)
        lift = effect[stretch] * rhythm.ahead(int(c), horizon)[:, block] if rhythm.heard else effect[stretch]
        members = part.forecasts(int(c), stretch, int(c))
        base = blend(members, weights)
        base = np.where(np.isfinite(base), base, 0.0)
        height = part.height(slice(int(c), int(c) + 1), stretch, int(c))
        point = (base + config.residual_keep * near[c] * decay * height) * lift
        out.point[i][:, at] = point
        out.slope[i][:, at] = np.minimum(slip[stretch] / np.maximum(np.abs(base), 1e-9), 2.0)
        known = min(horizon, rows - int(c))
        actual = part.values[c : int(c) + known] * sold[c : int(c) + known]
        # Of a series that had not begun nothing was forecast that its first weeks could judge.
        out.actual[i][known:, at] = np.nan
        out.actual[i][:known, at] = np.where(np.isfinite(part.recent[c]), actual, np.nan)
    last_year = np.where(np.isfinite(part.back[0][rows:]), part.back[0][rows:], base)
    out.parts["last_year"][:, at] = last_year
    out.parts["growth"][:, at] = base
    out.parts["holiday"][:, at] = base * lift
    out.parts["residual"][:, at] = point


def _store_residual(residual: Float, one: Float, store: NDArray[np.int64], window: int) -> Float:
    """(T + 1, N) recent residual of the series' whole store, as a share of its forecast."""
    names, of_store = np.unique(store, return_inverse=True)
    member = (of_store[:, None] == np.arange(len(names))).astype(np.float64)
    known = np.isfinite(residual)
    error = np.where(known, residual, 0.0) @ member
    usual = np.where(known, np.abs(one), 0.0) @ member
    share = recent_residual(ratio(error, usual), window)[0]
    return share[:, of_store]
