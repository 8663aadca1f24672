"""How many answers a second the forecast log takes, and how long each waits, beside the disk's sync time."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import machine, versions
from benchmarks.tables import facts, markdown_table, write_results
from storecast.ports import Entry
from storecast.stores.forecast_log import DatabaseLog, acknowledged

__all__ = ["add_arguments", "run"]

_SYNCS, _WARM = 300, 0.5
_WAITING = (1, 16, 64, 512)
_ABOUT = """An answer of four weeks with two bands, about 1 KB, is logged by each of so many callers, who wait
for its acknowledgement and log the next; one process, one writing thread. Sync: 4 KB appended to a file of
the same folder and brought to the disk by fdatasync."""
_WEEKS = ("2012-11-02", "2012-11-09", "2012-11-16", "2012-11-23")


def _entry(log: DatabaseLog) -> Entry:
    values = [1_643_690.91, 1_641_957.44, 1_611_968.17, 1_409_727.59]
    columns = ",".join(f'"storecast-{side}-{level}":{values}' for level in (80, 95) for side in ("lo", "hi"))
    return Entry(
        id=log.new_id(),
        at=time.time_ns() // 1000,
        kind="forecast",
        caller="a1b2c3d4e5f6",
        model="storecast",
        version=3,
        digest="d" * 64,
        series="1",
        rows=4,
        inputs='{"by":"series"}',
        forecast=f'{{"ds":{list(_WEEKS)},"storecast":{values}}}'.replace("'", '"'),
        bands=f"{{{columns}}}",
        latency=250,
        request=log.new_id(),
    )


def sync_seconds(folder: Path) -> float:
    """Median seconds until 4 KB are on the disk of ``folder``."""
    path, found = folder / "sync", []
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        for _ in range(_SYNCS):
            began = time.perf_counter()
            os.write(handle, os.urandom(4096))
            os.fdatasync(handle)
            found.append(time.perf_counter() - began)
    finally:
        os.close(handle)
        path.unlink()
    return statistics.median(found)


async def _callers(log: DatabaseLog, number: int, seconds: float) -> list[float]:
    """Seconds that each acknowledgement took."""
    loop, ends, found = asyncio.get_running_loop(), time.perf_counter() + seconds, []

    async def caller() -> None:
        while (began := time.perf_counter()) < ends:
            await acknowledged(log.submit(_entry(log)), loop)
            found.append(time.perf_counter() - began)

    await asyncio.gather(*(caller() for _ in range(number)))
    return found


def _measured(log: DatabaseLog, seconds: float) -> list[dict[str, Any]]:
    rows = []
    for number in _WAITING:
        asyncio.run(_callers(log, number, _WARM))
        cpu = time.process_time()
        waits = sorted(asyncio.run(_callers(log, number, seconds)))
        cpu = time.process_time() - cpu
        row = {
            "callers": number,
            "entries_a_second": len(waits) / seconds,
            "median_ms": 1e3 * waits[len(waits) // 2],
            "p99_ms": 1e3 * waits[int(0.99 * len(waits))],
            "cpu_us": 1e6 * cpu / len(waits),
        }
        print("  " + ", ".join(f"{k} {v:,.1f}" for k, v in row.items()), flush=True)
        rows.append(row)
    return rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--url", help="an empty PostgreSQL database to measure as well")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")


def run(args: argparse.Namespace, root: Path, build: Path) -> None:
    """Measure, and write ``log.md`` and ``log.json``."""
    folder = build / "log"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    # Nothing listens there: the spool takes all.
    stores = {"SQLite": f"sqlite:///{folder}/log.db", "spool": "postgresql://nobody@127.0.0.1:9/none"}
    if args.url:
        stores["PostgreSQL"] = args.url
    found: dict[str, Any] = {
        "date": args.date,
        "machine": machine(),
        "versions": versions(["sqlalchemy", "psycopg"]),
    }
    found["sync_ms"] = 1e3 * sync_seconds(folder)
    #: 1e3 * sync_seconds(folder)}
    print(f"sync: {found['sync_ms']:.3f} ms", flush=True)
    for name, url in stores.items():
        print(name, flush=True)
        log = DatabaseLog(url, folder / f"spool of {name}", spool_limit=8 << 30)
        log.start(patience=5)
        try:
            found[name] = _measured(log, args.seconds)
        finally:
            log.close()
    found["sync_ms_after"] = 1e3 * sync_seconds(folder)
    shutil.rmtree(folder)
    write_results(args.out if args.url else build, "log", _text(found), found)


def _text(found: dict[str, Any]) -> str:
    head = ["into", "callers", "entries a second", "median ms", "p99 ms", "CPU µs an entry"]
    rows = [
        [
            name,
            str(row["callers"]),
            f"{row['entries_a_second']:,.0f}",
            f"{row['median_ms']:.2f}",
            f"{row['p99_ms']:.2f}",
            f"{row['cpu_us']:.0f}",
        ]
        for name in ("SQLite", "PostgreSQL", "spool")
        for row in found.get(name, [])
    ]
    sync = f"Sync of this disk: {found['sync_ms']:.3f} ms before, {found['sync_ms_after']:.3f} ms after."
    about = facts(found["date"], found["machine"], found["versions"])
    return f"# The forecast log\n\n{about}\n\n{_ABOUT}\n\n{sync}\n\n{markdown_table(head, rows)}"
