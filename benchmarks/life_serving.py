"""What the life of a model costs the live path: an explanation, and a challenger in its shadow."""

from __future__ import annotations

import os
import shutil
import statistics
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.life_jobs import serve, served_keys, storecast
from benchmarks.processes import cpu_seconds
from benchmarks.wrk import Asked, wrk

__all__ = ["explanation", "shadow"]

_SECONDS = 4
_ROUNDS, _ROUND = 40, 1  # of the shadow, and seconds of each
_CONNECTIONS = 1  # so that each answer is a commit of its own, and none is cheaper for company


def _measured(
    url: str, process: int, asked: Asked, connections: int, folder: Path, seconds: int
) -> dict[str, float]:
    before = cpu_seconds(process)
    load = wrk(url, asked, connections, seconds, folder)
    cpu = cpu_seconds(process) - before
    return {
        "cpu_ms": 1e3 * cpu / load.requests,
        "requests_s": load.requests / load.seconds,
        "p50_ms": load.p50_ms,
        "p99_ms": load.p99_ms,
    }


def explanation(folder: Path) -> dict[str, Any]:
    """One forecast of one series explained, a request at a time; every series in turns."""
    with serve(folder) as (url, process):
        keys = served_keys(url)
        asked = Asked("GET", [(f"/v1/explanations?series={quote(k)}&horizons=4", "") for k in keys])
        _measured(url, process.pid, asked, 1, folder, _SECONDS)  # the first warms up
        found = _measured(url, process.pid, asked, 1, folder, _SECONDS)
    return {"series": len(keys), **found}


@contextmanager
def _apart(servers: list[int]) -> Iterator[None]:
    """Servers on one core, and whoever asks them on another: where both share one, a request costs half as
    much again, and the system changes its mind about that from second to second."""
    cores = sorted(os.sched_getaffinity(0))
    for process in servers if len(cores) > 1 else ():
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores[:1])
    os.sched_setaffinity(0, cores[1:2] or cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def shadow(folder: Path) -> dict[str, Any]:
    """Look-ups of single series from two servers at one time, one of which has a challenger in shadow, asked
    in turns. The cost is the median over pairs of rounds that follow one another."""
    versions = storecast(folder / "home", "models", "list")["versions"]
    if len(versions) < 2:
        storecast(folder / "home", "update", str(folder / "seen"), "--no-promote")
        versions = storecast(folder / "home", "models", "list")["versions"]
    other = str(max(v["version"] for v in versions))
    shutil.rmtree(folder / "shadowed", ignore_errors=True)
    shutil.copytree(folder / "home", folder / "shadowed")
    storecast(folder / "shadowed", "models", "shadow", other)
    rounds: dict[str, list[dict[str, float]]] = {"without": [], "with": []}
    with serve(folder) as plain, serve(folder, "shadowed") as shadowed:
        arms = {"without": plain, "with": shadowed}
        asked = Asked(
            "GET", [(f"/v1/forecasts?series={quote(k)}&horizon=4", "") for k in served_keys(plain[0])]
        )
        with _apart([process.pid for _, process in arms.values()]):
            for turn in range(_ROUNDS + 1):
                for arm in ("without", "with") if turn % 2 else ("with", "without"):
                    url, process = arms[arm]
                    found = _measured(url, process.pid, asked, _CONNECTIONS, folder, _ROUND)
                    if turn:  # the first warms up
                        rounds[arm].append(found)
        with urllib.request.urlopen(f"{shadowed[0]}/metrics") as answer:
            lines = answer.read().decode().splitlines()
    (compared,) = (line for line in lines if line.startswith("storecast_shadow_compared_total "))
    cpu = {arm: statistics.median(one["cpu_ms"] for one in of) for arm, of in rounds.items()}
    pairs = zip(rounds["with"], rounds["without"], strict=True)
    return {
        "rounds": rounds,
        "compared": float(compared.rsplit(" ", 1)[1]),
        "cpu_ms": cpu,
        "cost": statistics.median(a["cpu_ms"] / b["cpu_ms"] for a, b in pairs) - 1.0,
    }
