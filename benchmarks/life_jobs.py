"""The weekly jobs on the departments of thirty stores: update with publication, and the look at the model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from benchmarks.machine import ONE_THREAD
from benchmarks.processes import started
from benchmarks.speed import task
from benchmarks.wrk import Asked, wrk
from storecast.errors import SetupError

__all__ = ["STORES", "make", "monitor", "serve", "served_keys", "storecast", "update"]

_PROGRAM = [sys.executable, "-c", "from storecast.cli import main; main()"]
STORES = 30
_UNSEEN = 13  # weeks after the first champion's cutoff that the log's answers meet
_SINGLE = 4  # seconds of questions about single series


def _tables(path: Path) -> dict[str, pd.DataFrame]:
    """train, features and stores of the Kaggle folder, the first thirty stores of them."""
    out = {}
    for name in ("train", "features", "stores"):
        found = next(p for p in (path / f"{name}.csv", path / f"{name}.csv.zip") if p.exists())
        table = pd.read_csv(found, keep_default_na=False, dtype=str)
        out[name] = table[table["Store"].astype(int) <= STORES]
    return out


def _write(tables: dict[str, pd.DataFrame], weeks: Sequence[str], folder: Path) -> str:
    folder.mkdir()
    train = tables["train"]
    for name, table in {**tables, "train": train[train["Date"].isin(weeks)]}.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return str(folder)


def storecast(home: Path, *words: str) -> dict[str, Any]:
    """What a command prints as JSON; raises SetupError where it is refused."""
    environment = {**os.environ, **ONE_THREAD, "STORECAST_HOME": str(home)}
    done = subprocess.run(
        [*_PROGRAM, *words, "--json"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SetupError(f"`storecast {' '.join(words)}` failed.", found=(done.stdout + done.stderr)[-500:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def serve(folder: Path, home: str = "home") -> Any:
    """The service on a home in ``folder``, as ``started`` gives it."""
    return started(
        "Storecast",
        lambda port: [*_PROGRAM, "serve", "--no-follow", "--port", port],
        "/readyz",
        folder / f"serve-{home}.log",
        {"STORECAST_HOME": str(folder / home), "STORECAST_RATE_LIMIT": "0", **ONE_THREAD},
    )


def make(path: Path, folder: Path) -> dict[str, Any]:
    """A home whose champion knows all but the last weeks, answers of it in the log, and the sales since."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tables = _tables(path)
    weeks = sorted(tables["train"]["Date"].unique())
    known = _write(tables, weeks[: -1 - _UNSEEN], folder / "known")
    _write(tables, weeks[:-1], folder / "seen")
    _write(tables, weeks, folder / "whole")
    home = folder / "home"
    home.mkdir()
    trained = storecast(home, "train", known)
    if not trained["promoted"]:
        storecast(home, "models", "promote", str(trained["version"]), "--overrule", "--why", "to measure")
    return _asked(folder)


def _asked(folder: Path) -> dict[str, Any]:
    """Let the service answer about everything in one answer each, and about single series for some seconds;
    then the sales of these weeks come."""
    with serve(folder) as (url, _):
        for by in ("series", "store", "total"):
            urllib.request.urlopen(f"{url}/v1/forecasts?by={by}&horizon=52", timeout=120).read()
        asked = [(f"/v1/forecasts?series={quote(key)}&horizon=13", "") for key in served_keys(url)]
        load = wrk(url, Asked("GET", asked), 16, _SINGLE, folder)
    storecast(folder / "home", "actuals", str(folder / "seen"))
    made = {"series": len(asked), "weeks": _UNSEEN, "answers": load.requests}
    (folder / "made.json").write_text(json.dumps(made))
    return made


def served_keys(url: str) -> list[str]:
    """Every series that is served, once."""
    with urllib.request.urlopen(f"{url}/v1/forecasts?horizon=1&format=csv") as answer:
        return [line.split(",")[0] for line in answer.read().decode().splitlines()[1:]]


def _of(folder: Path) -> dict[str, Any]:
    path = folder / "made.json"
    if not path.exists():
        raise SetupError("There is no home to measure on.", remedy="run --parts home first")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def monitor(folder: Path, root: Path) -> dict[str, Any]:
    """The look at the model: live accuracy of all that was answered, and drift, in one command."""
    made, log = _of(folder), folder / "monitor.log"
    asked = ("command", "monitor", str(folder / "seen"), "--report", str(folder / "look.json"))
    found = [task(root, log, *asked, home=folder / "home") for _ in range(3)]
    look = json.loads((folder / "look.json").read_text())
    return {
        **made,
        "rows": look["live"]["rows"],
        "answers": look["live"]["answers"],
        "looks": look["drift"]["looks"],
        "cpu_s": sorted(one["median"] for one in found)[1],
        "peak_mb": max(one["peak_mb"] for one in found),
    }


def update(folder: Path, root: Path) -> dict[str, Any]:
    """The update by one new week, its registration and publication; on a copy of the home each time, after
    one that brings the champion to the week before."""
    made, log, times = _of(folder), folder / "update.log", []
    before = folder / "before"
    shutil.rmtree(before, ignore_errors=True)
    shutil.copytree(folder / "home", before)
    storecast(before, "update", str(folder / "seen"))
    for _ in range(3):
        copy = folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(before, copy)
        times.append(task(root, log, "command", "update", str(folder / "whole"), home=copy))
        shutil.rmtree(copy)
    return {
        **made,
        "cpu_s": sorted(one["median"] for one in times)[1],
        "peak_mb": max(one["peak_mb"] for one in times),
    }
