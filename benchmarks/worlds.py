"""Other retailers' panels, constructed: ours beside three simple forecasts on each, 13 weeks ahead."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from benchmarks import scoring
from benchmarks.machine import machine, versions
from benchmarks.ours import back_test
from benchmarks.tables import facts, markdown_table, write_results
from storecast.forecasting.sample import WORLDS

__all__ = ["HORIZON", "SIMPLE", "WorldScore", "add_arguments", "measure", "run"]

HORIZON = 13
SIMPLE = {
    "naive": scoring.seasonal_naive,
    "naive x growth": scoring.naive_growth,
    "last 13 weeks": scoring.recent_mean,
}
_ABOUT = """WAPE in percent, {horizon} weeks ahead from two cutoffs {horizon} weeks apart, mean of the
seeds {seeds}. The panels are constructed and hold `unique_id, ds, y` alone. `ours / best` compares with the
best of the three simple ones of that world, which nobody knows beforehand; `worst seed` is the highest of
these ratios. CPU seconds: our whole command, both cutoffs."""


@dataclass(frozen=True)
class WorldScore:
    """One world of one seed: ``wape`` by method, fractions; CPU ``seconds`` of ours."""

    wape: dict[str, float]
    seconds: float

    @property
    def over_best(self) -> float:
        """Ours over the best of the simple ones; below 1 ours is better."""
        return self.wape["storecast"] / min(self.wape[name] for name in SIMPLE)


def measure(frame: pd.DataFrame, name: str, root: Path, build: Path) -> WorldScore:
    """Ours and the simple ones on ``frame`` (``unique_id, ds, y``), in its last two windows."""
    path = build / f"{name}.parquet"
    frame.to_parquet(path, index=False)
    weeks = pd.DatetimeIndex(sorted(frame["ds"].unique()))
    cutoffs = [weeks[-1 - HORIZON * back].date() for back in (2, 1)]
    rows = scoring.rows_of(frame.assign(is_holiday=False), cutoffs, HORIZON)
    answer, seconds = back_test(path, cutoffs, HORIZON, "blend", root=root, out=build / f"{name}-out.parquet")
    said = {"storecast": scoring.align(rows, answer)["point"]}
    said |= {simple: method(frame, rows) for simple, method in SIMPLE.items()}
    return WorldScore({method: scoring.wape(rows, point) for method, point in said.items()}, seconds)


def _line(name: str, series: int, scores: list[WorldScore]) -> list[str]:
    mean = {m: sum(score.wape[m] for score in scores) / len(scores) for m in scores[0].wape}
    best = min(mean[simple] for simple in SIMPLE)
    return [
        name,
        f"{series:,}",
        *(f"{100 * mean[method]:.2f}" for method in ("storecast", *SIMPLE)),
        f"{mean['storecast'] / best:.3f}",
        f"{max(score.over_best for score in scores):.3f}",
        f"{sum(score.seconds for score in scores) / len(scores):.1f}",
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS), metavar="WORLD")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="SEED")


def _text(args: argparse.Namespace, figures: Mapping[str, object], lines: list[list[str]]) -> str:
    head = ["world", "series", "ours", *SIMPLE, "ours / best", "worst seed", "CPU s"]
    about = "\n".join(
        f"- **{name}**: {' '.join((WORLDS[name].__doc__ or '').split())}" for name in args.worlds
    )
    return "\n\n".join(
        [
            "# Other retailers' panels",
            facts(args.date, figures["machine"], figures["versions"]),  # type: ignore[arg-type]
            _ABOUT.format(horizon=HORIZON, seeds=", ".join(map(str, args.seeds))),
            markdown_table(head, lines),
            about,
        ]
    )


def run(args: argparse.Namespace, root: Path, build: Path) -> None:
    """Measure and write ``worlds.md`` and ``.json``; a partial run writes into ``build`` alone."""
    build = build / "worlds"
    build.mkdir(exist_ok=True)
    results: dict[str, list[WorldScore]] = {}
    lines = []
    for name in args.worlds:
        series = 0
        for seed in args.seeds:
            frame = WORLDS[name](seed)
            series = frame["unique_id"].nunique()
            results.setdefault(name, []).append(measure(frame, f"{name}-{seed}", root, build))
        lines.append(_line(name, series, results[name]))
        print("  " + "  ".join(lines[-1]), flush=True)
    figures = {
        "date": args.date,
        "machine": machine(),
        "versions": versions(["storecast", "numpy", "pandas", "lightgbm"]),
        "seeds": args.seeds,
        "horizon": HORIZON,
        "results": {
            name: [asdict(score) | {"over_best": score.over_best} for score in scores]
            for name, scores in results.items()
        },
    }
    whole = args.worlds == list(WORLDS) and args.seeds == [1, 2, 3]
    write_results(args.out if whole else build, "worlds", _text(args, figures, lines), figures)
