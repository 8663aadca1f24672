"""A CSV of a million rows through the service, beside reading, looking up and writing it with nothing around.

``python -m benchmarks.serving_million TABLE CSV OUT``: the bare one, as a process of its own; it says what it
cost.
"""

from __future__ import annotations

import csv
import http.client
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from benchmarks.processes import cpu_seconds, memory_mb, peak_mb, started
from benchmarks.serving_contenders import Made, contenders
from benchmarks.serving_load import with_rounds

__all__ = ["bare", "million", "write_rows"]

_ROWS, _ROUNDS = 1_000_000, 3
_PIECE = 1 << 16


def write_rows(path: Path, known: Sequence[tuple[str, str]], rows: int, seed: int = 0) -> None:
    """``rows`` rows of store and date, drawn from those ``known``."""
    draw = random.Random(seed)
    lines = [f"{store},{day}\n" for store, day in known]
    with path.open("w") as out:
        out.write("store,date\n")
        out.writelines(draw.choices(lines, k=rows))


def bare(table: Path, rows: Path, out: Path) -> None:
    """Read ``rows``, look each up in ``table`` (store, date and what is answered), write all, with pandas."""
    known = pd.read_csv(table, dtype={"store": str, "date": str})
    asked = pd.read_csv(rows, dtype={"store": "category", "date": "category"})
    stores = {key: i for i, key in enumerate(known["store"].unique())}
    days = {key: i for i, key in enumerate(known["date"].unique())}
    ordered = known.set_index(["store", "date"]).loc[[(s, d) for s in stores for d in days]].reset_index()
    store = asked["store"].cat.categories.astype(str).map(stores).to_numpy()[asked["store"].cat.codes]
    day = asked["date"].cat.categories.map(days).to_numpy()[asked["date"].cat.codes]
    ordered.iloc[store * len(days) + day].to_csv(out, index=False)


def _post(url: str, rows: Path, out: Path) -> tuple[float, str]:
    """Seconds until the answer was whole and written, and its id."""
    where = urlsplit(url)
    began = time.perf_counter()
    line = http.client.HTTPConnection(where.hostname or "", where.port, timeout=300)
    headers = {"content-type": "text/csv", "content-length": str(rows.stat().st_size)}
    with rows.open("rb") as body, out.open("wb") as to:
        line.request("POST", "/v1/predictions", body=body, headers=headers)
        answer = line.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"not answered well: {answer.read()[:500]!r}")
        while piece := answer.read(_PIECE):
            to.write(piece)
    line.close()
    return time.perf_counter() - began, answer.headers["x-forecast-id"]


def _bare(folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.serving_million"]
    files = [str(folder / name) for name in ("table.csv", "million.csv", "bare.csv")]
    done = subprocess.run([*command, *files], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _same(one: Path, other: Path) -> bool:
    with one.open() as left, other.open() as right:
        return all(a == b for a, b in zip(csv.reader(left), csv.reader(right), strict=True))


def million(made: Made, rounds: int, seconds: int) -> dict[str, Any]:
    """Seconds, CPU seconds and peak memory of both; both must answer the same."""
    folder = made.folder
    found: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
    known = [(row["store"], row["date"]) for row in made.rows]
    write_rows(folder / "million.csv", known, _ROWS)
    with (folder / "once.csv").open("w") as out:
        out.write("store,date\n" + "".join(f"{store},{day}\n" for store, day in known))
    one = contenders(made)[0]
    for turn in range(_ROUNDS):
        log = folder / "million.log"
        with started(one.name, one.command, one.alive, log, one.environment) as (url, process):
            _post(url, folder / "once.csv", folder / "table.csv")
            rest, before = memory_mb(process.pid), cpu_seconds(process.pid)
            took, _ = _post(url, folder / "million.csv", folder / "answer.csv")
            cpu = cpu_seconds(process.pid) - before
            found["ours"].append(
                {"seconds": took, "cpu_s": cpu, "peak_mb": peak_mb(process.pid), "before_mb": rest}
            )
        found["bare"].append(_bare(folder))
        if not turn and not _same(folder / "answer.csv", folder / "bare.csv"):
            raise RuntimeError("the service and the bare program answer differently")
    told = with_rounds(found)
    for name, of in told.items():
        print(f"  {name}: {of['seconds']:.2f} s, {of['peak_mb']:.0f} MB", flush=True)
    return {"rows": _ROWS, "bytes": (folder / "million.csv").stat().st_size, **told}


if __name__ == "__main__":
    cpu, began = time.process_time(), time.perf_counter()
    bare(*map(Path, sys.argv[1:]))
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "cpu_s": time.process_time() - cpu,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
            }
        )
    )
