"""Gradient boosting on what the blend leaves over: a shrunk correction whose weight is earned.

Two or three years hold too few seasons for trees to learn one; what they can learn from thousands of
rolling-origin residuals is how recent residuals, growth and the kind of store carry over to the weeks ahead.
The correction is the log of actual over forecast; it is scaled by a weight that its own out-of-sample record
earns, and it stays off below two years of history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.rolling import Rolling

__all__ = [
    "FEATURES",
    "BoostingConfig",
    "Correction",
    "apply_correction",
    "correct",
    "fit_correction",
    "gain_shares",
]

Float = NDArray[np.float64]
_STATES = ("level", "growth", "block_growth", "residual_4", "residual_13", "store_residual", "volatility")
FEATURES = (*_STATES, "log_horizon", "height", "calendar_slope", "type", "size")
_WEIGHTS = (0.1, 0.2, 0.3)
_TARGET_BOUND, _CORRECTION_BOUND = 0.7, 0.5
_WEIGHT_BITS = 20  # of the mean weight of a row: a store's weekly dollars, about a million


@dataclass(frozen=True)
class BoostingConfig:
    """``least_weeks`` of history below which it is off; ``refits``: models fitted, the final one included;
    ``rows``: sampled for a fit; the other names are LightGBM's."""

    least_weeks: int = 104
    refits: int = 4
    rows: int = 100_000
    rounds: int = 100
    learning_rate: float = 0.05
    leaves: int = 15
    min_rows_in_leaf: int = 100
    seed: int = 0


@dataclass(frozen=True)
class Correction:
    """``model`` LightGBM text ("" = none) and the ``weight`` it earned, 0 to 0.3."""

    model: str
    weight: float


def _design(rolling: Rolling, c: int, static: Float) -> Float:
    """(H * N, F) features of cutoff index ``c``; ``static`` (2, N)."""
    horizon, size = rolling.point.shape[1:]
    usual = np.maximum(np.abs(rolling.state["usual"][c]), 1e-9)
    height = np.log(np.clip(rolling.point[c] / usual, 0.05, 20.0))
    wide = [np.broadcast_to(rolling.state[name][c], (horizon, size)) for name in _STATES]
    wide.append(np.broadcast_to(np.log(np.arange(1.0, horizon + 1.0))[:, None], (horizon, size)))
    wide += [height, rolling.slope[c], *(np.broadcast_to(s, (horizon, size)) for s in static)]
    return np.stack(wide, axis=-1).reshape(horizon * size, len(FEATURES))


