"""The serving benchmark as a page: rates and what they are times the others', then what is measured alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.tables import facts, markdown_table

__all__ = ["text", "times"]

_Figures = Mapping[str, float]

_OURS, _TREES = "Storecast", "Storecast, trees"
_MLFLOW, _BENTO, _FLOOR = "`mlflow models serve`", "BentoML", "no-op FastAPI"
_ORDER = (_OURS, _TREES, _MLFLOW, _BENTO, _FLOOR)
_ABOUT = """One worker each, all on this machine at one time and asked in turns, {rounds} rounds of {seconds}
seconds; a figure is the median of its rounds. wrk (one thread) shares the two cores with the server it asks.
CPU is that of the server's processes, from /proc. Ours logs every answer before it is sent, durably, in
SQLite: bringing 4 KB to this disk takes {sync:.2f} ms. *Look-up*: `/v1/forecasts` of a series, four weeks
with two bands; *row*: `/v1/predictions` of a store and a week, with two bands. The champion (`blend`)
answers both from its published table. *Trees* is the same service on a version of `--model boosting`,
{trees} trees of {leaves} leaves on 82 columns that it fills itself: *row with inputs*
gives temperature, fuel price, CPI and unemployment, *what-if* (`/v1/what-if`) asks what another temperature
would change in a week, and the trees run. MLflow and BentoML serve one
LightGBM model of as many trees and leaves, on nine columns that come with the request; they log nothing.
Each is started as its documentation says, on one thread. Those trees alone take {row_us:.0f} µs for a row and
{thousand_us:,.0f} µs for a thousand. The no-op route answers a constant."""
_PACE = """Open loop: {rate:.0f} requests a second from independent callers (a Poisson process), each counted
from when it was due."""
_MILLION = """{rows:,} rows of store and date ({mb:.0f} MB), sent to `/v1/predictions` as CSV and written to a
file as they come back, with two bands, after their log entry is durable. *Bare*: a program that reads the
same file with pandas, looks each row up in the same table and writes the same answer, imports not counted."""


def times(asked: Mapping[str, _Figures], ours: str, theirs: str) -> float | None:
    """Requests a second of ``ours`` as a multiple of those of ``theirs``; None where one was not measured."""
    if ours not in asked or theirs not in asked:
        return None
    return asked[ours]["requests_s"] / asked[theirs]["requests_s"]


def _ordered(asked: Mapping[str, _Figures]) -> list[tuple[str, _Figures]]:
    """Fewer connections first, then as the servers stand in the text; whatever order the file has."""

    def place(item: tuple[str, _Figures]) -> tuple[int, int, str]:
        connections = item[0].rpartition(", ")[2]
        who = _ORDER.index(item[0].partition(": ")[0])
        return int(connections) if connections.isdecimal() else 0, who, item[0]

    return sorted(asked.items(), key=place)


def _x(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value < 1 else f"{value:.1f}"


def _rates(asked: Mapping[str, _Figures]) -> str:
    head = ["", "connections", "requests/s", "CPU ms", "p99 ms", "x MLflow", "x BentoML", "x no-op"]
    rows = []
    for name, found in _ordered(asked):
        who, _, what = name.partition(": ")
        what, _, connections = what.rpartition(", ")
        label = who if who in (_MLFLOW, _BENTO, _FLOOR) else f"{who}: {_said(who, what)}"
        ratios = [
            _x(times(asked, name, f"{other}: row, {connections}")) if who in (_OURS, _TREES) else ""
            for other in (_MLFLOW, _BENTO, _FLOOR)
        ]
        figures = [f"{found['requests_s']:,.0f}", f"{found['cpu_ms']:.3f}", f"{found['p99_ms']:.1f}"]
        rows.append([label, connections, *figures, *ratios])
    return markdown_table(head, rows)


def _said(who: str, what: str) -> str:
    return "row with inputs" if who == _TREES and what == "row" else what


def _thousand(asked: Mapping[str, _Figures]) -> str:
    rows = []
    for name, found in _ordered(asked):
        who, _, what = name.partition(": ")
        what = what.rpartition(", ")[0]
        ratio = times(asked, name, name.replace(who, _MLFLOW)) if who in (_OURS, _TREES) else None
        label = f"{who}: {'inputs given, ' if who == _TREES else ''}{what.removeprefix('1,000 rows, ')}"
        rows.append([label, f"{found['requests_s']:,.1f}", f"{found['cpu_ms']:.2f}", _x(ratio)])
    return markdown_table(["1,000 rows a request, 4 connections", "requests/s", "CPU ms", "x MLflow"], rows)


def _pace(asked: Mapping[str, _Figures]) -> str:
    rows = [
        [name, *(f"{found[column]:.1f}" for column in ("p50_ms", "p99_ms", "worst_ms"))]
        for name, found in _ordered(asked)
    ]
    return markdown_table(["", "median ms", "p99 ms", "worst ms"], rows)


def _start(asked: Mapping[str, _Figures], loaded: Mapping[str, float]) -> str:
    rows = [
        [name, f"{f['cpu_s']:.2f}", f"{f['memory_mb']:.0f}", f"{loaded[name]:.0f}", f"{f['all_mb']:.0f}"]
        for name, f in _ordered(asked)
    ]
    head = ["", "CPU s until ready", "MB of the worker", "MB after the load above", "MB of all processes"]
    return markdown_table(head, rows)


def _million(found: Mapping[str, Any]) -> str:
    ours, bare = found["ours"], found["bare"]
    rows = [
        [name, f"{f['seconds']:.2f}", f"{f['cpu_s']:.2f}", f"{f['peak_mb']:.0f}"]
        for name, f in (("through the service", ours), ("bare", bare))
    ]
    rows.append(
        ["times", f"{ours['seconds'] / bare['seconds']:.2f}", f"{ours['cpu_s'] / bare['cpu_s']:.2f}", ""]
    )
    return markdown_table(["", "seconds", "CPU s", "peak MB"], rows)


def text(date: str, figures: Mapping[str, Any]) -> str:
    """The page; ``figures`` as in the JSON."""
    parts = {name: part["found"] for name, part in figures["parts"].items()}
    of = figures["parts"]["rates"]
    about = _ABOUT.format(**{**figures["trees"], **of, "sync": of["sync_ms"]})
    million = parts["million"]
    return "\n\n".join(
        [
            "# The service",
            about,
            f"{figures['data']}. {facts(date, figures['machine'], figures['versions'])}",
            _rates(parts["rates"]["asked"]),
            "## A thousand rows",
            _thousand(parts["thousand"]["asked"]),
            "## At a pace",
            _PACE.format(rate=parts["pace"]["rate"]),
            _pace(parts["pace"]["asked"]),
            "## Start and memory",
            _start(parts["start"]["asked"], parts["rates"]["memory_mb"]),
            "## A million rows",
            _MILLION.format(rows=million["rows"], mb=million["bytes"] / 1e6),
            _million(million),
        ]
    )
