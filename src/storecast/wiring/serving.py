"""What a serving process needs, made from the settings, without MLflow, pandas or scikit-learn."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import FastAPI

from storecast.errors import SetupError
from storecast.ports.cache import Cache, Limit, RateLimiter
from storecast.service.app import create_app
from storecast.service.backups import LastBackups
from storecast.service.context import Service, ServiceConfig, Tables
from storecast.service.looks import Looks
from storecast.service.overridden import OverrideBook, Worth
from storecast.service.security import Doors, KeyRing, is_loopback
from storecast.service.telemetry import Telemetry, Traces
from storecast.service.trial_metrics import TrialMetrics
from storecast.service.trials import Trials
from storecast.service.troubles import teller
from storecast.service.watcher import Holder
from storecast.settings import Settings
from storecast.stores.cache import MemoryCache, RedisCache
from storecast.stores.forecast_log import PATIENCE, Database, DatabaseLog, acknowledged
from storecast.stores.forecast_log.actuals import ActualsTable
from storecast.stores.forecast_log.backup_runs import BackupRunTable
from storecast.stores.forecast_log.datasets import DatasetTable
from storecast.stores.forecast_log.event_chain import Sealer
from storecast.stores.forecast_log.jobs import JobTable
from storecast.stores.forecast_log.keys import KeyTable
from storecast.stores.forecast_log.model_events import ModelEventTable
from storecast.stores.forecast_log.monitor_runs import MonitorRunTable
from storecast.stores.forecast_log.overrides import OverrideTable
from storecast.stores.forecast_log.records import ForecastTable
from storecast.stores.forecast_log.scenarios import ScenarioTable
from storecast.stores.limits import MemoryLimiter, RedisLimiter
from storecast.stores.shared_redis import SharedRedis
from storecast.wiring import places, signing

__all__ = ["Worker", "database", "key_table", "make_worker"]

_LOOK_SECONDS, _KEYS_SECONDS, _OVERRIDES_SECONDS, _WORTH_SECONDS = 0.25, 2.0, 1.0, 60.0
_PRUNE_SECONDS = 3600.0
_ACTUALS_SECONDS = 5.0  # between looks at what came of a canary's forecasts
_LOOKS_SECONDS = 2.0
_BACKUPS_SECONDS = 5.0
_TROUBLES_SECONDS = 0.5
_HOUR, _DAY = 3_600_000_000, 86_400_000_000  # microseconds


def _now() -> datetime:
    return datetime.now(UTC)


def database(settings: Settings) -> Database:
    """The forecast log's database, its schema brought up to date."""
    found = Database(places.log_url(settings))
    found.ensure_schema()
    return found


def key_table(settings: Settings) -> KeyTable:
    """The API keys."""
    return KeyTable(database(settings))


@dataclass
class Worker:
    """One worker: ``start`` before it listens, ``close`` after it answered the last request."""

    app: FastAPI
    service: Service
    log: DatabaseLog
    ring: KeyRing
    host: str

    def start(self) -> None:
        """Open the log, read the keys, load the version that serves.

        Raises SetupError where the address can be reached from elsewhere and there is no key. Where the
        database is away, and no copy of the keys is here, nobody is let in until they are known.
        """
        self.log.start()
        self.ring.refresh()
        if not is_loopback(self.host) and self.ring.read and not len(self.ring):
            self.log.close()
            raise SetupError(
                "the service does not listen to other machines without a key",
                where=f"--host {self.host}",
                expected="an API key, or a loopback address",
                found="no key",
                remedy="run `storecast keys issue --role operator`, or serve on 127.0.0.1",
            )
        self.service.book.refresh()
        self.service.tables.looks.refresh()
        self.service.holder.look()

    def close(self) -> None:
        """Write what waits and end."""
        self.log.close()
        self.service.telemetry.close()


def _shared(redis: SharedRedis | None, telemetry: Telemetry) -> tuple[RateLimiter, Cache]:
    """Limits and cache: through Redis where it is configured."""
    limiter: RateLimiter = MemoryLimiter()
    cache: Cache = MemoryCache()
    if redis is not None:
        limiter, cache = RedisLimiter(redis), RedisCache(redis, MemoryCache())
        telemetry.watch_redis(lambda: redis.alive, lambda: redis.failures)
    telemetry.watch_cache(cache)
    return limiter, cache


