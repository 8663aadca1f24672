"""The forecast log: every answer, written before it is given, on SQLite or PostgreSQL."""

from __future__ import annotations

from storecast.stores.forecast_log.groups import acknowledged
from storecast.stores.forecast_log.log import DatabaseLog

__all__ = ["DatabaseLog", "acknowledged"]