def _train(x: Float, y: Float, weight: Float, config: BoostingConfig) -> str:
    import lightgbm

    params = {
        "objective": "regression_l1",
        "learning_rate": config.learning_rate,
        "num_leaves": config.leaves,
        "min_data_in_leaf": config.min_rows_in_leaf,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "max_bin": 63,
        "seed": config.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    # Its penalties are sums of weights: dollars, cents and millions must train alike.
    unit = 2.0 ** (_WEIGHT_BITS - np.round(np.log2(weight.mean())))
    data = lightgbm.Dataset(x, y, weight=weight * unit, free_raw_data=True)
    return lightgbm.train(params, data, num_boost_round=config.rounds).model_to_string()


def _predict(model: str, x: Float) -> Float:
    import lightgbm

    booster = lightgbm.Booster(model_str=model)
    out: Float = np.asarray(booster.predict(x, num_threads=1), dtype=np.float64)
    return np.clip(out, -_CORRECTION_BOUND, _CORRECTION_BOUND)


def _rows(rolling: Rolling, static: Float, known: int, config: BoostingConfig) -> tuple[Float, Float, Float]:
    """Features, target and weight of the rolling-origin rows whose actual is known after ``known`` weeks."""
    rng = np.random.default_rng(config.seed)
    usable = [i for i, c in enumerate(rolling.cutoffs[:-1]) if c < known]
    xs, ys, ws = [], [], []
    share = config.rows / max(1, sum(min(known - rolling.cutoffs[i], rolling.point.shape[1]) for i in usable))
    for i in usable:
        horizon = min(int(known - rolling.cutoffs[i]), rolling.point.shape[1])
        point, actual = rolling.point[i, :horizon].ravel(), rolling.actual[i, :horizon].ravel()
        at = np.flatnonzero(np.isfinite(actual) & (point > 0) & (np.nan_to_num(actual) > 0))
        take = int(share * horizon)
        if len(at) > take:
            at = np.sort(rng.choice(at, take, replace=False))
        xs.append(_design(rolling, i, static)[at])
        ys.append(np.clip(np.log(actual[at] / point[at]), -_TARGET_BOUND, _TARGET_BOUND))
        ws.append(point[at])
    return np.concatenate(xs), np.concatenate(ys), np.concatenate(ws)


def fit_correction(rolling: Rolling, static: Float, config: BoostingConfig) -> tuple[Correction, Float]:
    """The correction, and (C, H, N) log corrections (before the weight) out of sample at each cutoff.

    Inner cutoffs are corrected by a model of rows known by then, refitted at few of them; zero before the
    first. The final cutoff is corrected by the final model.
    """
    raw = np.zeros_like(rolling.point)
    inner = rolling.cutoffs[:-1]
    last = int(rolling.cutoffs[-1])
    if last < config.least_weeks or len(inner) < 8:
        return Correction("", 0.0), raw
    refit_at = np.unique(np.linspace(len(inner) // 2, len(inner), config.refits).astype(int))
    model = ""
    for j, start in enumerate(refit_at):
        x, y, weight = _rows(rolling, static, int(rolling.cutoffs[start]), config)
        if len(y) < 2 * config.min_rows_in_leaf:  # not one split: nothing was sold, or all of it came back
            continue
        model = _train(x, y, weight, config)
        stop = refit_at[j + 1] if j + 1 < len(refit_at) else len(rolling.cutoffs)
        for i in range(start, stop):
            raw[i] = _predict(model, _design(rolling, i, static)).reshape(raw[i].shape)
    weight_earned = _earned(rolling, raw, int(refit_at[0]))
    return Correction(model if weight_earned > 0 else "", weight_earned), raw


def _earned(rolling: Rolling, raw: Float, first: int) -> float:
    """The weight with the least out-of-sample absolute error, 0 if none beats leaving it out at most
    cutoffs."""
    inner = slice(first, len(rolling.cutoffs) - 1)
    actual, point = rolling.actual[inner], rolling.point[inner]
    base = np.nansum(np.abs(actual - point), axis=(1, 2))
    best, least = 0.0, float(base.sum())
    for weight in _WEIGHTS:
        loss = np.nansum(np.abs(actual - point * np.exp(weight * raw[inner])), axis=(1, 2))
        if loss.sum() < least and np.mean(loss < base) > 0.5:
            best, least = weight, float(loss.sum())
    return best


def apply_correction(rolling: Rolling, static: Float, correction: Correction) -> Float:
    """(C, H, N) log corrections (before the weight) at each cutoff by a model of an earlier fit."""
    raw = np.zeros_like(rolling.point)
    if correction.model:
        for i in range(len(rolling.cutoffs)):
            raw[i] = _predict(correction.model, _design(rolling, i, static)).reshape(raw[i].shape)
    return raw


def correct(point: Float, raw: Float, weight: float) -> Float:
    """``point`` x exp(weight x raw): the corrected forecast."""
    out: Float = np.where(point > 0, point * np.exp(weight * raw), point)
    return out


def gain_shares(model: str, names: Sequence[str]) -> dict[str, float]:
    """What each of ``names``, the columns of a model given as LightGBM text, earned of all that its splits
    gained: shares that add up to 1, the largest first; empty without a model or a split."""
    gained = dict.fromkeys(names, 0.0)
    features: list[str] = []
    for line in model.splitlines():
        key, _, values = line.partition("=")
        if key == "split_feature":
            features = values.split()
        elif key == "split_gain":
            for at, gain in zip(features, values.split(), strict=True):
                gained[names[int(at)]] += float(gain)
    total = sum(gained.values())
    ordered = sorted(gained.items(), key=lambda item: -item[1])
    return {name: gain / total for name, gain in ordered} if total > 0 else {}
