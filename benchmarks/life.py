"""The life of a version: bands after updates, and what update, monitor, explanation and shadow cost."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.data import SalesSet, load_sales
from benchmarks.life_bands import AHEAD, TRAINED, bands, sample_bands
from benchmarks.life_jobs import STORES, make, monitor, update
from benchmarks.life_serving import explanation, shadow
from benchmarks.machine import machine, versions
from benchmarks.tables import facts, markdown_table, write_results

__all__ = ["add_arguments", "run"]

PARTS = ("bands-sample", "bands-store", "bands-dept", "home", "update", "monitor", "explanation", "shadow")
_SILENT = "shadow"  # left open where the machine is too busy for a difference of some percent
_PACKAGES = ["storecast", "numpy", "pandas", "lightgbm", "mlflow", "uvicorn"]
_BANDS = """A model is trained on the first {trained} weeks and updated week by week to the last. Each week's
forecasts are set beside the sales that came later: the share that the bands held, and in brackets their mean
width as a share of mean sales. `adapted`: as `storecast update` makes them; `left`: the same forecasts with
the bands of the training. Constants of the bands were chosen on weeks up to the {trained}th and on other
samples than these. A total has one actual a week, so that its shares are uncertain by several points."""
_COST = """Departments of the first {stores} stores: {series:,} series of {label}. CPU of one thread,
after imports, the median of three; a command is counted whole, with reading, registry, publication and
answer. The look at the model judges {rows:,} forecasts of {answers:,} logged answers by {weeks} weeks of
actuals, and looks for drift in these weeks. Explanations are asked over one connection, each of another
series."""
_SHADOW = """A challenger in shadow: CPU of the server a request of `/v1/forecasts` (one series, one
connection), two servers in turns, {rounds} rounds of a second each, the load on a core of its own; medians,
and of the cost that over pairs of rounds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument(
        "--parts",
        nargs="*",
        choices=PARTS,
        default=list(PARTS),
        help="the others stay as they were measured before on this machine; `home` is made for the last four",
    )


def run(args: argparse.Namespace, root: Path, build: Path) -> None:
    """Measure, and write ``life.md`` and ``life.json`` when every part is there."""
    store, dept = (load_sales(level, args.data, build) for level in ("store", "dept"))
    name = "life" if dept.label.startswith("the real") else "life-sample"
    pieces, folder = build / f"{name}-parts", build / name
    pieces.mkdir(exist_ok=True)
    parts: Mapping[str, Callable[[], dict[str, Any]]] = {
        "bands-sample": sample_bands,
        "bands-store": lambda: bands(store.path),
        "bands-dept": lambda: bands(dept.path),
        "home": lambda: make(dept.path, folder),
        "update": lambda: update(folder, root),
        "monitor": lambda: monitor(folder, root),
        "explanation": lambda: explanation(folder),
        "shadow": lambda: shadow(folder),
    }
    for part in args.parts:
        print(f"{part}:", flush=True)
        found = parts[part]()
        (pieces / f"{part}.json").write_text(json.dumps(found, indent=2))
        print(f"  {json.dumps(found)[:600]}", flush=True)
    done = {n: json.loads(p.read_text()) for n in PARTS if (p := pieces / f"{n}.json").exists()}
    if missing := [part for part in PARTS if part not in done and part != _SILENT]:
        print(f"written: {', '.join(args.parts)} into {pieces}; the table still lacks {', '.join(missing)}")
        return
    figures = {"date": args.date, "machine": machine(), "versions": versions(_PACKAGES), "parts": done}
    write_results(args.out, name, _text(figures, store, dept), figures)


def _text(figures: Mapping[str, Any], store: SalesSet, dept: SalesSet) -> str:
    parts = figures["parts"]
    labels = {"bands-store": store.label, "bands-dept": dept.label, "bands-sample": "samples of 45 stores"}
    tables = [part for name, label in labels.items() for part in (f"### {label}", _bands(parts[name]))]
    about = {**parts["monitor"], "stores": STORES, "label": dept.label.partition(":")[0]}
    return "\n\n".join(
        [
            "# The life of a version",
            facts(figures["date"], figures["machine"], figures["versions"]),
            "## Bands after weekly updates",
            _BANDS.format(trained=TRAINED),
            *tables,
            "## Cost",
            _COST.format(**about),
            *([_SHADOW.format(rounds=len(parts[_SILENT]["rounds"]["with"]))] if _SILENT in parts else []),
            _cost(parts),
        ]
    )


def _bands(found: Mapping[str, Any]) -> str:
    ahead = [f"{first}-{last}" if last > first else str(first) for first, last in AHEAD]
    rows = []
    for name, lines in sorted(found.items(), key=lambda item: (item[0].partition(",")[0], item[0])):
        for level in ("80", "95"):
            cells = [
                f"{100 * line[f'held-{level}']:.1f} ({100 * line[f'width-{level}']:.1f})"
                if (line := lines.get(at))
                else ""
                for at in ahead
            ]
            rows.append([f"{name}, {level} %", *cells])
    return markdown_table(["level, bands", *(f"{at} ahead" for at in ahead)], rows)


def _cost(parts: Mapping[str, Any]) -> str:
    told = parts["explanation"]
    rows = [
        ["`update` by a week, registered and published", f"{parts['update']['cpu_s']:.2f} s", "10 s"],
        ["`monitor`: live accuracy and drift", f"{parts['monitor']['cpu_s']:.2f} s", "10 s"],
        ["explanation of a forecast, CPU of the server", f"{told['cpu_ms']:.2f} ms", "5 ms"],
        ["explanation of a forecast, median latency", f"{told['p50_ms']:.2f} ms", "5 ms"],
        ["explanation of a forecast, p99 latency", f"{told['p99_ms']:.2f} ms", ""],
    ]
    if shade := parts.get(_SILENT):
        rows += [
            ["look-up alone, CPU of the server", f"{shade['cpu_ms']['without']:.3f} ms", ""],
            ["look-up with a challenger in shadow", f"{shade['cpu_ms']['with']:.3f} ms", ""],
            ["cost of the shadow", f"{100 * shade['cost']:+.1f} %", "5 %"],
        ]
    return markdown_table(["", "measured", "at most"], rows)
