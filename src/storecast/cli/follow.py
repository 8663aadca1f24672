"""``storecast follow``: the process beside the service that knows the registry."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from storecast.cli.children import end_with_the_parent
from storecast.cli.options import Name

if TYPE_CHECKING:
    from pathlib import Path

    from storecast.ports.work import Jobs
    from storecast.settings import Settings

__all__ = ["follow", "follow_as_child", "work_as_child"]

_STEP = 0.25  # seconds between looks at requests and at the alias
_QUEUE = 1.0  # seconds between looks at the queue of data sets
_ORPHANS = 30.0  # seconds between attempts at jobs that somebody seems to work on
_PRUNE = 3600.0
_ALIVE = 5.0  # seconds between signs of life
_HELPER = "from storecast.cli.follow import work_as_child; work_as_child()"
_BAD = ("refused", "request failed", "registry away", "database away", "helper failed")

Tell = Callable[[str, dict[str, object]], None]


def _teller(out: TextIO) -> Tell:
    """What writes an event as one line of JSON, as the service does."""
    lock = threading.Lock()

    def tell(event: str, detail: dict[str, object]) -> None:
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": "error" if event in _BAD else "info",
            "logger": "storecast.follow",
            "event": event,
            **detail,
        }
        with lock:
            out.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
            out.flush()

    return tell


class _Foreign(logging.Handler):
    """What libraries log, as lines like our own."""

    def __init__(self, tell: Tell) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one record."""
        self._tell("log", {"source": record.name, "message": record.getMessage()})


def _set_up(out: TextIO) -> Tell:
    """Make everything this process writes a line of JSON on ``out``."""
    tell = _teller(out)
    os.environ["MLFLOW_LOGGING_LEVEL"] = "CRITICAL"  # its lines are no JSON; what it logs, it raises as well
    # a registry that hangs must not keep a rollback waiting for long
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    logging.getLogger().handlers[:] = [_Foreign(tell)]
    logging.captureWarnings(True)
    return tell


class _Helper:
    """A child process for the data sets that wait: fitting takes long, and may take all memory."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._name, self._tell = name, tell
        self._child: subprocess.Popen[bytes] | None = None
        self._look_at = self._orphans_at = 0.0
        self._pause = _QUEUE
        self._again = True  # at the start: what an earlier helper left may wait

    def look(self, jobs: Jobs | None, now: float) -> None:
        """Start the child where work waits and none runs; told when it fails."""
        if self._child is not None:
            if (code := self._child.poll()) is None:
                return
            self._child, self._again = None, code != 0
            if code:
                self._tell("helper failed", {"exit": code})
            self._pause = min(2.0 * self._pause, 60.0) if code else _QUEUE
            self._look_at = now + self._pause
        if now < self._look_at or jobs is None:
            return
        self._look_at = now + _QUEUE
        states = {job.state for job in jobs.listing(owner=None, limit=100)}
        orphans = "running" in states and now >= self._orphans_at
        if "queued" in states or orphans or (self._again and states):
            self._again, self._orphans_at = False, now + _ORPHANS
            # Its standard input is a pipe from here: however this process ends, the child notices.
            self._child = subprocess.Popen(  # noqa: S603 our own interpreter and code
                [sys.executable, "-c", _HELPER],
                stdin=subprocess.PIPE,
                env={**os.environ, "STORECAST_NAME": self._name},
            )

    @property
    def busy(self) -> bool:
        """Whether the child runs."""
        return self._child is not None and self._child.poll() is None

    def stop(self) -> None:
        """End the child, kindly first: it puts its job back."""
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(5)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()


def follow(
    name: Name = None,
    once: Annotated[bool, typer.Option("--once", help="Do what there is to do now, then end.")] = False,
) -> None:
    """Publish what carries the alias champion, carry out requests, work off data sets.

    A second one for the same release folder stands by until the first ends. `storecast serve` runs it as a
    child; on a cluster it is a process of its own.

    Examples:

      storecast follow

      storecast follow --name stores --once
    """
    from storecast.settings import Settings
    from storecast.wiring import following

    settings = Settings()
    name = name or settings.name
    tell, stop = _set_up(sys.stderr), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    lock = following.follow_lock(settings, name)
    alive = _SignOfLife(following.sign_of_life(settings))
    if not _take(lock.take, tell, stop, alive, once=once):
        return
    helper = _Helper(name, tell)
    try:
        _work(settings, name, helper, tell, stop, alive, once=once)
    finally:
        helper.stop()
        lock.free()
        tell("ended", {"name": name})


class _SignOfLife:
    """A file whose time says when the follower was last seen to go on: for whoever probes processes."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, float("-inf")

    def give(self) -> None:
        """Set the file's time, every few seconds; a full disk or a lost one ends no follower."""
        if time.monotonic() - self._at >= _ALIVE:
            self._at = time.monotonic()
            with contextlib.suppress(OSError):
                self._path.touch()


def _take(
    take: Callable[[str], bool], tell: Tell, stop: threading.Event, alive: _SignOfLife, *, once: bool
) -> bool:
    """Wait until this process is the follower; False where it is told to stop, or must not wait."""
    waiting = False
    while not take(f"process {os.getpid()}"):
        if once:
            tell("another follower works", {})
            return False
        if not waiting:
            tell("standing by", {})
            waiting = True
        alive.give()
        if stop.wait(1.0):
            return False
    return True


def _work(
    settings: Settings,
    name: str,
    helper: _Helper,
    tell: Tell,
    stop: threading.Event,
    alive: _SignOfLife,
    *,
    once: bool,
) -> None:
    from storecast.errors import LogError
    from storecast.wiring import batch, following

    tables = following.Tables(settings)
    follower = following.follower(settings, name, None)
    releases = batch.releases(settings, name)
    tell("following", {"name": name})
    pruned = time.monotonic()
    while not stop.is_set():
        now = time.monotonic()
        alive.give()
        follower.events = tables.events(now)
        for happening in follower.step():
            tell(happening.event, happening.detail)
        try:
            helper.look(tables.jobs(now), now)
        except LogError as error:
            tables.lost(now)
            tell("database away", {"error": error.what})
        if once and not helper.busy:
            return
        if now - pruned > _PRUNE:
            releases.prune()
            pruned = now
        stop.wait(_STEP)


def follow_as_child() -> None:
    """``storecast follow`` of the model named on the command line, as a child that ends with its parent."""
    end_with_the_parent()
    sys.argv = ["storecast", "follow", "--name", sys.argv[1]]
    from storecast.cli import main

    main()


def work_as_child() -> None:
    """Work off the data sets and back-tests that wait, as a child that ends with its parent; SIGTERM puts
    a job back."""

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle
    end_with_the_parent()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    os.nice(10)  # whoever waits for an answer of the service comes first
    from storecast.settings import Settings
    from storecast.wiring import following

    settings = Settings()
    tables = following.Tables(settings)
    if tables.jobs(time.monotonic()) is None:
        sys.exit(1)
    tell = _set_up(sys.stderr)
    data_sets = following.data_sets(settings, tables.database, tell)
    back_tests = following.back_tests(settings, tables.database, tell)
    while data_sets.next() or back_tests.next():
        pass
