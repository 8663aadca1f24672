"""What the follower and its helper need, made from the settings."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from storecast.errors import LogError
from storecast.forecasting.promotion import Span
from storecast.jobs.backtests import BacktestWork
from storecast.jobs.datasets import DatasetWork
from storecast.jobs.follow import Follower
from storecast.jobs.publish import served
from storecast.ports import Releases, moves
from storecast.ports.records import ModelEvents
from storecast.ports.work import Jobs
from storecast.settings import Settings
from storecast.stores.forecast_log.database import PATIENCE, Database
from storecast.stores.forecast_log.datasets import DatasetTable
from storecast.stores.forecast_log.jobs import JobTable
from storecast.stores.forecast_log.model_events import ModelEventTable
from storecast.stores.locks import FileLock
from storecast.stores.scratch import ScratchFolders
from storecast.wiring import batch, places, signing

__all__ = [
    "Tables",
    "back_tests",
    "data_sets",
    "follow_lock",
    "follower",
    "served_on",
    "sign_of_life",
]

_AGAIN = 5.0  # seconds between attempts to reach a database that is away


def sign_of_life(settings: Settings) -> Path:
    """The file that a follower touches every few seconds, standing by or at work."""
    return places.home(settings) / "follower.alive"


class Tables:
    """The database's tables; none until its schema is there, and for a while after it was lost."""

    def __init__(self, settings: Settings) -> None:
        self.database = Database(places.log_url(settings), patience=PATIENCE)
        self._sealer = signing.sealer(settings)
        self._ready, self._again_at = False, float("-inf")

    def events(self, now: float) -> ModelEvents | None:
        """Where requests and events of models are; ``now`` in seconds of a clock that is never set back."""
        return ModelEventTable(self.database, sealer=self._sealer) if self._there(now) else None

    def jobs(self, now: float) -> Jobs | None:
        """The queue of work."""
        return JobTable(self.database) if self._there(now) else None

    def lost(self, now: float) -> None:
        """The database did not answer: it is left alone for a while, for each attempt takes seconds."""
        self._again_at = now + _AGAIN

    def _there(self, now: float) -> bool:
        """Whether the schema is this program's, brought up where it is not.

        Raises SetupError where it is of a later one.
        """
        if not self._ready and now >= self._again_at:
            try:
                self.database.ensure_schema()
            except LogError:
                self.lost(now)
            else:
                self._ready = True
        return self._ready and now >= self._again_at


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def follow_lock(settings: Settings, name: str) -> FileLock:
    """Held by the one follower of the release folder that works."""
    return FileLock(places.release_root(settings, name) / "follow.lock")


def follower(settings: Settings, name: str, events: ModelEvents | None) -> Follower:
    """The follower of ``name``."""
    registry = batch.registry(settings)
    return Follower(name, registry, partial(batch.releases, settings), events, _worker(), time.monotonic)


def data_sets(
    settings: Settings, database: Database, tell: Callable[[str, dict[str, object]], None]
) -> DatasetWork:
    """Whoever works off uploaded data sets."""
    return DatasetWork(
        JobTable(database),
        DatasetTable(database),
        batch.sales_files(None, None),
        batch.table_writer(),
        ScratchFolders(),
        _worker(),
        tell=tell,
    )


def back_tests(
    settings: Settings, database: Database, tell: Callable[[str, dict[str, object]], None]
) -> BacktestWork:
    """Whoever works off back-tests that were asked for."""
    return BacktestWork(
        JobTable(database),
        DatasetTable(database),
        batch.releases(settings, settings.name),
        batch.sales_files(None, None),
        batch.table_writer(),
        ScratchFolders(),
        _worker(),
        tell=tell,
    )


def served_on(settings: Settings, name: str, releases: Releases, on: str) -> list[Span]:
    """What served of ``name`` on a day or at a moment; see ``ports.moves.served_on``."""
    database = Database(places.log_url(settings))
    try:
        database.ensure_schema()
        return moves.served_on(on, ModelEventTable(database), name, served(releases))
    finally:
        database.close()
