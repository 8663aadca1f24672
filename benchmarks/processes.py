"""Servers under measurement: started as their users start them, and what they and their children cost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from storecast.errors import SetupError

__all__ = ["cpu_seconds", "family", "memory_mb", "peak_mb", "started"]

_PATIENCE = 90.0
_TICK = 0.02


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(url: str, process: subprocess.Popen[bytes], log: Path, name: str) -> None:
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > ends:
                text = log.read_text(errors="replace")
                raise SetupError(f"{name} did not start.", where=str(log), found=text[-500:]) from error
            time.sleep(_TICK)


@contextmanager
def started(
    name: str,
    command: Callable[[int], Sequence[object]],
    alive: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A command that listens on the port it is given, from when the path ``alive`` answers until the end of
    the block, where it and its children are ended. Raises SetupError where it does not start."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as where:
        process = subprocess.Popen(
            [str(part) for part in command(port)],
            env={**os.environ, **(environment or {})},
            stdout=where,
            stderr=where,
            start_new_session=True,
        )
    try:
        _await(url + alive, process, log, name)
        yield url, process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        left = [one for one in _group(process.pid) if one != process.pid]
        for one in left:
            os.kill(one, signal.SIGKILL)


def _group(leader: int) -> list[int]:
    """Processes of the session that ``leader`` opened."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if os.getsid(int(entry.name)) == leader:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def family(process: int) -> list[int]:
    """The process and all below it that live."""
    found = [process]
    for one in found:
        try:
            tasks = list(Path(f"/proc/{one}/task").iterdir())
            found += [int(child) for task in tasks for child in (task / "children").read_text().split()]
        except OSError:
            continue  # it ended while we looked
    return found


def cpu_seconds(process: int) -> float:
    """CPU seconds of the process and all below it, those included that ended and were waited for."""
    ticks = 0
    for one in family(process):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _status_mb(process: int, field: str) -> float:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    found = [float(line.split()[1]) for line in lines if line.startswith(f"{field}:")]
    return found[0] / 1024.0 if found else 0.0


def memory_mb(process: int) -> float:
    """MB that this process alone holds."""
    return _status_mb(process, "VmRSS")


def peak_mb(process: int) -> float:
    """The most MB that this process alone ever held."""
    return _status_mb(process, "VmHWM")
