"""What a version keeps of its data and its back-test, so that a planner can be shown more than forecasts.

Plain lists by column, as JSON has them: scores by series, store, horizon, holiday and type; the last known
week against what had been forecast for it; type and size; and a year of the inputs of the classic form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.forecasting.backtest import Backtest
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.panel import DS, UNIQUE_ID, Panel, Y, known_ahead
from storecast.forecasting.quality import SalesData
from storecast.forecasting.scores import group_scores, horizon_bucket

__all__ = ["data_facts", "keepsakes", "latest_week"]

Float = NDArray[np.float64]
_INPUTS = ("temperature", "fuel_price", "cpi", "unemployment")
_YEAR = 52


def keepsakes(panel: Panel, judged: Backtest | None) -> dict[str, Any]:
    """``static``, ``inputs`` and, where there was a back-test, ``backtest``; NaN becomes None."""
    kept: dict[str, Any] = {"static": _static(panel), "inputs": _inputs(panel)}
    if judged is not None:
        kept["backtest"] = {
            "model": judged.model,
            "levels": list(judged.levels),
            "horizon": judged.horizon,
            "cutoffs": [str(cutoff) for cutoff in judged.cutoffs],
            "tables": _tables(panel, judged),
            "latest": {
                "series": _latest(judged.rows, judged.levels),
                **{name: _latest(rows, judged.levels) for name, rows in judged.higher.items()},
            },
        }
    return kept


def data_facts(data: SalesData, panel: Panel, horizon: int) -> dict[str, Any]:
    """What a version's data card tells of its data that the version does not hold: how they were shaped, what
    was found in them, what is known beside sales and how far ahead.

    The same data give the same facts, whatever their files are called.
    """
    report, ahead = data.report, known_ahead(panel, data.future, horizon)
    exogenous = {
        name: {
            "known": round(float(np.isfinite(values).mean()), 4),
            "ahead": int(np.isfinite(ahead[name]).any(axis=1).sum()) if name in ahead else 0,
        }
        for name, values in panel.observed.items()
    }
    findings = [
        {
            "severity": found.severity,
            "kind": found.kind,
            "count": found.count,
            "what": found.what.replace(found.file, "the file") if found.file else found.what,
        }
        for found in report.findings
    ]
    return {
        "shape": data.shape,
        "status": report.status,
        "rows": report.rows,
        "findings": findings,
        "exogenous": exogenous,
        "static": sorted(panel.static),
    }


def _plain(values: Sequence[float] | Float, digits: int) -> list[float | None]:
    return [round(float(v), digits) if np.isfinite(v) else None for v in values]


def _by_store(panel: Panel) -> tuple[list[str], NDArray[np.int64]]:
    """Stores in their order, and one series of each."""
    names, first = np.unique(panel.stores, return_index=True)
    return names.tolist(), first


def _static(panel: Panel) -> dict[str, Any]:
    stores, first = _by_store(panel)
    out: dict[str, Any] = {"store": stores}
    if "type" in panel.static:
        out["type"] = panel.static["type"].astype(str)[first].tolist()
    if "size" in panel.static:
        out["size"] = _plain(panel.code("size")[first], 2)
    return out


def _inputs(panel: Panel) -> dict[str, Any]:
    """Inputs of the last year's weeks by store; those of its departments are the same."""
    stores, first = _by_store(panel)
    weeks = panel.weeks[-_YEAR:]
    out: dict[str, Any] = {"store": stores, "ds": [str(w) for w in weeks.astype("datetime64[D]")]}
    for name in _INPUTS:
        if name in panel.observed:
            values = panel.observed[name][-_YEAR:, first]
            out[name] = [_plain(column, 4) for column in values.T]
    return out


def _tables(panel: Panel, judged: Backtest) -> dict[str, dict[str, list[Any]]]:
    rows = judged.rows
    stores = judged.higher.get("store", rows)
    holiday = pd.Series(np.where(rows["weight"] > 1.0, "holiday weeks", "other weeks"))
    levels = {"series": rows, **judged.higher}
    tables = {
        "level": (
            pd.concat(list(levels.values()), ignore_index=True),
            pd.Series(np.repeat(list(levels), [len(frame) for frame in levels.values()])),
        ),
        "store": (stores, stores["store"]),
        "horizon": (rows, horizon_bucket(rows)),
        "week": (rows, rows["h"]),
        "holiday": (rows, holiday),
    }
    if "type" in panel.static:
        column = np.searchsorted(panel.keys, rows[UNIQUE_ID].to_numpy(dtype=str))
        tables["type"] = (rows, pd.Series(panel.static["type"].astype(str)[column]))
    if panel.hierarchical:
        tables["series"] = (rows, rows[UNIQUE_ID])
    return {name: _table(frame, by, judged.levels) for name, (frame, by) in tables.items()}


def _table(rows: pd.DataFrame, by: pd.Series, levels: Sequence[float]) -> dict[str, list[Any]]:
    names, found = group_scores(rows, by, levels)
    digits = {name: 6 if name.startswith(("wape", "bias")) else 2 for name in found}
    return {"segment": [str(n) for n in names]} | {n: _plain(v, digits[n]) for n, v in found.items()}


def _latest(rows: pd.DataFrame, levels: Sequence[float]) -> dict[str, list[Any]]:
    """The last week of each series, as it had been forecast from the last cutoff before it."""
    last = rows.sort_values(["cutoff", DS]).groupby(UNIQUE_ID, sort=True).tail(1).sort_values(UNIQUE_ID)
    level = f"{levels[0]:g}"
    return {
        "unique_id": last[UNIQUE_ID].astype(str).tolist(),
        "ds": [str(d)[:10] for d in last[DS].to_numpy(dtype="datetime64[D]")],
        "y": _plain(last[Y].to_numpy(), 2),
        "forecast": _plain(last["storecast"].to_numpy(), 2),
        "lo": _plain(last[f"storecast-lo-{level}"].to_numpy(), 2),
        "hi": _plain(last[f"storecast-hi-{level}"].to_numpy(), 2),
    }


def latest_week(before: Forecaster, now: Forecaster, coverage: float) -> dict[str, dict[str, list[Any]]]:
    """The last week that ``now`` has seen by level of the hierarchy, as ``before`` had forecast it, with the
    limits of its ``coverage`` percent band; empty where it did not reach so far."""
    ahead = int((now.cutoff - before.cutoff).astype(np.int64)) // 7
    if not 1 <= ahead <= len(before.weeks):
        return {}
    out: dict[str, dict[str, list[Any]]] = {}
    for name, level in now.levels.items():
        keys = before.levels[name].keys
        at, mine = {str(key): i for i, key in enumerate(keys)}, level.total(now.history[-1])
        known = [i for i in np.argsort(level.keys) if str(level.keys[i]) in at and np.isfinite(mine[i])]
        theirs = [at[str(level.keys[i])] for i in known]
        low, high = before.limits(coverage, name)
        out[name] = {
            UNIQUE_ID: [str(level.keys[i]) for i in known],
            DS: [str(now.cutoff)] * len(known),
            "y": _plain(mine[known], 2),
            "forecast": _plain(before.points(name)[ahead - 1, theirs], 2),
            "lo": _plain(low[ahead - 1, theirs], 2),
            "hi": _plain(high[ahead - 1, theirs], 2),
        }
    return out
