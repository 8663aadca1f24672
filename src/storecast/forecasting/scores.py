"""Scores of a back-test: accuracy always beside both naives, coverage always beside width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.forecasting.backtest import Backtest
from storecast.forecasting.baselines import BASELINES
from storecast.forecasting.metrics import bias, coverage, mean_width, rmsse, wape, wmae
from storecast.forecasting.panel import UNIQUE_ID, Y

__all__ = ["BUCKETS", "as_dict", "group_scores", "horizon_bucket", "score", "score_by", "scores"]

BUCKETS = ((1, 4), (5, 13), (14, 26), (27, 52))  # weeks ahead
_METHODS = ("storecast", *BASELINES)


def score(rows: pd.DataFrame, levels: Sequence[float]) -> dict[str, float]:
    """All figures of one set of back-test rows (columns of ``Backtest.rows``).

    ``wmae`` and ``wmae:<naive>`` in dollars, ``fva:<naive>`` = the naive's wmae minus ours; ``wape``,
    ``bias``, ``rmsse`` as ratios; ``coverage-80`` in percent and ``width-80`` in dollars for each level;
    ``rows``.
    """
    y, weight = rows[Y].to_numpy(), rows["weight"].to_numpy()
    out: dict[str, float] = {"rows": float(len(rows))}
    for method in _METHODS:
        suffix = "" if method == "storecast" else f":{method}"
        forecast = rows[method].to_numpy()
        out[f"wmae{suffix}"] = wmae(y, forecast, weight)
        out[f"wape{suffix}"] = wape(y, forecast)
        out[f"bias{suffix}"] = bias(y, forecast)
    for method in BASELINES:
        out[f"fva:{method}"] = out[f"wmae:{method}"] - out["wmae"]
    out["rmsse"] = _mean_rmsse(rows)
    for level in levels:
        low, high = rows[f"storecast-lo-{level:g}"].to_numpy(), rows[f"storecast-hi-{level:g}"].to_numpy()
        out[f"coverage-{level:g}"] = 100.0 * coverage(y, low, high)
        out[f"width-{level:g}"] = mean_width(low, high, y)
    return out


def _mean_rmsse(rows: pd.DataFrame) -> float:
    squared = (rows[Y] - rows["storecast"]) ** 2
    groups = pd.DataFrame({"mse": squared, "scale": rows["naive_mse"]}).groupby(rows[UNIQUE_ID]).mean()
    values = [
        rmsse(np.zeros(1), np.array([np.sqrt(m)]), s)
        for m, s in zip(groups["mse"], groups["scale"], strict=True)
    ]
    known = [v for v in values if np.isfinite(v)]
    return float(np.mean(known)) if known else float("nan")


def score_by(rows: pd.DataFrame, by: pd.Series, levels: Sequence[float]) -> pd.DataFrame:
    """One line of ``score`` a value of ``by``, least value added against the better naive first."""
    table = pd.DataFrame({key: score(part, levels) for key, part in rows.groupby(by, sort=True)}).T
    better = table[[f"wmae:{name}" for name in BASELINES]].min(axis=1)
    table["against-better-naive"] = table["wmae"] / better - 1.0
    table.index.name = str(by.name)
    return table.sort_values("against-better-naive", ascending=False)


def group_scores(
    rows: pd.DataFrame, by: pd.Series, levels: Sequence[float]
) -> tuple[NDArray[Any], dict[str, NDArray[np.float64]]]:
    """Values of ``by`` in their order, and the figures of ``score`` of each, but for rmsse: in one pass, so
    that thousands of groups take no longer than one. NaN where a group sold nothing."""
    names, of = np.unique(by.to_numpy(), return_inverse=True)

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(of, values, len(names)).astype(np.float64)

    y, weight = rows[Y].to_numpy(dtype=np.float64), rows["weight"].to_numpy(dtype=np.float64)
    count, weights, size = total(np.ones(len(y))), total(weight), total(np.abs(y))
    out = {"rows": count}
    with np.errstate(invalid="ignore", divide="ignore"):
        for method in _METHODS:
            suffix = "" if method == "storecast" else f":{method}"
            error = rows[method].to_numpy(dtype=np.float64) - y
            out[f"wmae{suffix}"] = total(weight * np.abs(error)) / weights
            out[f"wape{suffix}"] = np.where(size > 0, total(np.abs(error)) / size, np.nan)
            out[f"bias{suffix}"] = np.where(size > 0, total(error) / size, np.nan)
        for level in levels:
            low, high = rows[f"storecast-lo-{level:g}"].to_numpy(), rows[f"storecast-hi-{level:g}"].to_numpy()
            within = ((y >= low) & (y <= high)).astype(np.float64)
            out[f"coverage-{level:g}"] = 100.0 * total(within) / count
            out[f"width-{level:g}"] = total(high - low) / count
    return names, out


def horizon_bucket(rows: pd.DataFrame) -> pd.Series:
    """Which of BUCKETS each row's horizon falls in, as text."""
    bucket = pd.Series("", index=rows.index, name="horizon")
    for first, last in BUCKETS:
        bucket[(rows["h"] >= first) & (rows["h"] <= last)] = f"{first}-{last}"
    return bucket


def scores(result: Backtest) -> dict[str, object]:
    """The whole report: ``all``, each higher level, and tables ``by_store``, ``by_horizon``,
    ``by_holiday``."""
    rows = result.rows
    bucket = horizon_bucket(rows)
    holiday = pd.Series(np.where(rows["weight"] > 1.0, "holiday", "other"), index=rows.index, name="holiday")
    higher = result.higher.get("store")
    by_store = rows if higher is None else higher
    return {
        "all": score(rows, result.levels),
        "higher": {name: score(frame, result.levels) for name, frame in result.higher.items()},
        "by_store": score_by(by_store, by_store["store"], result.levels),
        "by_horizon": score_by(rows, bucket, result.levels),
        "by_holiday": score_by(rows, holiday, result.levels),
    }


def as_dict(result: Backtest, by: str | None = None) -> dict[str, Any]:
    """The whole report as plain values, NaN where a figure is not known; ``by`` "dept": a line for each."""
    report: dict[str, Any] = scores(result)
    out = {
        "model": result.model,
        "horizon": result.horizon,
        "cutoffs": [str(c) for c in result.cutoffs],
        "all": report["all"],
        "higher": report["higher"],
        "by_horizon": _records(report["by_horizon"]),
        "by_holiday": _records(report["by_holiday"]),
        "by_store": _records(report["by_store"]),
    }
    if by == "dept":
        out["by_dept"] = _records(score_by(result.rows, result.rows["dept"], result.levels))
    return out


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    lines: dict[Any, dict[Any, Any]] = frame.to_dict("index")
    return [{str(frame.index.name): key, **row} for key, row in lines.items()]
