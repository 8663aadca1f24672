"""What the routes are given: configuration, the version that serves, the log, the stores beside it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from starlette.requests import Request

from storecast.ports import Entry, ForecastLog
from storecast.ports.cache import Cache
from storecast.ports.records import Actuals, ForecastRecords, ModelEvents, Overrides
from storecast.ports.work import Datasets, Jobs, Scenarios
from storecast.service.calls import call_of
from storecast.service.champion import Champion
from storecast.service.earlier import EarlierTables
from storecast.service.kept import Kept
from storecast.service.looks import Looks
from storecast.service.overridden import OverrideBook
from storecast.service.telemetry import Telemetry
from storecast.service.trials import Trials
from storecast.service.watcher import Holder

__all__ = ["Service", "ServiceConfig", "Tables"]

_MAKERS = min(32, (os.cpu_count() or 1) + 4)  # as many as asyncio has
_T = TypeVar("_T")


@dataclass(frozen=True)
class ServiceConfig:
    """Limits and words. Bytes: ``json_bytes`` of a JSON body with rows, ``csv_bytes`` of an upload; ``rows``
    of one answer; ``in_flight`` requests at one time."""

    name: str = "storecast"
    unit: str = "$"
    json_bytes: int = 16 * 1024 * 1024
    csv_bytes: int = 128 * 1024 * 1024
    rows: int = 1_000_000
    in_flight: int = 512


@dataclass(frozen=True)
class Tables:
    """What stands beside the log."""

    actuals: Actuals
    overrides: Overrides
    events: ModelEvents
    scenarios: Scenarios
    datasets: Datasets
    jobs: Jobs
    answers: ForecastRecords
    looks: Looks


@dataclass
class Service:
    """One worker. ``acknowledged`` turns the log's future into one of the running loop; ``book``: what
    planners know better; ``trials``: the challenger beside what serves; ``keys_known``: whether callers can
    be told apart; ``clock`` gives nanoseconds since 1970; ``chores``: what is called every so many seconds in
    a thread of its own; ``makers``: the threads that answers are made in."""

    config: ServiceConfig
    holder: Holder
    log: ForecastLog
    acknowledged: Callable[[Any, asyncio.AbstractEventLoop], Awaitable[str]]
    telemetry: Telemetry
    tables: Tables
    cache: Cache
    book: OverrideBook
    trials: Trials
    keys_known: Callable[[], bool]
    clock: Callable[[], int] = time.time_ns
    chores: Mapping[Callable[[], None], float] = field(default_factory=dict)
    draining: bool = False

    def __post_init__(self) -> None:
        self.makers = ThreadPoolExecutor(_MAKERS, "makers")
        self.kept = Kept(self.cache, self.made)
        self.earlier = EarlierTables(self.holder)

    async def made(self, work: Callable[..., _T], *given: Any) -> _T:
        """What ``work`` gives, called in one of the ``makers``: nothing in them asks a database, so that no
        answer waits for one that hangs, as what ``asyncio.to_thread`` calls may."""
        return await asyncio.get_running_loop().run_in_executor(self.makers, partial(work, *given))

    def serving(self, overrides: bool = True) -> Champion:
        """What serves, with the overrides that count now; raises a 503 problem before the first
        publication."""
        champion = self.holder.serving()
        return self.book.over(champion) if overrides else champion

    async def record(
        self,
        request: Request,
        kind: str,
        champion: Champion,
        *,
        id: str,  # noqa: A002 - the column's name
        series: str,
        rows: int,
        inputs: str,
        forecast: str = "",
        bands: str = "",
        digest: str | None = None,
        blob: bytes | None = None,
    ) -> None:
        """Write one answer to the log; returns when it is there for good. Raises LogError where it is not."""
        call, info = call_of(request), champion.info
        entry = Entry(
            id,
            self.clock() // 1000,
            kind,
            call.caller,
            info.name,
            info.version,
            info.digest,
            series,
            rows,
            inputs,
            forecast,
            bands,
            int((time.perf_counter() - call.started) * 1e6),
            call.id,
            digest,
            blob,
        )
        with call.step("log commit"):
            await self.acknowledged(self.log.submit(entry), asyncio.get_running_loop())
        self.telemetry.served(kind, rows)
