"""How often drift alarms where nothing drifts, and how soon where something does."""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import load_sales
from benchmarks.drift_faults import FAULTS
from benchmarks.drift_years import resampled
from benchmarks.machine import ONE_THREAD, machine, versions
from benchmarks.splits import Level
from benchmarks.tables import facts, markdown_table, write_results
from storecast.forecasting.drift import Alarm, drift
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.panel import Panel
from storecast.forecasting.sample import SampleSpec, make_sample
from storecast.stores.sales_files import read_sales

__all__ = ["add_arguments", "run", "year_of_looks"]

_YEAR, _QUARTER, _PATIENCE = 52, 13, 26
_YEARS, _WORLDS, _WORKERS = 1000, 60, 2
_ABOUT = """A year is 52 weekly looks at a whole panel, with a model that is fitted anew each quarter and
whose residuals are looked at too. Alarms of one change count once. The budget is {budget:g}
false alarm a year, all kinds, series and inputs together; the interval is that of the mean, 95
%."""
_CLEAN = """**Sample**: panels of `storecast sample`, one seed each, 45 stores, with temperature, fuel
price, CPI and unemployment. They hold rare level shifts of a few percent; an alarm on one
counts as false all the same.
**Resampled**: {label}; each series' calendar profile, with residuals that keep its
autocorrelation and, drawn a week at a time for all series together and holiday weeks from
holiday weeks, what series share and how wild holidays are; inputs of the sample."""
_REAL = """Looks at the last year of the panels themselves. Whether an alarm there is false nobody can say:
the stores' own shifts are in them."""
_DELAYS = """Each fault is put into {worlds} panels of the sample at a week drawn from the last year, and
looked for in the {patience} weeks from it on; the fault's own week counts 1. `found`: an alarm
of the right kind, at the right store or input. `at once told apart`: the first alarm of all was
of the right kind and place."""


@dataclass(frozen=True)
class Delay:
    """Of one fault: weeks to the first right alarm by world, None where there was none, and whether the first
    alarm was right."""

    weeks: list[int | None]
    told_apart: list[bool]


def year_of_looks(panel: Panel, years: int = 1) -> list[Alarm]:
    """The alarms of the last year of ``panel``, the model fitted anew each quarter."""
    out: list[Alarm] = []
    rows = len(panel.weeks)
    config = ForecasterConfig(model="aligned", horizon=_QUARTER)
    open_before: set[tuple[object, ...]] = set()
    for first in range(rows - _YEAR * years, rows, _QUARTER):
        fitted = Forecaster.fit(panel.up_to(panel.weeks[first - 1]), config)
        report = drift(panel.up_to(panel.weeks[first + _QUARTER - 1]), forecaster=fitted)
        new = [a for a in report.alarms if (a.kind, a.level, a.keys, a.column) not in open_before]
        open_before = {(a.kind, a.level, a.keys, a.column) for a in report.alarms if a.active}
        out += new
    return out


def _sample_panel(seed: int) -> Panel:
    return Panel.from_frame(make_sample(SampleSpec(seed=seed)))


def _clean_year(seed: int) -> list[str]:
    return [a.kind for a in year_of_looks(_sample_panel(seed))]


def _resampled_year(panel: Panel, seed: int) -> list[str]:
    return [a.kind for a in year_of_looks(resampled(panel, seed, _sample_panel(seed).observed))]


