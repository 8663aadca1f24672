"""Rolling origins of the direct forecaster, and the fit of its final state.

Rows to learn from are target weeks seen from earlier cutoffs, with the features of that cutoff. A model
learns the rows whose actual was known by the cutoff it first forecasts from, and nothing later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.baselines import recent_mean
from storecast.forecasting.calendar import Calendar
from storecast.forecasting.direct.encoding import RAW_NAMES, Encoding, fit_encoding
from storecast.forecasting.direct.state import (
    DirectConfig,
    DirectState,
    check_future,
    columns,
    forecast,
    order_of,
)
from storecast.forecasting.effects import open_weeks
from storecast.forecasting.features import Facts, Features, make_facts, make_features
from storecast.forecasting.rolling import STATES, Rolling, inner_cutoffs
from storecast.forecasting.timeline import YEAR

if TYPE_CHECKING:
    from storecast.forecasting.panel import Panel

__all__ = ["go_on_direct", "roll_direct"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
_DEFAULT = DirectConfig()
_TARGET_BOUND = 3.0  # in units of the series' scale


@dataclass(frozen=True)
class _Pool:
    """Rows to learn from: ``x`` (R, F); ``target`` week and ``series`` (R,) say which sale each is of;
    ``base`` and ``scale`` (R,) dollars as they stood at its cutoff; ``weight`` (R,)."""

    x: Float
    target: Int
    series: Int
    base: Float
    scale: Float
    weight: Float


def _gather(
    panel: Panel, horizon: int, calendar: Calendar, facts: Facts, static: Float, config: DirectConfig
) -> _Pool:
    """Sampled rows of about ``config.origins`` cutoffs; which ones are drawn depends on no sale.

    Every other cutoff sees the observed variables of its target weeks as if given, the others what was to be
    expected: so the trees know both what a variable does and what to do without it. Targets begin
    in the second year: before it, nothing can be said of how a year differs from the last.
    """
    rows, size = panel.values.shape
    spacing = -(-(rows - config.first_origin) // config.origins)
    cutoffs = np.arange(rows - 1, config.first_origin - 1, -spacing)[::-1]
    first = np.maximum(YEAR - cutoffs, 0)  # place of the first target of each cutoff
    last = np.minimum(rows - cutoffs, horizon)
    share = min(1.0, config.rows / max(1, int(np.maximum(last - first, 0).sum()) * size))
    weights = calendar.weights(panel.weeks) ** config.holiday_power
    parts: list[tuple[Float, ...]] = []
    places: list[tuple[Int, Int]] = []
    for i, (cutoff, start, stop) in enumerate(
        zip(cutoffs.tolist(), first.tolist(), last.tolist(), strict=True)
    ):
        if stop <= start:
            continue
        given = {n: o[cutoff : cutoff + stop] for n, o in panel.observed.items()} if i % 2 else None
        features = make_features(panel, cutoff, stop, facts, given)
        at = np.arange(start * size, stop * size)
        rng = np.random.default_rng([config.seed, cutoff])
        at = np.sort(rng.choice(at, max(1, int(share * len(at))), replace=False)) if share < 1.0 else at
        h, n = np.divmod(at, size)
        x = np.concatenate([static.T[n], features.rows(at)], axis=1)
        scale = features.scale[n]
        parts.append((x, features.base.ravel()[at], scale, scale * weights[cutoff + h]))
        places.append((cutoff + h, n))
    x, base, scale, weight = (np.concatenate(p) for p in zip(*parts, strict=True))
    target, series = (np.concatenate(p) for p in zip(*places, strict=True))
    return _Pool(x, target, series, base, scale, weight)


def _fit(pool: _Pool, values: Float, config: DirectConfig) -> tuple[str, float]:
    """Trees of the rows known within ``values`` (K, N), and the share of their correction to apply."""
    from storecast.forecasting.direct.estimator import DirectBoosting

    known = len(values)
    actual = np.full(len(pool.x), np.nan)
    inside = pool.target < known
    actual[inside] = open_weeks(values)[pool.target[inside], pool.series[inside]]
    use = np.isfinite(actual)
    if use.sum() < 2 * config.min_rows_in_leaf:
        return "", 0.0
    y = np.clip((actual[use] - pool.base[use]) / pool.scale[use], -_TARGET_BOUND, _TARGET_BOUND)
    regressor = DirectBoosting(
        rounds=config.rounds,
        learning_rate=config.learning_rate,
        leaves=config.leaves,
        min_rows_in_leaf=config.min_rows_in_leaf,
        feature_share=config.feature_share,
        row_share=config.row_share,
        seed=config.seed,
    ).fit(pool.x[use], y, pool.weight[use])
    weeks = len(np.unique(pool.target[use]))
    return regressor.model_, weeks / (weeks + config.evidence)


def _record(out: Rolling, i: int, features: Features, point: Float, known: Float) -> None:
    """Write what cutoff number ``i`` forecasts, from ``known`` (c, N) sales."""
    rows = len(point)
    out.point[i, :rows] = point
    out.slope[i, :rows] = (features.slip / np.maximum(np.abs(point), 1e-9)).clip(max=2.0)
    out.state["usual"][i] = recent_mean(open_weeks(known))
    for state, name in (("growth", "growth_13"), ("block_growth", "block_growth_13")):
        out.state[state][i] = np.nan_to_num(features.series[features.names.index(name)], nan=1.0)


def roll_direct(
    panel: Panel,
    horizon: int,
    calendar: Calendar,
    *,
    config: DirectConfig = _DEFAULT,
    step: int,
    known_future: Mapping[str, Float] | None = None,
    advance: Callable[[float], None] = lambda share: None,
) -> tuple[Rolling, DirectState]:
    """Fit on ``panel`` and forecast ``horizon`` weeks from every inner cutoff and from its end.

    Inner cutoffs are every ``step`` weeks; the model is refitted at ``config.refits`` of them, the final one
    included, on rows whose actual was known by then. Below ``config.least_weeks`` known weeks there are no
    trees and the forecast is its base: the nearest year's same date x growth, or the mean of the last 13
    weeks where no year is known. ``known_future`` name -> (H, N) serves the final forecast alone.

    The explanation goes from last year's same date (the base where unknown) straight to the point: trees
    have no order of reasons, so growth, holiday and residual all stand at the point. Of the states
    ``usual``, ``growth`` and ``block_growth`` are filled, the others are zero. Raises RequestError for future
    values that do not fit.
    """
    check_future(panel, horizon, known_future)
    rows, size = panel.values.shape
    weeks = panel.weeks[0] + 7 * np.arange(rows + horizon + 1)
    facts = make_facts(weeks, calendar)
    encoding = fit_encoding(panel)
    static = columns(panel, encoding)
    cutoffs = np.append(inner_cutoffs(rows, step), rows)
    out = _empty(cutoffs, horizon, size)
    ready = np.flatnonzero(cutoffs >= config.least_weeks)
    spread = np.linspace(ready[0], ready[-1], config.refits) if len(ready) else np.zeros(0)
    refits = set(spread.astype(np.int64).tolist())
    pool = _gather(panel, horizon, calendar, facts, static, config) if len(ready) else None
    actual = open_weeks(panel.values)
    model, share = "", 0.0
    for i, c in enumerate(cutoffs.tolist()):
        if pool is not None and i in refits:
            model, share = _fit(pool, panel.values[:c], config)
        final = c == rows
        ahead = horizon if final else min(horizon, rows - c)
        features = make_features(panel, c, ahead, facts, known_future if final else None)
        order = np.arange(len(RAW_NAMES) + len(features.names))
        _record(out, i, features, forecast(model, share, static, features, order), panel.values[:c])
        if not final:
            begun = np.isfinite(panel.values[:c]).any(axis=0)
            out.actual[i, :ahead] = np.where(begun, actual[c : c + ahead], np.nan)
        advance((i + 1) / len(cutoffs))
    return out, _finish(out, model, share, features, encoding, horizon, config)


def go_on_direct(
    state: DirectState,
    panel: Panel,
    horizon: int,
    calendar: Calendar,
    origins: Int,
    *,
    known_future: Mapping[str, Float] | None = None,
) -> Rolling:
    """What the trees of an earlier fit forecast from ``origins`` and from the end of a panel that goes on.

    Raises RequestError for future values that do not fit, DataError for a panel without the columns of the
    fit.
    """
    check_future(panel, horizon, known_future)
    rows, size = panel.values.shape
    facts = make_facts(panel.weeks[0] + 7 * np.arange(rows + horizon + 1), calendar)
    static = columns(panel, state.encoding)
    cutoffs = np.append(origins, rows)
    out = _empty(cutoffs, horizon, size)
    actual = open_weeks(panel.values)
    for i, c in enumerate(cutoffs.tolist()):
        final = c == rows
        ahead = horizon if final else min(horizon, rows - c)
        features = make_features(panel, c, ahead, facts, known_future if final else None)
        point = forecast(
            state.model, state.share, static, features, order_of(state, (*RAW_NAMES, *features.names))
        )
        _record(out, i, features, point, panel.values[:c])
        if not final:
            begun = np.isfinite(panel.values[:c]).any(axis=0)
            out.actual[i, :ahead] = np.where(begun, actual[c : c + ahead], np.nan)
    _explain(out, features)
    return out


def _empty(cutoffs: Int, horizon: int, size: int) -> Rolling:
    shape = (len(cutoffs), horizon, size)
    return Rolling(
        cutoffs,
        np.full(shape, np.nan),
        np.full(shape, np.nan),
        np.zeros(shape),
        state={name: np.zeros((len(cutoffs), size)) for name in STATES},
        parts={},
        weights=np.zeros((0, size)),
        panel_weights=np.zeros(0),
    )


def _explain(out: Rolling, features: Features) -> None:
    last_year = np.where(np.isfinite(features.last_year), features.last_year, features.base)
    out.parts.update(last_year=last_year)
    out.parts.update({name: out.point[-1].copy() for name in ("growth", "holiday", "residual")})


def _finish(
    out: Rolling,
    model: str,
    share: float,
    features: Features,
    encoding: Encoding,
    horizon: int,
    config: DirectConfig,
) -> DirectState:
    """Fill the explanation of the final forecast; the state that repeats it."""
    _explain(out, features)
    return DirectState(model, share, (*RAW_NAMES, *features.names), encoding, horizon, config)
