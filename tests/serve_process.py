"""``storecast serve`` as a process of its own, as a user starts it, and homes for it to serve from."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from storecast.jobs.promote import promote
from storecast.ports import ArtifactContent
from storecast.stores.registry import MlflowRegistry
from storecast.stores.releases import ReleaseFolder

__all__ = ["NAME", "Serving", "await_", "children", "promoted", "register", "registry_in", "releases_in"]

NAME = "storecast"
PATIENCE = 120.0  # seconds until a test gives up; build servers stall
_PROGRAM = [sys.executable, "-c", "from storecast.cli import main; main()"]


def await_(true: Callable[[], object], why: Callable[[], str] = str) -> None:
    """Wait until ``true()`` is; ``why`` says more where it never is."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain\n{why()}")
        time.sleep(0.02)


def registry_in(home: Path) -> MlflowRegistry:
    return MlflowRegistry(home, clock=lambda: datetime.now(UTC))


def releases_in(home: Path) -> ReleaseFolder:
    return ReleaseFolder(home / "releases" / NAME, clock=lambda: datetime.now(UTC))


def register(home: Path, content: ArtifactContent) -> int:
    """A new version in the registry of ``home``."""
    made = registry_in(home).register(NAME, content, params={}, metrics={}, tags={}, files={})
    return made.version


def promoted(home: Path, version: int) -> None:
    """Promote and publish, as the command does."""
    promote(registry_in(home), NAME, version, who="Ann", why="a test", releases=releases_in(home))


def children(process: int) -> list[int]:
    """Process numbers of the children that still run."""
    try:
        tasks = Path(f"/proc/{process}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


class Serving:
    """The service on ``home``, on a free port; ``log`` is what it writes, ``said`` what it prints."""

    def __init__(self, home: Path, *options: str, wait: str = "ready", **environment: str) -> None:
        number = len(list(home.glob("serve-*.err")))
        self.home, self._out, self._err = home, home / f"serve-{number}.out", home / f"serve-{number}.err"
        given = {"STORECAST_HOME": str(home), "STORECAST_NAME": NAME, "STORECAST_DRAIN_SECONDS": "0.3"}
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self.process = subprocess.Popen(
                [*_PROGRAM, "serve", *(options if "--port" in options else ("--port", "0", *options))],
                env={**os.environ, **given, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.client = httpx.Client(trust_env=False, timeout=30)
        if wait:
            await_(lambda: self.url or self.process.poll() is not None, self.written)
            assert self.url, self.written()
            self.client.base_url = self.url
        if wait == "ready":
            await_(self.is_ready, self.written)

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.end()

    @property
    def url(self) -> str:
        """Where it listens; empty until it does."""
        found = re.search(r"on (https?://\S+?);? ", self.said())
        return found[1] if found else ""

    def said(self) -> str:
        """Standard output."""
        return self._out.read_text()

    def written(self) -> str:
        """Standard error."""
        return self._err.read_text()

    def log(self) -> list[dict[str, Any]]:
        """Standard error, each line of which is a JSON object."""
        return [json.loads(line) for line in self.written().splitlines()]

    def events(self) -> list[str]:
        """What happened, in the order in which it was logged."""
        return [line["event"] for line in self.log()]

    def is_ready(self) -> bool:
        return self.client.get("/readyz").status_code == 200

    def models(self) -> dict[str, Any]:
        """``/v1/models``."""
        return dict(self.client.get("/v1/models").raise_for_status().json())

    def version(self) -> int:
        """Which version answers."""
        answer = self.client.get("/v1/forecasts", params={"series": "s000", "horizon": 1}).raise_for_status()
        return int(answer.json()["model"]["version"])

    def serves(self, version: int) -> None:
        """Wait until ``version`` answers."""
        await_(lambda: self.version() == version, self.written)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def ctrl_c(self) -> int:
        """What the terminal does: the signal goes to the whole process group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE)
