"""The forecast log on a full disk: ``python -m tests.log_disk FOLDER`` where FOLDER is a small file system.

Fills it, logs until nothing is taken, makes room, logs on; prints what happened as JSON. ``bench`` runs it
in a mount name space of its own, so that nothing stays mounted.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from storecast.errors import LogError
from storecast.ports import Entry
from storecast.stores.forecast_log import DatabaseLog
from tests.log_worker import entry_of
from tests.needs import ROOT

__all__ = ["on_a_small_disk"]


def _wait(condition, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


def _main(folder: Path) -> dict[str, Any]:
    log = DatabaseLog(f"sqlite:///{folder}/log.db", folder / "spool")
    log.start()
    (folder / "ballast").write_bytes(bytes(shutil.disk_usage(folder).free // 2))
    acknowledged: list[str] = []
    refused: list[str] = []
    spooled = 0
    while len(refused) < 40:
        waiting: list[tuple[Entry, Future[str]]] = []
        for number in range(60):
            entry = entry_of(log, number, inputs=json.dumps({"x": "y" * 500}))
            waiting.append((entry, log.submit(entry)))
        for entry, future in waiting:
            try:
                spooled += future.result(30) == "spooled"
                acknowledged.append(entry.id)
            except LogError as error:
                refused.append(str(error))
    # A last small group may still have found room: one that certainly finds none is the last attempt.
    large = entry_of(log, 0, inputs=json.dumps({"x": "y" * 300_000}))
    try:
        spooled += log.submit(large).result(30) == "spooled"
        acknowledged.append(large.id)
    except LogError as error:
        refused.append(str(error))
    writable_when_full = log.writable()
    free_when_full = shutil.disk_usage(folder).free
    (folder / "ballast").unlink()
    recovered = _wait(log.writable) and _wait(lambda: log.trouble() is None)
    after = entry_of(log, 1)
    outcome = log.submit(after).result(30)
    acknowledged.append(after.id)
    log.close()
    with sqlite3.connect(folder / "log.db") as connection:
        stored = [row[0] for row in connection.execute("SELECT id FROM forecasts")]
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    return {
        "acknowledged": len(acknowledged),
        "spooled": spooled,
        "lost": len(set(acknowledged) - set(stored)),
        "doubled": len(stored) - len(set(stored)),
        "refused": refused[0],
        "writable_when_full": writable_when_full,
        "free_when_full": free_when_full,
        "recovered": recovered,
        "outcome": outcome,
        "sound": sound,
        "left": sorted(os.listdir(folder / "spool")),
    }


def on_a_small_disk(folder: Path, size: str) -> dict[str, Any] | None:
    """What ``_main`` found on a tmpfs of ``size``; None where this user may not mount one."""
    folder.mkdir()
    apart = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None:
        return None
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        return None
    script = 'mount -t tmpfs -o size="$1" tmpfs "$2" && exec "$3" -m tests.log_disk "$2"'
    done = subprocess.run(
        [*apart, "sh", "-c", script, "sh", size, str(folder), sys.executable],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_main(Path(sys.argv[1]))))
