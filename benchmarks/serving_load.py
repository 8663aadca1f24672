"""The parts of the serving benchmark in which servers are asked: rates, thousands of rows, a pace, a start.

All servers of a part run at one time and are asked in turns, round by round, so that what else the machine
does hits all alike; a figure is the median of its rounds.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

from benchmarks.openloop import arrivals, open_loop, percentile
from benchmarks.processes import cpu_seconds, family, memory_mb, started
from benchmarks.serving_contenders import Contender, Made, contenders
from benchmarks.wrk import wrk

__all__ = ["medians", "pace", "rates", "start", "thousand", "with_rounds"]

_CONNECTIONS, _FEW = (16, 64), 4
_RATE, _PACED = 300.0, 8.0  # requests a second, seconds of a round
_STARTS = 3  # of each


@contextmanager
def _running(made: Made, some: Sequence[Contender]) -> Iterator[dict[str, tuple[str, int]]]:
    """URL and process of each, by name."""
    with ExitStack() as stack:
        out: dict[str, tuple[str, int]] = {}
        for one in some:
            log = made.folder / f"{len(out)}.log"
            url, process = stack.enter_context(
                started(one.name, one.command, one.alive, log, one.environment)
            )
            out[one.name] = (url, process.pid)
        yield out


def medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Name -> the median over the rounds."""
    return {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}


def with_rounds(found: Mapping[str, Sequence[dict[str, float]]]) -> dict[str, dict[str, Any]]:
    """Name -> medians, and the ``rounds`` they are of."""
    return {name: {**medians(rounds), "rounds": rounds} for name, rounds in found.items()}


def _asked_in_turns(
    made: Made,
    some: Sequence[Contender],
    plan: Sequence[tuple[Contender, str, int]],
    rounds: int,
    seconds: int,
) -> dict[str, dict[str, Any]]:
    """``plan``: who, what, over how many connections; "who: what, connections" -> figures."""
    found: dict[str, list[dict[str, float]]] = {}
    with _running(made, some) as running:
        for turn in range(rounds + 1):
            for one, what, connections in plan:
                url, process = running[one.name]
                before = cpu_seconds(process)
                load = wrk(url, one.asks[what], connections, seconds if turn else 1, made.folder)
                cpu = cpu_seconds(process) - before
                if not turn:  # the first warms up
                    continue
                figures: dict[str, float] = {
                    "requests_s": load.requests / load.seconds,
                    "cpu_ms": 1e3 * cpu / load.requests,
                    "p50_ms": load.p50_ms,
                    "p99_ms": load.p99_ms,
                }
                found.setdefault(f"{one.name}: {what}, {connections}", []).append(figures)
        memory = {
            name: max(memory_mb(one) for one in family(process)) for name, (_, process) in running.items()
        }
    out = with_rounds(found)
    for name, of in out.items():
        print(f"  {name}: {of['requests_s']:,.0f}/s, {of['cpu_ms']:.3f} CPU ms", flush=True)
    return {"asked": out, "memory_mb": memory}


def rates(made: Made, rounds: int, seconds: int) -> dict[str, Any]:
    """One series, or one row, a request; what-if over the fewer connections alone."""
    some = contenders(made)
    plan = [
        (one, what, connections)
        for connections in _CONNECTIONS
        for one in some
        for what in one.asks
        if not what.startswith("1,000") and (connections == _CONNECTIONS[0] or "what-if" not in one.asks)
    ]
    return _asked_in_turns(made, some, plan, rounds, seconds)


def thousand(made: Made, rounds: int, seconds: int) -> dict[str, Any]:
    """A thousand rows a request."""
    some = [one for one in contenders(made) if any(what.startswith("1,000") for what in one.asks)]
    plan = [(one, what, _FEW) for one in some for what in one.asks if what.startswith("1,000")]
    return _asked_in_turns(made, some, plan, rounds, seconds)


def pace(made: Made, rounds: int, seconds: int) -> dict[str, Any]:
    """Open loop: so many requests a second, whether or not those before them are answered."""
    some = [one for one in contenders(made) if "what-if" not in one.asks]
    found: dict[str, list[dict[str, float]]] = {}
    with _running(made, some) as running:
        for turn in range(rounds):
            for one in some:
                for what in [what for what in one.asks if not what.startswith("1,000")]:
                    where = urlsplit(running[one.name][0])
                    assert where.hostname is not None
                    assert where.port is not None
                    requests = one.asks[what].as_bytes(where.netloc)
                    due = arrivals(_RATE, _PACED, turn)
                    took = asyncio.run(open_loop(where.hostname, where.port, requests, due))
                    figures = {
                        "p50_ms": 1e3 * percentile(took, 0.5),
                        "p99_ms": 1e3 * percentile(took, 0.99),
                        "worst_ms": 1e3 * max(took),
                    }
                    found.setdefault(f"{one.name}: {what}", []).append(figures)
    out = with_rounds(found)
    for name, of in out.items():
        print(f"  {name}: p50 {of['p50_ms']:.2f} ms, p99 {of['p99_ms']:.2f} ms", flush=True)
    return {"rate": _RATE, "asked": out}


def start(made: Made, rounds: int, seconds: int) -> dict[str, Any]:
    """CPU seconds, of all processes, until the path that tells so is answered; memory then."""
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(_STARTS):
        for one in contenders(made):
            log = made.folder / "start.log"
            with started(one.name, one.command, one.alive, log, one.environment) as (_, process):
                figures = {"cpu_s": cpu_seconds(process.pid)}
                held = [memory_mb(each) for each in family(process.pid)]
                found.setdefault(one.name, []).append(
                    {**figures, "memory_mb": max(held), "all_mb": sum(held)}
                )
    out = with_rounds(found)
    for name, of in out.items():
        print(f"  {name}: {of['cpu_s']:.2f} CPU s, {of['memory_mb']:.0f} MB", flush=True)
    return {"asked": out}
