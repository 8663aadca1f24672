"""What ``benchmarks.speed`` measures, in a process of its own: ``python -m benchmarks.speed_tasks TASK``.

Everything is imported, and a small panel was fitted, before the clock starts. The last line of standard
output is JSON: CPU ``seconds`` of one thread, of every repetition, and ``peak_mb``, the largest memory.
"""

from __future__ import annotations

import gc
import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from storecast.forecasting.baselines import seasonal_naive
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.frames import forecast_table
from storecast.forecasting.panel import Panel
from storecast.forecasting.sample import make_large
from storecast.stores.sales_files import read_sales

__all__ = ["main"]

LEVELS = (80.0, 95.0)
_LATE_IMPORTS = ("lightgbm", "sklearn", "mlflow", "matplotlib.pyplot", "storecast.wiring.batch")


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _timed(work: Callable[[], object], times: int = 1) -> list[float]:
    seconds = []
    for _ in range(times):
        gc.collect()
        began = _cpu()
        work()
        seconds.append(_cpu() - began)
    return seconds


def _fit(panel: Panel, model: str, horizon: int) -> Forecaster:
    """A fitted forecaster whose bands were asked for, so that they are paid for."""
    fitted = Forecaster.fit(panel, ForecasterConfig(model=model, horizon=horizon), US_RETAIL)
    for level in LEVELS:
        fitted.limits(level)
    return fitted


def _warm(model: str) -> None:
    few = pd.concat(make_large(3, 110))
    _fit(Panel.from_frame(few), model, 4)


def fit(data: str, model: str, cutoff: str, horizon: str) -> dict[str, Any]:
    """Fit ``model`` with bands on the sales at ``data`` up to ``cutoff``, three times; ``table_seconds``: the
    fitted forecaster's table of all series and weeks with bands."""
    panel = Panel.from_frame(read_sales(data).panel)
    panel = panel.up_to(np.datetime64(cutoff)) if cutoff else panel
    _warm(model)
    fitted = _fit(panel, model, int(horizon))
    return {
        "seconds": _timed(lambda: _fit(panel, model, int(horizon)), 3),
        "table_seconds": _timed(lambda: forecast_table(fitted, int(horizon), LEVELS), 3),
        "series": len(panel.keys),
    }


def command(*arguments: str) -> dict[str, Any]:
    """``storecast ARGUMENTS`` as a whole, from its arguments to its output."""
    for name in _LATE_IMPORTS:
        importlib.import_module(name)
    from storecast.cli.app import app

    _warm("blend")
    return {"seconds": _timed(lambda: app(list(arguments), standalone_mode=False))}


def large(source: str, out: str) -> dict[str, Any]:
    """Read a Parquet panel, fit the statistical forecaster 52 weeks ahead with bands, write forecasts.

    ``fit_seconds`` is the middle part alone, ``naive_seconds`` numpy's seasonal naive on the same matrix.
    """
    _warm("aligned")
    found: dict[str, Any] = {}

    def work() -> None:
        panel = Panel.from_frame(pd.read_parquet(source))
        began = _cpu()
        fitted = _fit(panel, "aligned", 52)
        found.update(fit_seconds=_cpu() - began, series=len(panel.keys))
        forecast_table(fitted, 52, LEVELS).to_parquet(out, index=False)

    found["seconds"] = _timed(work)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    panel = Panel.from_frame(pd.read_parquet(source))
    found["naive_seconds"] = min(_timed(lambda: seasonal_naive(panel.values, 52), 5))
    return found


_TASKS: dict[str, Callable[..., dict[str, Any]]] = {"fit": fit, "command": command, "large": large}


def main(task: str, *arguments: str) -> None:
    """Run one task and print what it found."""
    found = _TASKS[task](*arguments)
    found.setdefault("peak_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print("\n" + json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
