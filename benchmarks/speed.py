"""CPU and memory of training and forecasting, on one thread and after imports."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.data import load_sales
from benchmarks.machine import ONE_THREAD, machine, run_counted, versions
from benchmarks.rivals.environment import rivals_python
from benchmarks.splits import SPLITS, Level
from benchmarks.tables import facts, markdown_table, write_results
from storecast.forecasting.sample import make_large

__all__ = ["add_arguments", "run", "task"]

_WEEKS, _AHEAD, _FEW = 156, 52, 1_000
_ABOUT = """One thread; CPU seconds after imports, the median where a step was repeated; peak memory is that
of the whole process with its imports. A command is counted whole: reading, registry and writing too."""
_LARGE = """## {series:,} synthetic series

{weeks} weeks known, {ahead} ahead, 80 and 95 % bands; Parquet in and out where the row says so. The rivals
ran on the same panel and machine right after; MSTL on the first {few:,} series alone."""


def task(root: Path, log: Path, *arguments: str, home: Path | None = None) -> dict[str, Any]:
    """What one process of ``benchmarks.speed_tasks`` found."""
    env = {**os.environ, **ONE_THREAD} | ({"STORECAST_HOME": str(home)} if home else {})
    command = [sys.executable, "-m", "benchmarks.speed_tasks", *arguments]
    with log.open("w") as errors:
        done = subprocess.run(
            command, cwd=root, env=env, stdout=subprocess.PIPE, stderr=errors, text=True, check=False
        )
    if done.returncode:
        print("\n".join(log.read_text().splitlines()[-12:]), file=sys.stderr)
        done.check_returncode()
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    found["median"] = sorted(found["seconds"])[len(found["seconds"]) // 2]
    print(f"  {' '.join(arguments[:3])}: {found['median']:.2f} CPU s, {found['peak_mb']:.0f} MB", flush=True)
    return found


def _level(level: Level, args: argparse.Namespace, root: Path, build: Path) -> tuple[dict[str, Any], str]:
    """Fits and whole commands at one level, and the data's label."""
    sales = load_sales(level, args.data, build)
    data, split = str(sales.path.resolve()), SPLITS["D1" if level == "dept" else "S1"]
    cutoff, ahead = str(split.cutoffs(sales.frame["ds"].min().date())[0]), str(split.horizon)
    log, home = build / f"speed-{level}.log", build / f"home-{level}"
    shutil.rmtree(home, ignore_errors=True)
    found = {
        f"fit aligned with bands, {split.name}": task(root, log, "fit", data, "aligned", cutoff, ahead),
        "fit aligned with bands, all weeks, 52 ahead": task(root, log, "fit", data, "aligned", "", "52"),
        "fit blend with bands, all weeks, 52 ahead": task(root, log, "fit", data, "blend", "", "52"),
    }
    table = sorted(found["fit blend with bands, all weeks, 52 ahead"]["table_seconds"])
    found["its forecasts and bands of all series, 52 weeks"] = {"seconds": table, "median": table[1]}
    asked = ("forecast", data, "--horizon", "52", "--out", str(build / f"forecast-{level}.parquet"))
    for name, command in (
        ("`train`, the first in a new home", ("train", data)),
        ("`train`, another", ("train", data)),
        ("`forecast` of all series, 52 weeks, by the champion", asked),
    ):
        found[name] = task(root, log, "command", *command, home=home)
    return found, sales.label


def _write_large(series: int, path: Path) -> None:
    pd.concat(make_large(series, _WEEKS), ignore_index=True).to_parquet(path, index=False)


def _peers(path: Path, root: Path, build: Path) -> dict[str, float]:
    """CPU microseconds a series of the rivals on the same panel: all series, MSTL a part of them."""
    frame = pd.read_parquet(path).assign(is_holiday=False)
    out = {}
    for method, keys in (("sf-seasonal-naive", None), ("mstl", frame["unique_id"].unique()[:_FEW])):
        part = frame if keys is None else frame[frame["unique_id"].isin(keys)]
        part.to_parquet(build / "store.parquet", index=False)
        last = str(frame["ds"].max().date())
        asked = {"large": {"level": "store", "cutoffs": [last], "horizon": _AHEAD}}
        request = {"levels": ["store"], "splits": asked, "methods": [[method, "large"]]}
        (build / "request.json").write_text(json.dumps(request))
        command = [rivals_python(root), "-m", "benchmarks.rivals.run", build]
        run_counted(command, root=root, log=build / "rivals.log")
        seconds = json.loads((build / "answer.json").read_text())["seconds"][f"{method}-large"]
        out[method] = 1e6 * seconds / part["unique_id"].nunique()
    return out


def _large(series: int, root: Path, build: Path) -> dict[str, Any]:
    folder = build / "large"
    folder.mkdir(exist_ok=True)
    path = folder / "panel.parquet"
    _write_large(series, path)
    found = task(root, folder / "speed.log", "large", str(path), str(folder / "out.parquet"))
    us = 1e6 / found["series"]
    return {
        "series": found["series"],
        "peak_mb": found["peak_mb"],
        "us": {
            "ours with bands, read and written": found["median"] * us,
            "ours with bands, fit alone": found["fit_seconds"] * us,
            "seasonal naive, numpy, no bands": found["naive_seconds"] * us,
            **{f"{name} with bands": value for name, value in _peers(path, root, folder).items()},
        },
    }


def _text(figures: Mapping[str, Any]) -> str:
    parts = ["# Speed", facts(figures["date"], figures["machine"], figures["versions"]), _ABOUT]
    for level, found in figures["levels"].items():
        rows = [
            [name, f"{of['median']:.2f}", f"{of['peak_mb']:,.0f}" if "peak_mb" in of else "-"]
            for name, of in found.items()
        ]
        parts.append(f"## {'Departments' if level == 'dept' else 'Stores'}: {figures['data'][level]}")
        parts.append(markdown_table(["step", "CPU s", "peak MB"], rows))
    if large := figures["large"]:
        ours = large["us"]["ours with bands, fit alone"]
        rows = [[name, f"{us:,.1f}", f"{us / ours:,.2f}"] for name, us in large["us"].items()]
        parts.append(_LARGE.format(series=large["series"], weeks=_WEEKS, ahead=_AHEAD, few=_FEW))
        parts.append(markdown_table(["method", "CPU us a series", "times our fit"], rows))
        parts.append(f"Peak memory of ours: {large['peak_mb']:,.0f} MB.")
    return "\n\n".join(parts)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--levels", nargs="*", choices=["store", "dept"], default=["store", "dept"])
    parser.add_argument("--series", type=int, default=30_000, help="synthetic series; 0: none")


def run(args: argparse.Namespace, root: Path, build: Path) -> None:
    """Measure and write ``speed.md`` and ``.json``; a partial run writes into ``build`` alone."""
    levels, data = {}, {}
    for level in args.levels:
        levels[level], data[level] = _level(level, args, root, build)
    figures = {
        "date": args.date,
        "machine": machine(),
        "versions": versions(["storecast", "numpy", "pandas", "lightgbm", "mlflow"]),
        "levels": levels,
        "data": data,
        "large": _large(args.series, root, build) if args.series else {},
    }
    whole = args.levels == ["store", "dept"] and args.series == 30_000
    real = all(label.startswith("the real") for label in data.values())
    write_results(args.out if whole else build, "speed" if real else "speed-sample", _text(figures), figures)