def _delays(worlds: int, which: int) -> Delay:
    fault = FAULTS[which]
    weeks: list[int | None] = []
    apart: list[bool] = []
    for seed in range(worlds):
        panel = _sample_panel(10_000 + seed)
        rng = np.random.default_rng(seed)
        row = int(rng.integers(len(panel.weeks) - _YEAR, len(panel.weeks) - _PATIENCE))
        store = "" if fault.whole else str(panel.stores[rng.integers(len(panel.keys))])
        panel = fault.put(panel.up_to(panel.weeks[row + _PATIENCE - 1]), row, store)
        fitted = Forecaster.fit(
            panel.up_to(panel.weeks[row - 1]), ForecasterConfig(model="aligned", horizon=_PATIENCE)
        )
        alarms = drift(panel, forecaster=fitted).alarms
        right = [a for a in alarms if a.kind in fault.kinds and a.column == fault.column and store in a.keys]
        raised = min((np.datetime64(a.raised) for a in right), default=None)
        weeks.append(None if raised is None else int((raised - panel.weeks[row]).astype(int)) // 7 + 1)
        first = min((np.datetime64(a.raised) for a in alarms), default=None)
        apart.append(raised is not None and raised == first)
    return Delay(weeks, apart)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--years", type=int, default=_YEARS, help="clean years to simulate")
    parser.add_argument("--worlds", type=int, default=_WORLDS, help="panels that each fault is put into")
    parser.add_argument(
        "--only", nargs="+", choices=["clean", "real", "faults"], default=["clean", "real", "faults"]
    )


def _rate(years: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Alarms a year with the 95 % interval of their mean, by kind, and the share of years without any."""
    count = np.array([len(year) for year in years], dtype=float)
    error = 1.96 * float(count.std(ddof=1)) / float(np.sqrt(len(count)))
    kinds = Counter(kind for year in years for kind in year)
    return {
        "years": len(count),
        "a_year": float(count.mean()),
        "low": max(float(count.mean()) - error, 0.0),
        "high": float(count.mean()) + error,
        "silent_years": float((count == 0).mean()),
        "by_kind": {kind: n / len(count) for kind, n in sorted(kinds.items())},
    }


def _real_year(level: Level, data: Path | None, build: Path) -> dict[str, Any]:
    sales = load_sales(level, data, build)
    panel = Panel.from_frame(read_sales(sales.path).panel)
    began = time.process_time()
    alarms = year_of_looks(panel)
    kinds = Counter((a.kind, a.level) for a in alarms)
    return {
        "label": sales.label,
        "alarms": len(alarms),
        "by_kind": {f"{kind} of {level}": n for (kind, level), n in sorted(kinds.items())},
        "cpu_seconds": time.process_time() - began,
    }


def run(args: argparse.Namespace, root: Path, build: Path) -> None:
    """Measure, and write ``drift.md`` and ``.json``; a partial run writes into ``build`` alone."""
    build = build / "drift"
    build.mkdir(exist_ok=True)
    os.environ.update(ONE_THREAD)
    figures: dict[str, Any] = {
        "date": args.date,
        "machine": machine(),
        "versions": versions(["storecast", "numpy"]),
    }
    with ProcessPoolExecutor(_WORKERS, mp_context=get_context("spawn")) as pool:
        if "clean" in args.only:
            seeds = range(args.years)
            figures["sample"] = _rate(list(pool.map(_clean_year, seeds, chunksize=10)))
            print(f"sample: {figures['sample']}", flush=True)
            sales = load_sales("store", args.data, build)
            panel = Panel.from_frame(read_sales(sales.path).panel)
            years = list(pool.map(partial(_resampled_year, panel), seeds, chunksize=10))
            figures["resampled"] = _rate(years) | {"label": sales.label}
            print(f"resampled: {figures['resampled']}", flush=True)
        if "real" in args.only:
            for level in ("store", "dept"):
                figures[level] = _real_year(level, args.data, build)
                print(f"{level}: {figures[level]}", flush=True)
        if "faults" in args.only:
            found = pool.map(partial(_delays, args.worlds), range(len(FAULTS)))
            figures["faults"] = {}
            for fault, delay in zip(FAULTS, found, strict=True):
                figures["faults"][fault.name] = _figures(delay)
                print(f"{fault.name}: {figures['faults'][fault.name]}", flush=True)
    whole = len(args.only) == 3 and args.years >= _YEARS and args.worlds >= _WORLDS
    write_results(args.out if whole else build, "drift", _text(figures, args), figures)


def _figures(delay: Delay) -> dict[str, Any]:
    weeks = np.array([np.inf if w is None else w for w in delay.weeks])
    ranks = np.sort(weeks)

    def at(share: float) -> float | None:
        value = float(ranks[int(np.ceil(share * len(ranks))) - 1])
        return value if np.isfinite(value) else None

    return {
        "found": float(np.isfinite(weeks).mean()),
        "median_weeks": at(0.5),
        "weeks_90": at(0.9),
        "told_apart": float(np.mean(delay.told_apart)),
    }


def _text(figures: dict[str, Any], args: argparse.Namespace) -> str:
    parts = [
        "# Drift",
        facts(figures["date"], figures["machine"], figures["versions"]).replace(
            "one thread", "two processes"
        ),
        _ABOUT.format(budget=1),
    ]
    if "sample" in figures:
        rows = [
            [
                name,
                f"{found['years']:,}",
                f"{found['a_year']:.2f}",
                f"{found['low']:.2f} to {found['high']:.2f}",
                f"{100 * found['silent_years']:.0f} %",
                ", ".join(f"{kind} {n:.2f}" for kind, n in found["by_kind"].items()),
            ]
            for name, found in (("sample", figures["sample"]), ("resampled", figures["resampled"]))
        ]
        head = ["clean years", "number", "false alarms a year", "interval", "silent years", "by kind"]
        parts += [
            "## False alarms",
            markdown_table(head, rows),
            _CLEAN.format(label=figures["resampled"]["label"]),
        ]
    if "store" in figures:
        rows = [
            [
                figures[level]["label"],
                str(figures[level]["alarms"]),
                ", ".join(f"{n} {kind}" for kind, n in figures[level]["by_kind"].items()) or "none",
            ]
            for level in ("store", "dept")
        ]
        parts += [
            "## The panels themselves",
            _REAL,
            markdown_table(["panel", "alarms in a year", "kinds"], rows),
        ]
    if "faults" in figures:
        rows = [
            [
                name,
                f"{100 * found['found']:.0f} %",
                *("-" if found[key] is None else f"{found[key]:.0f}" for key in ("median_weeks", "weeks_90")),
                f"{100 * found['told_apart']:.0f} %",
            ]
            for name, found in figures["faults"].items()
        ]
        head = ["fault", f"found in {_PATIENCE} weeks", "median weeks", "90 % weeks", "at once told apart"]
        about = _DELAYS.format(worlds=args.worlds, patience=_PATIENCE)
        parts += ["## How soon a fault is found", about, markdown_table(head, rows)]
    return "\n\n".join(parts)
