"""A process that logs as fast as it can: ``python -m tests.log_worker URL SPOOL THREADS [ENTRIES]``.

Prints ``ready``, then the id of each entry once it is acknowledged, a line each. Ends when its standard
input ends, or after ENTRIES a thread; whoever started it may kill it before.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from pathlib import Path

from storecast.errors import LogError
from storecast.ports import Entry
from storecast.stores.forecast_log import DatabaseLog

__all__ = ["entry_of", "main"]


def entry_of(log: DatabaseLog, number: int = 0, **changes) -> Entry:
    """An entry such as the service makes, different for each ``number``."""
    given = Entry(
        id=log.new_id(),
        at=time.time_ns() // 1000,
        kind="forecast",
        caller="k1",
        model="storecast",
        version=3,
        digest="d" * 64,
        series=f"{number}_1",
        rows=2,
        inputs='{"h":2}',
        forecast='{"ds":["2012-11-02","2012-11-09"],"storecast":[1.5,2.5]}',
        bands='{"storecast-lo-80":[1,2],"storecast-hi-80":[2,3]}',
        latency=150,
        request=f"request {number}",
    )
    return given._replace(**changes)


def main(url: str, spool: str, threads: int, entries: int) -> None:
    log = DatabaseLog(url, Path(spool))
    log.start(patience=0.5)
    ended = threading.Event()

    def work(first: int) -> None:
        number = first
        while not ended.is_set() and (not entries or number - first < entries):
            blob = os.urandom(300) if number % 50 == 0 else None
            entry = entry_of(log, number, rows_blob=blob)
            try:
                log.submit(entry).result(60)
            except LogError as error:
                os.write(1, f"refused {error.what}\n".encode())
                time.sleep(0.05)
            else:
                os.write(1, f"{entry.id}\n".encode())  # one write: lines of threads do not mix
            number += 1

    os.write(1, b"ready\n")
    working = [threading.Thread(target=work, args=(1_000_000 * k,), daemon=True) for k in range(threads)]
    for thread in working:
        thread.start()
    while not ended.is_set() and any(thread.is_alive() for thread in working):
        if select.select([0], [], [], 0.05)[0] and not os.read(0, 1):
            ended.set()
    for thread in working:
        thread.join()
    log.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 0)