def _troubles(log: DatabaseLog, redis: SharedRedis | None) -> Callable[[], None]:
    found: dict[str, Callable[[], str | None]] = {"log database": log.trouble}
    if redis is not None:
        found["redis"] = lambda: redis.trouble
    return teller(found)


def _traces(settings: Settings) -> Traces | None:
    if not settings.otlp_endpoint:
        return None
    from storecast.service.tracing import OtlpTraces

    return OtlpTraces(settings.otlp_endpoint)


def make_worker(settings: Settings, host: str) -> Worker:
    """The worker that will listen on ``host``; nothing is started yet."""
    telemetry = Telemetry(access_log=settings.access_log, traces=_traces(settings))
    home = places.home(settings)
    log = DatabaseLog(
        places.log_url(settings), home / "spool", patience=PATIENCE, on_commit=telemetry.committed
    )
    ring = KeyRing(KeyTable(log.database), home / "copies" / "keys.json")
    releases = places.release_folder(settings, settings.name, _now)
    trials = Trials(
        releases, TrialMetrics(telemetry.registry), ActualsTable(log.database), worker=f"service {_here()}"
    )
    holder = Holder(releases, heard=telemetry.version, trials=trials)
    limit = Limit(settings.rate_limit, 2.0 * settings.rate_limit) if settings.rate_limit else None
    redis = SharedRedis(settings.redis_url) if settings.redis_url else None
    limiter, cache = _shared(redis, telemetry)
    doors = Doors(ring, limiter, limit, local=is_loopback(host))
    tables = _tables(log.database, signing.sealer(settings), settings.name)
    book = OverrideBook(tables.overrides, home / "copies" / "overrides.json")
    backups = LastBackups(BackupRunTable(log.database))
    worth = Worth(tables.overrides, tables.actuals)
    telemetry.watch_overrides(lambda: len(book.counting()), lambda: worth.ratio)
    chores: dict[Callable[[], None], float] = {
        holder.look: _LOOK_SECONDS,
        ring.refresh: _KEYS_SECONDS,
        book.refresh: _OVERRIDES_SECONDS,
        worth.refresh: _WORTH_SECONDS,
        tables.looks.refresh: _LOOKS_SECONDS,
        backups.refresh: _BACKUPS_SECONDS,
        trials.tend: _LOOK_SECONDS,
        trials.judge: _ACTUALS_SECONDS,
        _troubles(log, redis): _TROUBLES_SECONDS,
    }
    chores[_forgotten(DatasetTable(log.database), settings.dataset_days)] = _PRUNE_SECONDS
    if settings.log_days:
        chores[_retention(ForecastTable(log.database), settings.log_days)] = _PRUNE_SECONDS
    config = ServiceConfig(name=settings.name, unit=settings.unit)
    service = Service(
        config,
        holder,
        log,
        acknowledged,
        telemetry,
        tables,
        cache,
        book,
        trials,
        keys_known=lambda: ring.read,
        chores=chores,
    )
    telemetry.watch(log, lambda: _age(holder))
    telemetry.watch_life(
        lambda: tables.looks.samples(lambda: holder.champion.cutoff if holder.champion else None)
    )
    telemetry.watch_life(backups.samples)
    return Worker(create_app(service, doors), service, log, ring, host)


def _tables(at: Database, sealer: Sealer, name: str) -> Tables:
    return Tables(
        ActualsTable(at),
        OverrideTable(at),
        ModelEventTable(at, sealer=sealer),
        ScenarioTable(at),
        DatasetTable(at),
        JobTable(at),
        ForecastTable(at),
        Looks(MonitorRunTable(at), name),
    )


def _retention(records: ForecastTable, days: int) -> Callable[[], None]:
    def remove_old_answers() -> None:
        records.prune(before=time.time_ns() // 1000 - days * _DAY)

    return remove_old_answers


def _forgotten(datasets: DatasetTable, days: int) -> Callable[[], None]:
    def remove_old_data_sets() -> None:
        now = time.time_ns() // 1000
        # What is uploaded is here whole before it is written, in seconds: the process that did so is dead.
        datasets.prune(before=now - _HOUR, state="uploading")
        if days:
            datasets.prune(before=now - days * _DAY)

    return remove_old_data_sets


def _here() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _age(holder: Holder) -> float:
    champion = holder.champion
    if champion is None:
        return 0.0
    return (_now() - datetime.fromisoformat(champion.info.published_at)).total_seconds()
