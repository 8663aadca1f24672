"""``python -m benchmarks [NAME ...]``: measures the figures of the README."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks.tables import today
from storecast.errors import StorecastError

__all__ = ["main"]

_ROOT = Path(__file__).resolve().parent.parent
_RESULTS = _ROOT / "benchmarks" / "results"
_BENCHMARKS = {
    "accuracy": "ours, both naives and the rivals on the same windows",
    "speed": "CPU and memory of training and forecasting",
    "worlds": "other retailers' constructed panels",
    "webapp": "the web app: first page, a change of store, twenty sessions at once",
    "serving": "the service beside MLflow's, BentoML and a route that does nothing",
    "log": "commits of the forecast log, beside the disk's sync time",
    "life": "bands after weekly updates; CPU of update, monitor, explanation and shadow",
    "drift": "false alarms a year where nothing drifts, and weeks until a fault is found",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Without a name: all of them.")
    names = parser.add_subparsers(dest="name")
    for name, about in _BENCHMARKS.items():
        one = names.add_parser(name, help=about, description=about)
        one.add_argument("--data", type=Path, help="folder of the real sales; default: STORECAST_REAL_DATA")
        one.add_argument("--date", default=today(), help="date of the measurement; default: today")
        one.add_argument("--out", type=Path, default=_RESULTS, help="folder of the tables")
        importlib.import_module(f"benchmarks.{name}").add_arguments(one)
    return parser


def main(arguments: list[str]) -> int:
    """Run one benchmark, or all; 0 if it went well, 1 if data or machine were refused."""
    parser, build = _parser(), _ROOT / "build" / "benchmarks"
    build.mkdir(parents=True, exist_ok=True)
    alone = bool(arguments) and not arguments[0].startswith("--")
    for name in [arguments[0]] if alone else _BENCHMARKS:
        args = parser.parse_args(arguments if alone else [name, *arguments])
        try:
            importlib.import_module(f"benchmarks.{args.name}").run(args, _ROOT, build)
        except StorecastError as refused:
            print(refused, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
