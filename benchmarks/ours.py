"""Ours, as anyone would run it: the public command in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from benchmarks.machine import run_counted

__all__ = ["back_test", "storecast"]


def storecast() -> Path:
    """The command beside the Python that runs this."""
    return Path(sys.executable).with_name("storecast")


def back_test(
    data: Path, cutoffs: Sequence[date], horizon: int, model: str, *, root: Path, out: Path
) -> tuple[pd.DataFrame, float]:
    """``storecast backtest`` on ``data``: its rows (written to ``out``) with the forecast named ``point,
    lo-80, hi-80, lo-95, hi-95``, and CPU seconds of the whole command."""
    options = ["--horizon", horizon, "--model", model, "--levels", "80,95", "--out", out]
    days = [f"--cutoff={day}" for day in cutoffs]
    command = [storecast(), "backtest", data.resolve(), *days, *options]
    seconds = run_counted(command, root=root, log=out.with_suffix(".log"), quiet=True)
    answer = pd.read_parquet(out)
    names = {str(name): str(name).removeprefix("storecast-") for name in answer}
    return answer.rename(columns=names | {"storecast": "point"}), seconds
