"""Bands after weekly updates: what they held, by weeks ahead and level, beside their width."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.hierarchy import Level
from storecast.forecasting.intervals import HORIZONS
from storecast.forecasting.panel import Panel
from storecast.forecasting.sample import SampleSpec, make_sample, to_store_file
from storecast.forecasting.updating import update
from storecast.stores.sales_files import read_sales

__all__ = ["AHEAD", "TRAINED", "bands", "sample_bands"]

Float = np.ndarray[Any, np.dtype[np.float64]]
TRAINED = 104  # weeks known at the fit; bands' constants were chosen on the weeks up to here
AHEAD = ((1, 1), (2, 4), (5, 13), (14, 52))
LEVELS = (80.0, 95.0)
_SAMPLES = (11, 12, 13, 14, 15, 16)  # seeds that nothing was chosen on
_SUMS = ("rows", "inside:80", "inside:95", "width:80", "width:95", "size")


def bands(path: Path) -> dict[str, Any]:
    """Train on the first weeks of the sales at ``path``, then update week by week to their end."""
    return _figures(_simulate(Panel.from_frame(read_sales(path).panel)))


def sample_bands() -> dict[str, Any]:
    """The same on the stores of some samples, pooled."""
    total: dict[str, Float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in _SAMPLES:
            path = Path(folder) / f"{seed}.csv"
            to_store_file(make_sample(SampleSpec(seed=seed))).to_csv(path, index=False)
            for name, sums in _simulate(Panel.from_frame(read_sales(path).panel)).items():
                total[name] = total.get(name, 0.0) + sums
    return _figures(total)


def _known(panel: Panel, weeks: int) -> Panel:
    """The first ``weeks`` of the series that have begun by the fit."""
    on = np.isfinite(panel.values[:TRAINED]).any(axis=0)
    return replace(
        panel,
        weeks=panel.weeks[:weeks],
        keys=panel.keys[on],
        values=panel.values[:weeks, on],
        stores=panel.stores[on],
        blocks=panel.blocks[on],
        flagged=None if panel.flagged is None else panel.flagged[:weeks],
        static={name: values[on] for name, values in panel.static.items()},
        observed={name: values[:weeks, on] for name, values in panel.observed.items()},
    )


def _simulate(panel: Panel) -> dict[str, Float]:
    """ "level, bands" -> (4, 6) sums by weeks ahead of what ``_SUMS`` names."""
    last = len(panel.weeks)
    truth = _known(panel, last).values
    config = ForecasterConfig(horizon=min(52, last - TRAINED))
    fitted = now = Forecaster.fit(_known(panel, TRAINED), config)
    out: dict[str, Float] = {}
    for weeks in range(TRAINED + 1, last):
        now = update(now, _known(panel, weeks), US_RETAIL)
        ahead = min(config.horizon, last - weeks)
        for name, level in now.levels.items():
            y, point = level.total(truth[weeks : weeks + ahead]), now.points(name)[:ahead]
            old = _left(level, fitted.levels[name])
            for kind, (of, sigma) in {"adapted": (level.bands, level.sigma), "left": old}.items():
                sums = out.setdefault(f"{name}, {kind}", np.zeros((len(AHEAD), len(_SUMS))))
                limits = [of.limits(point, sigma[:ahead], coverage) for coverage in LEVELS]
                _count(sums, y, limits)
    return out


def _left(now: Level, fitted: Level) -> tuple[Any, Float]:
    """The bands as they were fitted, and the error they would expect of the forecast of now."""
    horizon = np.log(np.arange(1.0, len(now.sigma) + 1.0))
    moved = np.exp(np.interp(horizon, np.log(HORIZONS), now.bands.by_horizon))[:, None]
    return fitted.bands, now.sigma / moved * (fitted.bands.scale / now.bands.scale)


def _count(sums: Float, y: Float, limits: list[tuple[Float, Float]]) -> None:
    there = np.isfinite(y) & (limits[0][1] > limits[0][0])
    for i, (first, last) in enumerate(AHEAD):
        part = slice(first - 1, last)
        on = there[part]
        sums[i, 0] += on.sum()
        for k, (low, high) in enumerate(limits):
            inside = on & (y[part] >= low[part]) & (y[part] <= high[part])
            sums[i, 1 + k] += inside.sum()
            sums[i, 3 + k] += (high - low)[part][on].sum()
        sums[i, 5] += np.abs(y[part][on]).sum()


def _figures(sums: Mapping[str, Float]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, table in sums.items():
        lines = {}
        for (first, last), row in zip(AHEAD, table, strict=True):
            if not row[0]:
                continue
            lines[f"{first}-{last}" if last > first else str(first)] = {
                "rows": int(row[0]),
                **{f"held-{x:g}": float(row[1 + k] / row[0]) for k, x in enumerate(LEVELS)},
                **{f"width-{x:g}": float(row[3 + k] / row[5]) for k, x in enumerate(LEVELS)},
            }
        out[name] = lines
    return out
