"""What a serving process needs, made from the settings: nothing that imports MLflow, pandas or scikit-learn."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import FastAPI

from storecast.service.app import create_app
from storecast.service.context import Service, ServiceConfig
from storecast.service.security import LocalOnly
from storecast.service.telemetry import Telemetry
from storecast.service.watcher import Holder
from storecast.settings import Settings
from storecast.stores.forecast_log import DatabaseLog, acknowledged
from storecast.stores.releases import ReleaseFolder

__all__ = ["forecast_log", "make_app", "release_folder"]


def _now() -> datetime:
    return datetime.now(UTC)


def release_folder(settings: Settings) -> ReleaseFolder:
    """Where published versions of the named model lie."""
    return ReleaseFolder(settings.home / "releases" / settings.name, clock=_now)


def forecast_log(settings: Settings, on_commit: Callable[[int, float, str], None]) -> DatabaseLog:
    """The forecast log at its URL, SQLite in the home folder without one."""
    home = settings.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    url = settings.log_url or f"sqlite:///{home / 'forecasts.db'}"
    return DatabaseLog(url, home / "spool", on_commit=on_commit)


def make_app(settings: Settings) -> tuple[FastAPI, Service, DatabaseLog]:
    """The application of one worker; its log is not started yet."""
    telemetry = Telemetry(access_log=settings.access_log)
    log = forecast_log(settings, telemetry.committed)
    holder = Holder(release_folder(settings), heard=telemetry.version)
    service = Service(
        ServiceConfig(name=settings.name, unit=settings.unit), holder, log, acknowledged, telemetry, time.time_ns
    )

    def age() -> float:
        champion = holder.champion
        if champion is None:
            return 0.0
        return (_now() - datetime.fromisoformat(champion.info.published_at)).total_seconds()

    telemetry.watch(log.depths, log.writable, age)
    return create_app(service, LocalOnly()), service, log

