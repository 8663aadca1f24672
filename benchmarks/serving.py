"""The service beside `mlflow models serve`, BentoML and a route that does nothing, all on one machine."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import serving_load, serving_million
from benchmarks.data import load_sales
from benchmarks.log import sync_seconds
from benchmarks.machine import machine, versions
from benchmarks.serving_contenders import Made, make
from benchmarks.serving_table import text
from benchmarks.tables import write_results
from storecast.errors import SetupError

__all__ = ["PARTS", "add_arguments", "run"]

PARTS: dict[str, Callable[[Made, int, int], dict[str, Any]]] = {
    "rates": serving_load.rates,
    "thousand": serving_load.thousand,
    "pace": serving_load.pace,
    "start": serving_load.start,
    "million": serving_million.million,
}
_ROUNDS, _SECONDS = 3, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument(
        "--parts",
        nargs="*",
        choices=list(PARTS),
        default=list(PARTS),
        help="the others stay as they were measured before on this machine",
    )
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="of each measurement")
    parser.add_argument("--seconds", type=int, default=_SECONDS, help="of load in a round")


def run(args: argparse.Namespace, root: Path, build: Path) -> None:
    """Measure, and write ``serving.md`` and ``serving.json`` when every part is there."""
    if shutil.which("wrk") is None:
        raise SetupError("There is no load generator to measure with.", remedy="apt-get install wrk")
    sales = load_sales("store", args.data, build)
    folder, pieces = build / "serving", build / "serving-parts"
    pieces.mkdir(exist_ok=True)
    made = make(sales.path, root, folder)
    for name in args.parts:
        print(f"{name}:", flush=True)
        sync = 1e3 * sync_seconds(folder)
        found = PARTS[name](made, args.rounds, args.seconds)
        of = {"date": args.date, "rounds": args.rounds, "seconds": args.seconds, "sync_ms": sync}
        (pieces / f"{name}.json").write_text(json.dumps({**of, "found": found}, indent=2))
    figures: dict[str, Any] = {
        "machine": machine(),
        "data": sales.label,
        "trees": made.facts,
        "versions": dict(
            sorted((versions(["storecast", "uvicorn", "fastapi"]) | made.facts["versions"]).items())
        ),
        "parts": {n: json.loads(p.read_text()) for n in PARTS if (p := pieces / f"{n}.json").exists()},
    }
    if missing := [name for name in PARTS if name not in figures["parts"]]:
        print(f"written: {', '.join(args.parts)} into {pieces}; the table still lacks {', '.join(missing)}")
        return
    whole = all((p["rounds"], p["seconds"]) == (_ROUNDS, _SECONDS) for p in figures["parts"].values())
    name = "serving" if sales.label.startswith("the real") else "serving-sample"
    write_results(args.out if whole else build, name, text(args.date, figures), figures)
