"""Runs rivals on the splits: ``python -m benchmarks.rivals.run FOLDER``, in the rivals' environment.

``FOLDER`` holds ``request.json`` (``splits``: name -> level, cutoffs, horizon; ``methods``: list of
[method, split]) and ``store.parquet``, ``dept.parquet`` (``unique_id, ds, y, is_holiday``). Written there:
``METHOD-SPLIT.parquet`` (``unique_id, ds, cutoff, point``, bands) and ``answer.json`` (seconds, versions).
"""

from __future__ import annotations

import json
import platform
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.rivals.histories import regular
from benchmarks.rivals.methods import METHODS, Request

__all__ = ["main"]


def _cpu() -> float:
    """CPU seconds of this process and of children that ended (Prophet's sampler is one)."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _run(method: str, frame: pd.DataFrame, split: dict[str, Any]) -> tuple[pd.DataFrame, float]:
    flagged = frozenset(frame.loc[frame["is_holiday"], "ds"])
    parts, seconds = [], 0.0
    for cutoff in pd.to_datetime(split["cutoffs"]):
        history = regular(frame, cutoff)
        began = _cpu()
        out = METHODS[method].run(Request(history, cutoff, split["horizon"], flagged))
        seconds += _cpu() - began
        parts.append(out.assign(cutoff=cutoff))
    return pd.concat(parts, ignore_index=True), seconds


def main(folder: Path) -> None:
    """Run what ``request.json`` asks for; see the module."""
    request = json.loads((folder / "request.json").read_text())
    frames = {level: pd.read_parquet(folder / f"{level}.parquet") for level in request["levels"]}
    # The first call of a package imports and compiles; it is not counted.
    few = next(iter(frames.values()))
    few = few[few["unique_id"].isin(few["unique_id"].unique()[:2])]
    warm = {"cutoffs": [str(few["ds"].max().date())], "horizon": 2}
    for method in dict.fromkeys(method for method, _ in request["methods"]):
        _run(method, few, warm)
    packages = {name for method, _ in request["methods"] for name in METHODS[method].packages}
    answer: dict[str, Any] = {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in sorted(packages | {"numpy", "pandas"})},
        "seconds": {},
    }
    for method, name in request["methods"]:
        split = request["splits"][name]
        out, seconds = _run(method, frames[split["level"]], split)
        out.to_parquet(folder / f"{method}-{name}.parquet", index=False)
        answer["seconds"][f"{method}-{name}"] = seconds
        print(f"  {method:20s} {name:5s} {seconds:8.1f} CPU s", flush=True)
        (folder / "answer.json").write_text(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
