"""Accuracy and bands of ours and of the rivals on the same rows, in one run."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import scoring
from benchmarks.accuracy_table import accuracy_text
from benchmarks.data import SalesSet, load_sales
from benchmarks.machine import machine, run_counted, versions
from benchmarks.ours import back_test
from benchmarks.rivals.environment import rivals_python
from benchmarks.rivals.methods import METHODS
from benchmarks.splits import SPLITS, Level, Split
from benchmarks.tables import write_results

__all__ = ["NAIVES", "OURS", "Score", "add_arguments", "plan", "run", "score"]

OURS = {"storecast": "blend", "storecast-aligned": "aligned", "storecast-boosting": "boosting"}
NAIVES = {"seasonal-naive": scoring.seasonal_naive, "naive-growth": scoring.naive_growth}
_MARGIN = 0.05


@dataclass(frozen=True)
class Score:
    """``wmae``: mean over the cutoffs, dollars; ``pooled``: over all rows at once; ``ratio``: ``wmae`` to the
    seasonal naive's; ``bands``: see ``scoring.bands``; ``losers``: series over 5 % worse than their better
    naive; ``stood_in``: percent of the rows without an answer, for which the seasonal naive stands in;
    ``seconds``: CPU."""

    wmae: float
    pooled: float
    ratio: float
    bands: dict[int, dict[str, float]]
    losers: int
    stood_in: float
    seconds: float | None


def _mean_wmae(rows: pd.DataFrame, point: pd.Series) -> float:
    each = [scoring.wmae(part, point[part.index]) for _, part in rows.groupby("cutoff")]
    return sum(each) / len(each)


def score(
    rows: pd.DataFrame, forecast: pd.DataFrame, naives: Mapping[str, pd.Series], seconds: float | None
) -> Score:
    """Score ``forecast`` on all of ``rows``; ``naives``: the two naive forecasts of these rows."""
    aligned = scoring.align(rows, forecast)
    naive = naives["seasonal-naive"]
    point = aligned["point"].astype(float).fillna(naive)
    wmae = _mean_wmae(rows, point)
    return Score(
        wmae=wmae,
        pooled=scoring.wmae(rows, point),
        ratio=wmae / _mean_wmae(rows, naive),
        bands=scoring.bands(rows, aligned),
        losers=len(scoring.losers(rows, point, list(naives.values()), _MARGIN)),
        stood_in=100 * float(aligned["point"].isna().mean()),
        seconds=seconds,
    )


def plan(
    splits: Sequence[Split], methods: Sequence[str], slow: bool
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(method, split) of the rivals that run, and of those left out as too slow for departments."""
    runs: list[tuple[str, str]] = []
    left_out: list[tuple[str, str]] = []
    for method in methods:
        for split in splits if method in METHODS else ():
            too_slow = METHODS[method].slow and split.level == "dept" and not slow
            (left_out if too_slow else runs).append((method, split.name))
    return runs, left_out


def _rivals(
    pairs: Sequence[tuple[str, str]],
    splits: Sequence[Split],
    sales: Mapping[Level, SalesSet],
    root: Path,
    build: Path,
) -> dict[str, Any]:
    """Run the rivals in their environment; forecasts lie in ``build``, seconds and versions are returned."""
    for level, data in sales.items():
        data.frame.to_parquet(build / f"{level}.parquet", index=False)
    asked = {
        split.name: {
            "level": split.level,
            "horizon": split.horizon,
            "cutoffs": [str(day) for day in split.cutoffs(sales[split.level].frame["ds"].min().date())],
        }
        for split in splits
    }
    request = {"levels": list(sales), "splits": asked, "methods": pairs}
    (build / "request.json").write_text(json.dumps(request))
    command = [rivals_python(root), "-m", "benchmarks.rivals.run", build]
    run_counted(command, root=root, log=build / "rivals.log")
    answer: dict[str, Any] = json.loads((build / "answer.json").read_text())
    return answer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    names = [*OURS, *NAIVES, *METHODS]
    parser.add_argument("--splits", nargs="+", choices=list(SPLITS), default=list(SPLITS), metavar="SPLIT")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="METHOD")
    parser.add_argument("--slow", action="store_true", help="the slow rivals at department level as well")


def run(args: argparse.Namespace, root: Path, build: Path) -> None:
    """Measure and write ``accuracy.md`` and ``.json``; a partial run writes into ``build`` alone."""
    splits = [SPLITS[name] for name in args.splits]
    sales = {level: load_sales(level, args.data, build) for level in dict.fromkeys(s.level for s in splits)}
    pairs, left_out = plan(splits, args.only, args.slow)
    answer = _rivals(pairs, splits, sales, root, build) if pairs else {"versions": {}, "seconds": {}}
    results: dict[str, dict[str, Score]] = {}
    away = {}
    for split in splits:
        frame = sales[split.level].frame
        rows = scoring.rows_of(frame, split.cutoffs(frame["ds"].min().date()), split.horizon)
        naives = {name: naive(frame, rows) for name, naive in NAIVES.items()}
        for method in args.only:
            seconds: float | None = None
            if method in NAIVES:
                forecast = rows[scoring.KEYS].assign(point=naives[method])
            elif method in OURS:
                days = split.cutoffs(frame["ds"].min().date())
                out = build / f"{method}-{split.name}.parquet"
                path = sales[split.level].path
                forecast, seconds = back_test(path, days, split.horizon, OURS[method], root=root, out=out)
                print(f"  {method:20s} {split.name:5s} {seconds:8.1f} CPU s", flush=True)
                said = scoring.align(rows, forecast)
                away[split.name] = max(float((said[name] - naives[name]).abs().max()) for name in NAIVES)
            elif (method, split.name) in pairs:
                forecast = pd.read_parquet(build / f"{method}-{split.name}.parquet")
                seconds = answer["seconds"][f"{method}-{split.name}"]
            else:
                continue
            results.setdefault(method, {})[split.name] = score(rows, forecast, naives, seconds)
    figures = {
        "date": args.date,
        "machine": machine(),
        "versions": versions(["storecast", "numpy", "pandas", "lightgbm"]),
        "rivals": {
            "versions": answer["versions"],
            "settings": {name: METHODS[name].setting for name in results if name in METHODS},
        },
        "data": {level: data.label for level, data in sales.items()},
        "splits": {split.name: asdict(split) for split in splits},
        "results": {m: {s: asdict(value) for s, value in by.items()} for m, by in results.items()},
        "left_out": left_out,
        "naives_differ_by": away,
    }
    whole = args.splits == list(SPLITS) and set(args.only) == {*OURS, *NAIVES, *METHODS}
    real = all(data.label.startswith("the real") for data in sales.values())
    write_results(
        args.out if whole else build,
        "accuracy" if real else "accuracy-sample",
        accuracy_text(figures),
        figures,
    )
